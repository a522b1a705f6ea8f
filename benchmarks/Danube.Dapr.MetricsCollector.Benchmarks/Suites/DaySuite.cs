using Danube.Dapr.MetricsCollector.Benchmarks.Sources;

namespace Danube.Dapr.MetricsCollector.Benchmarks.Suites;

/// <summary>A day of a broker with 1,000 topics at the default intervals, as fast as it goes: does memory grow?</summary>
internal static class DaySuite
{
    private const int RoundsPerDay = 24 * 60 * 2;
    private const int SamplesPerRound = 30;

    public static async Task<IReadOnlyList<DayRow>> RunAsync(bool quick)
    {
        var time = new BenchmarkTime();
        var broker = await RecordedBroker.TakeAsync(1000, 6, time);
        using var collector = new CollectorUnderTest(broker, time, clusterReports: false);
        var rows = new List<DayRow>();
        var allocated = GC.GetTotalAllocatedBytes(true);
        var rounds = quick ? RoundsPerDay / 10 : RoundsPerDay;
        for (var round = 1; round <= rounds; round++)
        {
            for (var sample = 0; sample < SamplesPerRound; sample++)
            {
                time.Advance(TimeSpan.FromSeconds(1));
                collector.Resources.Sample();
            }

            await collector.Collector.RunRoundAsync(CancellationToken.None);
            if (round % (rounds / 6) != 0)
                continue;
            var now = GC.GetTotalAllocatedBytes(true);
            rows.Add(new DayRow(round * SamplesPerRound / 3600.0, GC.GetTotalMemory(forceFullCollection: true) / 1e6, (now - allocated) / 1e6 / (rounds / 6)));
            Console.Error.WriteLine($"day: {rows[^1].Hours:0.#} hours, {rows[^1].LiveMb:0.00} MB live");
            allocated = now;
        }

        return rows;
    }
}

/// <summary>Memory after some hours.</summary>
internal sealed record DayRow(double Hours, double LiveMb, double AllocatedMbPerRound);
