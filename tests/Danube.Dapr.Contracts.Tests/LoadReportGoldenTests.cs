using System.Text.Json;

namespace Danube.Dapr.Contracts.Tests;

/// <summary>Messages as each version wrote them. They are never written anew: a reader that cannot read one would be deaf to collectors of that version.</summary>
public sealed class LoadReportGoldenTests
{
    [Theory]
    [InlineData("load-report-1.json-br", 1)]
    [InlineData("load-report-1.columns-br", 1)]
    [InlineData("load-report-2.columns-br", 2)]
    [InlineData("load-report-2.columns-ref-br", 2)]
    public void Decode_MessageOfAVersion_GivesTheReport(string golden, int version)
    {
        var reader = new LoadReportReader();
        // What the last one refers to.
        reader.Decode([Message("load-report-2.names")]);

        var report = reader.Decode([Message(golden)]);

        var expected = LoadReports.Small();
        Assert.Equal(expected.Resources, report.Resources);
        Assert.Equal(expected.Gaps, report.Gaps);
        Assert.Equal((version, expected.BrokerId, expected.Sequence, expected.IntervalEnd, 3), (report.Version, report.BrokerId, report.Sequence, report.IntervalEnd, report.OwnedGauge));
        Assert.Equal(expected.Topics.Select(t => (t.Name, t.Reliable, t.RatesKnown, t.Producers, t.Consumers, t.Subscriptions, t.BacklogMessages)),
            report.Topics.Select(t => (t.Name, t.Reliable, t.RatesKnown, t.Producers, t.Consumers, t.Subscriptions, t.BacklogMessages)));
        Assert.Equal(512_000, report.Topics[1].BytesInPerSecond, 0.02 * 512_000);
        Assert.Equal(2000, report.Topics[1].MessagesOutPerSecond, 0.01 * 2000);
        Assert.Equal(1.25, report.Topics[1].PublishLatencyP99Ms!.Value, 0.03);
        Assert.Equal(version < 2 ? (0, null, false) : (1_838_587_900_000_005, 45, true),
            (report.Collector, report.Topics[1].OldestUnackedSeconds is { } age ? (double?)(5 * Math.Round(age / 5)) : null, report.Topics[1].OldestUnackedIsAtLeast));
    }

    private static LoadReportMessage Message(string golden)
    {
        using var stream = typeof(LoadReportGoldenTests).Assembly.GetManifestResourceStream("Golden/" + golden)!;
        return JsonSerializer.Deserialize(stream, ContractsJson.Default.LoadReportMessage)!;
    }
}
