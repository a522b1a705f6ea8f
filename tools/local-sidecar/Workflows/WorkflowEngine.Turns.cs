using System.Collections.Concurrent;
using System.Text;
using Danube.Dapr.LocalSidecar.State;
using Danube.Dapr.LocalSidecar.Workflows.Storage;
using Danube.Dapr.TaskHub;
using Google.Protobuf;
using Google.Protobuf.WellKnownTypes;
using Grpc.Core;
using Kind = Danube.Dapr.TaskHub.HistoryEvent.EventTypeOneofCase;

namespace Danube.Dapr.LocalSidecar.Workflows;

/// <summary>Turns: from the inbox to a worker, and from its answer to the store and onwards.</summary>
internal sealed partial class WorkflowEngine
{
    // After so many turns that could not be committed daprd's watchers give up, 6 s after the first.
    private const int FailedTurnsUntilWatchersFail = 6;

    // Few enough to be written again after each delivery, so many that a turn that starts a thousand children is one write of etcd's 128 operations.
    private const int MessagesPerRow = 32;

    private readonly ConcurrentDictionary<string, byte> _stalled = new(StringComparer.Ordinal);

    /// <summary>A worker's answer to a turn. When this returns the turn is saved.</summary>
    public async Task CompleteTurnAsync(WorkflowResponse response)
    {
        if (_dispatcher.Answer(new(response.InstanceId, null), response.CompletionToken) is not Turn turn) return;
        using var lease = await AcquireAnsweredAsync(response.InstanceId);
        var instance = lease.Instance;
        if (instance.Turn != turn) return;
        var outcome = TurnOutcome.Of(instance, turn, response, AppId, Now, _tracer);
        if (outcome.Refused is { } reason)
        {
            _logger.LogWarning("A turn of workflow instance '{InstanceId}' cannot be saved and is sent again: {Reason}.", instance.Id, reason);
            End(instance, turn);
            RepeatLater(instance);
        }
        else if (outcome.Stalled is { } stalled)
        {
            End(instance, turn);
            await StallAsync(lease, stalled);
        }
        else if (outcome.NextGeneration is not null)
        {
            await CommitNextGenerationAsync(lease, turn, outcome, response.CustomStatus);
        }
        else
        {
            await CommitAsync(lease, turn, outcome, response.CustomStatus);
        }
    }

    /// <summary>A worker's answer to an activity. When this returns the result is saved.</summary>
    public async Task CompleteActivityAsync(ActivityResponse response)
    {
        if (_dispatcher.Answer(new(response.InstanceId, response.TaskId), response.CompletionToken) is not ActivityWork work) return;
        using var lease = await AcquireAnsweredAsync(response.InstanceId, work);
        if (lease.Instance.ExecutionId != work.ExecutionId) return;
        var e = new HistoryEvent { EventId = -1, Timestamp = Timestamp.FromDateTimeOffset(Now), Router = new TaskRouter { SourceAppID = AppId } };
        if (response.FailureDetails is { } failure)
            e.TaskFailed = new TaskFailedEvent { TaskScheduledId = response.TaskId, FailureDetails = failure, TaskExecutionId = work.Request.TaskExecutionId };
        else
            e.TaskCompleted = new TaskCompletedEvent { TaskScheduledId = response.TaskId, Result = response.Result, TaskExecutionId = work.Request.TaskExecutionId };
        await AddEventAsync(lease, e);
        _spans.Ran(work, lease.Instance.Started, response.FailureDetails is { } failed ? $"{failed.ErrorType}: {failed.ErrorMessage}" : null);
    }

    // Its answer was taken, so nobody would ask for the work again: the instance does, as soon as it can be read. No worker sends an answer again for
    // this status: a later turn would take it for its own.
    private async Task<InstanceCache.Lease> AcquireAnsweredAsync(string instanceId, ActivityWork? activity = null)
    {
        try
        {
            return await AcquireAsync(instanceId, CancellationToken.None, activity);
        }
        catch (Exception e)
        {
            _logger.LogError(e, "Workflow instance '{InstanceId}' could not be read for an answer; what it is for is sent again.", instanceId);
            ActivateLater(instanceId);
            throw new WorkflowException(StatusCode.Unknown, $"failed to load workflow state: {e.Message}");
        }
    }

    private void ActivateLater(string instanceId)
    {
        _toActivate.TryAdd(instanceId, (long.MaxValue, _time.GetTimestamp()));
        _timers.Schedule(instanceId, Now + _options.RetryDelay, () => TouchAsync(instanceId));
    }

