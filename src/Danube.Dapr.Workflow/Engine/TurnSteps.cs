using Danube.Dapr.TaskHub;
using Google.Protobuf.WellKnownTypes;
using Microsoft.Extensions.Logging;

namespace Danube.Dapr.Workflow.Engine;

/// <summary>
/// The steps of a turn: numbers them, compares them with the history, and ends them when their end is reported. One counter from 0
/// serves activities, children and timers, and the end of the workflow takes the next number.
/// </summary>
internal sealed partial class TurnSteps(WorkflowRequest request, WorkflowEnvironment environment)
{
    private readonly SortedDictionary<int, OpenTask> _unsaved = [];
    private readonly Dictionary<int, OpenTask> _open = [];
    private readonly List<string> _savedPatches =
        [.. request.PastEvents.Concat(request.NewEvents).SelectMany(e => e.WorkflowStarted?.Version?.Patches ?? [])];
    private readonly Dictionary<string, bool> _patchAnswers = [];
    private readonly List<string> _newPatches = [];
    private readonly List<(CancellationToken Token, Task Task, Action Cancel)> _cancellable = [];

    private ExecutionStartedEvent _started = new();
    private string _appId = "";
    private int _guids;
    private int _thread;

    public string InstanceId { get; } = request.InstanceId;

    public WorkflowEnvironment Environment { get; } = environment;

    public Payloads Payloads => Environment.Payloads;

    public EventInbox Events { get; } = new();

    public DateTime CurrentUtc { get; set; }

    public bool IsReplaying { get; set; }

    public string? CustomStatus { get; set; }

    public (string? Input, bool KeepEvents)? Continuation { get; set; }

    public int NextId { get; private set; }

    /// <summary>
    /// The patches that this instance has taken: those in its history, as they stand there, then the new ones. The sidecar compares the
    /// beginning of each answer's list with the history and stalls the instance where they differ, also when the list is missing.
    /// </summary>
    public IEnumerable<string> Patches => _savedPatches.Concat(_newPatches);

    public TraceContext? ParentTrace => _started.ParentTraceContext;

    /// <summary>What the code has asked for and no history event has confirmed.</summary>
    public IEnumerable<OpenTask> Unsaved => _unsaved.Values.Where(step => !step.IsWithdrawn);

    /// <summary>Whether nothing that could happen would let the code go on.</summary>
    public bool WaitsForNothing => !Events.HasWaiters && !_open.Values.Any(step => step.IsAwaited);

    public void Enter() => _thread = System.Environment.CurrentManagedThreadId;

    public void Leave() => _thread = 0;

    public void CheckCaller()
    {
        if (_thread != System.Environment.CurrentManagedThreadId)
        {
            throw new InvalidOperationException(
                "The workflow context was used outside the workflow's code, or after that awaited something that is no task of its context. Such work belongs in an activity.");
        }
    }

    public void Begin(ExecutionStartedEvent started, TaskRouter? router)
    {
        _started = started;
        _appId = router?.SourceAppID ?? "";
    }

    public OpenTask StartActivity(string name, string? input, string? targetAppId)
    {
        int id = NextId;
        return Add(new OpenTask(TaskKind.Activity, new WorkflowAction
        {
            ScheduleTask = new ScheduleTaskAction { Name = name, Input = input, TaskExecutionId = DeriveId($"task:{id}").ToString("N") },
            Router = RouteTo(targetAppId),
        }, name));
    }

    public OpenTask StartChild(string name, string? input, string? instanceId, string? targetAppId)
    {
        instanceId ??= DeriveId($"child:{NextId}").ToString("N");
        return Add(new OpenTask(TaskKind.ChildWorkflow, new WorkflowAction
        {
            CreateChildWorkflow = new CreateChildWorkflowAction { InstanceId = instanceId, Name = name, Input = input },
            Router = RouteTo(targetAppId),
        }, name));
    }

    public OpenTask StartTimer(DateTime fireAt, CreateTimerAction origin)
    {
        origin.FireAt = Timestamp.FromDateTime(ToUtc(fireAt));
        return Add(new OpenTask(TaskKind.Timer, new WorkflowAction { CreateTimer = origin }, "timer"));
    }

    /// <summary>Nobody waits for this step any more: its end is ignored, and it is not started if it was asked for in this very turn.</summary>
    public void GiveUp(OpenTask step)
    {
        step.IsWithdrawn = true;
        _open.Remove(step.Id);
    }

    /// <summary>Lets a token end a wait.</summary>
    public void CancelWith(Task task, Action cancel, CancellationToken token)
    {
        if (token.CanBeCanceled)
            _cancellable.Add((token, task, cancel));
    }

    /// <summary>
    /// Ends the waits whose tokens were cancelled. Tokens are looked at between events instead of being registered with, because a
    /// registered callback may run on another thread, and when it does the order of the code's steps is up to chance.
    /// </summary>
    public void CancelWaits()
    {
        while (_cancellable.FindIndex(wait => wait.Token.IsCancellationRequested) is var index and >= 0)
        {
            (CancellationToken _, Task task, Action cancel) = _cancellable[index];
            _cancellable.RemoveAt(index);
            if (!task.IsCompleted)
                cancel();
        }
    }

