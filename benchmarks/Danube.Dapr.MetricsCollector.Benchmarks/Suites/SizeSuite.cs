using System.Diagnostics;
using System.Globalization;
using System.Text.Json;
using Danube.Dapr.Contracts;
using Danube.Dapr.Contracts.Tests;

namespace Danube.Dapr.MetricsCollector.Benchmarks.Suites;

/// <summary>Reports of brokers whose topics are all busy, each with rates of its own over four decades: what an encoding can do least with.</summary>
internal static class SizeSuite
{
    private static readonly (string Kind, Func<int, Random, string> Name)[] Kinds =
    [
        ("numbered", (i, _) => string.Create(CultureInfo.InvariantCulture, $"/default/orders-{i:0000}")),
        ("partitions", (i, _) => string.Create(CultureInfo.InvariantCulture, $"/shop/orders-{i / 12}-part-{i % 12}")),
        ("random", LoadReports.RandomName),
    ];

    public static IReadOnlyList<SizeRow> Run()
    {
        var rows = new List<SizeRow>();
        foreach (var topics in (int[])[10, 100, 1000, 5000])
        {
            foreach (var (kind, name) in Kinds)
                rows.Add(Measure(kind, LoadReports.Busy(topics, name)));
        }

        return rows;
    }

    private static SizeRow Measure(string kind, LoadReport report)
    {
        var best = double.MaxValue;
        IReadOnlyList<LoadReportMessage> messages = [];
        for (var i = 0; i < 10; i++)
        {
            var began = Stopwatch.GetTimestamp();
            messages = LoadReportCodec.Encode(report);
            best = Math.Min(best, Stopwatch.GetElapsedTime(began).TotalMilliseconds);
        }

        // The steady state: every figure is another, the topics are the same.
        var writer = new LoadReportWriter(int.MaxValue);
        writer.Encode(report);
        writer.Delivered();
        var steady = Enumerable.Range(1, 10).Select(i => Wire(writer.Encode(LoadReports.Later(report, i)))).MaxBy(w => w.Sum())!;
        var wire = Wire(messages);
        return new SizeRow(
            report.Topics.Count, kind, messages.Count, wire.Sum(), wire.Max(), steady.Length, steady.Sum(), JsonSerializer.SerializeToUtf8Bytes(report, ContractsJson.Default.LoadReport).Length, best);
    }

    private static int[] Wire(IReadOnlyList<LoadReportMessage> messages) =>
        [.. messages.Select(m => JsonSerializer.SerializeToUtf8Bytes(m, ContractsJson.Default.LoadReportMessage).Length)];
}

/// <summary>Size of one report on the wire: with its names in full, and the largest of ten later ones.</summary>
internal sealed record SizeRow(int Topics, string Names, int Messages, int WireBytes, int LargestMessageBytes, int SteadyMessages, int SteadyWireBytes, int JsonBytes, double EncodeMs);
