using System.Diagnostics.Metrics;
using Danube.Dapr.Contracts;
using Danube.Dapr.Ranking.Balance;
using Danube.Dapr.Ranking.View;

namespace Danube.Dapr.Ranking;

/// <summary>The cluster's figures for Prometheus. Only the replica that hosts the actor shows them, so that nothing is counted twice.</summary>
internal sealed class RankingMetrics
{
    private const string BrokerTag = "broker_id";

    private readonly Counter<long> _reports;
    private readonly Counter<long> _refreshes;
    private readonly Histogram<double> _latency;
    private volatile Figures? _figures;

    public RankingMetrics(IMeterFactory meters)
    {
        var meter = meters.Create("Danube.Dapr.Ranking");
        // Where no broker takes part the balance is not known; as a figure it would read as a level cluster.
        Cluster(meter, "danube_cluster_imbalance", "Coefficient of variation of the worst resource.", f => f.View.Balance is { Brokers: > 0 } b ? b.CoefficientOfVariation : null);
        Cluster(meter, "danube_cluster_max_over_mean", "Highest load over mean of the worst resource.", f => f.View.Balance is { Brokers: > 0 } b ? b.MaxOverMean : null);
        Cluster(meter, "danube_cluster_broker_count", "Brokers that Danube lists.", f => f.View.Snapshot.Brokers.Count);
        Cluster(meter, "danube_cluster_topic_count", "Topics.", f => f.View.Snapshot.Topics.Count);
        Cluster(meter, "danube_cluster_unowned_topics", "Topics that nobody owns.", f => f.View.Snapshot.Topics.Count(t => t.BrokerId is null));
        Cluster(meter, "danube_cluster_total_throughput_mbps", "Payload in and out, megabits per second.", f => f.Measured.Count > 0 ? Megabits(f.Measured.Sum(b => b.BytesPerSecond)) : null);
        Broker(meter, "danube_broker_load_score", "Score of the ranking strategy.", b => b.Rank > 0 ? b.Score : null);
        Broker(meter, "danube_broker_topic_count", "Topics that the broker owns.", b => b.Topics);
        Measured(meter, "danube_broker_throughput_mbps", "Payload in and out of the broker, megabits per second.", b => Megabits(b.BytesPerSecond));
        Measured(meter, "danube_broker_cpu_usage", "CPU use of the broker in percent.", b => b.Resources?.CpuPercent?.Mean);
        Measured(meter, "danube_broker_memory_usage", "Memory use of the broker in percent.", b => b.Resources?.MemoryPercent?.Mean);
        Broker(meter, "danube_broker_reachable", "1 when the broker's ports answer, else 0.", b => b.Reachable ? 1 : 0);
        _reports = meter.CreateCounter<long>("danube_ranking_reports", description: "Reports by kind and what became of them.");
        _refreshes = meter.CreateCounter<long>("danube_ranking_refreshes", description: "Requests to the collector to measure now.");
        _latency = meter.CreateHistogram<double>(
            "danube_load_manager_ranking_latency_ms", description: "Time to score and rank all brokers, in milliseconds.",
            advice: new InstrumentAdvice<double> { HistogramBucketBoundaries = [0.1, 0.25, 0.5, 1, 2.5, 5, 10, 25, 50, 100, 250, 1_000] });
    }

    /// <summary>A report or a part of one came.</summary>
    internal void ReportTaken(string kind, Intake intake) => _reports.Add(1, new("kind", kind), new("outcome", intake.ToString()));

    /// <summary>The collector was asked to measure now.</summary>
    internal void Refreshed(bool ok) => _refreshes.Add(1, new KeyValuePair<string, object?>("outcome", ok ? "ok" : "failed"));

    /// <summary>The cluster was ranked anew.</summary>
    internal void Ranked(RankedView view, TimeSpan elapsed)
    {
        var brokers = BrokerViews.Of(view, view.Snapshot.Time);
        _figures = new Figures(view, brokers, [.. brokers.Where(b => view.Fresh.Contains(b.Id))]);
        _latency.Record(elapsed.TotalMilliseconds);
    }

    /// <summary>The actor left this replica.</summary>
    internal void Clear() => _figures = null;

    private static double Megabits(double bytesPerSecond) => bytesPerSecond * 8 / 1e6;

    private void Cluster(Meter meter, string name, string description, Func<Figures, double?> value) =>
        meter.CreateObservableGauge(
            name, () => _figures is { } f && value(f) is { } v ? [new Measurement<double>(v)] : Array.Empty<Measurement<double>>(), description: description);

    private void Broker(Meter meter, string name, string description, Func<BrokerView, double?> value) => Each(meter, name, description, f => f.Brokers, value);

    /// <summary>What is known from load reports only. Old figures would stand still and look like measured ones.</summary>
    private void Measured(Meter meter, string name, string description, Func<BrokerView, double?> value) => Each(meter, name, description, f => f.Measured, value);

    private void Each(Meter meter, string name, string description, Func<Figures, IReadOnlyList<BrokerView>> brokers, Func<BrokerView, double?> value) =>
        meter.CreateObservableGauge(
            name,
            () => (_figures is { } f ? brokers(f) : [])
                .Where(b => value(b) is not null)
                .Select(b => new Measurement<double>(value(b)!.Value, new KeyValuePair<string, object?>(BrokerTag, b.Id))),
            description: description);

    /// <param name="View">Where they come from.</param>
    /// <param name="Brokers">All brokers.</param>
    /// <param name="Measured">Those with a fresh report.</param>
    private sealed record Figures(RankedView View, IReadOnlyList<BrokerView> Brokers, IReadOnlyList<BrokerView> Measured);
}