    /// <summary>Sends the next turn when there is something for it, no other is out, and a worker has a place.</summary>
    private void QueueTurn(InstanceCache.Lease lease)
    {
        var instance = lease.Instance;
        if (!WantsTurn(instance) || instance.TurnQueued) return;
        if (_dispatcher.Reserve(instance.Id) is { } stream) SendTurn(lease, stream);
        else instance.TurnQueued = true;
    }

    private bool WantsTurn(WorkflowInstance instance) =>
        instance.IsActive && instance.Turn is null && instance.Inbox.Count > 0 && instance.Metadata?.Stalled is null && !(instance.ScheduledStart > Now);

    /// <summary>A worker has a place for the turn of an instance that waited for one.</summary>
    private async Task StartWaitingTurnAsync(string instanceId, WorkItemStream stream)
    {
        try
        {
            using var lease = await AcquireAsync(instanceId, _stop.Token);
            lease.Instance.TurnQueued = false;
            if (WantsTurn(lease.Instance)) SendTurn(lease, stream);
            else _dispatcher.Release(stream);
        }
        catch (Exception e)
        {
            _dispatcher.Release(stream);
            if (e is OperationCanceledException) return;
            _logger.LogError(e, "The next turn of workflow instance '{InstanceId}' could not be made; it is tried again.", instanceId);
            ActivateLater(instanceId);
        }
    }

    private void SendTurn(InstanceCache.Lease lease, WorkItemStream stream)
    {
        var instance = lease.Instance;
        var request = new WorkflowRequest { InstanceId = instance.Id };
        request.PastEvents.AddRange(instance.History);
        // A next generation brings its workflowStarted along, as the first event of its inbox.
        if (instance.Inbox[0].Event.EventTypeCase != Kind.WorkflowStarted)
        {
            request.NewEvents.Add(new HistoryEvent { EventId = -1, Timestamp = Timestamp.FromDateTimeOffset(Now), WorkflowStarted = new WorkflowStartedEvent() });
        }
        var taken = Math.Min(instance.Inbox.Count, _options.EventsPerTurn);
        while (taken < instance.Inbox.Count && instance.Inbox[taken].Row == instance.Inbox[taken - 1].Row) taken++;
        for (var i = 0; i < taken; i++) request.NewEvents.Add(instance.Inbox[i].Event);
        if (instance.Bytes > _options.LargestTurnBytes / 2 && request.CalculateSize() is var size && size > _options.LargestTurnBytes)
        {
            _dispatcher.Release(stream);
            var stalled = new ExecutionStalledEvent { Reason = StalledReason.PayloadSizeExceeded, Description = $"The next turn has {size} bytes, the limit is {_options.LargestTurnBytes}" };
            _ = Task.Run(() => StallAsync(instance.Id, stalled));
            return;
        }
        instance.Turn = new Turn(request, taken, lease.Pin(), instance.MayBeAnsweredLate);
        _dispatcher.Send(instance.Turn, stream);
    }

    private async Task CommitAsync(InstanceCache.Lease lease, Turn turn, TurnOutcome outcome, string? customStatus)
    {
        var instance = lease.Instance;
        var bytes = Row(outcome.Events);
        var ended = outcome.Events[^1].EventTypeCase == Kind.ExecutionCompleted;
        var operations = new List<StateOperation> { new(_keys.History(instance.Id, instance.NextHistoryRow), bytes) };
        // A finished instance takes no more events: those that came during its last turn go too, as many as fit.
        var emptied = ended ? Math.Min(instance.Inbox.Count, Math.Max(turn.InboxEvents, _options.EventsPerTurn)) : turn.InboxEvents;
        AddDeleted(instance, instance.Inbox.Take(emptied), operations);
        AddCustomStatus(instance, customStatus, operations);
        var messages = AddMessages(instance, outcome.Messages, operations);
        // One that has something to tell, now or from an earlier turn, stays in the index of those to look after until it has told it.
        var purgeAt = PurgeAt(outcome.Events[^1]);
        var hasToldAll = messages.Count == 0 && instance.Outbox.IsCompleted;
        if (ended && hasToldAll) operations.Add(FinishedIndex(instance, purgeAt));
        await ApplyAsync(lease, operations);

        End(instance, turn);
        instance.FailedTurns = 0;
        instance.NextHistoryRow++;
        instance.NextOutboxRow += messages.Count;
        instance.Bytes += bytes.Length;
        instance.CustomStatus = customStatus;
        instance.Inbox.RemoveRange(0, emptied);
        foreach (var e in outcome.Events) instance.Record(e);
        Deliver(lease, messages, areLast: ended && !hasToldAll);
        if (ended)
        {
            _timers.Cancel(instance.Id);
            DropActivities(instance);
            if (purgeAt is { } at) SchedulePurge(instance.Id, at);
            var end = outcome.Events[^1].ExecutionCompleted;
            _spans.Ended(instance.Started!, end.WorkflowStatus, end.FailureDetails, instance.History[0].Timestamp);
        }
        else
        {
            foreach (var e in outcome.Events)
            {
                if (e.EventTypeCase == Kind.TaskScheduled && instance.OpenTasks.ContainsKey(e.EventId)) Dispatch(instance, e);
                else if (e.EventTypeCase == Kind.TimerCreated && instance.OpenTimers.TryGetValue(e.EventId, out var timer)) Schedule(instance, timer);
            }
            QueueTurn(lease);
        }
        _waiters.Changed(instance);
    }

