using System.Diagnostics.Metrics;
using Danube.Dapr.BrokerClient;
using Danube.Dapr.Contracts;
using Danube.Dapr.MetricsCollector.Cluster;
using Danube.Dapr.MetricsCollector.Publishing;
using Danube.Dapr.MetricsCollector.Resources;
using Danube.Dapr.MetricsCollector.Rounds;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Time.Testing;

namespace Danube.Dapr.MetricsCollector.Tests.Rounds;

/// <summary>A collector with everything around it in the test's hands.</summary>
internal sealed class CollectorBench : IReportPublisher, ITargetResolver, IDisposable
{
    private readonly ServiceProvider _services = new ServiceCollection().AddMetrics().BuildServiceProvider();
    private readonly Lock _lock = new();
    private readonly List<LoadReport> _reports = [];
    private readonly List<LoadReportMessage> _messages = [];
    private readonly List<ClusterReport> _clusterReports = [];

    public CollectorBench(Func<FakeTimeProvider, IDanubeSource> source, Action<CollectorOptions>? configure = null, FakeTimeProvider? time = null)
    {
        Time = time ?? new FakeTimeProvider(new DateTimeOffset(2026, 3, 1, 12, 0, 0, TimeSpan.Zero));
        // Rounds wait a quarter of a second for slow brokers; scrapes end after one.
        Options = new CollectorOptions { Seeds = ["http://a:1"], IntervalSeconds = 0.5, ScrapeTimeoutSeconds = 1 };
        configure?.Invoke(Options);
        var options = new Microsoft.Extensions.Options.OptionsWrapper<CollectorOptions>(Options);
        var danube = source(Time);
        Reachability = new Reachability(danube, Time, TimeSpan.FromSeconds(1), Options.ProbeFailures);
        Resources = new ResourceMonitor(this, options, Time, NullLogger<ResourceMonitor>.Instance);
        Collector = new Collector(
            danube, this, Resources, Reachability, new SequenceNumbers(Time, 5), new CollectorMetrics(_services.GetRequiredService<IMeterFactory>()), options, Time,
            NullLogger<Collector>.Instance);
    }

    public FakeTimeProvider Time { get; }

    public CollectorOptions Options { get; }

    public Collector Collector { get; }

    public Reachability Reachability { get; }

    public ResourceMonitor Resources { get; }

    /// <summary>How a broker's target is found.</summary>
    public Func<BrokerNode, ResolvedTarget> Target { get; set; } = _ => new ResolvedTarget("none", null, "not measured here", false, "");

    public Func<BrokerNode, bool> Here { get; set; } = _ => false;

    public Exception? PublishFault { get; set; }

    public IReadOnlyList<LoadReport> Reports
    {
        get
        {
            lock (_lock)
                return [.. _reports];
        }
    }

    public IReadOnlyList<ClusterReport> ClusterReports
    {
        get
        {
            lock (_lock)
                return [.. _clusterReports];
        }
    }

    /// <summary>Some seconds later, a round.</summary>
    public Task<RoundSummary> RoundAsync(double afterSeconds = 10)
    {
        Time.Advance(TimeSpan.FromSeconds(afterSeconds));
        return Collector.RunRoundAsync(CancellationToken.None);
    }

    public LoadReport Last(string broker = ScriptedDanube.A) => Reports.Last(r => r.BrokerId == broker);

    public TopicLoad Topic(string name, string broker = ScriptedDanube.A) => Last(broker).Topic(name) ?? throw new InvalidOperationException($"{name} is not in the report.");

    public IReadOnlyList<LoadReportMessage> Messages
    {
        get
        {
            lock (_lock)
                return [.. _messages];
        }
    }

    public Task PublishAsync(LoadReport report, LoadReportWriter writer, CancellationToken cancellationToken)
    {
        var messages = writer.Encode(report);
        if (PublishFault is { } fault)
            throw fault;
        writer.Delivered();
        lock (_lock)
        {
            _reports.Add(report);
            _messages.AddRange(messages);
        }

        return Task.CompletedTask;
    }

    public Task PublishAsync(ClusterReport report, CancellationToken cancellationToken)
    {
        if (PublishFault is { } fault)
            throw fault;
        lock (_lock)
            _clusterReports.Add(report);
        return Task.CompletedTask;
    }

    public bool IsHere(BrokerNode broker) => Here(broker);

    public ResolvedTarget Resolve(BrokerNode broker, TargetOptions target) => Target(broker);

    /// <summary>Waits in real time; <paramref name="meanwhile"/> runs between two looks.</summary>
    public static async Task UntilAsync(Func<bool> condition, string what, Action? meanwhile = null)
    {
        var deadline = DateTime.UtcNow.AddSeconds(30);
        while (!condition())
        {
            Assert.True(DateTime.UtcNow < deadline, $"Not within 30 s: {what}");
            meanwhile?.Invoke();
            await Task.Delay(10);
        }
    }

    public void Dispose()
    {
        Collector.Dispose();
        _services.Dispose();
    }
}
