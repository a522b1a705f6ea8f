using Danube.Dapr.Workflow;

namespace Danube.Dapr.Rebalancer.Workflows;

/// <summary>How often steps are tried again.</summary>
internal static class Retries
{
    /// <summary>A step: about 20 s, then the batch ends and compensates.</summary>
    public static WorkflowTaskOptions Step { get; } = new(new WorkflowRetryPolicy(
        maxNumberOfAttempts: 8, firstRetryInterval: TimeSpan.FromMilliseconds(250), backoffCoefficient: 2, maxRetryInterval: TimeSpan.FromSeconds(5)));

    /// <summary>A compensation: nothing is better than to go on trying.</summary>
    public static WorkflowTaskOptions Compensation { get; } = new(new WorkflowRetryPolicy(
        maxNumberOfAttempts: 500, firstRetryInterval: TimeSpan.FromMilliseconds(250), backoffCoefficient: 2, maxRetryInterval: TimeSpan.FromSeconds(10)));
}
