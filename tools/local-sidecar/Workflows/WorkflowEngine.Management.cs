using System.Globalization;
using Danube.Dapr.LocalSidecar.State;
using Danube.Dapr.LocalSidecar.Workflows.Storage;
using Danube.Dapr.TaskHub;
using Google.Protobuf;
using Google.Protobuf.WellKnownTypes;
using Grpc.Core;
using Kind = Danube.Dapr.TaskHub.HistoryEvent.EventTypeOneofCase;

namespace Danube.Dapr.LocalSidecar.Workflows;

/// <summary>What clients ask for: start, look, wait, tell, end, delete.</summary>
internal sealed partial class WorkflowEngine
{
    /// <summary>Starts an instance and waits for its first turn to be saved; with a scheduled start it only saves it.</summary>
    /// <param name="request">What to start. An empty id or name is allowed here, as daprd's task hub does.</param>
    /// <param name="traceParent">W3C context of the caller, used when the request has none.</param>
    /// <param name="traceState">Its trace state.</param>
    /// <param name="cancellationToken">Ends the waiting, not the workflow.</param>
    /// <exception cref="WorkflowException">The id is active or not allowed.</exception>
    public async Task<string> StartAsync(CreateInstanceRequest request, string? traceParent, string? traceState, CancellationToken cancellationToken)
    {
        var id = request.InstanceId;
        if (InvalidInstanceId(id) is { } invalid) throw new WorkflowException(StatusCode.Unknown, $"failed to create workflow instance: rpc error: code = Unknown desc = {invalid}");
        await RefuseLivingChildrenAsync(id, cancellationToken);
        var (asked, caller) = (Now, request.ParentTraceContext?.TraceParent ?? traceParent);
        InstanceWaiters.Waiter? waiter = null;
        using (var lease = await LookAsync(id, cancellationToken))
        {
            if (lease.Instance.IsActive) throw AlreadyActive(id, $"an active workflow with ID '{id}' already exists");
            var start = new ExecutionStartedEvent
            {
                Name = request.Name,
                Version = request.Version,
                Input = request.Input,
                WorkflowInstance = new TaskHub.WorkflowInstance { InstanceId = id, ExecutionId = request.ExecutionId ?? Guid.NewGuid().ToString() },
                ScheduledStartTimestamp = request.ScheduledStartTimestamp,
                ParentTraceContext = TraceContexts.Under(caller, request.ParentTraceContext?.TraceState ?? traceState, _tracer),
                WorkflowSpanID = TraceContexts.NewSpanId(),
            };
            start.Tags.Add(request.Tags);
            await CreateAsync(lease, new HistoryEvent
            {
                EventId = -1,
                Timestamp = Timestamp.FromDateTimeOffset(Now),
                Router = new TaskRouter { SourceAppID = AppId },
                ExecutionStarted = start,
            });
            _spans.Created(start, caller, asked);
            if (request.ScheduledStartTimestamp is null) waiter = _waiters.Add(id, static i => i.Status != OrchestrationStatus.Pending, false);
        }
        if (waiter is not null) await waiter.WaitAsync(cancellationToken);
        return id;
    }

    /// <summary>The state of an instance, or null when there is none.</summary>
    public async Task<WorkflowState?> GetAsync(string instanceId, bool withPayloads, CancellationToken cancellationToken)
    {
        using var lease = await LookAsync(instanceId, cancellationToken);
        return lease.Instance.Exists ? lease.Instance.ToState(withPayloads) : null;
    }

    /// <summary>Waits until the first turn is saved. An unknown id is waited for, too.</summary>
    public Task<WorkflowState> WaitForStartAsync(string instanceId, bool withPayloads, CancellationToken cancellationToken) =>
        WaitAsync(instanceId, static i => i.Exists && i.Status != OrchestrationStatus.Pending, withPayloads, cancellationToken);

    /// <summary>Waits until the instance has ended. An unknown id is waited for, too.</summary>
    public Task<WorkflowState> WaitForCompletionAsync(string instanceId, bool withPayloads, CancellationToken cancellationToken) =>
        WaitAsync(instanceId, static i => i.IsTerminal, withPayloads, cancellationToken);

