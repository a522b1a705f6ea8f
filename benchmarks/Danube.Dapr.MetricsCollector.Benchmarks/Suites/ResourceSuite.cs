using System.Diagnostics;
using System.Globalization;
using System.Net;
using System.Net.Sockets;
using Danube.Dapr.MetricsCollector.Resources;
using Danube.Dapr.MetricsCollector.Resources.Linux;

namespace Danube.Dapr.MetricsCollector.Benchmarks.Suites;

/// <summary>One sample of the resources, and beside it one scrape of node_exporter with the same files.</summary>
internal static class ResourceSuite
{
    private const string Exporter = "prometheus-node-exporter";

    private static readonly string[] Modes = ["user", "nice", "system", "irq", "softirq", "steal"];

    public static async Task<IReadOnlyList<ResourceRow>> RunAsync(bool quick)
    {
        var files = new SystemFiles("");
        var repeats = quick ? 200 : 2000;
        var rows = new List<ResourceRow> { Measure(new HostReader(files), repeats), Measure(new ProcessReader(files, Environment.ProcessId), repeats) };
        try
        {
            rows.Add(Measure(new CgroupReader(files, CgroupLocation.OfProcess(files, Environment.ProcessId)), repeats));
        }
        catch (ResourceUnreadableException error)
        {
            rows.Add(new ResourceRow("cgroup", 0, 0, 0, 0, null, error.Message));
        }

        rows.Add(await NodeExporterAsync(new HostReader(files), quick ? 50 : 300));
        return rows;
    }

    private static ResourceRow Measure(IResourceReader reader, int repeats)
    {
        var process = Process.GetCurrentProcess();
        for (var i = 0; i < 50; i++)
            reader.Read();
        var latencies = new List<double>(repeats);
        process.Refresh();
        var cpu = process.TotalProcessorTime;
        var allocated = GC.GetTotalAllocatedBytes(true);
        for (var i = 0; i < repeats; i++)
        {
            var began = Stopwatch.GetTimestamp();
            reader.Read();
            latencies.Add(Stopwatch.GetElapsedTime(began).TotalMilliseconds);
        }

        process.Refresh();
        return new ResourceRow(
            reader.Source, Statistics.Quantile(latencies, 0.5), Statistics.Quantile(latencies, 0.99), 1000 * (process.TotalProcessorTime - cpu).TotalSeconds / repeats,
            (GC.GetTotalAllocatedBytes(true) - allocated) / repeats / 1e3, null, "");
    }

    /// <summary>node_exporter with the collectors that read the files which a host reading reads. Its figures include its HTTP answer, and its text, which ours do not need.</summary>
    private static async Task<ResourceRow> NodeExporterAsync(HostReader host, int repeats)
    {
        using var probe = new TcpListener(IPAddress.Loopback, 0);
        probe.Start();
        var address = $"127.0.0.1:{((IPEndPoint)probe.LocalEndpoint).Port}";
        probe.Stop();
        Process exporter;
        try
        {
            exporter = Process.Start(new ProcessStartInfo(Exporter,
            [
                "--collector.disable-defaults", "--collector.cpu", "--collector.meminfo", "--collector.diskstats", "--collector.netdev", "--collector.pressure", "--web.disable-exporter-metrics",
                "--log.level=error", "--web.listen-address=" + address,
            ])
            { RedirectStandardError = true })!;
            exporter.BeginErrorReadLine();
        }
        catch (System.ComponentModel.Win32Exception)
        {
            return new ResourceRow(Exporter, 0, 0, 0, 0, null, "is not installed here");
        }

        using (exporter)
        {
            try
            {
                using var client = new HttpClient();
                var uri = new Uri($"http://{address}/metrics");
                await UntilAnswersAsync(client, uri);
                for (var i = 0; i < 20; i++)
                    await client.GetByteArrayAsync(uri);
                exporter.Refresh();
                var cpu = exporter.TotalProcessorTime;
                var latencies = new List<double>();
                for (var i = 0; i < repeats; i++)
                {
                    var began = Stopwatch.GetTimestamp();
                    await client.GetByteArrayAsync(uri);
                    latencies.Add(Stopwatch.GetElapsedTime(began).TotalMilliseconds);
                }

                exporter.Refresh();
                var perScrape = 1000 * (exporter.TotalProcessorTime - cpu).TotalSeconds / repeats;
                return new ResourceRow(
                    Exporter, Statistics.Quantile(latencies, 0.5), Statistics.Quantile(latencies, 0.99), perScrape, 0, await DifferenceAsync(client, uri, host), "its process alone; with its HTTP answer");
            }
            finally
            {
                exporter.Kill();
                await exporter.WaitForExitAsync();
            }
        }
    }

    /// <summary>How far its CPU percent and ours lie apart over the same seconds with one busy core, in points.</summary>
    private static async Task<double> DifferenceAsync(HttpClient client, Uri uri, HostReader host)
    {
        using var stop = new CancellationTokenSource(TimeSpan.FromSeconds(5));
        var burner = Task.Run(() =>
        {
            while (!stop.IsCancellationRequested)
            {
            }
        });
        var (oursBefore, theirsBefore, began) = (host.Read(), await BusySecondsAsync(client, uri), Stopwatch.GetTimestamp());
        await burner;
        var (oursAfter, theirsAfter) = (host.Read(), await BusySecondsAsync(client, uri));
        var seconds = Stopwatch.GetElapsedTime(began).TotalSeconds * oursAfter.CpuCores!.Value;
        return Math.Abs(100 * (oursAfter.CpuSeconds!.Value - oursBefore.CpuSeconds!.Value - (theirsAfter - theirsBefore)) / seconds);
    }

    private static async Task<double> BusySecondsAsync(HttpClient client, Uri uri)
    {
        double busy = 0;
        foreach (var line in (await client.GetStringAsync(uri)).Split('\n').Where(l => l.StartsWith("node_cpu_seconds_total{", StringComparison.Ordinal)))
        {
            if (Modes.Any(m => line.Contains($"mode=\"{m}\"", StringComparison.Ordinal)))
                busy += double.Parse(line[(line.LastIndexOf(' ') + 1)..], CultureInfo.InvariantCulture);
        }

        return busy;
    }

    private static async Task UntilAnswersAsync(HttpClient client, Uri uri)
    {
        var began = Stopwatch.GetTimestamp();
        while (true)
        {
            try
            {
                await client.GetByteArrayAsync(uri);
                return;
            }
            catch (HttpRequestException) when (Stopwatch.GetElapsedTime(began) < TimeSpan.FromSeconds(10))
            {
                await Task.Delay(50);
            }
        }
    }
}

/// <summary>What one sample costs.</summary>
internal sealed record ResourceRow(string Reader, double MedianMs, double P99Ms, double CpuMs, double AllocatedKb, double? CpuDifferencePoints, string Note);
