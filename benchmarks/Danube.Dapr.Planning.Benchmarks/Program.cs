using System.Globalization;
using Danube.Dapr.Planning;
using Danube.Dapr.Planning.Benchmarks;

const string Usage = """
    Usage: ./bench planning [--quick] [--only static,bands,speed,dynamic,inner] [--sizes 10x500,...] [--seeds A-B] [--kinds a,b] [--solver-seconds S] [--work N] [--out FOLDER] [--add]
      --quick           fewer sizes and seeds: about a minute; not with --seeds
      --only            which suites; default static,bands,speed,dynamic (inner = BenchmarkDotNet, writes planning-inner.md)
      --sizes           brokers x topics; static knows 3x50, 10x500, 20x2000, 100x10000, bands the first three, speed 100x10000, 300x30000, 1000x100000, 1000x1000000; default all
      --seeds           1 to 1000, one or from-to; default 1-30. Every third seed: peers at 20x2000, CP-SAT at 10x500, the dynamic suite. Every tenth: CP-SAT at 20x2000, the bands.
                        Every 15th: peers at 100x10000
      --kinds           workloads of the static suite; default all
      --solver-seconds  time limit of CP-SAT per instance; 0 = no optimum; default 10
      --work            work budget of our plans; default the planner's own
      --out             where planning.json, planning.md and planning-moves.svg go; default benchmarks/results, with --quick artifacts/planning-quick
      --add             keep what planning.json in that folder says about other sizes, workloads and seeds: for a long run in parts on one machine
    """;
string[] suites = ["static", "bands", "speed", "dynamic"];
string? outFolder = null;
int firstSeed = 1, lastSeed = 30;
var solverSeconds = 10.0;
var work = new PlannerOptions().WorkBudget;
bool quick = false, add = false;
IReadOnlyList<string> kinds = Workload.Kinds;
HashSet<(int, int)>? only = null;
for (var a = 0; a < args.Length; a++)
{
    string? Next() => a + 1 < args.Length ? args[++a] : null;
    switch (args[a])
    {
        case "--quick": quick = true; break;
        case "--add": add = true; break;
        case "--only" when Next() is { } value: suites = value.Split(','); break;
        case "--sizes" when ReadSizes(Next()) is { } value: only = value; break;
        case "--out" when Next() is { } value: outFolder = value; break;
        case "--kinds" when Next() is { } value: kinds = value.Split(','); break;
        case "--seeds" when ReadSeeds(Next()) is var (first, last): (firstSeed, lastSeed) = (first, last); break;
        case "--solver-seconds" when double.TryParse(Next(), CultureInfo.InvariantCulture, out var value) && value >= 0: solverSeconds = value; break;
        case "--work" when long.TryParse(Next(), CultureInfo.InvariantCulture, out var value) && value >= 0: work = value; break;
        default:
            Console.Error.WriteLine($"Unknown or incomplete argument \"{args[a]}\".\n{Usage}");
            return 2;
    }
}

var unknown = suites.Except(["static", "bands", "speed", "dynamic", "inner"]).Concat(kinds.Except(Workload.Kinds)).ToArray();
if (unknown.Length > 0)
{
    Console.Error.WriteLine($"Unknown: {string.Join(", ", unknown)}. Workloads: {string.Join(", ", Workload.Kinds)}.\n{Usage}");
    return 2;
}

outFolder ??= quick ? Path.Combine("artifacts", "planning-quick") : Path.Combine("benchmarks", "results");
var earlier = add ? Results.Read(outFolder) : null;
if (earlier is not null && earlier.Machine != Results.ThisMachine())
{
    Console.Error.WriteLine($"{outFolder} has results of another machine ({earlier.Machine}); this is {Results.ThisMachine()}. Leave out --add or choose another --out.");
    return 2;
}

bool Asked((int B, int T) size) => only?.Contains(size) != false;
if (quick) lastSeed = Math.Min(lastSeed, 2);
var seeds = Enumerable.Range(firstSeed, lastSeed - firstSeed + 1).ToArray();
int[] Every(int n) => [.. seeds.Where(s => (s - 1) % n == 0)];
var results = new Results { Machine = Results.ThisMachine(), Mode = quick ? "quick" : "full" };

if (suites.Contains("inner")) InnerLoops.Run(outFolder);
if (suites.Contains("static"))
{
    StaticSize[] sizes = quick ? [new(3, 50, 1, 1), new(10, 500, 1, 2), new(20, 2000, 2, 0)] : [new(3, 50, 1, 1), new(10, 500, 1, 3), new(20, 2000, 3, 10), new(100, 10_000, 15, 0)];
    results = results with { Static = [.. StaticSuite.Run([.. sizes.Where(s => Asked((s.B, s.T)))], seeds, quick ? Math.Min(2, solverSeconds) : solverSeconds, kinds, work)] };
}

if (suites.Contains("bands"))
{
    (int, int)[] sizes = quick ? [(3, 50)] : [(3, 50), (10, 500), (20, 2000)];
    results = results with { Bands = [.. sizes.Where(Asked).SelectMany(s => CruiseControlSuite.Run(s.Item1, s.Item2, Every(10), quick ? Math.Min(1, solverSeconds) : solverSeconds, work))] };
}

if (suites.Contains("speed"))
{
    var speed = new SpeedSuite();
    speed.Run(SpeedSuite.Sizes.Where(s => Asked(s) && !(quick && s.T > 100_000)), quick);
    results = results with { Speed = speed.Rows };
}

if (suites.Contains("dynamic"))
{
    var dynamic = new DynamicSuite();
    dynamic.Run(Every(3), quick ? 1 : 7);
    results = results with { Dynamic = dynamic.Rows };
}

if (suites is ["inner"]) return 0;
if (earlier is not null) results = results.Over(earlier);
results.Write(outFolder);
var markdown = new Report(results).Markdown();
File.WriteAllText(Path.Combine(outFolder, "planning.md"), markdown);
if (results.Static.Count > 0) File.WriteAllText(Path.Combine(outFolder, "planning-moves.svg"), Plot.MovesAgainstBound(results.Static));
Console.WriteLine(markdown);
return 0;

static (int First, int Last)? ReadSeeds(string? text)
{
    var parts = text?.Split('-') ?? [];
    if (parts.Length is not (1 or 2) || !int.TryParse(parts[0], CultureInfo.InvariantCulture, out var first) || !int.TryParse(parts[^1], CultureInfo.InvariantCulture, out var last)) return null;
    return first >= 1 && last >= first && last <= 1000 ? (first, last) : null;
}

static HashSet<(int B, int T)>? ReadSizes(string? text)
{
    var sizes = new HashSet<(int, int)>();
    foreach (var size in text?.Split(',') ?? [""])
    {
        var parts = size.Split('x');
        if (parts.Length != 2 || !int.TryParse(parts[0], CultureInfo.InvariantCulture, out var b) || !int.TryParse(parts[1], CultureInfo.InvariantCulture, out var t)) return null;
        sizes.Add((b, t));
    }

    return sizes;
}
