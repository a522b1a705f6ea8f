namespace Danube.Dapr.Workflow.Client;

/// <summary>One event of an instance's history.</summary>
/// <param name="EventId">The number of the step that made it; -1 for what the workflow did not ask for, ends of steps included.</param>
/// <param name="EventType">What happened.</param>
/// <param name="Timestamp">When, in UTC.</param>
public sealed record WorkflowHistoryEvent(int EventId, WorkflowHistoryEventType EventType, DateTime Timestamp);

/// <summary>What a history event is about.</summary>
public enum WorkflowHistoryEventType
{
    /// <summary>Something this library does not know.</summary>
    Unknown = 0,

    /// <summary>The run began.</summary>
    ExecutionStarted,

    /// <summary>The run ended.</summary>
    ExecutionCompleted,

    /// <summary>The instance was told to end.</summary>
    ExecutionTerminated,

    /// <summary>An activity was asked for.</summary>
    TaskScheduled,

    /// <summary>An activity gave its result.</summary>
    TaskCompleted,

    /// <summary>An activity failed.</summary>
    TaskFailed,

    /// <summary>A child workflow was asked for.</summary>
    SubOrchestrationInstanceCreated,

    /// <summary>A child workflow gave its result.</summary>
    SubOrchestrationInstanceCompleted,

    /// <summary>A child workflow failed.</summary>
    SubOrchestrationInstanceFailed,

    /// <summary>A timer was asked for.</summary>
    TimerCreated,

    /// <summary>A timer fired.</summary>
    TimerFired,

    /// <summary>A turn began.</summary>
    OrchestratorStarted,

    /// <summary>A turn ended.</summary>
    OrchestratorCompleted,

    /// <summary>An event was sent to another instance.</summary>
    EventSent,

    /// <summary>An event was raised to this instance.</summary>
    EventRaised,

    /// <summary>Not in use any more.</summary>
    GenericEvent,

    /// <summary>Not in use any more.</summary>
    HistoryState,

    /// <summary>The instance started over.</summary>
    ContinueAsNew,

    /// <summary>The instance was suspended.</summary>
    ExecutionSuspended,

    /// <summary>The instance was resumed.</summary>
    ExecutionResumed,

    /// <summary>The sidecar could not go on with the instance.</summary>
    ExecutionStalled,

    /// <summary>An independent workflow was started.</summary>
    DetachedWorkflowInstanceCreated,
}
