using System.Collections.Concurrent;
using Danube.Dapr.LocalSidecar.Scheduling;
using Danube.Dapr.LocalSidecar.State;
using Danube.Dapr.LocalSidecar.Workflows.Storage;
using Danube.Dapr.TaskHub;
using Google.Protobuf;
using Google.Protobuf.WellKnownTypes;
using Grpc.Core;

namespace Danube.Dapr.LocalSidecar.Workflows;

/// <summary>
/// The workflows of one app: durable histories in a state store, turns and activities on the connected workers, timers, children.
/// Every step is one atomic write that is done before anybody hears of it (only a turn, which computes and does nothing, is sent beside the write
/// that causes it); what follows from a committed step (activities, timers, messages to other instances) is derived from what is stored, so that a
/// process that dies anywhere goes on where it was, delivering at least once.
/// </summary>
internal sealed partial class WorkflowEngine : IAsyncDisposable
{
    private const int LoadsAtOnce = 16;

    private readonly IStateStore _store;
    private readonly TimeProvider _time;
    private readonly ILogger _logger;
    private readonly WorkflowEngineOptions _options;
    private readonly WorkflowKeys _keys;
    private readonly InstanceCache _cache;
    private readonly Tracing.Tracer? _tracer;
    private readonly WorkflowSpans _spans;
    private readonly WorkItemDispatcher _dispatcher;
    private readonly TimerQueue _timers;
    private readonly InstanceWaiters _waiters = new();
    private readonly CancellationTokenSource _stop = new();

    // Instances that were active when the process before this one ended, or whose last write failed: their timers, activities, messages and turns
    // are set going again when they are first used. The value tells the first row of the outbox that nobody is delivering, and when it was
    // that the store failed, by the stop-watch.
    private readonly ConcurrentDictionary<string, (long FirstOutboxRow, long? FailedAt)> _toActivate = new(StringComparer.Ordinal);
    private readonly Task _indexed;
    private readonly Task _recovered;

    public WorkflowEngine(string appId, IStateStore store, TimeProvider time, ILoggerFactory loggers, WorkflowEngineOptions? options = null, Tracing.Tracer? tracer = null)
    {
        AppId = appId;
        _store = store;
        _tracer = tracer;
        _spans = new WorkflowSpans(tracer);
        _time = time;
        _logger = loggers.CreateLogger<WorkflowEngine>();
        _options = options ?? new WorkflowEngineOptions();
        _keys = new WorkflowKeys(appId, _options.Namespace);
        _cache = new InstanceCache(store, _keys, _options);
        _timers = new TimerQueue(time, _logger);
        _dispatcher = new WorkItemDispatcher(_options, time, _logger, StartWaitingTurnAsync);
        _indexed = Task.Run(LoadIndexAsync);
        _recovered = Task.Run(RecoverAsync);
    }

    public string AppId { get; }

    public Tracing.Tracer? Tracer => _tracer;

    /// <summary>Workers whose work item stream is open.</summary>
    public int ConnectedWorkers => _dispatcher.Streams;

    /// <summary>Instances held in memory now.</summary>
    public int CachedInstances => _cache.Count;

    /// <summary>Instances that wait for a worker which can go on with them.</summary>
    public int StalledInstances => _stalled.Count;

    /// <summary>Ends when everything that an earlier process left has been set going again.</summary>
    public Task Recovered => _recovered;

    /// <summary>Connects a worker. End it with <see cref="DetachWorker"/>.</summary>
    public WorkItemStream AttachWorker()
    {
        var stream = _dispatcher.Attach();
        _logger.LogInformation("A workflow worker of app '{AppId}' connected ({Count} now).", AppId, ConnectedWorkers);
        // Another worker may know what the last one did not.
        foreach (var instanceId in _stalled.Keys) _ = Task.Run(() => RetryStalledAsync(instanceId));
        return stream;
    }

