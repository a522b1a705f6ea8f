using Danube.Dapr.LocalSidecar.State;
using Danube.Dapr.LocalSidecar.Workflows.Storage;
using Danube.Dapr.TaskHub;
using Google.Protobuf;
using Google.Protobuf.WellKnownTypes;
using Kind = Danube.Dapr.TaskHub.HistoryEvent.EventTypeOneofCase;

namespace Danube.Dapr.LocalSidecar.Workflows;

/// <summary>
/// Messages between instances: a child's start, its end, a termination that recurses. They are committed with the sender's turn and deleted in
/// the very write that gives them to the receiver, so each arrives exactly once, and only one instance is held at a time.
/// </summary>
internal sealed partial class WorkflowEngine
{
    /// <summary>
    /// Delivers in order, in the background; the sender stays in memory until all have arrived. Those that are the last ones of a finished sender
    /// end with the mark that nobody needs to look after it any more: not before what earlier turns had to tell has arrived, too.
    /// </summary>
    private void Deliver(InstanceCache.Lease lease, List<(long Row, OutboxChunk Chunk)> messages, bool areLast = false)
    {
        if (messages.Count == 0 && !areLast) return;
        var sender = lease.Instance;
        sender.Outbox = DeliverAsync(sender, sender.ExecutionId, messages, areLast, sender.Outbox, lease.Pin());
    }

    private async Task DeliverAsync(WorkflowInstance sender, string executionId, List<(long Row, OutboxChunk Chunk)> messages, bool areLast, Task before, IDisposable pin)
    {
        using var _ = pin;
        await Task.Yield();
        await before;
        foreach (var (row, chunk) in messages)
        {
            for (var i = 0; i < chunk.Messages.Count; i++)
            {
                var left = new OutboxChunk { Messages = { chunk.Messages.Skip(i + 1) } };
                var delivered = new StateOperation(_keys.Outbox(sender.Id, row), left.Messages.Count == 0 ? null : left.ToByteArray());
                if (!await TryDeliverAsync(sender, chunk.Messages[i], delivered)) return;
            }
        }
        if (areLast) await FinishAsync(sender.Id, executionId);
    }

    /// <summary>Tries until it has arrived.</summary>
    /// <returns>False when the engine stops before.</returns>
    private async Task<bool> TryDeliverAsync(WorkflowInstance sender, OutboxMessage message, StateOperation delivered)
    {
        while (true)
        {
            try
            {
                await DeliverAsync(sender, message, delivered);
                return true;
            }
            catch (OperationCanceledException)
            {
                return false;
            }
            catch (Exception e)
            {
                _logger.LogError(e, "A message of workflow instance '{InstanceId}' to '{Target}' could not be delivered; it is tried again.", sender.Id, message.TargetInstanceId);
                await Task.Delay(_options.RetryDelay, _time, _stop.Token);
            }
        }
    }

    /// <summary>A finished instance that has told everything needs no looking after any more.</summary>
    private async Task FinishAsync(string instanceId, string executionId)
    {
        try
        {
            using var lease = await AcquireAsync(instanceId, _stop.Token);
            // Started anew or deleted meanwhile: then this is over.
            if (lease.Instance.ExecutionId != executionId || !lease.Instance.IsTerminal || !lease.Instance.Exists) return;
            var purgeAt = PurgeAt(lease.Instance.History[^1]);
            await ApplyAsync(lease, [FinishedIndex(lease.Instance, purgeAt)]);
            if (purgeAt is { } at) SchedulePurge(instanceId, at);
        }
        catch (Exception e) when (e is WorkflowException or OperationCanceledException)
        {
            // Done again when the instance is next activated.
        }
        catch (Exception e)
        {
            // Those that have something to tell after this wait for it.
            _logger.LogError(e, "The end of workflow instance '{InstanceId}' could not be marked; it is tried again.", instanceId);
            ActivateLater(instanceId);
        }
    }

    private async Task DeliverAsync(WorkflowInstance sender, OutboxMessage message, StateOperation delivered)
    {
        if (message.Event.EventTypeCase == Kind.ExecutionStarted)
        {
            if (InvalidInstanceId(message.TargetInstanceId) is { } invalid)
            {
                await RefuseChildAsync(sender, message, invalid, delivered);
                return;
            }
            using var child = await LookAsync(message.TargetInstanceId, _stop.Token);
            if (child.Instance.Exists && child.Instance.ExecutionId == message.Event.ExecutionStarted.WorkflowInstance.ExecutionId)
            {
                // An earlier try was written although it seemed to fail.
                await ApplyAsync(child, [delivered]);
                return;
            }
            if (!child.Instance.IsActive)
            {
                await CreateAsync(child, message.Event, delivered);
                return;
            }
        }
        else
        {
            using var target = await AcquireAsync(message.TargetInstanceId, _stop.Token);
            var wanted = message.TargetExecutionId.Length == 0 || message.TargetExecutionId == target.Instance.ExecutionId;
            if (wanted) await AddEventAsync(target, message.Event, delivered);
            else await ApplyAsync(target, [delivered]);
            return;
        }
        await RefuseChildAsync(sender, message, $"an active workflow with ID '{message.TargetInstanceId}' already exists", delivered);
    }

    /// <summary>The child cannot be started: its parent hears of a failed child.</summary>
    private async Task RefuseChildAsync(WorkflowInstance sender, OutboxMessage message, string reason, StateOperation delivered)
    {
        _logger.LogWarning("Child workflow '{Target}' of '{InstanceId}' was not started: {Reason}.", message.TargetInstanceId, sender.Id, reason);
        var parent = message.Event.ExecutionStarted.ParentInstance;
        using var lease = await AcquireAsync(sender.Id, _stop.Token);
        if (parent is null || lease.Instance.ExecutionId != (parent.WorkflowInstance.ExecutionId ?? ""))
        {
            await ApplyAsync(lease, [delivered]);
            return;
        }
        var failed = new ChildWorkflowInstanceFailedEvent
        {
            TaskScheduledId = parent.TaskScheduledId,
            FailureDetails = new TaskFailureDetails { ErrorType = "WorkflowNotStarted", ErrorMessage = $"failed to create workflow instance: {reason}", IsNonRetriable = false },
        };
        await AddEventAsync(lease, new HistoryEvent
        {
            EventId = -1,
            Timestamp = Timestamp.FromDateTimeOffset(Now),
            Router = new TaskRouter { SourceAppID = AppId, TargetAppID = AppId },
            ChildWorkflowInstanceFailed = failed,
        }, delivered);
    }
}
