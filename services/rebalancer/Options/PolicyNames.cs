namespace Danube.Dapr.Rebalancer.Options;

/// <summary>Names of the balance policies.</summary>
internal static class PolicyNames
{
    public static IReadOnlyList<string> All { get; } = ["conservative", "balanced", "aggressive", "demonstration"];
}
