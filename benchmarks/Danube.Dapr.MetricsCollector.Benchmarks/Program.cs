using System.Globalization;
using Danube.Dapr.MetricsCollector.Benchmarks;
using Danube.Dapr.MetricsCollector.Benchmarks.Suites;

const string Usage = """
    Usage: ./bench collect [--quick] [--only rounds,text,size,day,resources] [--out FOLDER]
      --quick  fewer sizes and repeats: about a minute
      --only   which suites; default all
      --out    where collect.json and collect.md go; default benchmarks/results
    """;
string[] all = ["rounds", "text", "size", "day", "resources"];
var suites = all;
var outFolder = Path.Combine("benchmarks", "results");
var quick = false;
for (var a = 0; a < args.Length; a++)
{
    string? Next() => a + 1 < args.Length ? args[++a] : null;
    switch (args[a])
    {
        case "--quick": quick = true; break;
        case "--only" when Next() is { } value && value.Split(',').Except(all).FirstOrDefault() is null: suites = value.Split(','); break;
        case "--out" when Next() is { } value: outFolder = value; break;
        default:
            Console.Error.WriteLine($"Unknown or incomplete argument \"{args[a]}\".\n{Usage}");
            return 2;
    }
}

CultureInfo.CurrentCulture = CultureInfo.InvariantCulture;
var report = new Report { LoadBefore = File.Exists("/proc/loadavg") ? string.Join(' ', File.ReadAllText("/proc/loadavg").Split(' ')[..3]) : "unknown", Mode = quick ? "quick" : "full" };
if (suites.Contains("resources")) report.Resources = await ResourceSuite.RunAsync(quick);
if (suites.Contains("text")) report.Texts = await TextSuite.RunAsync(quick);
if (suites.Contains("size")) report.Sizes = SizeSuite.Run();
if (suites.Contains("day")) report.Day = await DaySuite.RunAsync(quick);
if (suites.Contains("rounds")) report.Rounds = await RoundSuite.RunAsync(quick);
report.Write(outFolder);
Console.WriteLine(report.Markdown());
return 0;
