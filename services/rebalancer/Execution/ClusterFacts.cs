using Danube.Dapr.BrokerClient;

namespace Danube.Dapr.Rebalancer.Execution;

/// <summary>The cluster as one preflight saw it.</summary>
/// <param name="Topology">Registered brokers.</param>
/// <param name="Raft">Raft as the leader sees it.</param>
/// <param name="Balance">The leader's ranking.</param>
/// <param name="Owners">Owners of each topic by the brokers' own lists.</param>
/// <param name="Delivery">Delivery mode of each owned topic.</param>
internal sealed record ClusterFacts(
    ClusterTopology Topology,
    RaftStatus Raft,
    ClusterBalance Balance,
    IReadOnlyDictionary<string, IReadOnlyList<string>> Owners,
    IReadOnlyDictionary<string, TopicDelivery> Delivery)
{
    public IReadOnlyList<string> OwnersOf(string topic) => Owners.TryGetValue(topic, out var owners) ? owners : [];
}
