using Danube.Dapr.LocalSidecar.Tracing;
using Danube.Dapr.LocalSidecar.Workflows.Storage;
using Danube.Dapr.TaskHub;
using Google.Protobuf.WellKnownTypes;
using ActionKind = Danube.Dapr.TaskHub.WorkflowAction.WorkflowActionTypeOneofCase;
using Kind = Danube.Dapr.TaskHub.HistoryEvent.EventTypeOneofCase;

namespace Danube.Dapr.LocalSidecar.Workflows;

/// <summary>What a worker's answer to a turn means: the events it adds and the messages it sends. Nothing is changed by making it.</summary>
internal sealed class TurnOutcome
{
    private readonly WorkflowInstance _instance;
    private readonly string _appId;
    private readonly Tracer? _tracer;
    private readonly Timestamp _now;

    private TurnOutcome(WorkflowInstance instance, string appId, DateTimeOffset now, Tracer? tracer)
    {
        _instance = instance;
        _appId = appId;
        _tracer = tracer;
        _now = Timestamp.FromDateTimeOffset(now);
    }

    /// <summary>The turn's batch, then what the worker asked for.</summary>
    public List<HistoryEvent> Events { get; } = [];

    /// <summary>What other instances have to be told.</summary>
    public List<OutboxMessage> Messages { get; } = [];

    /// <summary>First events of the next generation, when the workflow continues as new.</summary>
    public List<HistoryEvent>? NextGeneration { get; private set; }

    /// <summary>The worker cannot run this turn now.</summary>
    public ExecutionStalledEvent? Stalled { get; private set; }

    /// <summary>Why the turn cannot be committed at all.</summary>
    public string? Refused { get; private set; }

    public static TurnOutcome Of(WorkflowInstance instance, Turn turn, WorkflowResponse response, string appId, DateTimeOffset now, Tracer? tracer = null)
    {
        var outcome = new TurnOutcome(instance, appId, now, tracer);
        outcome.Events.AddRange(turn.Request.NewEvents);
        outcome.Record(response.Version, turn);
        if (outcome.Stalled is not null) return outcome;
        // An end is the last event, whatever the order of the answer.
        foreach (var action in response.Actions.OrderBy(static a => a.WorkflowActionTypeCase == ActionKind.CompleteWorkflow))
        {
            outcome.Apply(action, turn);
            if (outcome.Refused is not null || outcome.Stalled is not null || outcome.NextGeneration is not null) break;
        }
        return outcome;
    }

    /// <summary>Each answer names all patches that were taken, those of the history first and in its order; only the new ones are kept.</summary>
    private void Record(WorkflowVersion? version, Turn turn)
    {
        List<string> known = [.. _instance.History.SelectMany(static e => e.WorkflowStarted?.Version?.Patches ?? [])];
        List<string> named = [.. version?.Patches ?? []];
        if (!named.Take(known.Count).SequenceEqual(known))
        {
            Stalled = new ExecutionStalledEvent
            {
                Reason = StalledReason.PatchMismatch,
                Description = $"Patch mismatch. History patches: [{string.Join(", ", known)}], current patches: [{string.Join(", ", named)}]. ",
            };
            return;
        }
        if (version is null || turn.Request.NewEvents[0].EventTypeCase != Kind.WorkflowStarted) return;
        // The batch may still be on its way to another worker: change a copy.
        Events[0] = turn.Request.NewEvents[0].Clone();
        Events[0].WorkflowStarted.Version = version.Clone();
        Events[0].WorkflowStarted.Version.Patches.Clear();
        Events[0].WorkflowStarted.Version.Patches.AddRange(named.Skip(known.Count));
        if (Events[0].WorkflowStarted.Version is { Patches.Count: 0, HasName: false }) Events[0].WorkflowStarted.Version = null;
    }

