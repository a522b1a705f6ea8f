using Danube.Dapr.BrokerClient;
using Danube.Dapr.Rebalancer.Actors;

namespace Danube.Dapr.Rebalancer.Execution;

/// <summary>Which brokers a window masks, and which of them are ours to unmask.</summary>
internal static class MaskRules
{
    /// <summary>Active brokers other than the target.</summary>
    public static IReadOnlyList<string> ToMask(ClusterTopology topology, string target) =>
        [.. topology.Brokers.Where(b => b.Status == BrokerStatus.Active && b.Id != target).Select(b => b.Id)];

    /// <summary>True when the target is the only broker that takes topics.</summary>
    public static bool InForce(ClusterTopology topology, string target) =>
        topology.Find(target) is { Status: BrokerStatus.Active } && ToMask(topology, target).Count == 0;

    /// <summary>True when the holder of a window counts as dead. One that opened after now did so by a clock that was set back since: it would never end.</summary>
    public static bool IsOver(MaskWindow window, DateTimeOffset now) => window.ExpiresAt <= now || window.OpenedAt > now;

    /// <summary>
    /// Whether a broker that we masked may be activated again. Not when it is gone, and not when an operator drained it meanwhile: it is then draining, or
    /// it has no topics left although it had more than our moves can have taken from it.
    /// </summary>
    public static UnmaskDecision Decide(MaskedBroker masked, MaskWindow window, BrokerNode? now, int topicsNow) => now switch
    {
        null => UnmaskDecision.Gone,
        { Status: BrokerStatus.Active } => UnmaskDecision.AlreadyActive,
        { Status: BrokerStatus.Draining } => UnmaskDecision.DrainedByOperator,
        _ when topicsNow == 0 && masked.Topics > (window.MovesFrom?.GetValueOrDefault(masked.Id) ?? window.Moves) => UnmaskDecision.DrainedByOperator,
        _ => UnmaskDecision.Activate,
    };
}

/// <summary>What is done about a broker when its window closes.</summary>
internal enum UnmaskDecision
{
    Activate,
    AlreadyActive,
    Gone,
    DrainedByOperator,
}
