namespace Danube.Dapr.Workflow;

/// <summary>There is no workflow instance of this id.</summary>
/// <param name="instanceId">The id that was asked for.</param>
public sealed class WorkflowInstanceNotFoundException(string instanceId) : InvalidOperationException($"There is no workflow instance '{instanceId}'.")
{
    /// <summary>The id that was asked for.</summary>
    public string InstanceId { get; } = instanceId;
}