    private async Task CommitNextGenerationAsync(InstanceCache.Lease lease, Turn turn, TurnOutcome outcome, string? customStatus)
    {
        var instance = lease.Instance;
        // Should the process die after this, their activities and timers answer again.
        await DeleteSurplusAsync(lease, instance.Inbox.Skip(turn.InboxEvents).Where(static e => e.Event.EventTypeCase is Kind.TaskCompleted or Kind.TaskFailed or Kind.TimerFired));
        var later = instance.Inbox.Skip(turn.InboxEvents).ToLookup(static e => WorkflowInstance.OutlivesGeneration(e.Event));
        var metadata = instance.Metadata!.Clone();
        metadata.HistoryStart = instance.NextHistoryRow;
        // The new start takes the first row of the batch, which is before all that arrived meanwhile.
        var first = instance.Inbox[0].Row;
        var bytes = Row(outcome.NextGeneration!);
        var operations = new List<StateOperation> { new(_keys.Metadata(instance.Id), metadata.ToByteArray()) };
        AddDeleted(instance, instance.Inbox.Take(turn.InboxEvents).Concat(later[false]).Where(e => e.Row != first), operations);
        operations.Add(new(_keys.Inbox(instance.Id, first), bytes));
        AddCustomStatus(instance, customStatus, operations);
        var messages = AddMessages(instance, outcome.Messages, operations);
        await ApplyAsync(lease, operations);

        End(instance, turn);
        _timers.Cancel(instance.Id);
        DropActivities(instance);
        var kept = later[true].ToList();
        _spans.Ended(instance.Started!, OrchestrationStatus.ContinuedAsNew, null, turn.Request.PastEvents.Concat(turn.Request.NewEvents).First().Timestamp);
        instance.Reset();
        instance.Metadata = metadata;
        instance.CustomStatus = customStatus;
        instance.NextOutboxRow += messages.Count;
        instance.Bytes = bytes.Length;
        foreach (var e in outcome.NextGeneration!) instance.Receive(first, e);
        _spans.Created(instance.Started!, null, Now);
        foreach (var entry in kept) instance.Receive(entry.Row, entry.Event);
        Deliver(lease, messages);
        DeleteHistory(lease);
        QueueTurn(lease);
    }

    private DateTimeOffset? PurgeAt(HistoryEvent last) =>
        last.EventTypeCase == Kind.ExecutionCompleted ? last.Timestamp.ToDateTimeOffset() + _options.Retention.For(last.ExecutionCompleted.WorkflowStatus) : null;

    private StateOperation FinishedIndex(WorkflowInstance instance, DateTimeOffset? purgeAt) =>
        new(_keys.Index(instance.Id), new IndexEntry { CreatedTicks = instance.Metadata!.CreatedTicks, PurgeAtTicks = purgeAt?.UtcTicks ?? 0 }.ToByteArray());

    private void AddDeleted(WorkflowInstance instance, IEnumerable<InboxEntry> entries, List<StateOperation> operations) =>
        operations.AddRange(entries.Select(static e => e.Row).Distinct().Select(row => new StateOperation(_keys.Inbox(instance.Id, row), null)));

    private void AddCustomStatus(WorkflowInstance instance, string? customStatus, List<StateOperation> operations)
    {
        if (customStatus != instance.CustomStatus) operations.Add(new(_keys.CustomStatus(instance.Id), customStatus is null ? null : Encoding.UTF8.GetBytes(customStatus)));
    }

