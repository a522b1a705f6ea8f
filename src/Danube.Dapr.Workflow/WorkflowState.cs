using Danube.Dapr.Workflow.Engine;
using Wire = Danube.Dapr.TaskHub.WorkflowState;

namespace Danube.Dapr.Workflow;

/// <summary>What is known of an instance at one moment.</summary>
public class WorkflowState
{
    private readonly Wire? _wire;
    private readonly Payloads _payloads;

    internal WorkflowState(Wire? wire, Payloads payloads)
    {
        _wire = wire;
        _payloads = payloads;
    }

    /// <summary>Whether there is such an instance.</summary>
    public bool Exists => _wire is not null;

    /// <summary>The id of the instance; empty if there is none.</summary>
    public string InstanceId => _wire?.InstanceId ?? "";

    /// <summary>The name of the workflow; empty before the first turn.</summary>
    public string WorkflowName => _wire?.Name ?? "";

    /// <summary>Whether the instance runs or waits: its status is <see cref="WorkflowRuntimeStatus.Running"/>.</summary>
    public bool IsWorkflowRunning => RuntimeStatus == WorkflowRuntimeStatus.Running;

    /// <summary>Whether the instance has ended, in whichever way.</summary>
    public bool IsWorkflowCompleted => RuntimeStatus
        is WorkflowRuntimeStatus.Completed or WorkflowRuntimeStatus.Failed or WorkflowRuntimeStatus.Terminated or WorkflowRuntimeStatus.Canceled;

    /// <summary>When the present run of the instance was created; the default value before the first turn.</summary>
    public DateTimeOffset CreatedAt => _wire?.CreatedTimestamp?.ToDateTimeOffset() ?? default;

    /// <summary>When the instance was last saved; the default value before the first turn.</summary>
    public DateTimeOffset LastUpdatedAt => _wire?.LastUpdatedTimestamp?.ToDateTimeOffset() ?? default;

    /// <summary>Where the instance is in its life.</summary>
    public WorkflowRuntimeStatus RuntimeStatus => _wire is { } wire && Enum.IsDefined(wire.WorkflowStatus)
        ? (WorkflowRuntimeStatus)(int)wire.WorkflowStatus
        : WorkflowRuntimeStatus.Unknown;

    /// <summary>Why the instance failed; only if it did, and if inputs and outputs were asked for.</summary>
    public WorkflowTaskFailureDetails? FailureDetails => _wire?.FailureDetails is { } failure ? Failures.FromWire(failure) : null;

    /// <summary>Reads the input.</summary>
    /// <typeparam name="T">The type of the input.</typeparam>
    /// <returns>The input, or the default value if there is none or it was not asked for.</returns>
    public T? ReadInputAs<T>() => _payloads.Read<T?>(_wire?.Input, "workflow input");

    /// <summary>Reads the result.</summary>
    /// <typeparam name="T">The type of the result.</typeparam>
    /// <returns>The result, or the default value if there is none or it was not asked for.</returns>
    public T? ReadOutputAs<T>() => _payloads.Read<T?>(_wire?.Output, "workflow output");

    /// <summary>Reads the custom status.</summary>
    /// <typeparam name="T">The type of the custom status.</typeparam>
    /// <returns>The custom status, or the default value if there is none or it was not asked for.</returns>
    public T? ReadCustomStatusAs<T>() => _payloads.Read<T?>(_wire?.CustomStatus, "workflow custom status");
}
