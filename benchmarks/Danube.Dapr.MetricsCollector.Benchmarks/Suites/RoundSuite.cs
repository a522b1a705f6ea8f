using System.Diagnostics;
using Danube.Dapr.MetricsCollector.Benchmarks.Sources;
using Danube.Dapr.MetricsCollector.Cluster;

namespace Danube.Dapr.MetricsCollector.Benchmarks.Suites;

/// <summary>Whole rounds over the network: discovery, admin questions, scrapes, reports, encoding.</summary>
internal static class RoundSuite
{
    private const double IntervalSeconds = 30;

    public static async Task<IReadOnlyList<RoundRow>> RunAsync(bool quick)
    {
        (int Brokers, int Topics)[] sizes = quick
            ? [(1, 10), (1, 1000), (10, 100)]
            : [(1, 10), (1, 100), (1, 1000), (1, 5000), (10, 10), (10, 100), (10, 1000), (100, 10), (100, 100)];
        var rows = new List<RoundRow>();
        foreach (var (brokers, topics) in sizes)
        {
            Console.Error.WriteLine($"rounds: {brokers} brokers with {topics} topics each");
            rows.Add(await MeasureAsync(brokers, topics, quick ? 8 : Math.Clamp(60_000 / (brokers * topics), 8, 30)));
        }

        return rows;
    }

    private static async Task<RoundRow> MeasureAsync(int brokers, int topics, int rounds)
    {
        await using var simulator = await SimulatorProcess.StartAsync(brokers, brokers * topics);
        using var cluster = simulator.Connect();
        using var collector = new CollectorUnderTest(new DanubeSource(cluster), TimeProvider.System);
        // The first rounds compile the code and open the connections; the first report of a large broker has all names.
        for (var i = 0; i < (brokers * topics < 5000 ? 12 : 6); i++)
            await PausedRoundAsync(collector);
        collector.Forget();
        GC.Collect();
        var process = Process.GetCurrentProcess();
        var latencies = new List<double>();
        var gaps = 0;
        var allocated = GC.GetTotalAllocatedBytes(true);
        var cpu = process.TotalProcessorTime;
        for (var i = 0; i < rounds; i++)
        {
            var (milliseconds, missing) = await PausedRoundAsync(collector);
            latencies.Add(milliseconds);
            gaps += missing;
        }

        process.Refresh();
        var cpuSeconds = (process.TotalProcessorTime - cpu).TotalSeconds / rounds;
        return new RoundRow(
            brokers, topics, rounds, Statistics.Quantile(latencies, 0.5), latencies.Max(), 1000 * cpuSeconds, 100 * cpuSeconds / IntervalSeconds,
            (GC.GetTotalAllocatedBytes(true) - allocated) / rounds / 1e6, Environment.WorkingSet / 1e6,
            collector.MeanReportBytes, collector.LargestReportBytes, collector.MessagesPerReport, gaps);
    }

    private static async Task<(double Milliseconds, int Gaps)> PausedRoundAsync(CollectorUnderTest collector)
    {
        // Two rounds closer than this share a scrape.
        await Task.Delay(350);
        var summary = await collector.Collector.RunRoundAsync(CancellationToken.None);
        return (summary.DurationMs, summary.Gaps);
    }
}

/// <summary>What rounds over that many brokers with that many topics each cost.</summary>
internal sealed record RoundRow(
    int Brokers, int TopicsPerBroker, int Rounds, double MedianMs, double WorstMs, double CpuMsPerRound, double CpuPercentOfOneCore,
    double AllocatedMbPerRound, double WorkingSetMb, double ReportBytes, long LargestReportBytes, double MessagesPerReport, int Gaps);
