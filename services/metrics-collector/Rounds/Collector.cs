using System.Collections.Concurrent;
using System.Diagnostics;
using Danube.Dapr.BrokerClient;
using Danube.Dapr.Contracts;
using Danube.Dapr.MetricsCollector.Cluster;
using Danube.Dapr.MetricsCollector.Publishing;
using Danube.Dapr.MetricsCollector.Resources;
using Microsoft.Extensions.Options;

namespace Danube.Dapr.MetricsCollector.Rounds;

/// <summary>What a round did.</summary>
/// <param name="Brokers">Brokers that Danube lists.</param>
/// <param name="Reports">Load reports made.</param>
/// <param name="Published">Reports, the cluster report included, that the sidecar took.</param>
/// <param name="Gaps">Parts that were missing, over all reports.</param>
/// <param name="DurationMs">Time that it took.</param>
internal sealed record RoundSummary(int Brokers, int Reports, int Published, int Gaps, double DurationMs);

/// <summary>Runs the rounds: finds the brokers, measures each by itself, publishes each report as soon as it is made, then the cluster report.</summary>
internal sealed partial class Collector(
    IDanubeSource source,
    IReportPublisher publisher,
    ResourceMonitor resources,
    Reachability reachability,
    SequenceNumbers sequences,
    CollectorMetrics metrics,
    IOptions<CollectorOptions> options,
    TimeProvider time,
    ILogger<Collector> log) : IDisposable
{
    /// <summary>Pace of the rounds while something was lost just now. Ranking tells a topic as stranded by a report in which it is 5 s without owner.</summary>
    internal static readonly TimeSpan UrgentPace = TimeSpan.FromSeconds(3);

    /// <summary>Danube drops a dead broker within half a minute and gives its topics away; one that is listed much longer is no news.</summary>
    internal static readonly TimeSpan LostBrokerIsNewFor = TimeSpan.FromMinutes(2);

    /// <summary>Until ranking has told it as stranded, with a margin.</summary>
    internal static readonly TimeSpan UnownedTopicIsNewFor = TimeSpan.FromSeconds(15);

    private static readonly ActivitySource Activities = new("Danube.Dapr.MetricsCollector");

    private readonly CollectorOptions _options = options.Value;
    private readonly RoundLimits _limits = RoundLimits.From(options.Value);
    private readonly SemaphoreSlim _one = new(1, 1);
    private readonly SemaphoreSlim _parallel = new(options.Value.ParallelBrokers);
    private readonly Lock _clusterLock = new();
    private readonly ClusterMonitor _cluster = new(reachability, time);
    private readonly ConcurrentDictionary<string, BrokerMonitor> _monitors = new(StringComparer.Ordinal);
    private volatile ClusterTopology? _topology;
    private volatile bool _probesSawChange;

    /// <summary>The brokers that Danube listed in the last round.</summary>
    public IReadOnlyList<BrokerNode> Brokers => _topology?.Brokers ?? [];

    /// <summary>Time from the begin of one round to that of the next: shorter than the interval for a while after a broker or a topic's owner was lost.</summary>
    public TimeSpan Pace => TimeSpan.FromSeconds(_options.IntervalSeconds) is var interval && interval > UrgentPace && IsUnsettled() ? UrgentPace : interval;

    /// <summary>The last report of each broker that still exists, ordered by broker.</summary>
    public IReadOnlyList<LoadReport> LastReports =>
        [.. _monitors.OrderBy(m => m.Key, StringComparer.Ordinal).Select(m => m.Value.LastReport).OfType<LoadReport>()];

    /// <summary>One round; rounds never overlap.</summary>
    /// <param name="cancellationToken">Stops it.</param>
    /// <param name="namesInFull">Whether every load report has its names in full, for a reader that does not know them.</param>
    public async Task<RoundSummary> RunRoundAsync(CancellationToken cancellationToken, bool namesInFull = false)
    {
        await _one.WaitAsync(cancellationToken);
        try
        {
            using var activity = Activities.StartActivity("collect");
            var began = time.GetTimestamp();
            foreach (var monitor in namesInFull ? _monitors.Values : [])
                monitor.Writer.AskFull();
            var summary = await RoundAsync(cancellationToken) with { DurationMs = time.GetElapsedTime(began).TotalMilliseconds };
            metrics.Round(summary);
            LogRound(summary.Brokers, summary.Reports, summary.Published, summary.Gaps, summary.DurationMs);
            return summary;
        }
        finally
        {
            _one.Release();
        }
    }

    /// <summary>Measures some brokers at once, between the rounds; those that are being measured already get their report from that.</summary>
    public Task ReportEarlyAsync(IReadOnlyCollection<string> brokerIds, CancellationToken cancellationToken) =>
        Task.WhenAll(Brokers.Where(b => brokerIds.Contains(b.Id)).Select(b => Start(b, new(StringComparer.Ordinal), cancellationToken)).OfType<Task>());

    /// <summary>Probes the ports of all known brokers, and publishes a cluster report at once when one is lost or back.</summary>
    /// <returns>True when something changed.</returns>
    public async Task<bool> ProbeAsync(CancellationToken cancellationToken)
    {
        var changed = await reachability.ProbeAsync(Brokers, cancellationToken);
        foreach (var id in changed)
            LogReachability(id, reachability.UnreachableSince(id) is null ? "reachable" : "unreachable");
        _probesSawChange |= changed.Count > 0;
        if (changed.Count == 0 || !_options.ClusterReports)
            return changed.Count > 0;
        ClusterReport report;
        lock (_clusterLock)
        {
            // The first round names the brokers at its end; until then a report would read as a cluster without any.
            if (!_cluster.HasBrokers)
                return true;
            report = _cluster.Refresh(sequences.Next());
        }

        await TryPublishAsync(t => publisher.PublishAsync(report, t), "cluster", cancellationToken);
        return true;
    }

    public void Dispose()
    {
        _one.Dispose();
        _parallel.Dispose();
    }

    private bool IsUnsettled()
    {
        // Without cluster reports a round tells nothing of lost brokers and topics.
        if (!_options.ClusterReports)
            return false;
        var now = time.GetUtcNow();
        if (_probesSawChange || Brokers.Any(b => reachability.UnreachableSince(b.Id) is { } since && (now - since).Duration() < LostBrokerIsNewFor))
            return true;
        lock (_clusterLock)
            return _cluster.HasUnownedSince(now - UnownedTopicIsNewFor);
    }

    private async Task<RoundSummary> RoundAsync(CancellationToken cancellationToken)
    {
        _probesSawChange = false;
        var (topology, fault) = await Bounded.TryAsync(source.DiscoverAsync, _limits.Call, cancellationToken);
        var gaps = new List<ReportGap>();
        if (topology is null)
            gaps.Add(new ReportGap(ReportGap.Discovery, fault!));
        else
            Forget(topology);
        var brokers = topology?.Brokers ?? Brokers;
        var measured = brokers.Where(b => IsMeasured(b)).ToArray();
        resources.Follow(measured);

        var read = new ConcurrentDictionary<string, IReadOnlyList<OwnedTopic>>(StringComparer.Ordinal);
        // Those that were complete last time go first: many slow brokers at once must not hold the places.
        var running = measured.OrderBy(b => _monitors.GetValueOrDefault(b.Id)?.LastReport?.Gaps.Count > 0).Select(b => Start(b, read, cancellationToken)).OfType<Task<(bool Published, int Gaps)>>().ToArray();
        await FinishedAsync(running, cancellationToken);
        var results = running.Where(r => r.IsCompletedSuccessfully).Select(r => r.Result).ToArray();
        var owned = new ConcurrentDictionary<string, IReadOnlyList<OwnedTopic>>(read, StringComparer.Ordinal);
        var published = results.Count(r => r.Published);
        var missing = results.Sum(r => r.Gaps);
        // Before Danube has answered once nothing is known: an empty report would read as a cluster without brokers.
        if (_options.ClusterReports && _topology is not null)
        {
            var report = await ClusterReportAsync(topology, owned, gaps, cancellationToken);
            missing += report.Gaps.Count;
            published += await TryPublishAsync(t => publisher.PublishAsync(report, t), "cluster", cancellationToken) ? 1 : 0;
        }

        else
        {
            missing += gaps.Count;
        }

        foreach (var gap in gaps)
            LogClusterGap(gap.Part, gap.Detail);
        return new RoundSummary(brokers.Count, results.Length, published, missing, 0);
    }

    /// <summary>Waits until all are done, or for as long as a broker that is slow may cost the others.</summary>
    private async Task FinishedAsync(Task<(bool Published, int Gaps)>[] running, CancellationToken cancellationToken)
    {
        try
        {
            await Task.WhenAll(running).WaitAsync(_limits.Patience, cancellationToken);
        }
        catch (TimeoutException)
        {
            // Their reports follow when they answer or their time is up.
        }
    }

    /// <summary>Begins to measure a broker.</summary>
    /// <returns>The measurement, or null while the last one is still under way.</returns>
    private Task<(bool Published, int Gaps)>? Start(BrokerNode broker, ConcurrentDictionary<string, IReadOnlyList<OwnedTopic>> owned, CancellationToken cancellationToken)
    {
        var monitor = _monitors.GetOrAdd(broker.Id, id => new BrokerMonitor(id, source, sequences, time, _limits, _options.FullNamesEvery));
        lock (monitor)
        {
            if (monitor.Running is { IsCompleted: false })
                return null;
            // What a late one ended with has to show.
            if (monitor.Running is { IsFaulted: true } failed)
                return failed;
            return monitor.Running = MeasureAsync(monitor, broker.Id, owned, cancellationToken);
        }
    }

    private async Task<(bool Published, int Gaps)> MeasureAsync(
        BrokerMonitor monitor, string brokerId, ConcurrentDictionary<string, IReadOnlyList<OwnedTopic>> owned, CancellationToken cancellationToken)
    {
        await _parallel.WaitAsync(cancellationToken);
        try
        {
            var (report, list) = await monitor.CollectAsync(() => resources.Take(brokerId), cancellationToken);
            if (list is not null)
                owned[brokerId] = list;
            // Only of a broker that is listed at the same address: a wrong metrics address alone makes nobody dead.
            reachability.SetReplaced(brokerId, monitor.OtherBroker is { } other && AddressOf(other) is { } address && address == AddressOf(brokerId));
            foreach (var gap in report.Gaps)
                LogGap(brokerId, gap.Part, gap.Detail);
            metrics.Report(report);
            return (await TryPublishAsync(t => publisher.PublishAsync(report, monitor.Writer, t), "load", cancellationToken), report.Gaps.Count);
        }
        finally
        {
            _parallel.Release();
        }
    }

    private async Task<ClusterReport> ClusterReportAsync(
        ClusterTopology? topology, ConcurrentDictionary<string, IReadOnlyList<OwnedTopic>> owned, List<ReportGap> gaps, CancellationToken cancellationToken)
    {
        var sight = topology is null
            ? new ClusterSight { Gaps = gaps }
            : await new ClusterReader(source, _limits.Call, _options.ParallelBrokers).ReadAsync(topology, owned, _cluster.IsKnownUnowned, gaps, cancellationToken);
        lock (_clusterLock)
            return _cluster.Report(sight, sequences.Next());
    }

    private async Task<bool> TryPublishAsync(Func<CancellationToken, Task> publish, string kind, CancellationToken cancellationToken)
    {
        try
        {
            await publish(cancellationToken);
            metrics.Published(kind, ok: true);
            return true;
        }
        catch (Exception error) when (!cancellationToken.IsCancellationRequested)
        {
            // A lost report is only a late one: the next round sends all again.
            metrics.Published(kind, ok: false);
            LogNotPublished(kind, (error.InnerException ?? error).Message);
            return false;
        }
    }

    private Uri? AddressOf(string brokerId) => _topology?.Find(brokerId)?.ClientAddress;

    private bool IsMeasured(BrokerNode broker) =>
        _options.Brokers.Count > 0
            ? _options.Brokers.Contains(broker.Id) || _options.Brokers.Contains(broker.ClientAddress.Authority)
            : _options.Scope switch
            {
                "all" => true,
                "local" => resources.IsHere(broker),
                _ => false,
            };

    private void Forget(ClusterTopology topology)
    {
        _topology = topology;
        foreach (var id in _monitors.Keys.Where(id => topology.Find(id) is null))
            _monitors.TryRemove(id, out _);
    }

    [LoggerMessage(Level = LogLevel.Information, Message = "Round: {Brokers} brokers, {Reports} load reports, {Published} published, {Gaps} gaps, {DurationMs:F0} ms")]
    private partial void LogRound(int brokers, int reports, int published, int gaps, double durationMs);

    [LoggerMessage(Level = LogLevel.Warning, Message = "Broker {BrokerId}: {Part} is missing: {Detail}")]
    private partial void LogGap(string brokerId, string part, string detail);

    [LoggerMessage(Level = LogLevel.Warning, Message = "The cluster's {Part} is missing: {Detail}")]
    private partial void LogClusterGap(string part, string detail);

    [LoggerMessage(Level = LogLevel.Warning, Message = "Broker {BrokerId} is {State}")]
    private partial void LogReachability(string brokerId, string state);

    [LoggerMessage(Level = LogLevel.Warning, Message = "A {Kind} report was not published: {Detail}")]
    private partial void LogNotPublished(string kind, string detail);
}