    /// <summary>Raises an event; a finished instance ignores it.</summary>
    public async Task RaiseEventAsync(string instanceId, string name, string? input, CancellationToken cancellationToken)
    {
        using var lease = await AcquireAsync(instanceId, cancellationToken);
        if (!lease.Instance.Exists) throw WorkflowException.NotFound();
        if (lease.Instance.Status == OrchestrationStatus.Stalled) throw new WorkflowException(StatusCode.FailedPrecondition, $"workflow instance '{instanceId}' is stalled");
        await AddEventAsync(lease, FromOutside(new HistoryEvent { EventRaised = new EventRaisedEvent { Name = name, Input = input } }));
    }

    /// <summary>Suspends an instance and waits for it to be.</summary>
    public Task SuspendAsync(string instanceId, string? reason, CancellationToken cancellationToken) =>
        TellAsync(instanceId, new HistoryEvent { ExecutionSuspended = new ExecutionSuspendedEvent { Input = reason } }, static i => i.Suspended, "", cancellationToken);

    /// <summary>Resumes an instance and waits for it to be.</summary>
    public Task ResumeAsync(string instanceId, string? reason, CancellationToken cancellationToken) =>
        TellAsync(instanceId, new HistoryEvent { ExecutionResumed = new ExecutionResumedEvent { Input = reason } }, static i => !i.Suspended && i.History.Count > 0, "", cancellationToken);

    /// <summary>Terminates an instance and waits for its end; its running children follow when <paramref name="recursive"/>.</summary>
    public async Task TerminateAsync(string instanceId, string? output, bool recursive, CancellationToken cancellationToken)
    {
        var terminated = new HistoryEvent { ExecutionTerminated = new ExecutionTerminatedEvent { Input = output, Recurse = recursive } };
        await TellAsync(instanceId, terminated, static _ => false, "failed to submit termination request: ", cancellationToken);
    }

    /// <summary>Deletes a finished instance, and its children when <paramref name="recursive"/>.</summary>
    /// <returns>How many instances were deleted.</returns>
    public async Task<int> PurgeAsync(string instanceId, bool recursive, bool force, CancellationToken cancellationToken)
    {
        List<string> children;
        Task outbox;
        using (var lease = await AcquireAsync(instanceId, cancellationToken))
        {
            RefusePurge(lease.Instance, force);
            children = [.. lease.Instance.History.Where(static e => e.EventTypeCase == Kind.ChildWorkflowInstanceCreated).Select(static e => e.ChildWorkflowInstanceCreated.InstanceId)];
            outbox = lease.Instance.Outbox;
        }
        var deleted = 0;
        if (recursive)
        {
            foreach (var child in children) deleted += await PurgeChildAsync(child, force, cancellationToken);
        }
        // What its last turn had to tell others must not be deleted with it.
        await outbox.WaitAsync(cancellationToken);
        using (var lease = await AcquireAsync(instanceId, cancellationToken))
        {
            RefusePurge(lease.Instance, force);
            await DeleteAsync(lease);
        }
        return deleted + 1;
    }

    /// <summary>Ids in the order in which they were started.</summary>
    /// <param name="after">Where the page before this one ended, or null.</param>
    /// <param name="pageSize">How many; null for all.</param>
    /// <param name="cancellationToken">Cancels.</param>
    public async Task<(IReadOnlyList<string> Ids, string? Next)> ListAsync(string? after, int? pageSize, CancellationToken cancellationToken)
    {
        await _indexed.WaitAsync(cancellationToken);
        (long Created, string Id) from = (long.MinValue, "");
        if (!string.IsNullOrEmpty(after))
        {
            var dot = after.IndexOf('.', StringComparison.Ordinal);
            if (dot < 0 || !long.TryParse(after.AsSpan(0, dot), NumberStyles.None, CultureInfo.InvariantCulture, out var ticks))
                throw new WorkflowException(StatusCode.InvalidArgument, $"continuation token '{after}' is not one that a list answered");
            from = (ticks, after[(dot + 1)..]);
        }
        var rows = await _store.ListAsync(_keys.IndexPrefix, cancellationToken);
        var all = rows.Select(r => (Created: IndexEntry.Parser.ParseFrom(r.Value).CreatedTicks, Id: r.Key[_keys.IndexPrefix.Length..]))
            .Where(r => r.Created != from.Created ? r.Created > from.Created : string.CompareOrdinal(r.Id, from.Id) > 0 || after is null)
            .OrderBy(static r => r.Created).ThenBy(static r => r.Id, StringComparer.Ordinal);
        if (pageSize is not > 0) return ([.. all.Select(static r => r.Id)], null);
        var page = all.Take(pageSize.Value + 1).ToList();
        if (page.Count <= pageSize) return ([.. page.Select(static r => r.Id)], null);
        var last = page[pageSize.Value - 1];
        return ([.. page.Take(pageSize.Value).Select(static r => r.Id)], string.Create(CultureInfo.InvariantCulture, $"{last.Created}.{last.Id}"));
    }

