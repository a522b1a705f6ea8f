using Dapr.Actors.Runtime;
using Danube.Dapr.Contracts;
using Danube.Dapr.Ranking.Balance;
using Danube.Dapr.Ranking.View;
using Microsoft.Extensions.Options;

namespace Danube.Dapr.Ranking.Actors;

/// <summary>Guards the one view: takes reports in turn, stores what must survive, and hands out events only after they are stored.</summary>
internal sealed partial class ClusterActor(
    ActorHost host, IOptions<RankingOptions> options, RankingMetrics metrics, ReportRefresher refresher, TimeProvider clock, ILogger<ClusterActor> log) : Actor(host), IClusterActor
{
    /// <summary>Bytes of one part of a view: as base64 it stays far below the 4 MiB that Dapr lets through.</summary>
    internal const int PartBytes = 2 << 20;

    /// <summary>How long events that were handed out stay with their publisher before another one gets them.</summary>
    private static readonly TimeSpan HandOut = TimeSpan.FromSeconds(10);

    private readonly RankingOptions _options = options.Value;
    private readonly ClusterWatch _watch = new(TimeSpan.FromSeconds(options.Value.StrandedAfterSeconds));
    private readonly BalanceCurve _curve = new(options.Value.BalanceSamples);
    private readonly Dictionary<string, long> _handedOut = new(StringComparer.Ordinal);
    private TopicRegistry _topics = new();
    private ClusterMemory _memory = new();
    private ClusterView _view = null!;
    private long _generation;
    private (long Generation, byte[] Bytes) _packed = (-1, []);

    protected override async Task OnActivateAsync()
    {
        (_memory, _topics) = await ClusterStore.LoadAsync(StateManager, clock.GetUtcNow());
        _view = new ClusterView(_options, _topics);
        // Milliseconds grow faster than reports come, so generations grow over restarts without being stored.
        _generation = clock.GetUtcNow().ToUnixTimeMilliseconds();
        refresher.Lacks(_view.Lack());
        LogActivated(_memory.Brokers.Count, _topics.Count, _memory.Outbox.Count);
    }

    protected override Task OnDeactivateAsync()
    {
        metrics.Clear();
        refresher.Lacks(null);
        return Task.CompletedTask;
    }

    public async Task<TakenReport> TakeLoadReportAsync(LoadReportMessage message)
    {
        var (intake, report, detail) = _view.Apply(message, clock.GetUtcNow());
        metrics.ReportTaken("load", intake);
        refresher.Lacks(_view.Lack());
        if (report is not null)
        {
            _generation++;
            await RememberAsync(ClusterWatch.Observe(_memory, report));
            await ClusterStore.SaveAsync(StateManager, _topics);
            LogLoadReport(report.BrokerId, report.Sequence, report.Topics.Count, report.Gaps.Count);
        }

        return new TakenReport(intake.ToString(), detail, TakeEvents());
    }

    public async Task<TakenReport> TakeClusterReportAsync(ClusterReport report)
    {
        var (intake, detail) = _view.Apply(report, clock.GetUtcNow());
        metrics.ReportTaken("cluster", intake);
        refresher.Lacks(_view.Lack());
        if (intake == Intake.Accepted)
        {
            _generation++;
            await RememberAsync(_watch.Observe(_memory, report));
            await ClusterStore.SaveAsync(StateManager, _topics);
            var now = clock.GetUtcNow();
            var started = clock.GetTimestamp();
            var ranked = RankedView.Of(_view.Snapshot(now, _generation), _options);
            metrics.Ranked(ranked, clock.GetElapsedTime(started));
            _curve.Add(ranked.Balance);
        }

        return new TakenReport(intake.ToString(), detail, TakeEvents());
    }

    public async Task ForgetEventsAsync(IReadOnlyList<string> ids)
    {
        var published = ids.ToHashSet(StringComparer.Ordinal);
        await RememberAsync(_memory with { Outbox = [.. _memory.Outbox.Where(e => !published.Contains(e.Id))] });
        foreach (var id in ids)
            _handedOut.Remove(id);
    }

    public Task<PackedView> GetViewAsync(long knownGeneration)
    {
        if (knownGeneration == _generation)
            return Task.FromResult(new PackedView(_generation, 0, []));
        if (_packed.Generation != _generation)
        {
            var document = new ViewDocument(_view.Snapshot(clock.GetUtcNow(), _generation), _view.Cluster?.Unowned ?? [], _curve.Samples());
            _packed = (_generation, document.Pack());
        }

        var parts = Math.Max(1, (_packed.Bytes.Length + PartBytes - 1) / PartBytes);
        return Task.FromResult(new PackedView(_generation, parts, Part(0)));
    }

    public Task<byte[]> GetViewPartAsync(long generation, int part) =>
        Task.FromResult(generation == _packed.Generation && part >= 0 && part * (long)PartBytes < _packed.Bytes.Length ? Part(part) : []);

    private byte[] Part(int part) => _packed.Bytes.AsSpan(part * PartBytes, Math.Min(PartBytes, _packed.Bytes.Length - (part * PartBytes))).ToArray();

    /// <summary>Takes a new memory over once it is stored: a failed write is observed anew from the next report.</summary>
    private async Task RememberAsync(ClusterMemory memory)
    {
        if (ClusterWatch.IsWorthSaving(_memory, memory))
            await ClusterStore.SaveAsync(StateManager, memory);
        _memory = memory;
    }

    private BrokerEvent[] TakeEvents()
    {
        if (_memory.Outbox.Count == 0)
            return [];
        // By the stop-watch: a clock that was set back holds nothing up.
        var now = clock.GetTimestamp();
        var due = _memory.Outbox.Where(e => !_handedOut.TryGetValue(e.Id, out var since) || clock.GetElapsedTime(since, now) >= HandOut).ToArray();
        foreach (var e in due)
            _handedOut[e.Id] = now;
        return due;
    }

    [LoggerMessage(LogLevel.Information, "Cluster view activated: {Brokers} known brokers, {Topics} known topics, {Events} events to publish")]
    private partial void LogActivated(int brokers, int topics, int events);

    [LoggerMessage(LogLevel.Debug, "Load report {Sequence} of broker {BrokerId}: {Topics} topics, {Gaps} gaps")]
    private partial void LogLoadReport(string brokerId, long sequence, int topics, int gaps);
}
