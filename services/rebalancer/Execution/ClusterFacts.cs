using Danube.Dapr.BrokerClient;
using Danube.Dapr.Rebalancer.Control;

namespace Danube.Dapr.Rebalancer.Execution;

/// <summary>The cluster as one preflight saw it.</summary>
/// <param name="Topology">Registered brokers.</param>
/// <param name="Raft">Raft as the leader sees it.</param>
/// <param name="Balance">The leader's ranking.</param>
/// <param name="Owners">Owners of each topic by the brokers' own lists.</param>
/// <param name="Delivery">Delivery mode of each owned topic.</param>
/// <param name="Control">What the control loop remembers: brokers where something stuck, and what it last saw of Danube's own rebalancer.</param>
/// <param name="BuiltInMoves">Moves of Danube's own rebalancer by now; null when not known.</param>
/// <param name="Unreachable">Brokers of this batch that are registered but do not answer: Danube lists a dead one for half a minute.</param>
internal sealed record ClusterFacts(
    ClusterTopology Topology,
    RaftStatus Raft,
    ClusterBalance Balance,
    IReadOnlyDictionary<string, IReadOnlyList<string>> Owners,
    IReadOnlyDictionary<string, TopicDelivery> Delivery,
    ControlState Control,
    double? BuiltInMoves,
    IReadOnlySet<string> Unreachable)
{
    /// <summary>Another topic whose name begins with this one; null when there is none.</summary>
    public string? LongerName(string topic) => Owners.Keys.FirstOrDefault(name => name.Length > topic.Length && name.StartsWith(topic, StringComparison.Ordinal));

    public IReadOnlyList<string> OwnersOf(string topic) => Owners.TryGetValue(topic, out var owners) ? owners : [];
}