    private void Apply(WorkflowAction action, Turn turn)
    {
        var started = _instance.Started ?? throw new InvalidOperationException($"Instance '{_instance.Id}' has no start event.");
        switch (action.WorkflowActionTypeCase)
        {
            case ActionKind.ScheduleTask:
                var task = action.ScheduleTask;
                Add(action, new HistoryEvent
                {
                    TaskScheduled = new TaskScheduledEvent
                    {
                        Name = task.Name,
                        Version = task.Version,
                        Input = task.Input,
                        TaskExecutionId = task.TaskExecutionId.Length > 0 ? task.TaskExecutionId : Guid.NewGuid().ToString("N"),
                        ParentTraceContext = TraceContexts.OfWorkflow(started),
                    },
                });
                if (OtherApp(action) is { } noTask) TellSelf(new HistoryEvent { TaskFailed = new TaskFailedEvent { TaskScheduledId = action.Id, FailureDetails = noTask, TaskExecutionId = Events[^1].TaskScheduled.TaskExecutionId } });
                break;
            case ActionKind.CreateTimer:
                Add(action, new HistoryEvent { TimerCreated = TimerCreated(action.CreateTimer) });
                break;
            case ActionKind.CreateChildWorkflow:
                CreateChild(action, started);
                break;
            case ActionKind.CreateDetachedWorkflow:
                CreateDetached(action, started);
                break;
            case ActionKind.TerminateWorkflow:
                var terminate = action.TerminateWorkflow;
                Messages.Add(new OutboxMessage { TargetInstanceId = terminate.InstanceId, Event = Terminated(terminate.Reason, terminate.Recurse) });
                break;
            case ActionKind.CompleteWorkflow when action.CompleteWorkflow.WorkflowStatus == OrchestrationStatus.ContinuedAsNew:
                ContinueAsNew(action.CompleteWorkflow, started);
                break;
            case ActionKind.CompleteWorkflow:
                Complete(action, started, turn);
                break;
            case ActionKind.WorkflowVersionNotAvailable:
                var version = _instance.History.Concat(turn.Request.NewEvents).FirstOrDefault(static e => e.EventTypeCase == Kind.WorkflowStarted && e.WorkflowStarted.Version is not null);
                Stalled = new ExecutionStalledEvent { Reason = StalledReason.VersionNotAvailable, Description = $"Version not available: {version?.WorkflowStarted.Version.Name}" };
                break;
            default:
                // daprd has no handler for sendEvent either: the turn is never saved and comes again each second.
                Refused = $"action {action.WorkflowActionTypeCase} cannot be carried out";
                break;
        }
    }

    /// <summary>Why an action that names another app fails, or null.</summary>
    private TaskFailureDetails? OtherApp(WorkflowAction action) => action.Router is { HasTargetAppID: true } router && router.TargetAppID != _appId
        ? new TaskFailureDetails { ErrorType = "CrossAppNotSupported", ErrorMessage = $"App '{router.TargetAppID}' cannot be reached: workflows of this sidecar stay in their app '{_appId}'.", IsNonRetriable = true }
        : null;

    private void TellSelf(HistoryEvent e)
    {
        e.EventId = -1;
        e.Timestamp = _now;
        e.Router = Router();
        Messages.Add(new OutboxMessage { TargetInstanceId = _instance.Id, TargetExecutionId = _instance.ExecutionId, Event = e });
    }

    private static TimerCreatedEvent TimerCreated(CreateTimerAction timer)
    {
        var created = new TimerCreatedEvent { FireAt = timer.FireAt };
        if (timer.HasName) created.Name = timer.Name;
        switch (timer.OriginCase)
        {
            case CreateTimerAction.OriginOneofCase.CreateTimer: created.CreateTimer = timer.CreateTimer; break;
            case CreateTimerAction.OriginOneofCase.ExternalEvent: created.ExternalEvent = timer.ExternalEvent; break;
            case CreateTimerAction.OriginOneofCase.ActivityRetry: created.ActivityRetry = timer.ActivityRetry; break;
            case CreateTimerAction.OriginOneofCase.ChildWorkflowRetry: created.ChildWorkflowRetry = timer.ChildWorkflowRetry; break;
        }
        return created;
    }

