using Danube.Dapr.TaskHub;
using Case = Danube.Dapr.TaskHub.HistoryEvent.EventTypeOneofCase;

namespace Danube.Dapr.Workflow.Client;

internal static class HistoryEvents
{
    public static WorkflowHistoryEvent ToPublic(HistoryEvent wire) => new(wire.EventId, ToPublic(wire.EventTypeCase), wire.Timestamp?.ToDateTime() ?? default);

    private static WorkflowHistoryEventType ToPublic(Case wire) => wire switch
    {
        Case.ExecutionStarted => WorkflowHistoryEventType.ExecutionStarted,
        Case.ExecutionCompleted => WorkflowHistoryEventType.ExecutionCompleted,
        Case.ExecutionTerminated => WorkflowHistoryEventType.ExecutionTerminated,
        Case.TaskScheduled => WorkflowHistoryEventType.TaskScheduled,
        Case.TaskCompleted => WorkflowHistoryEventType.TaskCompleted,
        Case.TaskFailed => WorkflowHistoryEventType.TaskFailed,
        Case.ChildWorkflowInstanceCreated => WorkflowHistoryEventType.SubOrchestrationInstanceCreated,
        Case.ChildWorkflowInstanceCompleted => WorkflowHistoryEventType.SubOrchestrationInstanceCompleted,
        Case.ChildWorkflowInstanceFailed => WorkflowHistoryEventType.SubOrchestrationInstanceFailed,
        Case.TimerCreated => WorkflowHistoryEventType.TimerCreated,
        Case.TimerFired => WorkflowHistoryEventType.TimerFired,
        Case.WorkflowStarted => WorkflowHistoryEventType.OrchestratorStarted,
        Case.WorkflowCompleted => WorkflowHistoryEventType.OrchestratorCompleted,
        Case.EventSent => WorkflowHistoryEventType.EventSent,
        Case.EventRaised => WorkflowHistoryEventType.EventRaised,
        Case.ContinueAsNew => WorkflowHistoryEventType.ContinueAsNew,
        Case.ExecutionSuspended => WorkflowHistoryEventType.ExecutionSuspended,
        Case.ExecutionResumed => WorkflowHistoryEventType.ExecutionResumed,
        Case.ExecutionStalled => WorkflowHistoryEventType.ExecutionStalled,
        Case.DetachedWorkflowInstanceCreated => WorkflowHistoryEventType.DetachedWorkflowInstanceCreated,
        _ => WorkflowHistoryEventType.Unknown,
    };
}
