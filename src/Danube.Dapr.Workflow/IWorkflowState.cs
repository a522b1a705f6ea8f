namespace Danube.Dapr.Workflow;

/// <summary>What is known of an instance at one moment.</summary>
public interface IWorkflowState
{
    /// <summary>Whether there is such an instance.</summary>
    bool Exists { get; }

    /// <summary>The name of the workflow; <see langword="null"/> before the first turn.</summary>
    string? WorkflowName { get; }

    /// <summary>Whether the instance runs or waits: its status is <see cref="WorkflowRuntimeStatus.Running"/>.</summary>
    bool IsWorkflowRunning { get; }

    /// <summary>Whether the instance has ended, in whichever way.</summary>
    bool IsWorkflowCompleted { get; }

    /// <summary>When the present run of the instance was created; the default value before the first turn.</summary>
    DateTimeOffset CreatedAt { get; }

    /// <summary>When the instance was last saved; the default value before the first turn.</summary>
    DateTimeOffset LastUpdatedAt { get; }

    /// <summary>Where the instance is in its life.</summary>
    WorkflowRuntimeStatus RuntimeStatus { get; }

    /// <summary>Why the instance failed; only if it did, and if inputs and outputs were asked for.</summary>
    WorkflowTaskFailureDetails? FailureDetails { get; }

    /// <summary>Reads the input.</summary>
    /// <typeparam name="T">The type of the input.</typeparam>
    /// <returns>The input, or the default value if there is none or it was not asked for.</returns>
    T? ReadInputAs<T>();

    /// <summary>Reads the result.</summary>
    /// <typeparam name="T">The type of the result.</typeparam>
    /// <returns>The result, or the default value if there is none or it was not asked for.</returns>
    T? ReadOutputAs<T>();

    /// <summary>Reads the custom status.</summary>
    /// <typeparam name="T">The type of the custom status.</typeparam>
    /// <returns>The custom status, or the default value if there is none or it was not asked for.</returns>
    T? ReadCustomStatusAs<T>();
}