    private void CreateChild(WorkflowAction action, ExecutionStartedEvent started)
    {
        var child = action.CreateChildWorkflow;
        var childId = child.InstanceId.Length > 0 ? child.InstanceId : $"{_instance.Id}:{action.Id:x4}";
        var trace = TraceContexts.OfWorkflow(started);
        Add(action, new HistoryEvent
        {
            ChildWorkflowInstanceCreated = new ChildWorkflowInstanceCreatedEvent
            {
                InstanceId = childId,
                Name = child.Name,
                Version = child.Version,
                Input = child.Input,
                ParentTraceContext = trace,
                RetryParentInstanceInfo = child.RetryParentInstanceInfo,
            },
        });
        if (OtherApp(action) is { } noChild)
        {
            TellSelf(new HistoryEvent { ChildWorkflowInstanceFailed = new ChildWorkflowInstanceFailedEvent { TaskScheduledId = action.Id, FailureDetails = noChild } });
            return;
        }
        Messages.Add(new OutboxMessage { TargetInstanceId = childId, Event = ChildStarted(childId, action.Id, child.Name, child.Version, child.Input, trace) });
    }

    private HistoryEvent ChildStarted(string childId, int taskId, string name, string? version, string? input, TaskHub.TraceContext? trace) =>
        ChildStarted(_instance, _appId, _now, childId, taskId, name, version, input, trace);

    /// <summary>The first event of a child of <paramref name="parent"/>.</summary>
    public static HistoryEvent ChildStarted(WorkflowInstance parent, string appId, Timestamp now, string childId, int taskId, string name, string? version, string? input, TaskHub.TraceContext? trace) => new()
    {
        EventId = -1,
        Timestamp = now,
        Router = new TaskRouter { SourceAppID = appId },
        ExecutionStarted = new ExecutionStartedEvent
        {
            Name = name,
            Version = version,
            Input = input,
            WorkflowInstance = new TaskHub.WorkflowInstance { InstanceId = childId, ExecutionId = Guid.NewGuid().ToString() },
            ParentInstance = new ParentInstanceInfo
            {
                TaskScheduledId = taskId,
                Name = parent.Started?.Name,
                WorkflowInstance = new TaskHub.WorkflowInstance { InstanceId = parent.Id, ExecutionId = parent.ExecutionId },
                AppID = appId,
            },
            ParentTraceContext = trace,
            WorkflowSpanID = TraceContexts.NewSpanId(),
        },
    };

    private void CreateDetached(WorkflowAction action, ExecutionStartedEvent started)
    {
        var detached = action.CreateDetachedWorkflow;
        var id = detached.InstanceId.Length > 0 ? detached.InstanceId : Guid.NewGuid().ToString();
        Add(action, new HistoryEvent { DetachedWorkflowInstanceCreated = new DetachedWorkflowInstanceCreatedEvent { InstanceId = id } });
        var start = new ExecutionStartedEvent
        {
            Name = detached.Name,
            Version = detached.Version,
            Input = detached.Input,
            WorkflowInstance = new TaskHub.WorkflowInstance { InstanceId = id, ExecutionId = detached.ExecutionId ?? Guid.NewGuid().ToString() },
            ScheduledStartTimestamp = detached.ScheduledStartTimestamp,
            ParentTraceContext = detached.ParentTraceContext ?? TraceContexts.OfWorkflow(started),
            WorkflowSpanID = TraceContexts.NewSpanId(),
        };
        start.Tags.Add(detached.Tags);
        Messages.Add(new OutboxMessage { TargetInstanceId = id, Event = new HistoryEvent { EventId = -1, Timestamp = _now, Router = Router(), ExecutionStarted = start } });
    }

