using Danube.Dapr.Workflow.Engine;
using Wire = Danube.Dapr.TaskHub.WorkflowState;

namespace Danube.Dapr.Workflow;

/// <summary>What is known of an instance at one moment.</summary>
public sealed class WorkflowState : IWorkflowState
{
    private readonly Wire? _wire;
    private readonly Payloads _payloads;

    internal WorkflowState(Wire? wire, Payloads payloads)
    {
        _wire = wire;
        _payloads = payloads;
    }

    /// <inheritdoc/>
    public bool Exists => _wire is not null;

    /// <summary>The id of the instance; empty if there is none.</summary>
    public string InstanceId => _wire?.InstanceId ?? "";

    /// <inheritdoc/>
    public string? WorkflowName => _wire?.Name is { Length: > 0 } name ? name : null;

    /// <inheritdoc/>
    public bool IsWorkflowRunning => RuntimeStatus == WorkflowRuntimeStatus.Running;

    /// <inheritdoc/>
    public bool IsWorkflowCompleted => RuntimeStatus
        is WorkflowRuntimeStatus.Completed or WorkflowRuntimeStatus.Failed or WorkflowRuntimeStatus.Terminated or WorkflowRuntimeStatus.Canceled;

    /// <inheritdoc/>
    public DateTimeOffset CreatedAt => _wire?.CreatedTimestamp?.ToDateTimeOffset() ?? default;

    /// <inheritdoc/>
    public DateTimeOffset LastUpdatedAt => _wire?.LastUpdatedTimestamp?.ToDateTimeOffset() ?? default;

    /// <inheritdoc/>
    public WorkflowRuntimeStatus RuntimeStatus => _wire is { } wire && Enum.IsDefined(wire.WorkflowStatus)
        ? (WorkflowRuntimeStatus)(int)wire.WorkflowStatus
        : WorkflowRuntimeStatus.Unknown;

    /// <inheritdoc/>
    public WorkflowTaskFailureDetails? FailureDetails => _wire?.FailureDetails is { } failure ? Failures.FromWire(failure) : null;

    /// <inheritdoc/>
    public T? ReadInputAs<T>() => _payloads.Read<T?>(_wire?.Input, "workflow input");

    /// <inheritdoc/>
    public T? ReadOutputAs<T>() => _payloads.Read<T?>(_wire?.Output, "workflow output");

    /// <inheritdoc/>
    public T? ReadCustomStatusAs<T>() => _payloads.Read<T?>(_wire?.CustomStatus, "workflow custom status");
}
