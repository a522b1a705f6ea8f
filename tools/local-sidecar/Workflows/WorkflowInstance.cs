using Danube.Dapr.LocalSidecar.Workflows.Storage;
using Danube.Dapr.TaskHub;
using Google.Protobuf.WellKnownTypes;
using Kind = Danube.Dapr.TaskHub.HistoryEvent.EventTypeOneofCase;

namespace Danube.Dapr.LocalSidecar.Workflows;

/// <summary>A stored event that no turn has taken yet. Events of one row go into one turn.</summary>
internal readonly record struct InboxEntry(long Row, HistoryEvent Event);

/// <summary>A timer that was started and has not fired.</summary>
/// <param name="Created">Its event.</param>
/// <param name="Wait">How long the workflow wanted to wait, by the time that its turn showed.</param>
internal readonly record struct OpenTimer(HistoryEvent Created, TimeSpan Wait);

/// <summary>One workflow instance as it is in the store, parsed. Only the holder of its lease touches it.</summary>
internal sealed class WorkflowInstance(string id)
{
    private Timestamp? _turnBegan;

    private static readonly Timestamp Year1 = Timestamp.FromDateTime(DateTime.SpecifyKind(DateTime.MinValue, DateTimeKind.Utc));

    public string Id { get; } = id;

    /// <summary>Null when no such instance exists.</summary>
    public InstanceMetadata? Metadata { get; set; }

    public bool Exists => Metadata is not null;

    /// <summary>Committed events of the current generation.</summary>
    public List<HistoryEvent> History { get; } = [];

    /// <summary>Events for the next turns, in order of arrival.</summary>
    public List<InboxEntry> Inbox { get; } = [];

    public string? CustomStatus { get; set; }

    public long NextHistoryRow { get; set; }

    /// <summary>The first history row that may be in the store; those before the generation's first are being deleted.</summary>
    public long FirstRow { get; set; }

    /// <summary>Ends when rows of earlier generations are deleted, or could not be.</summary>
    public Task Deleting { get; set; } = Task.CompletedTask;

    public long NextInboxRow { get; set; }

    public long NextOutboxRow { get; set; }

    /// <summary>Stored size, for the limit of the cache.</summary>
    public long Bytes { get; set; }

    /// <summary>The <c>executionStarted</c> of the current generation, also while it still waits in the inbox.</summary>
    public ExecutionStartedEvent? Started { get; private set; }

    public HistoryEvent? Completed { get; private set; }

    public bool Suspended { get; private set; }

    /// <summary>Activities, timers and children by event id that were started and have not answered.</summary>
    public SortedDictionary<int, HistoryEvent> OpenTasks { get; } = [];

    public SortedDictionary<int, OpenTimer> OpenTimers { get; } = [];

    public SortedDictionary<int, HistoryEvent> OpenChildren { get; } = [];

    /// <summary>The turn that a worker has now.</summary>
    public Turn? Turn { get; set; }

    /// <summary>A turn is wanted and waits for a worker, or for the pause after a failed one.</summary>
    public bool TurnQueued { get; set; }

    /// <summary>Its first turn is under way, or waits for its time, for a worker or for a pause.</summary>
    public bool IsBegun { get; set; }

    /// <summary>An earlier process, or this one before a failed write, may have sent its work: an answer to that may still come.</summary>
    public bool MayBeAnsweredLate { get; set; }

    /// <summary>Turns in a row that could not be committed.</summary>
    public int FailedTurns { get; set; }

    /// <summary>Ends when everything that committed turns had to tell others has arrived.</summary>
    public Task Outbox { get; set; } = Task.CompletedTask;

    /// <summary>What an earlier process had not delivered; taken up when the instance is activated.</summary>
    public List<(long Row, OutboxChunk Chunk)> UndeliveredOutbox { get; } = [];

    public bool IsTerminal => Completed is not null;

    public bool IsActive => Exists && Completed is null;

    public string ExecutionId => Started?.WorkflowInstance?.ExecutionId ?? "";

    public OrchestrationStatus Status =>
        Completed is not null ? Completed.ExecutionCompleted.WorkflowStatus
        : History.Count == 0 ? OrchestrationStatus.Pending
        : Metadata?.Stalled is not null ? OrchestrationStatus.Stalled
        : Suspended ? OrchestrationStatus.Suspended
        : OrchestrationStatus.Running;

    /// <summary>When the first turn may be sent: null at once.</summary>
    public DateTimeOffset? ScheduledStart => History.Count == 0 && Started?.ScheduledStartTimestamp is { } start ? Moment(start) : null;

    /// <summary>Forgets generation and history, for another one under the same id.</summary>
    public void Reset()
    {
        History.Clear();
        Inbox.Clear();
        OpenTasks.Clear();
        OpenTimers.Clear();
        OpenChildren.Clear();
        Started = null;
        Completed = null;
        Suspended = false;
        TurnQueued = false;
        IsBegun = false;
        FailedTurns = 0;
        Bytes = 0;
    }