    private List<(long Row, OutboxChunk Chunk)> AddMessages(WorkflowInstance instance, List<OutboxMessage> messages, List<StateOperation> operations)
    {
        var rows = messages.Chunk(MessagesPerRow).Select((m, i) => (Row: instance.NextOutboxRow + i, Chunk: new OutboxChunk { Messages = { m } })).ToList();
        operations.AddRange(rows.Select(r => new StateOperation(_keys.Outbox(instance.Id, r.Row), r.Chunk.ToByteArray())));
        return rows;
    }

    /// <summary>The turn is out no more, however it ended.</summary>
    private void End(WorkflowInstance instance, Turn turn)
    {
        _dispatcher.Drop(turn);
        instance.Turn = null;
        turn.Pin.Dispose();
    }

    /// <summary>The turn comes again after a pause, built anew.</summary>
    private void RepeatLater(WorkflowInstance instance)
    {
        if (++instance.FailedTurns >= FailedTurnsUntilWatchersFail)
        {
            _waiters.Fail(instance.Id, StatusCode.Unknown, "actor is closed, cannot handle deactivated");
            instance.FailedTurns = 0;
        }
        instance.TurnQueued = true;
        _timers.Schedule(instance.Id, Now + _options.RetryDelay, async () =>
        {
            using var lease = await AcquireAsync(instance.Id, _stop.Token);
            lease.Instance.TurnQueued = false;
            QueueTurn(lease);
        });
    }

    private async Task StallAsync(string instanceId, ExecutionStalledEvent stalled)
    {
        try
        {
            using var lease = await AcquireAsync(instanceId, _stop.Token);
            if (WantsTurn(lease.Instance)) await StallAsync(lease, stalled);
        }
        catch (Exception e) when (e is WorkflowException or OperationCanceledException)
        {
            _logger.LogWarning("Workflow instance '{InstanceId}' could not be marked as stalled: {Reason}", instanceId, e.Message);
        }
        catch (Exception e)
        {
            _logger.LogError(e, "Workflow instance '{InstanceId}' could not be read to be marked as stalled; it is tried again.", instanceId);
            ActivateLater(instanceId);
        }
    }

    private async Task StallAsync(InstanceCache.Lease lease, ExecutionStalledEvent stalled)
    {
        var instance = lease.Instance;
        _logger.LogWarning("Workflow instance '{InstanceId}' is stalled: {Reason}, {Description}.", instance.Id, stalled.Reason, stalled.Description);
        var metadata = instance.Metadata!.Clone();
        metadata.Stalled = stalled;
        await ApplyAsync(lease, [new(_keys.Metadata(instance.Id), metadata.ToByteArray())]);
        instance.Metadata = metadata;
        _stalled.TryAdd(instance.Id, 0);
        _waiters.Changed(instance);
        // It came while the turn was out, for which it was no reason to stall.
        if (Termination(instance) is { } terminated) await EndStalledAsync(lease, terminated);
    }

    private static HistoryEvent? Termination(WorkflowInstance instance) => instance.Inbox.Find(static e => e.Event.EventTypeCase == Kind.ExecutionTerminated).Event;

    private async Task RetryStalledAsync(string instanceId)
    {
        try
        {
            using var lease = await AcquireAsync(instanceId, _stop.Token);
            if (!lease.Instance.IsActive) _stalled.TryRemove(instanceId, out _);
            else if (lease.Instance is { Turn: null, Metadata.Stalled: not null } instance && Termination(instance) is { } terminated) await EndStalledAsync(lease, terminated);
            else if (ConnectedWorkers > 0) await UnstallAsync(lease);
        }
        catch (Exception e) when (e is WorkflowException or OperationCanceledException)
        {
            _logger.LogWarning("Stalled workflow instance '{InstanceId}' could not be tried again: {Reason}", instanceId, e.Message);
        }
        catch (Exception e)
        {
            _logger.LogError(e, "Stalled workflow instance '{InstanceId}' could not be read; it is tried again.", instanceId);
            ActivateLater(instanceId);
        }
    }

    private async Task UnstallAsync(InstanceCache.Lease lease)
    {
        var instance = lease.Instance;
        _stalled.TryRemove(instance.Id, out _);
        if (instance.Metadata?.Stalled is null) return;
        var metadata = instance.Metadata.Clone();
        metadata.Stalled = null;
        await ApplyAsync(lease, [new(_keys.Metadata(instance.Id), metadata.ToByteArray())]);
        instance.Metadata = metadata;
        QueueTurn(lease);
    }
}
