using Danube.Dapr.TaskHub;
using Google.Protobuf;
using Case = Danube.Dapr.TaskHub.HistoryEvent.EventTypeOneofCase;

namespace Danube.Dapr.Workflow.Client;

/// <summary>Histories as users see them, and as text that can be kept.</summary>
internal static class HistoryEvents
{
    // Readable, one field a line: recorded histories are looked at in reviews.
    private static readonly JsonFormatter Formatter = new(JsonFormatter.Settings.Default.WithIndentation());
    private static readonly JsonParser Parser = new(JsonParser.Settings.Default.WithIgnoreUnknownFields(true));

    public static string ToJson(IEnumerable<HistoryEvent> events) => Formatter.Format(new GetInstanceHistoryResponse { Events = { events } }) + "\n";

    public static IReadOnlyList<HistoryEvent> FromJson(string json)
    {
        try
        {
            return Parser.Parse<GetInstanceHistoryResponse>(json).Events;
        }
        catch (InvalidProtocolBufferException e)
        {
            throw new ArgumentException($"The text is no workflow history: {e.Message}", nameof(json), e);
        }
    }

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
