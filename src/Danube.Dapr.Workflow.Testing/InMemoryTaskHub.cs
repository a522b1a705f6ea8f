using Danube.Dapr.TaskHub;
using Danube.Dapr.Workflow.Engine;
using Danube.Dapr.Workflow.Worker;
using Google.Protobuf.WellKnownTypes;

namespace Danube.Dapr.Workflow.Testing;

/// <summary>
/// The sidecar's part of a workflow, in memory and one step at a time: keeps histories, hands out turns, starts what they ask for.
/// </summary>
internal sealed class InMemoryTaskHub(WorkflowEnvironment environment, VirtualTimeProvider time)
{
    private const int MaxTurns = 10_000;

    private readonly Dictionary<string, TestInstance> _instances = new(StringComparer.Ordinal);
    private readonly Queue<(TestInstance Instance, ActivityRequest Request)> _activities = new();
    private readonly List<(TestInstance Instance, TimerFiredEvent Timer)> _timers = [];
    private readonly ActivityRunner _runner = new(environment);
    private int _runs;

    public bool LoseEveryTurnOnce { get; set; }

    public List<WorkflowTestActivityCall> Calls { get; } = [];

    public DateTime? NextTimer => _timers.Count == 0 ? null : _timers.Min(timer => timer.Timer.FireAt.ToDateTime());

    public TestInstance? Find(string instanceId) => _instances.GetValueOrDefault(instanceId);

    public TestInstance Get(string instanceId) => Find(instanceId) ?? throw new WorkflowInstanceNotFoundException(instanceId);

    public void Create(string instanceId, string name, string? input, ParentInstanceInfo? parent = null)
    {
        if (_instances.TryGetValue(instanceId, out TestInstance? existing) && existing.End is null)
            return;
        var started = new ExecutionStartedEvent
        {
            Name = name,
            Input = input,
            WorkflowInstance = new WorkflowInstance { InstanceId = instanceId, ExecutionId = NewExecutionId() },
            ParentInstance = parent,
        };
        var instance = new TestInstance(instanceId, started, Now);
        _instances[instanceId] = instance;
        instance.Inbox.Add(Event(e => e.ExecutionStarted = started));
    }

    public void Deliver(string instanceId, Action<HistoryEvent> fill)
    {
        TestInstance instance = Get(instanceId);
        if (instance.End is null)
            instance.Inbox.Add(Event(fill));
    }

    /// <summary>Fires every timer that is due.</summary>
    public void FireTimers()
    {
        foreach ((TestInstance instance, TimerFiredEvent timer) in _timers.Where(timer => timer.Timer.FireAt.ToDateTime() <= Now).OrderBy(timer => timer.Timer.FireAt).ToList())
        {
            _timers.Remove((instance, timer));
            if (instance.End is null)
                instance.Inbox.Add(Event(e => e.TimerFired = timer));
        }
    }

    /// <summary>Runs turns and activities until nothing is left to do at the present time.</summary>
    public async Task RunUntilIdleAsync()
    {
        for (int turns = 0; ; turns++)
        {
            if (turns > MaxTurns)
                throw new InvalidOperationException($"The workflows did not come to rest within {MaxTurns} turns; one of them may start over without end.");
            if (_instances.Values.FirstOrDefault(candidate => candidate.End is null && candidate.Inbox.Count > 0) is { } instance)
                await RunTurnAsync(instance);
            else if (_activities.TryDequeue(out (TestInstance Instance, ActivityRequest Request) activity))
                await RunActivityAsync(activity.Instance, activity.Request);
            else
                return;
        }
    }

    private DateTime Now => time.GetUtcNow().UtcDateTime;

    private async Task RunTurnAsync(TestInstance instance)
    {
        var request = new WorkflowRequest { InstanceId = instance.InstanceId };
        request.PastEvents.AddRange(instance.History);
        request.NewEvents.Add(Event(e => e.WorkflowStarted = new WorkflowStartedEvent()));
        request.NewEvents.AddRange(instance.Inbox);
        WorkflowResponse response = await WorkflowTurn.RunAsync(request, environment);

        // As the sidecar does: first the work is started, then the turn is saved. When saving fails, the turn comes again.
        CompleteWorkflowAction? end = response.Actions.Select(action => action.CompleteWorkflow).FirstOrDefault(action => action is not null);
        bool isLost = LoseEveryTurnOnce && !instance.TurnWasLost;
        instance.TurnWasLost = isLost;
        List<HistoryEvent> steps = [.. response.Actions.Where(action => action.CompleteWorkflow is null).Select(action => Dispatch(instance, action))];
        if (isLost)
        {
            await RunStartedActivitiesAsync();
            return;
        }

        // The answer names all patches that were taken; the turn keeps those that are new.
        List<string> patches = [.. (response.Version?.Patches ?? []).Skip(instance.History.Sum(e => e.WorkflowStarted?.Version?.Patches.Count ?? 0))];
        if (patches.Count > 0)
            request.NewEvents[0].WorkflowStarted.Version = new WorkflowVersion { Patches = { patches } };
        instance.History.AddRange(request.NewEvents);
        instance.History.AddRange(steps);
        instance.Inbox.RemoveRange(0, request.NewEvents.Count - 1);
        instance.CustomStatus = response.CustomStatus;
        instance.UpdatedAt = Now;
        foreach (HistoryEvent taken in request.NewEvents)
        {
            if (taken.ExecutionSuspended is not null || taken.ExecutionResumed is not null)
                instance.IsSuspended = taken.ExecutionSuspended is not null;
        }
        if (end?.WorkflowStatus == OrchestrationStatus.ContinuedAsNew)
            StartOver(instance, end);
        else if (end is not null)
            End(instance, end, response.Actions[^1].Id);
    }

