using Danube.Dapr.Conformance.Areas;

namespace Danube.Dapr.Conformance;

/// <summary>All behaviours, in the order of the table.</summary>
internal static class Behaviours
{
    public static IReadOnlyList<Behaviour> All { get; } =
    [
        .. HealthBehaviours.All(),
        .. MetadataBehaviours.All(),
        .. StateBehaviours.All(),
        .. StateConcurrencyBehaviours.All(),
        .. StateKeyBehaviours.All(),
        .. PublishBehaviours.All(),
        .. DeliveryBehaviours.All(),
        .. InvocationBehaviours.All(),
        .. ActorBehaviours.All(),
        .. ActorStateBehaviours.All(),
        .. ScheduleBehaviours.All(),
        .. WorkflowBehaviours.All(),
        .. WorkflowManagementBehaviours.All(),
        .. WorkflowApiBehaviours.All(),
        .. TaskHubBehaviours.All(),
        .. ErrorBehaviours.All(),
        .. TokenBehaviours.All(),
        .. TracingBehaviours.All(),
        .. RestartBehaviours.All(),
        .. InstanceBehaviours.All(),
    ];

    /// <summary>The behaviours whose area or full name has the text.</summary>
    public static IReadOnlyList<Behaviour> Matching(string? text) =>
        text is null ? All : [.. All.Where(b => text.Split(',', StringSplitOptions.TrimEntries).Any(t => b.FullName.Contains(t, StringComparison.OrdinalIgnoreCase)))];
}