    /// <summary>The committed events of an instance.</summary>
    public async Task<IReadOnlyList<HistoryEvent>> GetHistoryAsync(string instanceId, CancellationToken cancellationToken)
    {
        using var lease = await AcquireAsync(instanceId, cancellationToken);
        return lease.Instance.Exists ? [.. lease.Instance.History] : throw new WorkflowException(StatusCode.NotFound, $"workflow instance '{instanceId}' not found");
    }

    private static WorkflowException AlreadyActive(string instanceId, string reason) =>
        new(StatusCode.AlreadyExists, $"failed to create workflow instance: rpc error: code = AlreadyExists desc = {reason}");

    /// <summary>Why an id cannot be used, in daprd's words where it refuses it, or null.</summary>
    private string? InvalidInstanceId(string instanceId)
    {
        if (instanceId.AsSpan().IndexOfAny("/\\#?") >= 0)
            return $"job name is invalid \"actorreminder||{_options.Namespace}||dapr.internal.{_options.Namespace}.{AppId}.workflow||{instanceId}||start-{Guid.NewGuid().ToString("N")[..8]}\": must not contain '/', '\\', '#' or '?'";
        return instanceId.Contains("||", StringComparison.Ordinal) ? $"workflow instance ID '{instanceId}' is invalid: it must not contain '||'" : null;
    }

    /// <summary>A finished id may be used again only when its children have ended as well.</summary>
    private async Task RefuseLivingChildrenAsync(string instanceId, CancellationToken cancellationToken)
    {
        List<string> children;
        using (var lease = await AcquireAsync(instanceId, cancellationToken))
        {
            if (!lease.Instance.IsTerminal) return;
            children = [.. lease.Instance.OpenChildren.Values.Select(static e => e.ChildWorkflowInstanceCreated.InstanceId)];
        }
        foreach (var child in children)
        {
            using var lease = await AcquireAsync(child, cancellationToken);
            if (lease.Instance.IsActive) throw AlreadyActive(instanceId, $"cannot recreate workflow with ID '{instanceId}': child workflow '{child}' is still active");
        }
    }

    private async Task<WorkflowState> WaitAsync(string instanceId, Func<WorkflowInstance, bool> condition, bool withPayloads, CancellationToken cancellationToken)
    {
        InstanceWaiters.Waiter waiter;
        using (var lease = await LookAsync(instanceId, cancellationToken))
        {
            if (condition(lease.Instance)) return lease.Instance.ToState(withPayloads);
            waiter = _waiters.Add(instanceId, condition, withPayloads);
        }
        return await waiter.WaitAsync(cancellationToken);
    }

    /// <summary>Gives an event to an instance and waits until it did what it says, or has ended.</summary>
    private async Task TellAsync(string instanceId, HistoryEvent e, Func<WorkflowInstance, bool> done, string errorPrefix, CancellationToken cancellationToken)
    {
        InstanceWaiters.Waiter waiter;
        using (var lease = await AcquireAsync(instanceId, cancellationToken))
        {
            if (!lease.Instance.Exists) throw WorkflowException.NotFound(errorPrefix);
            if (lease.Instance.IsTerminal) return;
            var already = done(lease.Instance);
            await AddEventAsync(lease, FromOutside(e));
            if (already) return;
            waiter = _waiters.Add(instanceId, i => i.IsTerminal || done(i), false);
        }
        await waiter.WaitAsync(cancellationToken);
    }

    private HistoryEvent FromOutside(HistoryEvent e)
    {
        e.EventId = -1;
        e.Timestamp = Timestamp.FromDateTimeOffset(Now);
        return e;
    }

