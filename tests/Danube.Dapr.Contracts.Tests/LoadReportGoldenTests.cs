using System.Text.Json;

namespace Danube.Dapr.Contracts.Tests;

/// <summary>Messages as each version wrote them. They are never written anew: a reader that cannot read one would be deaf to collectors of that version.</summary>
public sealed class LoadReportGoldenTests
{
    [Theory]
    [InlineData("load-report-1.json-br")]
    [InlineData("load-report-1.columns-br")]
    public void Decode_MessageOfAnOlderVersion_GivesTheReport(string golden)
    {
        using var stream = typeof(LoadReportGoldenTests).Assembly.GetManifestResourceStream("Golden/" + golden)!;
        var message = JsonSerializer.Deserialize(stream, ContractsJson.Default.LoadReportMessage)!;

        var report = LoadReportCodec.Decode([message]);

        var expected = LoadReports.Small();
        Assert.Equal(expected.Resources, report.Resources);
        Assert.Equal(expected.Gaps, report.Gaps);
        Assert.Equal((1, expected.BrokerId, expected.Sequence, expected.IntervalEnd, 3), (report.Version, report.BrokerId, report.Sequence, report.IntervalEnd, report.OwnedGauge));
        Assert.Equal(expected.Topics.Select(t => (t.Name, t.Reliable, t.RatesKnown, t.Producers, t.Consumers, t.Subscriptions, t.BacklogMessages)),
            report.Topics.Select(t => (t.Name, t.Reliable, t.RatesKnown, t.Producers, t.Consumers, t.Subscriptions, t.BacklogMessages)));
        Assert.Equal(512_000, report.Topics[1].BytesInPerSecond, 0.02 * 512_000);
        Assert.Equal(2000, report.Topics[1].MessagesOutPerSecond, 0.01 * 2000);
        Assert.Equal(1.25, report.Topics[1].PublishLatencyP99Ms!.Value, 0.03);
    }
}