    /// <summary>The history says that a step was taken: the code must have asked for the same one, by number, kind and name.</summary>
    public void Acknowledge(HistoryEvent saved)
    {
        (TaskKind kind, string name) = saved.EventTypeCase switch
        {
            HistoryEvent.EventTypeOneofCase.TaskScheduled => (TaskKind.Activity, saved.TaskScheduled.Name),
            HistoryEvent.EventTypeOneofCase.ChildWorkflowInstanceCreated => (TaskKind.ChildWorkflow, saved.ChildWorkflowInstanceCreated.Name),
            _ => (TaskKind.Timer, "timer"),
        };
        string expected = OpenTask.Describe(kind, name);
        if (!_unsaved.Remove(saved.EventId, out OpenTask? step))
        {
            throw new NonDeterministicWorkflowException(
                $"The history of workflow '{_started.Name}' has {expected} as step #{saved.EventId}, but the code asks for no step #{saved.EventId} at this point.");
        }
        if (step.Kind != kind || !string.Equals(step.Name, name, StringComparison.Ordinal))
        {
            throw new NonDeterministicWorkflowException(
                $"The history of workflow '{_started.Name}' has {expected} as step #{saved.EventId}, but the code asks for {step}.");
        }
        if (saved.TaskScheduled is { TaskExecutionId.Length: > 0 } scheduled)
            step.TaskExecutionId = scheduled.TaskExecutionId;
        if (saved.TimerCreated is { FireAt: not null } timer)
            step.FireAt = timer.FireAt.ToDateTime();
    }

    /// <summary>
    /// A step has ended. The end of a step that is not open is dropped: it is a duplicate, or belongs to an earlier run of the instance,
    /// or to a turn that was started and never saved.
    /// </summary>
    public void Complete(HistoryEvent ended)
    {
        switch (ended.EventTypeCase)
        {
            case HistoryEvent.EventTypeOneofCase.TaskCompleted:
                TakeActivity(ended.TaskCompleted.TaskScheduledId, ended.TaskCompleted.TaskExecutionId)?.Complete(ended.TaskCompleted.Result);
                break;
            case HistoryEvent.EventTypeOneofCase.TaskFailed:
                TakeActivity(ended.TaskFailed.TaskScheduledId, ended.TaskFailed.TaskExecutionId)?.Fail(ended.TaskFailed.FailureDetails);
                break;
            case HistoryEvent.EventTypeOneofCase.ChildWorkflowInstanceCompleted:
                Take(ended.ChildWorkflowInstanceCompleted.TaskScheduledId, TaskKind.ChildWorkflow, _ => true)?.Complete(ended.ChildWorkflowInstanceCompleted.Result);
                break;
            case HistoryEvent.EventTypeOneofCase.ChildWorkflowInstanceFailed:
                Take(ended.ChildWorkflowInstanceFailed.TaskScheduledId, TaskKind.ChildWorkflow, _ => true)?.Fail(ended.ChildWorkflowInstanceFailed.FailureDetails);
                break;
            case HistoryEvent.EventTypeOneofCase.TimerFired:
                // A timer never ends early: the alarm of a turn that was not saved, or of an earlier run, may carry an earlier time.
                DateTime? firedFor = ended.TimerFired.FireAt?.ToDateTime();
                Take(ended.TimerFired.TimerId, TaskKind.Timer, step => firedFor is null || firedFor >= step.FireAt.AddMilliseconds(-1))?.Complete(null);
                break;
            default:
                break;
        }
    }

    public bool IsPatched(string patchName)
    {
        if (_patchAnswers.TryGetValue(patchName, out bool answer))
            return answer;
        answer = _savedPatches.Contains(patchName) || !IsReplaying;
        _patchAnswers.Add(patchName, answer);
        if (answer && !_savedPatches.Contains(patchName))
            _newPatches.Add(patchName);
        return answer;
    }

    public Guid NewGuid() => NameBasedGuid.Create($"{_started.WorkflowInstance?.InstanceId}\n{_started.WorkflowInstance?.ExecutionId}\nguid:{_guids++}");

    /// <summary>
    /// Ids hang on instance, run and number alone, not on time: a turn that is repeated asks for the same work under the same ids.
    /// </summary>
    private Guid DeriveId(string what) => NameBasedGuid.Create($"{InstanceId}\n{_started.WorkflowInstance?.ExecutionId}\n{what}");

    private OpenTask Add(OpenTask step)
    {
        step.Action.Id = NextId++;
        _unsaved.Add(step.Id, step);
        _open.Add(step.Id, step);
        return step;
    }

    private OpenTask? TakeActivity(int id, string taskExecutionId) =>
        Take(id, TaskKind.Activity, step => taskExecutionId.Length == 0 || taskExecutionId == step.TaskExecutionId);

    private OpenTask? Take(int id, TaskKind kind, Func<OpenTask, bool> isMeant)
    {
        if (!_open.TryGetValue(id, out OpenTask? step) || step.Kind != kind || !isMeant(step))
        {
            if (!IsReplaying)
                LogDropped(Environment.Logger, InstanceId, kind, id);
            return null;
        }
        _open.Remove(id);
        // Ended before its beginning was saved: the turn that began it was lost. It need not begin again.
        step.IsWithdrawn = true;
        return step;
    }

    private TaskRouter? RouteTo(string? targetAppId) => targetAppId is null ? null : new TaskRouter { SourceAppID = _appId, TargetAppID = targetAppId };

    private static DateTime ToUtc(DateTime time) => time.Kind == DateTimeKind.Unspecified ? DateTime.SpecifyKind(time, DateTimeKind.Utc) : time.ToUniversalTime();

    [LoggerMessage(3, LogLevel.Debug, "Workflow instance {InstanceId} drops the end of {Kind} #{Id}: no such step is open")]
    private static partial void LogDropped(ILogger logger, string instanceId, TaskKind kind, int id);
}