    /// <summary>Disconnects a worker; what it has in hand goes to others.</summary>
    public void DetachWorker(WorkItemStream stream) => _dispatcher.Detach(stream);

    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync();
        _timers.Dispose();
        _dispatcher.Stop();
        _waiters.FailAll(StatusCode.Unavailable, "the sidecar is shutting down");
        try
        {
            await Task.WhenAll(_indexed, _recovered);
        }
        catch (OperationCanceledException)
        {
            // It had not come to an end yet.
        }
    }

    private DateTimeOffset Now => _time.GetUtcNow();

    /// <summary>The sole right to an instance, loaded, and set going where an earlier process left it.</summary>
    /// <param name="instanceId">Its id.</param>
    /// <param name="cancellationToken">Ends the waiting.</param>
    /// <param name="answered">The activity whose answer the caller has, which is not sent again.</param>
    private async Task<InstanceCache.Lease> AcquireAsync(string instanceId, CancellationToken cancellationToken, ActivityWork? answered = null)
    {
        if (!_indexed.IsCompletedSuccessfully) await _indexed.WaitAsync(cancellationToken);
        var lease = await _cache.AcquireAsync(instanceId, cancellationToken);
        if (_toActivate.IsEmpty || !_toActivate.TryRemove(instanceId, out var left)) return lease;
        try
        {
            Activate(lease, left.FirstOutboxRow, left.FailedAt, answered);
            return lease;
        }
        catch
        {
            _toActivate.TryAdd(instanceId, left);
            lease.Dispose();
            throw;
        }
    }

    /// <summary>The same for a client, who may look for a start that seemed to have failed and was stored after that was looked up.</summary>
    private async Task<InstanceCache.Lease> LookAsync(string instanceId, CancellationToken cancellationToken)
    {
        var lease = await AcquireAsync(instanceId, cancellationToken);
        try
        {
            if (lease.Instance is { IsActive: true, IsBegun: false, History.Count: 0, Metadata.Stalled: null })
            {
                _timers.Cancel(instanceId);
                Begin(lease);
            }
            return lease;
        }
        catch
        {
            lease.Dispose();
            throw;
        }
    }

    /// <summary>Sends the first turn, now or when it is to be.</summary>
    private void Begin(InstanceCache.Lease lease)
    {
        var instance = lease.Instance;
        instance.IsBegun = true;
        if (instance.ScheduledStart is { } start && start > Now) _timers.Schedule(instance.Id, start, () => StartScheduledAsync(instance.Id));
        QueueTurn(lease);
    }

    /// <summary>
    /// Writes one step. When that fails nobody knows whether it was written: the instance is read again and goes on from what it finds. With
    /// <paramref name="turn"/> a worker has the turn that the step causes meanwhile: it does nothing but compute, and its answer waits for this lease.
    /// </summary>
    private async Task ApplyAsync(InstanceCache.Lease lease, List<StateOperation> operations, bool turn = false)
    {
        try
        {
            if (turn) QueueTurn(lease);
            // Not cancelled with the call that asked for it: half of the step would be in memory and half not.
            await _store.ApplyAsync(operations, CancellationToken.None);
        }
        catch (Exception e)
        {
            var instance = lease.Instance;
            _logger.LogError(e, "A step of workflow instance '{InstanceId}' could not be saved.", instance.Id);
            if (instance.Turn is { } sent) End(instance, sent);
            // Activities that run go on: their answers are for the instance as it is read again, too.
            _timers.Cancel(instance.Id);
            _toActivate.TryAdd(instance.Id, (instance.NextOutboxRow, _time.GetTimestamp()));
            lease.Invalidate();
            _timers.Schedule(instance.Id, Now + _options.RetryDelay, () => TouchAsync(instance.Id));
            throw new WorkflowException(StatusCode.Unknown, $"failed to save workflow state: {e.Message}");
        }
    }

    private async Task TouchAsync(string instanceId)
    {
        try
        {
            (await AcquireAsync(instanceId, _stop.Token)).Dispose();
        }
        catch (Exception e) when (e is not OperationCanceledException)
        {
            _logger.LogError(e, "Workflow instance '{InstanceId}' could not be loaded; it is tried again.", instanceId);
            _timers.Schedule(instanceId, Now + _options.RetryDelay, () => TouchAsync(instanceId));
        }
    }

    private async Task LoadIndexAsync()
    {
        while (true)
        {
            try
            {
                foreach (var row in await _store.ListAsync(_keys.IndexPrefix, _stop.Token))
                {
                    var instanceId = row.Key[_keys.IndexPrefix.Length..];
                    var entry = IndexEntry.Parser.ParseFrom(row.Value);
                    if (entry.Active) _toActivate.TryAdd(instanceId, (0, null));
                    else if (entry.PurgeAtTicks > 0) SchedulePurge(instanceId, new DateTimeOffset(entry.PurgeAtTicks, TimeSpan.Zero));
                }
                return;
            }
            catch (Exception e) when (e is not OperationCanceledException)
            {
                _logger.LogError(e, "The workflows of app '{AppId}' could not be listed; it is tried again.", AppId);
                await Task.Delay(_options.RetryDelay, _time, _stop.Token);
            }
        }
    }

    private async Task RecoverAsync()
    {
        await _indexed;
        if (_toActivate.IsEmpty) return;
        var ids = _toActivate.Keys.ToList();
        // A store across a network takes its time for each; more at once would hold up what the apps ask for meanwhile.
        await Parallel.ForEachAsync(ids, new ParallelOptions { MaxDegreeOfParallelism = LoadsAtOnce, CancellationToken = _stop.Token }, async (instanceId, _) => await TouchAsync(instanceId));
        _logger.LogInformation("{Count} unfinished workflows of app '{AppId}' go on.", ids.Count, AppId);
    }

    /// <summary>Sets going what the stored state of an instance asks for.</summary>
    private void Activate(InstanceCache.Lease lease, long firstOutboxRow, long? failedAt, ActivityWork? answered)
    {
        var instance = lease.Instance;
        if (!instance.Exists) return;
        _timers.Cancel(instance.Id);
        instance.MayBeAnsweredLate = true;
        Deliver(lease, instance.UndeliveredOutbox.FindAll(m => m.Row >= firstOutboxRow), areLast: instance.IsTerminal);
        instance.UndeliveredOutbox.Clear();
        _waiters.Changed(instance);
        if (!instance.IsActive)
        {
            DropActivities(instance);
            return;
        }
        // While the store takes nothing, what is overdue would be tried over and over.
        var pause = failedAt is { } at && _options.RetryDelay - _time.GetElapsedTime(at) is var left && left > TimeSpan.Zero ? left : TimeSpan.Zero;
        foreach (var timer in instance.OpenTimers.Values) Schedule(instance, timer, pause);
        foreach (var task in instance.OpenTasks.Values)
            if (task.EventId != answered?.Request.TaskId || instance.ExecutionId != answered.ExecutionId) Dispatch(instance, task);
        if (instance.Metadata?.Stalled is not null)
        {
            _stalled.TryAdd(instance.Id, 0);
            // Those who are connected may never have been asked.
            _timers.Schedule(instance.Id, Now + pause, () => RetryStalledAsync(instance.Id));
        }
        Begin(lease);
    }

    private void Schedule(WorkflowInstance instance, OpenTimer open, TimeSpan pause = default)
    {
        var timer = open.Created;
        var (instanceId, executionId, timerId, fireAt) = (instance.Id, instance.ExecutionId, timer.EventId, timer.TimerCreated.FireAt);
        var now = Now;
        var due = fireAt is null ? now : WorkflowInstance.Moment(fireAt);
        // Further away than the workflow wanted to wait: the clock was set back since its turn was sent.
        if (due.Year < 9999 && due - now - ClockWatch.Tolerance > open.Wait) due = now + open.Wait;
        if (due < now + pause) due = now + pause;
        _timers.Schedule(instanceId, due, async () =>
        {
            using var lease = await AcquireAsync(instanceId, _stop.Token);
            if (lease.Instance.ExecutionId != executionId) return;
            if (lease.Instance.OpenTimers.ContainsKey(timerId)) _spans.Fired(lease.Instance.Started, timer);
            await AddEventAsync(lease, new HistoryEvent
            {
                EventId = -1,
                Timestamp = Timestamp.FromDateTimeOffset(Now),
                TimerFired = new TimerFiredEvent { FireAt = fireAt, TimerId = timerId },
            });
        });
    }

    private void Dispatch(WorkflowInstance instance, HistoryEvent scheduled)
    {
        var task = scheduled.TaskScheduled;
        // Its failure is on its way to the inbox.
        if (scheduled.Router is { HasTargetAppID: true } router && router.TargetAppID != AppId) return;
        _dispatcher.Send(new ActivityWork(new ActivityRequest
        {
            Name = task.Name,
            Version = task.Version,
            Input = task.Input,
            WorkflowInstance = new TaskHub.WorkflowInstance { InstanceId = instance.Id },
            TaskId = scheduled.EventId,
            ParentTraceContext = TraceContexts.WithSpan(task.ParentTraceContext, TraceContexts.NewSpanId()),
            TaskExecutionId = task.TaskExecutionId,
        }, instance.ExecutionId, Now, instance.MayBeAnsweredLate));
    }

    /// <summary>Nobody needs the answers to an instance's activities any more.</summary>
    private void DropActivities(WorkflowInstance instance)
    {
        foreach (var work in _dispatcher.DropActivities(instance.Id, instance.OpenTasks.Keys)) _spans.Ran(work, instance.Started, "its answer is not needed any more");
    }

    /// <summary>Stores an event for the next turn, or drops it when it means nothing (any more). <paramref name="also"/> is written with it in any case.</summary>
    private async Task AddEventAsync(InstanceCache.Lease lease, HistoryEvent e, params StateOperation[] also)
    {
        var instance = lease.Instance;
        List<StateOperation> operations = [.. also];
        if (!instance.Wants(e))
        {
            if (operations.Count > 0) await ApplyAsync(lease, operations);
            return;
        }
        var bytes = Row(e);
        var row = instance.NextInboxRow++;
        operations.Insert(0, new StateOperation(_keys.Inbox(instance.Id, row), bytes));
        instance.Bytes += bytes.Length;
        instance.Receive(row, e);
        await ApplyAsync(lease, operations, turn: true);
        // No worker will end it.
        if (e.EventTypeCase == HistoryEvent.EventTypeOneofCase.ExecutionTerminated && instance.Metadata?.Stalled is not null) _timers.Schedule(instance.Id, Now, () => RetryStalledAsync(instance.Id));
    }

    /// <summary>Brings an instance into being, over a finished one of the same id where there is one.</summary>
    private async Task CreateAsync(InstanceCache.Lease lease, HistoryEvent started, params StateOperation[] also)
    {
        var instance = lease.Instance;
        await DeleteSurplusAsync(lease, instance.Inbox);
        var now = Now;
        var metadata = new InstanceMetadata { HistoryStart = instance.NextHistoryRow, CreatedTicks = now.UtcTicks };
        var (row, bytes) = (instance.NextInboxRow, Row(started));
        List<StateOperation> operations =
        [
            new(_keys.Inbox(instance.Id, row), bytes),
            new(_keys.Metadata(instance.Id), metadata.ToByteArray()),
            new(_keys.Index(instance.Id), new IndexEntry { CreatedTicks = metadata.CreatedTicks, Active = true }.ToByteArray()),
            .. also,
        ];
        if (instance.CustomStatus is not null) operations.Add(new(_keys.CustomStatus(instance.Id), null));
        // Inbox rows have no generation: what a finished instance left there must go in the same step.
        AddDeleted(instance, instance.Inbox, operations);
        _timers.Cancel(instance.Id);
        instance.Reset();
        instance.Metadata = metadata;
        instance.CustomStatus = null;
        instance.NextInboxRow = row + 1;
        instance.Bytes = bytes.Length;
        instance.Receive(row, started);
        await ApplyAsync(lease, operations, turn: true);
        DeleteHistory(lease);
        Begin(lease);
        _waiters.Changed(instance);
    }

    private static byte[] Row(params IEnumerable<HistoryEvent> events)
    {
        var chunk = new HistoryChunk();
        chunk.Events.AddRange(events);
        return chunk.ToByteArray();
    }

    private async Task StartScheduledAsync(string instanceId)
    {
        using var lease = await AcquireAsync(instanceId, _stop.Token);
        // The clock may have been set back since: then it is not yet time.
        Begin(lease);
    }

    /// <summary>Deletes events that nobody will read until those that are left fit into one write with others.</summary>
    private async Task DeleteSurplusAsync(InstanceCache.Lease lease, IEnumerable<InboxEntry> unread)
    {
        var instance = lease.Instance;
        for (var rows = unread.Select(static e => e.Row).Distinct().ToList(); rows.Count > _options.EventsPerTurn; rows.RemoveRange(0, _options.EventsPerTurn))
        {
            var deleted = rows.Take(_options.EventsPerTurn).ToHashSet();
            await ApplyAsync(lease, [.. deleted.Select(row => new StateOperation(_keys.Inbox(instance.Id, row), null))]);
            instance.Inbox.RemoveAll(e => deleted.Contains(e.Row));
        }
    }

    /// <summary>
    /// Rows of an earlier generation mean nothing once the metadata is past them; they go in the background, or when the instance is next loaded or
    /// deleted. It stays in memory until then: whoever takes its row numbers anew must know what is still to be deleted.
    /// </summary>
    private void DeleteHistory(InstanceCache.Lease lease)
    {
        var instance = lease.Instance;
        if (instance.FirstRow < instance.Metadata!.HistoryStart) instance.Deleting = DeleteHistoryAsync(instance, instance.Metadata.HistoryStart, instance.Deleting, lease.Pin());
    }

    private async Task DeleteHistoryAsync(WorkflowInstance instance, long end, Task before, IDisposable pin)
    {
        using var _ = pin;
        await Task.Yield();
        await before;
        try
        {
            while (instance.FirstRow < end)
            {
                var (first, count) = (instance.FirstRow, (int)Math.Min(_options.EventsPerTurn, end - instance.FirstRow));
                await _store.ApplyAsync([.. Enumerable.Range(0, count).Select(i => new StateOperation(_keys.History(instance.Id, first + i), null))], _stop.Token);
                instance.FirstRow = first + count;
            }
        }
        catch (OperationCanceledException)
        {
            // The next process does it.
        }
        catch (Exception e)
        {
            _logger.LogWarning(e, "Old history of workflow instance '{InstanceId}' could not be deleted now.", instance.Id);
        }
    }
}
