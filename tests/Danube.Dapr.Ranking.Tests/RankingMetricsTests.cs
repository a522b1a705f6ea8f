using System.Diagnostics.Metrics;
using Danube.Dapr.Contracts;
using Danube.Dapr.Ranking.Balance;
using Danube.Dapr.Ranking.View;
using Microsoft.Extensions.DependencyInjection;
using static Danube.Dapr.Ranking.Tests.Reports;

namespace Danube.Dapr.Ranking.Tests;

[Collection(RankingServiceTests.InTurn)]
public sealed class RankingMetricsTests : IDisposable
{
    private readonly ServiceProvider _services = new ServiceCollection().AddMetrics().BuildServiceProvider();
    private readonly MeterListener _listener = new();
    private readonly Dictionary<string, double> _shown = new(StringComparer.Ordinal);
    private readonly RankingMetrics _metrics;
    private readonly ClusterView _view = NewView().View;
    private long _reports;

    public RankingMetricsTests()
    {
        var meters = _services.GetRequiredService<IMeterFactory>();
        _listener.InstrumentPublished = (instrument, listener) =>
        {
            if (instrument.Meter.Scope == meters)
                listener.EnableMeasurementEvents(instrument);
        };
        _listener.SetMeasurementEventCallback<double>((instrument, value, tags, _) => _shown[tags.IsEmpty ? instrument.Name : $"{instrument.Name} {tags[0].Value}"] = value);
        _listener.Start();
        _metrics = new RankingMetrics(meters);
    }

    public void Dispose()
    {
        _listener.Dispose();
        _services.Dispose();
    }

    [Fact]
    public void Balance_EveryLoadReportTooOld_IsNotShown()
    {
        Take(5, Load("1", 1, 5, Topic("/default/a", bytes: 3_000)), Load("2", 1, 5, Topic("/default/b", bytes: 1_000)));

        Show(95);
        Assert.Equal((0.5, 1.5), (_shown["danube_cluster_imbalance"], _shown["danube_cluster_max_over_mean"]));

        Show(96);
        Assert.DoesNotContain("danube_cluster_imbalance", _shown.Keys);
        Assert.DoesNotContain("danube_cluster_max_over_mean", _shown.Keys);
        Assert.Equal(2, _shown["danube_cluster_broker_count"]);
    }

    [Fact]
    public void MeasuredFigures_OneLoadReportTooOld_AreThoseOfTheOtherBroker()
    {
        Take(5, Used("1", 5), Used("2", 5));
        Take(20, Used("2", 20) with { Sequence = 2 });

        Show(95);
        Assert.Equal((8d, 50d, 60d, 16d), Measured("1"));

        Show(96);
        Assert.Equal((null, null, null, 8d), Measured("1"));
        Assert.Equal((8d, 50d, 60d, 8d), Measured("2"));
        Assert.Equal(1, _shown["danube_broker_reachable 1"]);

        Show(111);
        Assert.DoesNotContain("danube_cluster_total_throughput_mbps", _shown.Keys);
    }

    [Fact]
    public void LoadScore_BrokerWithAnOldReport_IsNotShown()
    {
        Take(5, Load("1", 1, 5, Topic("/default/a")), Load("2", 1, 5, Topic("/default/b")));
        Take(20, Load("2", 2, 20, Topic("/default/b")));

        Show(95);
        Assert.Equal((100d, 100d), (Shown("danube_broker_load_score 1"), Shown("danube_broker_load_score 2")));

        Show(96);
        Assert.Equal((null, 100d), (Shown("danube_broker_load_score 1"), Shown("danube_broker_load_score 2")));
    }

    private static LoadReport Used(string broker, double seconds) => Load(broker, 1, seconds, Topic($"/default/{broker}", bytes: 1e6)) with
    {
        Resources = new ResourceUsage { Source = "host", CpuPercent = Figure.Of(50), MemoryPercent = Figure.Of(60) },
    };

    private (double? Throughput, double? Cpu, double? Memory, double? Total) Measured(string broker) => (
        Shown($"danube_broker_throughput_mbps {broker}"), Shown($"danube_broker_cpu_usage {broker}"), Shown($"danube_broker_memory_usage {broker}"),
        Shown("danube_cluster_total_throughput_mbps"));

    private double? Shown(string gauge) => _shown.TryGetValue(gauge, out var value) ? value : null;

    private void Take(double seconds, params LoadReport[] reports)
    {
        foreach (var report in reports)
            _view.Apply(Message(report), At(seconds));
    }

    /// <summary>Takes a cluster report with two brokers and looks at the gauges then.</summary>
    private void Show(double seconds)
    {
        _view.Apply(Cluster(++_reports, seconds, Broker("1"), Broker("2")));
        _metrics.Ranked(RankedView.Of(_view.Snapshot(At(seconds), _reports), new RankingOptions()), TimeSpan.Zero);
        _shown.Clear();
        _listener.RecordObservableInstruments();
    }
}
