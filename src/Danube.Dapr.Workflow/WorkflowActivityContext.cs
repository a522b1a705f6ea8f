using Danube.Dapr.Workflow.Abstractions;

namespace Danube.Dapr.Workflow;

/// <summary>Whom an activity works for.</summary>
public abstract class WorkflowActivityContext
{
    /// <summary>The name of the activity.</summary>
    public abstract TaskIdentifier Identifier { get; }

    /// <summary>The id of the workflow instance that asked for it.</summary>
    public abstract string InstanceId { get; }

    /// <summary>The number of the step in the history of that instance, which is what <see cref="IDaprWorkflowClient.RerunWorkflowFromEventAsync"/> takes.</summary>
    public abstract int ScheduledEventId { get; }

    /// <summary>
    /// A key that stays the same when the same attempt is started more than once, and is new for each retry. Together with
    /// <see cref="InstanceId"/> it identifies the attempt. Never empty: a sidecar that gives none (1.15) makes it the task's number.
    /// </summary>
    public abstract string TaskExecutionKey { get; }
}
