using System.Diagnostics.Metrics;
using Danube.Dapr.Contracts;
using Danube.Dapr.MetricsCollector.Rounds;

namespace Danube.Dapr.MetricsCollector;

/// <summary>The collector's own figures.</summary>
internal sealed class CollectorMetrics
{
    private readonly Histogram<double> _roundDuration;
    private readonly Counter<long> _reports;
    private readonly Counter<long> _gaps;
    private readonly Counter<long> _publications;

    public CollectorMetrics(IMeterFactory factory)
    {
        var meter = factory.Create("Danube.Dapr.MetricsCollector");
        _roundDuration = meter.CreateHistogram<double>("danube_dapr_collector_round_duration", "s", "Time of one round over all brokers");
        _reports = meter.CreateCounter<long>("danube_dapr_collector_reports", "{report}", "Load reports made");
        _gaps = meter.CreateCounter<long>("danube_dapr_collector_gaps", "{gap}", "Parts that were missing in load reports, by part");
        _publications = meter.CreateCounter<long>("danube_dapr_collector_publications", "{report}", "Reports handed to the sidecar, by kind and result");
        // A counter is exported from its first addition on; without a zero before it, rate() does not see the first failure.
        _publications.Add(0, new KeyValuePair<string, object?>("kind", "load"), new KeyValuePair<string, object?>("result", "error"));
    }

    public void Round(RoundSummary summary) => _roundDuration.Record(summary.DurationMs / 1000);

    public void Report(LoadReport report)
    {
        _reports.Add(1);
        foreach (var gap in report.Gaps)
            _gaps.Add(1, new KeyValuePair<string, object?>("part", gap.Part));
    }

    public void Published(string kind, bool ok) =>
        _publications.Add(1, new KeyValuePair<string, object?>("kind", kind), new KeyValuePair<string, object?>("result", ok ? "ok" : "error"));
}
