using System.IO.Compression;
using System.Text.Json;
using Danube.Dapr.Contracts;
using Danube.Dapr.Ranking.View;

namespace Danube.Dapr.Ranking.Tests;

/// <summary>Makes reports for tests.</summary>
internal static class Reports
{
    internal static readonly DateTimeOffset Start = new(2026, 1, 2, 3, 4, 5, TimeSpan.Zero);

    internal static DateTimeOffset At(double seconds) => Start.AddSeconds(seconds);

    internal static LoadReport Load(string broker, long sequence, double seconds, params TopicLoad[] topics) => new()
    {
        BrokerId = broker,
        Sequence = sequence,
        IntervalStart = At(seconds - 10),
        IntervalEnd = At(seconds),
        Resources = new ResourceUsage { Source = "none" },
        Topics = topics,
    };

    internal static TopicLoad Topic(string name, double bytes = 1_000, double messages = 10, bool ratesKnown = true) =>
        new() { Name = name, Reliable = true, BytesInPerSecond = bytes, MessagesInPerSecond = messages, RatesKnown = ratesKnown };

    /// <summary>The exact encoding: the usual one rounds rates to 1 percent.</summary>
    internal static LoadReportMessage Message(LoadReport report)
    {
        using var packed = new MemoryStream();
        using (var brotli = new BrotliStream(packed, CompressionLevel.Fastest, leaveOpen: true))
            JsonSerializer.Serialize(brotli, report, ContractsJson.Default.LoadReport);
        return new LoadReportMessage(report.BrokerId, report.Sequence, LoadReportCodec.JsonBrotli, packed.ToArray(), Collector: report.Collector);
    }

    internal static BrokerStatus Broker(string id, BrokerState state = BrokerState.Active, bool reachable = true) => new()
    {
        Id = id,
        ClientAddress = $"http://host-{id}:6650",
        AdminAddress = $"http://host-{id}:50051",
        State = state,
        Reachable = reachable,
    };

    internal static ClusterReport Cluster(long sequence, double seconds, params BrokerStatus[] brokers) => new()
    {
        Sequence = sequence,
        Time = At(seconds),
        Brokers = brokers,
        LeaderId = brokers.FirstOrDefault()?.Id,
    };

    /// <summary>Takes a cluster report at the time that it tells.</summary>
    internal static (Intake Intake, string Detail) Apply(this ClusterView view, ClusterReport report) => view.Apply(report, report.Time);

    internal static (ClusterView View, TopicRegistry Topics) NewView(RankingOptions? options = null)
    {
        var topics = new TopicRegistry();
        return (new ClusterView(options ?? new RankingOptions(), topics), topics);
    }
}
