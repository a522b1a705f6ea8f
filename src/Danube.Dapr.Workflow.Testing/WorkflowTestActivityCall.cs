namespace Danube.Dapr.Workflow.Testing;

/// <summary>An activity that a workflow under test had run.</summary>
/// <param name="InstanceId">The instance that asked for it.</param>
/// <param name="Name">The activity.</param>
/// <param name="InputJson">Its input as JSON, or <see langword="null"/>.</param>
/// <param name="CalledAt">When, by the virtual clock.</param>
public sealed record WorkflowTestActivityCall(string InstanceId, string Name, string? InputJson, DateTime CalledAt);
