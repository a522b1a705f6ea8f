using Danube.Dapr.TaskHub;
using Google.Protobuf.WellKnownTypes;
using Wire = Danube.Dapr.TaskHub.WorkflowState;

namespace Danube.Dapr.Workflow.Testing;

/// <summary>What the in-memory task hub keeps of an instance.</summary>
internal sealed class TestInstance(string instanceId, ExecutionStartedEvent started, DateTime createdAt)
{
    public string InstanceId { get; } = instanceId;

    public ExecutionStartedEvent Started { get; set; } = started;

    public DateTime CreatedAt { get; set; } = createdAt;

    public DateTime UpdatedAt { get; set; } = createdAt;

    public List<HistoryEvent> History { get; } = [];

    public List<HistoryEvent> Inbox { get; } = [];

    public ExecutionCompletedEvent? End { get; set; }

    public string? CustomStatus { get; set; }

    public bool IsSuspended { get; set; }

    /// <summary>Whether the turn that the inbox asks for was lost once already.</summary>
    public bool TurnWasLost { get; set; }

    public Wire ToWire() => new()
    {
        InstanceId = InstanceId,
        Name = Started.Name,
        WorkflowStatus = End?.WorkflowStatus ?? (IsSuspended ? OrchestrationStatus.Suspended : History.Count == 0 ? OrchestrationStatus.Pending : OrchestrationStatus.Running),
        CreatedTimestamp = Timestamp.FromDateTime(CreatedAt),
        LastUpdatedTimestamp = Timestamp.FromDateTime(UpdatedAt),
        Input = Started.Input,
        Output = End?.Result,
        CustomStatus = CustomStatus,
        FailureDetails = End?.FailureDetails,
    };
}
