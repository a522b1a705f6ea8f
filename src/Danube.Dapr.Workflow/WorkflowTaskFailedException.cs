namespace Danube.Dapr.Workflow;

/// <summary>An activity or a child workflow failed, and no retry is left.</summary>
/// <param name="message">Which task failed, and with what message.</param>
/// <param name="failureDetails">What the task reported.</param>
public class WorkflowTaskFailedException(string message, WorkflowTaskFailureDetails failureDetails) : Exception(message)
{
    /// <summary>What the task reported.</summary>
    public WorkflowTaskFailureDetails FailureDetails { get; } = failureDetails ?? throw new ArgumentNullException(nameof(failureDetails));
}
