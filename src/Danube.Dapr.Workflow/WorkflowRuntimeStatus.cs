namespace Danube.Dapr.Workflow;

/// <summary>Where a workflow instance is in its life.</summary>
public enum WorkflowRuntimeStatus
{
    /// <summary>The instance does not exist, or the sidecar names a status that is not known here.</summary>
    Unknown = -1,

    /// <summary>It runs, or waits for something.</summary>
    Running = 0,

    /// <summary>It ended with a result.</summary>
    Completed = 1,

    /// <summary>It starts over with a new input.</summary>
    ContinuedAsNew = 2,

    /// <summary>It ended with an error.</summary>
    Failed = 3,

    /// <summary>It was cancelled.</summary>
    Canceled = 4,

    /// <summary>It was terminated from outside.</summary>
    Terminated = 5,

    /// <summary>It is accepted and has not had its first turn.</summary>
    Pending = 6,

    /// <summary>It is suspended from outside, and takes no step until it is resumed.</summary>
    Suspended = 7,

    /// <summary>The sidecar cannot go on with it (daprd 1.17): no worker fits its version or patches, or its history is too large.</summary>
    Stalled = 8,
}
