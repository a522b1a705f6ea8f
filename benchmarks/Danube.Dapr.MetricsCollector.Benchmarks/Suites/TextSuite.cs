using System.Diagnostics;
using Danube.Dapr.Contracts;
using Danube.Dapr.MetricsCollector.Benchmarks.Sources;
using Danube.Dapr.MetricsCollector.Exposition;
using Danube.Dapr.MetricsCollector.Publishing;
using Danube.Dapr.MetricsCollector.Rounds;
using Danube.Dapr.MetricsCollector.Topics;

namespace Danube.Dapr.MetricsCollector.Benchmarks.Suites;

/// <summary>What the collector itself does with a text that it has: without network, and without the broker's time to write it.</summary>
internal static class TextSuite
{
    public static async Task<IReadOnlyList<TextRow>> RunAsync(bool quick)
    {
        var rows = new List<TextRow>();
        foreach (var topics in (int[])(quick ? [1000] : [10, 100, 1000, 5000]))
        {
            Console.Error.WriteLine($"text: {topics} topics");
            var time = new BenchmarkTime();
            rows.Add(await MeasureAsync(topics, await RecordedBroker.TakeAsync(topics, 3, time), time));
        }

        return rows;
    }

    private static async Task<TextRow> MeasureAsync(int topics, RecordedBroker broker, BenchmarkTime time)
    {
        var repeats = Math.Clamp(20_000 / topics, 20, 300);
        var megabytes = broker.Text.Length / 1e6;
        var parse = Best(repeats, () =>
        {
            var reader = new ExpositionReader(broker.Text.Span);
            while (reader.Read())
            {
            }
        });
        var series = new BrokerSeries(broker.BrokerId);
        var take = Best(repeats, () => series.Take(broker.Text.Span, TimeSpan.FromSeconds(series.Scrape)));

        var monitor = new BrokerMonitor(broker.BrokerId, broker, new SequenceNumbers(time, 1), time, RoundLimits.From(new CollectorOptions()), new CollectorOptions().FullNamesEvery);
        var reports = new List<double>();
        IReadOnlyList<LoadReportMessage> messages = [], full = [];
        for (var i = 0; i < repeats; i++)
        {
            time.Advance(TimeSpan.FromSeconds(30));
            var began = Stopwatch.GetTimestamp();
            var (report, _) = await monitor.CollectAsync(() => new ResourceUsage { Source = "none" }, CancellationToken.None);
            messages = monitor.Writer.Encode(report);
            reports.Add(Stopwatch.GetElapsedTime(began).TotalMilliseconds);
            monitor.Writer.Delivered();
            full = i == 0 ? LoadReportCodec.Encode(report) : full;
        }

        var decode = Best(repeats, () => LoadReportCodec.Decode(full));
        return new TextRow(topics, megabytes, megabytes / parse, megabytes / take, Statistics.Quantile(reports, 0.5), Statistics.Quantile(reports, 0.95), messages.Count, messages.Sum(m => m.Body.Length), 1000 * decode);
    }

    /// <summary>The shortest of several runs, in seconds.</summary>
    private static double Best(int repeats, Action run)
    {
        var best = double.MaxValue;
        for (var i = 0; i < repeats; i++)
        {
            var began = Stopwatch.GetTimestamp();
            run();
            best = Math.Min(best, Stopwatch.GetElapsedTime(began).TotalSeconds);
        }

        return best;
    }
}

/// <summary>What one text costs.</summary>
internal sealed record TextRow(
    int Topics, double TextMb, double ParseMbPerSecond, double TakeMbPerSecond, double TextToMessagesMs, double TextToMessagesP95Ms, int Messages, int BodyBytes, double DecodeMs);