    /// <summary>Adds a committed event to the history.</summary>
    public void Record(HistoryEvent e)
    {
        History.Add(e);
        switch (e.EventTypeCase)
        {
            case Kind.ExecutionStarted: Started = e.ExecutionStarted; break;
            case Kind.ExecutionCompleted: Completed = e; break;
            case Kind.ExecutionSuspended: Suspended = true; break;
            case Kind.ExecutionResumed: Suspended = false; break;
            case Kind.TaskScheduled: OpenTasks[e.EventId] = e; break;
            case Kind.WorkflowStarted: _turnBegan = e.Timestamp; break;
            case Kind.TimerCreated: OpenTimers[e.EventId] = new(e, WaitOf(e)); break;
            case Kind.ChildWorkflowInstanceCreated: OpenChildren[e.EventId] = e; break;
            default: Close(e); break;
        }
    }

    /// <summary>Adds a stored event to the inbox.</summary>
    public void Receive(long row, HistoryEvent e)
    {
        Inbox.Add(new(row, e));
        if (e.EventTypeCase == Kind.ExecutionStarted) Started = e.ExecutionStarted;
        else Close(e);
    }

    /// <summary>Whether an event still means something here: an answer must belong to something that waits for it.</summary>
    public bool Wants(HistoryEvent e) => IsActive && e.EventTypeCase switch
    {
        Kind.TaskCompleted => OpenTasks.ContainsKey(e.TaskCompleted.TaskScheduledId),
        Kind.TaskFailed => OpenTasks.ContainsKey(e.TaskFailed.TaskScheduledId),
        Kind.TimerFired => OpenTimers.ContainsKey(e.TimerFired.TimerId),
        Kind.ChildWorkflowInstanceCompleted => OpenChildren.ContainsKey(e.ChildWorkflowInstanceCompleted.TaskScheduledId),
        Kind.ChildWorkflowInstanceFailed => OpenChildren.ContainsKey(e.ChildWorkflowInstanceFailed.TaskScheduledId),
        _ => true,
    };

    /// <summary>Whether an event that arrived during the last turn of a generation is for the next one too.</summary>
    public static bool OutlivesGeneration(HistoryEvent e) => e.EventTypeCase is Kind.EventRaised or Kind.ExecutionSuspended or Kind.ExecutionResumed or Kind.ExecutionTerminated;

    /// <summary>A moment of the wire, which reaches beyond what the base library can hold, as the nearest that it can.</summary>
    public static DateTimeOffset Moment(Timestamp timestamp)
    {
        if (timestamp.Seconds >= DateTimeOffset.MaxValue.ToUnixTimeSeconds()) return DateTimeOffset.MaxValue;
        if (timestamp.Seconds < DateTimeOffset.MinValue.ToUnixTimeSeconds()) return DateTimeOffset.MinValue;
        return DateTimeOffset.FromUnixTimeSeconds(timestamp.Seconds).AddTicks(Math.Clamp(timestamp.Nanos, 0, 999_999_999) / 100);
    }

    public WorkflowState ToState(bool withPayloads)
    {
        if (History.Count == 0)
            return new WorkflowState { InstanceId = Id, WorkflowStatus = OrchestrationStatus.Pending, CreatedTimestamp = Year1, LastUpdatedTimestamp = Year1 };
        var state = new WorkflowState
        {
            InstanceId = Id,
            Name = Started?.Name ?? "",
            Version = Started?.Version,
            WorkflowStatus = Status,
            CreatedTimestamp = History.Find(static e => e.EventTypeCase == Kind.ExecutionStarted)?.Timestamp ?? Year1,
            LastUpdatedTimestamp = History[^1].Timestamp,
            StartedAt = History.Find(static e => e.EventTypeCase == Kind.WorkflowStarted)?.Timestamp,
        };
        if (!withPayloads) return state;
        state.Input = Started?.Input;
        state.CustomStatus = CustomStatus;
        if (Completed is { ExecutionCompleted: var end })
        {
            state.Output = end.Result;
            state.FailureDetails = end.FailureDetails;
        }
        return state;
    }

    private TimeSpan WaitOf(HistoryEvent timer)
    {
        // One that runs again counts from then, not from the turn that first asked for it.
        var began = timer.TimerCreated.RerunParentInstanceInfo is null ? _turnBegan : timer.Timestamp;
        return timer.TimerCreated.FireAt is { } fireAt && began is not null ? Moment(fireAt) - Moment(began) : TimeSpan.MaxValue;
    }

    private void Close(HistoryEvent e)
    {
        switch (e.EventTypeCase)
        {
            case Kind.TaskCompleted: OpenTasks.Remove(e.TaskCompleted.TaskScheduledId); break;
            case Kind.TaskFailed: OpenTasks.Remove(e.TaskFailed.TaskScheduledId); break;
            case Kind.TimerFired: OpenTimers.Remove(e.TimerFired.TimerId); break;
            case Kind.ChildWorkflowInstanceCompleted: OpenChildren.Remove(e.ChildWorkflowInstanceCompleted.TaskScheduledId); break;
            case Kind.ChildWorkflowInstanceFailed: OpenChildren.Remove(e.ChildWorkflowInstanceFailed.TaskScheduledId); break;
        }
    }
}