    private HistoryEvent Dispatch(TestInstance instance, WorkflowAction action)
    {
        switch (action.WorkflowActionTypeCase)
        {
            case WorkflowAction.WorkflowActionTypeOneofCase.ScheduleTask:
                ScheduleTaskAction task = action.ScheduleTask;
                _activities.Enqueue((instance, new ActivityRequest
                {
                    Name = task.Name,
                    Input = task.Input,
                    TaskId = action.Id,
                    TaskExecutionId = task.TaskExecutionId,
                    WorkflowInstance = instance.Started.WorkflowInstance,
                }));
                return Event(e => e.TaskScheduled = new TaskScheduledEvent { Name = task.Name, Input = task.Input, TaskExecutionId = task.TaskExecutionId }, action.Id);

            case WorkflowAction.WorkflowActionTypeOneofCase.CreateChildWorkflow:
                CreateChildWorkflowAction child = action.CreateChildWorkflow;
                Create(child.InstanceId, child.Name, child.Input, new ParentInstanceInfo { TaskScheduledId = action.Id, WorkflowInstance = instance.Started.WorkflowInstance });
                return Event(
                    e => e.ChildWorkflowInstanceCreated = new ChildWorkflowInstanceCreatedEvent { InstanceId = child.InstanceId, Name = child.Name, Input = child.Input },
                    action.Id);

            default:
                CreateTimerAction timer = action.CreateTimer;
                _timers.Add((instance, new TimerFiredEvent { TimerId = action.Id, FireAt = timer.FireAt }));
                if (timer.FireAt.ToDateTime() <= Now)
                    FireTimers();
                return Event(e => e.TimerCreated = new TimerCreatedEvent { FireAt = timer.FireAt }, action.Id);
        }
    }

    private async Task RunStartedActivitiesAsync()
    {
        while (_activities.TryDequeue(out (TestInstance Instance, ActivityRequest Request) activity))
            await RunActivityAsync(activity.Instance, activity.Request);
    }

    private async Task RunActivityAsync(TestInstance instance, ActivityRequest request)
    {
        Calls.Add(new WorkflowTestActivityCall(instance.InstanceId, request.Name, request.Input, Now));
        ActivityResponse response = await _runner.RunAsync(request);
        if (instance.End is not null)
            return;
        instance.Inbox.Add(Event(e =>
        {
            if (response.FailureDetails is null)
                e.TaskCompleted = new TaskCompletedEvent { TaskScheduledId = request.TaskId, Result = response.Result, TaskExecutionId = request.TaskExecutionId };
            else
                e.TaskFailed = new TaskFailedEvent { TaskScheduledId = request.TaskId, FailureDetails = response.FailureDetails, TaskExecutionId = request.TaskExecutionId };
        }));
    }

    private void StartOver(TestInstance instance, CompleteWorkflowAction end)
    {
        ExecutionStartedEvent started = instance.Started.Clone();
        started.Input = end.Result;
        started.WorkflowInstance.ExecutionId = NewExecutionId();
        instance.Started = started;
        instance.CreatedAt = Now;
        instance.History.Clear();
        instance.Inbox.InsertRange(0, [Event(e => e.ExecutionStarted = started), .. end.CarryoverEvents]);
    }

    private void End(TestInstance instance, CompleteWorkflowAction end, int id)
    {
        instance.End = new ExecutionCompletedEvent { WorkflowStatus = end.WorkflowStatus, Result = end.Result, FailureDetails = end.FailureDetails };
        instance.IsSuspended = false;
        instance.History.Add(Event(e => e.ExecutionCompleted = instance.End, id));
        if (end.WorkflowStatus == OrchestrationStatus.Terminated)
        {
            foreach (TestInstance child in _instances.Values.Where(child => child.Started.ParentInstance?.WorkflowInstance.InstanceId == instance.InstanceId))
                Deliver(child.InstanceId, e => e.ExecutionTerminated = new ExecutionTerminatedEvent { Input = end.Result, Recurse = true });
        }
        if (instance.Started.ParentInstance is not { } parent || Find(parent.WorkflowInstance.InstanceId) is not { End: null } waiting)
            return;
        waiting.Inbox.Add(Event(e =>
        {
            if (end.WorkflowStatus == OrchestrationStatus.Completed)
            {
                e.ChildWorkflowInstanceCompleted = new ChildWorkflowInstanceCompletedEvent { TaskScheduledId = parent.TaskScheduledId, Result = end.Result };
            }
            else
            {
                e.ChildWorkflowInstanceFailed = new ChildWorkflowInstanceFailedEvent
                {
                    TaskScheduledId = parent.TaskScheduledId,
                    FailureDetails = end.FailureDetails ?? Failures.ToWire("WorkflowTerminated", "The child workflow was terminated.", isNonRetriable: false),
                };
            }
        }));
    }

    private string NewExecutionId() => NameBasedGuid.Create($"run:{_runs++}").ToString();

    private HistoryEvent Event(Action<HistoryEvent> fill, int id = -1)
    {
        var next = new HistoryEvent { EventId = id, Timestamp = Timestamp.FromDateTime(Now) };
        fill(next);
        return next;
    }
}
