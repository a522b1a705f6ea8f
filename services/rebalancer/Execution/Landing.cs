using Danube.Dapr.BrokerClient;

namespace Danube.Dapr.Rebalancer.Execution;

/// <summary>Where Danube puts an unloaded topic by itself: on the first active broker of its ranking other than the source.</summary>
internal static class Landing
{
    /// <summary>
    /// True when the topic lands on <paramref name="target"/> whatever order Danube gives to equal loads: the target is the least loaded active
    /// broker other than the source, and strictly so. A ranked broker that is gone counts as active: Danube takes it for that.
    /// </summary>
    public static bool IsCertain(ClusterTopology topology, ClusterBalance balance, string source, string target)
    {
        var candidates = balance.Brokers.Where(b => b.Id != source && topology.Find(b.Id) is null or { Status: BrokerStatus.Active }).ToList();
        return candidates.Find(b => b.Id == target) is { } wanted && candidates.All(b => b.Id == target || b.Load > wanted.Load);
    }
}