    /// <summary>No worker can end a stalled instance, so it is ended without one, by an event in its inbox.</summary>
    private async Task EndStalledAsync(InstanceCache.Lease lease, HistoryEvent terminated)
    {
        var (instance, instanceId) = (lease.Instance, lease.Instance.Id);
        var request = new WorkflowRequest { InstanceId = instanceId };
        request.NewEvents.Add(FromOutside(new HistoryEvent { WorkflowStarted = new WorkflowStartedEvent() }));
        // What does not fit into one write means nothing to an ended instance.
        var taken = Math.Min(instance.Inbox.Count, _options.EventsPerTurn);
        request.NewEvents.AddRange(instance.Inbox.Take(taken).Select(static e => e.Event).Where(e => e.EventTypeCase != Kind.WorkflowStarted && e != terminated));
        request.NewEvents.Add(terminated);
        // The patches of the history, as a worker that knows them would name them.
        var version = new WorkflowVersion { Patches = { instance.History.SelectMany(static e => e.WorkflowStarted?.Version?.Patches ?? []) } };
        var end = new CompleteWorkflowAction { WorkflowStatus = OrchestrationStatus.Terminated, Result = terminated.ExecutionTerminated.Input };
        var turn = instance.Turn = new Turn(request, taken, lease.Pin());
        var response = new WorkflowResponse { InstanceId = instanceId, Version = version, Actions = { new WorkflowAction { Id = -1, CompleteWorkflow = end } } };
        _stalled.TryRemove(instanceId, out _);
        await CommitAsync(lease, turn, TurnOutcome.Of(instance, turn, response, AppId, Now), instance.CustomStatus);
    }

    private static void RefusePurge(WorkflowInstance instance, bool force)
    {
        if (!instance.Exists) throw WorkflowException.NotFound("failed to purge workflow state: failed to fetch workflow state: ");
        if (!instance.IsTerminal && !force) throw new WorkflowException(StatusCode.Unknown, "failed to purge workflow state: orchestration has not yet completed");
    }

    /// <summary>Children that still run or are gone already are left alone.</summary>
    private async Task<int> PurgeChildAsync(string instanceId, bool force, CancellationToken cancellationToken)
    {
        using (var lease = await AcquireAsync(instanceId, cancellationToken))
        {
            if (!lease.Instance.Exists || !lease.Instance.IsTerminal && !force) return 0;
        }
        return await PurgeAsync(instanceId, true, force, cancellationToken);
    }

    private void SchedulePurge(string instanceId, DateTimeOffset at) => _timers.Schedule(instanceId, at, async () =>
    {
        try
        {
            await PurgeAsync(instanceId, false, false, _stop.Token);
        }
        catch (WorkflowException)
        {
            // Purged by someone else, or started anew.
        }
    });

    private async Task DeleteAsync(InstanceCache.Lease lease)
    {
        var instance = lease.Instance;
        var metadata = instance.Metadata!;
        List<StateOperation> rows = [];
        // The rows will be taken anew: nothing of them may be left, nor be deleted later.
        await instance.Deleting;
        for (var row = instance.FirstRow; row < instance.NextHistoryRow; row++) rows.Add(new(_keys.History(instance.Id, row), null));
        AddDeleted(instance, instance.Inbox, rows);
        if (instance.CustomStatus is not null) rows.Add(new(_keys.CustomStatus(instance.Id), null));
        if (rows.Count > _options.EventsPerTurn)
        {
            // Too much for one write: the mark makes it gone, and the process that finds it after a crash, among those to look after, deletes the rest.
            var marked = metadata.Clone();
            marked.Purging = true;
            await ApplyAsync(lease, [new(_keys.Metadata(instance.Id), marked.ToByteArray()), new(_keys.Index(instance.Id), new IndexEntry { CreatedTicks = metadata.CreatedTicks, Active = true }.ToByteArray())]);
            foreach (var batch in rows.Chunk(_options.EventsPerTurn)) await ApplyAsync(lease, [.. batch]);
            rows.Clear();
        }
        rows.Add(new(_keys.Index(instance.Id), null));
        rows.Add(new(_keys.Metadata(instance.Id), null));
        await ApplyAsync(lease, rows);
        if (instance.Turn is { } turn) End(instance, turn);
        _timers.Cancel(instance.Id);
        DropActivities(instance);
        _stalled.TryRemove(instance.Id, out _);
        instance.Reset();
        instance.FirstRow = instance.NextHistoryRow;
        instance.Metadata = null;
        instance.CustomStatus = null;
    }
}
