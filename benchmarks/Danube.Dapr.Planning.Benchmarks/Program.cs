using BenchmarkDotNet.Running;
using Danube.Dapr.Planning.Benchmarks;

const string Usage = """
    Usage: ./bench planning [--quick] [--only static,speed,dynamic,inner] [--seeds N] [--kinds a,b] [--solver-seconds S] [--work N] [--out FOLDER]
      --quick           fewer sizes and seeds: about a minute
      --only            which suites; default static,speed,dynamic (inner = BenchmarkDotNet)
      --seeds           seeds of the static suite, 1 to 1000; default 30. Peers get all of them up to 10 × 500, a third at 20 × 2000 and a fifteenth at
                        100 × 10000; CP-SAT all at 3 × 50, a third at 10 × 500, a tenth at 20 × 2000; the dynamic suite runs a third
      --kinds           workloads of the static suite; default all
      --solver-seconds  time limit of CP-SAT per instance; 0 = no optimum; default 10
      --work            work budget of our plans in the static suite; default the planner's own
      --out             where planning.json, planning.md and planning-moves.svg go; default benchmarks/results
    """;
var only = "static,speed,dynamic";
var outFolder = Path.Combine("benchmarks", "results");
var seeds = 30;
var solverSeconds = 10.0;
var work = new Danube.Dapr.Planning.PlannerOptions().WorkBudget;
var quick = false;
IReadOnlyList<string> kinds = Workload.Kinds;
for (var a = 0; a < args.Length; a++)
{
    string? Next() => a + 1 < args.Length ? args[++a] : null;
    switch (args[a])
    {
        case "--quick": quick = true; break;
        case "--only" when Next() is { } value: only = value; break;
        case "--out" when Next() is { } value: outFolder = value; break;
        case "--kinds" when Next() is { } value: kinds = value.Split(','); break;
        case "--seeds" when int.TryParse(Next(), out var value) && value is >= 1 and <= 1000: seeds = value; break;
        case "--solver-seconds" when double.TryParse(Next(), System.Globalization.CultureInfo.InvariantCulture, out var value) && value >= 0: solverSeconds = value; break;
        case "--work" when long.TryParse(Next(), out var value) && value >= 0: work = value; break;
        default:
            Console.Error.WriteLine($"Unknown or incomplete argument \"{args[a]}\".\n{Usage}");
            return 2;
    }
}

var suites = only.Split(',');
var unknown = suites.Except(["static", "speed", "dynamic", "inner"]).Concat(kinds.Except(Workload.Kinds)).ToArray();
if (unknown.Length > 0)
{
    Console.Error.WriteLine($"Unknown: {string.Join(", ", unknown)}. Workloads: {string.Join(", ", Workload.Kinds)}.\n{Usage}");
    return 2;
}

if (suites.Contains("inner")) BenchmarkRunner.Run<InnerLoops>();
StaticSuite? fixedQuestions = null;
if (suites.Contains("static"))
{
    fixedQuestions = new StaticSuite();
    var solver = solverSeconds > 0;
    (int, int, int, int, int)[] sizes = quick
        ? [(3, 50, 4, 4, solver ? 4 : 0), (10, 500, 3, 3, solver ? 1 : 0), (20, 2000, 1, 1, 0)]
        : [(3, 50, seeds, seeds, solver ? seeds : 0), (10, 500, seeds, seeds, solver ? seeds / 3 : 0), (20, 2000, seeds, Math.Max(1, seeds / 3), solver ? seeds / 10 : 0), (100, 10_000, seeds, Math.Max(1, seeds / 15), 0)];
    fixedQuestions.Run(sizes, quick ? Math.Min(2, solverSeconds) : solverSeconds, kinds, work);
}

SpeedSuite? speed = null;
if (suites.Contains("speed"))
{
    speed = new SpeedSuite();
    speed.Run(quick);
}

DynamicSuite? dynamic = null;
if (suites.Contains("dynamic"))
{
    dynamic = new DynamicSuite();
    dynamic.Run(quick ? 1 : Math.Max(1, seeds / 3), quick ? 1 : 7);
}

var report = new Report { Static = fixedQuestions, Speed = speed, Dynamic = dynamic, Mode = quick ? "quick" : $"full, {seeds} seeds" };
if (fixedQuestions is not null || speed is not null || dynamic is not null)
{
    report.Write(outFolder);
    Console.WriteLine(report.Markdown());
}

return 0;