    private void ContinueAsNew(CompleteWorkflowAction next, ExecutionStartedEvent started)
    {
        var again = new ExecutionStartedEvent
        {
            Name = started.Name,
            Version = next.NewVersion ?? started.Version,
            Input = next.Result,
            WorkflowInstance = new TaskHub.WorkflowInstance { InstanceId = _instance.Id, ExecutionId = Guid.NewGuid().ToString() },
            ParentInstance = started.ParentInstance,
            ParentTraceContext = TraceContexts.NewTrace(_tracer),
            WorkflowSpanID = TraceContexts.NewSpanId(),
        };
        again.Tags.Add(started.Tags);
        NextGeneration =
        [
            new HistoryEvent { EventId = -1, Timestamp = _now, Router = Router(), WorkflowStarted = new WorkflowStartedEvent() },
            new HistoryEvent { EventId = -1, Timestamp = _now, Router = Router(), ExecutionStarted = again },
            .. next.CarryoverEvents,
        ];
    }

    private void Complete(WorkflowAction action, ExecutionStartedEvent started, Turn turn)
    {
        var end = action.CompleteWorkflow;
        Add(action, new HistoryEvent
        {
            ExecutionCompleted = new ExecutionCompletedEvent { WorkflowStatus = end.WorkflowStatus, Result = end.Result, FailureDetails = end.FailureDetails },
        });
        if (started.ParentInstance is { } parent) Messages.Add(ToParent(_instance.Id, parent, end, _appId, _now));
        TerminateChildren(turn);
    }

    /// <summary>What a child that ended tells its parent.</summary>
    private static OutboxMessage ToParent(string childId, ParentInstanceInfo parent, CompleteWorkflowAction end, string appId, Timestamp now)
    {
        var told = new HistoryEvent { EventId = -1, Timestamp = now, Router = new TaskRouter { SourceAppID = appId, TargetAppID = parent.HasAppID ? parent.AppID : appId } };
        if (end.WorkflowStatus == OrchestrationStatus.Completed)
        {
            told.ChildWorkflowInstanceCompleted = new ChildWorkflowInstanceCompletedEvent { TaskScheduledId = parent.TaskScheduledId, Result = end.Result };
        }
        else
        {
            var failure = end.FailureDetails ?? new TaskFailureDetails { ErrorType = "WorkflowTerminated", ErrorMessage = $"Child workflow '{childId}' ended as {end.WorkflowStatus}." };
            told.ChildWorkflowInstanceFailed = new ChildWorkflowInstanceFailedEvent { TaskScheduledId = parent.TaskScheduledId, FailureDetails = failure };
        }
        return new OutboxMessage { TargetInstanceId = parent.WorkflowInstance.InstanceId, TargetExecutionId = parent.WorkflowInstance.ExecutionId ?? "", Event = told };
    }

    /// <summary>A termination that recurses goes on to the children that still run.</summary>
    private void TerminateChildren(Turn turn)
    {
        var terminated = turn.Request.NewEvents.Concat(_instance.History).FirstOrDefault(static e => e.EventTypeCase == Kind.ExecutionTerminated && e.ExecutionTerminated.Recurse);
        if (terminated is null) return;
        foreach (var child in _instance.OpenChildren.Values)
        {
            Messages.Add(new OutboxMessage
            {
                TargetInstanceId = child.ChildWorkflowInstanceCreated.InstanceId,
                Event = Terminated(terminated.ExecutionTerminated.Input, true),
            });
        }
    }

    private HistoryEvent Terminated(string? reason, bool recurse) =>
        new() { EventId = -1, Timestamp = _now, ExecutionTerminated = new ExecutionTerminatedEvent { Input = reason, Recurse = recurse } };

    private void Add(WorkflowAction action, HistoryEvent e)
    {
        e.EventId = action.Id;
        e.Timestamp = _now;
        e.Router = Router();
        if (action.Router is { HasTargetAppID: true } router) e.Router.TargetAppID = router.TargetAppID;
        Events.Add(e);
    }

    private TaskRouter Router() => new() { SourceAppID = _appId };
}
