using Danube.Dapr.LocalSidecar.State;
using Danube.Dapr.LocalSidecar.Workflows.Storage;
using Danube.Dapr.TaskHub;
using Google.Protobuf;
using Google.Protobuf.WellKnownTypes;
using Grpc.Core;
using Kind = Danube.Dapr.TaskHub.HistoryEvent.EventTypeOneofCase;

namespace Danube.Dapr.LocalSidecar.Workflows;

/// <summary>A finished workflow again, from one of its steps on, under another id.</summary>
internal sealed partial class WorkflowEngine
{
    /// <summary>Copies the history up to the named activity, timer or child, and runs that one again.</summary>
    /// <returns>The id of the new instance.</returns>
    public async Task<string> RerunAsync(RerunWorkflowFromEventRequest request, CancellationToken cancellationToken)
    {
        var newId = request.HasNewInstanceID ? request.NewInstanceID : Guid.NewGuid().ToString();
        if (InvalidInstanceId(newId) is { } invalid) throw new WorkflowException(StatusCode.InvalidArgument, invalid);
        if (newId == request.SourceInstanceID) throw new WorkflowException(StatusCode.InvalidArgument, $"new instance ID '{newId}' is that of the source");
        var history = new List<HistoryEvent>();
        HistoryEvent? target = null;
        string? customStatus;
        using (var source = await AcquireAsync(request.SourceInstanceID, cancellationToken))
        {
            if (!source.Instance.Exists) throw new WorkflowException(StatusCode.NotFound, $"workflow instance '{request.SourceInstanceID}' not found");
            if (!source.Instance.IsTerminal) throw new WorkflowException(StatusCode.InvalidArgument, $"'{request.SourceInstanceID}': can only rerun from workflow instances which are in a terminal state");
            customStatus = source.Instance.CustomStatus;
            foreach (var e in source.Instance.History)
            {
                if (e.EventId == request.EventID && e.EventTypeCase is (Kind.TaskScheduled or Kind.TimerCreated or Kind.ChildWorkflowInstanceCreated))
                {
                    target = e.Clone();
                    break;
                }
                history.Add(e.Clone());
            }
        }
        if (target is null) throw new WorkflowException(StatusCode.NotFound, $"'{request.SourceInstanceID}' has no activity, timer or child workflow with event ID '{request.EventID}'");
        history.Add(target);
        var started = history.Find(static e => e.EventTypeCase == Kind.ExecutionStarted)!.ExecutionStarted;
        started.WorkflowInstance = new TaskHub.WorkflowInstance { InstanceId = newId, ExecutionId = Guid.NewGuid().ToString() };
        // The source's parent waits for the source, not for this one.
        started.ParentInstance = null;

        using var lease = await AcquireAsync(newId, cancellationToken);
        if (lease.Instance.Exists) throw new WorkflowException(StatusCode.AlreadyExists, $"workflow '{newId}' has already been created");
        var copy = new WorkflowInstance(newId);
        foreach (var e in history) copy.Record(e);
        Again(copy, target, request);
        await CreateCopyAsync(lease, history, copy, customStatus);
        return newId;
    }

    /// <summary>Makes the target and everything else that has no answer yet start now.</summary>
    private void Again(WorkflowInstance copy, HistoryEvent target, RerunWorkflowFromEventRequest request)
    {
        var info = new RerunParentInstanceInfo { InstanceID = request.SourceInstanceID };
        var now = Timestamp.FromDateTimeOffset(Now);
        foreach (var e in copy.OpenTasks.Values)
        {
            e.TaskScheduled.RerunParentInstanceInfo = info;
            if (e == target && request.OverwriteInput) e.TaskScheduled.Input = request.Input;
            e.Timestamp = now;
        }
        foreach (var (e, _) in copy.OpenTimers.Values)
        {
            if (e == target && request.OverwriteInput) throw new WorkflowException(StatusCode.InvalidArgument, $"event '{request.EventID}' is a timer, which has no input to overwrite");
            e.TimerCreated.RerunParentInstanceInfo = info;
            if (e.TimerCreated.FireAt is { } fireAt && e.Timestamp is { } created && fireAt.Seconds < 253402300799)
                e.TimerCreated.FireAt = Timestamp.FromDateTimeOffset(Now + (fireAt.ToDateTimeOffset() - created.ToDateTimeOffset()));
            e.Timestamp = now;
        }
        foreach (var e in copy.OpenChildren.Values)
        {
            var child = e.ChildWorkflowInstanceCreated;
            child.RerunParentInstanceInfo = info;
            // The source's child keeps its id.
            child.InstanceId = e == target && request.HasNewChildWorkflowInstanceID ? request.NewChildWorkflowInstanceID : Guid.NewGuid().ToString();
            if (e == target && request.OverwriteInput) child.Input = request.Input;
            e.Timestamp = now;
        }
    }

    private async Task CreateCopyAsync(InstanceCache.Lease lease, List<HistoryEvent> history, WorkflowInstance copy, string? customStatus)
    {
        var instance = lease.Instance;
        var metadata = new InstanceMetadata { HistoryStart = instance.NextHistoryRow, CreatedTicks = Now.UtcTicks };
        var bytes = Row(history);
        List<StateOperation> operations =
        [
            new(_keys.History(instance.Id, metadata.HistoryStart), bytes),
            new(_keys.Metadata(instance.Id), metadata.ToByteArray()),
            new(_keys.Index(instance.Id), new IndexEntry { CreatedTicks = metadata.CreatedTicks, Active = true }.ToByteArray()),
        ];
        AddCustomStatus(instance, customStatus, operations);
        var children = copy.OpenChildren.Values.Select(e =>
        {
            var child = e.ChildWorkflowInstanceCreated;
            var start = TurnOutcome.ChildStarted(copy, AppId, Timestamp.FromDateTimeOffset(Now), child.InstanceId, e.EventId, child.Name, child.Version, child.Input, child.ParentTraceContext);
            return new OutboxMessage { TargetInstanceId = child.InstanceId, Event = start };
        }).ToList();
        var messages = AddMessages(instance, children, operations);
        await ApplyAsync(lease, operations);
        instance.Reset();
        instance.Metadata = metadata;
        instance.CustomStatus = customStatus;
        instance.NextHistoryRow = metadata.HistoryStart + 1;
        instance.NextOutboxRow += messages.Count;
        instance.Bytes = bytes.Length;
        foreach (var e in history) instance.Record(e);
        Deliver(lease, messages);
        foreach (var timer in instance.OpenTimers.Values) Schedule(instance, timer);
        foreach (var task in instance.OpenTasks.Values) Dispatch(instance, task);
        _waiters.Changed(instance);
    }
}
