namespace Danube.Dapr.Workflow;

/// <summary>How a workflow calls an activity.</summary>
/// <param name="RetryPolicy">When to try again after a failure; <see langword="null"/> means never.</param>
/// <param name="TargetAppId">The app that runs the activity; <see langword="null"/> means this one. Needs daprd 1.16.</param>
public record WorkflowTaskOptions(WorkflowRetryPolicy? RetryPolicy = null, string? TargetAppId = null);

/// <summary>How a workflow calls a child workflow.</summary>
/// <param name="InstanceId">The child's instance id; <see langword="null"/> derives one from the parent.</param>
/// <param name="RetryPolicy">When to try again after a failure; <see langword="null"/> means never.</param>
/// <param name="TargetAppId">The app that runs the child; <see langword="null"/> means this one. Needs daprd 1.16.</param>
public record ChildWorkflowTaskOptions(string? InstanceId = null, WorkflowRetryPolicy? RetryPolicy = null, string? TargetAppId = null)
    : WorkflowTaskOptions(RetryPolicy, TargetAppId);
