using Danube.Dapr.LocalSidecar.Benchmarks;
using Danube.Dapr.LocalSidecar.Benchmarks.Load;

const string Usage = """
    Usage: ./bench sidecar [--quick] [--daprd PATH] [--stores memory,sqlite,etcd] [--apps 1,5] [--clients 8,16] [--seconds S] [--measures M,...] [--pace SHARE] [--out FOLDER]
      --quick    one app, one second for each measure
      --daprd    measures this daprd in the same run, too; placement and scheduler are started from its folder when they are there
      --stores   default memory,sqlite,etcd (etcd is left out when it is not installed)
      --apps     numbers of apps, 1 to 20; default 1,5
      --clients  numbers of clients, each 1 to 256; default 8,16 (saves to etcd also with 64)
      --seconds  for each measure, after as long to warm up; 0.2 to 600; default 4
      --measures of "state save", "state get", "actor call", workflow, publish, invocation; default all
      --pace     calls at this share of daprd's recorded rate, 0.01 to 10, or 0 for none; default 0.5
      --out      where sidecar.json and sidecar.md go; default benchmarks/results
    """;
if (args is [Suite.ServeEcho, var echoPort])
{
    await Echo.ServeAsync(int.Parse(echoPort, System.Globalization.CultureInfo.InvariantCulture));
    return 0;
}

var (quick, seconds, clients, outFolder) = (false, 4.0, "8,16", Path.Combine("benchmarks", "results"));
var (measures, pace) = (Suite.Measures, 0.5);
string? daprd = null;
string[] known = ["memory", "sqlite", "etcd"];
var (stores, appCounts) = (known, "1,5");
for (var a = 0; a < args.Length; a++)
{
    string? Next() => a + 1 < args.Length ? args[++a] : null;
    switch (args[a])
    {
        case "--quick": (quick, seconds, appCounts) = (true, 1, "1"); clients = "16"; break;
        case "--daprd" when Next() is { } value && File.Exists(value): daprd = Path.GetFullPath(value); break;
        case "--stores" when Next() is { } value && value.Split(',').All(known.Contains): stores = value.Split(','); break;
        case "--apps" when Next() is { } value && value.Split(',').All(static n => int.TryParse(n, out var count) && count is >= 1 and <= 20): appCounts = value; break;
        case "--clients" when Next() is { } value && value.Split(',').All(static n => int.TryParse(n, out var count) && count is >= 1 and <= 256): clients = value; break;
        case "--seconds" when double.TryParse(Next(), System.Globalization.CultureInfo.InvariantCulture, out var value) && value is >= 0.2 and <= 600: seconds = value; break;
        case "--measures" when Next() is { } value && value.Split(',') is var chosen && chosen.All(Suite.Measures.Contains): measures = chosen; break;
        case "--pace" when double.TryParse(Next(), System.Globalization.CultureInfo.InvariantCulture, out var value) && value is 0 or >= 0.01 and <= 10: pace = value; break;
        case "--out" when Next() is { } value: outFolder = value; break;
        default:
            Console.Error.WriteLine($"Unknown, incomplete or impossible argument \"{args[Math.Min(a, args.Length - 1)]}\".\n{Usage}");
            return 2;
    }
}

var load = File.Exists("/proc/loadavg") ? string.Join(", ", (await File.ReadAllTextAsync("/proc/loadavg")).Split(' ')[..3]) : "unknown";
var flush = DiskFlush.Measure();
var hasEtcd = (Environment.GetEnvironmentVariable("PATH") ?? "").Split(Path.PathSeparator).Any(static p => File.Exists(Path.Combine(p, "etcd")));
var suite = new Suite([.. clients.Split(',').Select(static n => int.Parse(n, System.Globalization.CultureInfo.InvariantCulture))], TimeSpan.FromSeconds(seconds), measures, pace);
Console.Error.WriteLine("Warming up the clients:");
await new Suite([16], TimeSpan.FromSeconds(0.5), measures, 0).RunAsync("local", "memory", 1, null);
foreach (var store in stores)
{
    if (store == "etcd" && !hasEtcd)
    {
        Console.Error.WriteLine("etcd is not on PATH (Debian: apt-get install etcd-server): it is left out.");
        continue;
    }
    foreach (var apps in appCounts.Split(',').Select(static n => int.Parse(n, System.Globalization.CultureInfo.InvariantCulture)))
    {
        await suite.RunAsync("local", store, apps, null);
        if (daprd is not null) await suite.RunAsync("daprd", store, apps, daprd);
    }
}

var report = new Report(suite.Rows, suite.PacedRows, quick ? "quick" : "full", load, flush);
report.Write(outFolder);
Console.WriteLine(report.Markdown());
return 0;
