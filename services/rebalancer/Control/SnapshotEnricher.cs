using Danube.Dapr.Contracts;
using Danube.Dapr.Rebalancer.Options;

namespace Danube.Dapr.Rebalancer.Control;

/// <summary>Adds to ranking's snapshot what only the rebalancer knows: rules, recent moves, topics and brokers that went wrong.</summary>
internal static class SnapshotEnricher
{
    public static ClusterSnapshot Enrich(ClusterSnapshot snapshot, ControlState state, RebalancerOptions options)
    {
        var moved = new Dictionary<string, RecentMove>(StringComparer.Ordinal);
        foreach (var move in state.RecentMoves)
            moved[move.Topic] = move;
        var twice = state.LoadedTwice.ToHashSet(StringComparer.Ordinal);
        var topics = snapshot.Topics;
        if (moved.Count > 0 || twice.Count > 0)
        {
            topics =
            [
                .. snapshot.Topics.Select(topic => moved.TryGetValue(topic.Name, out var move) && !(topic.LastMoved > move.At)
                    ? topic with { LastMoved = move.At, MovedFrom = move.From }
                    : topic).Select(topic => twice.Contains(topic.Name) ? topic with { LoadedTwice = true } : topic),
            ];
        }

        // Drained by an operator, whatever a report of some seconds ago says.
        var drained = state.Drains.Where(d => d.Closed).Select(d => d.BrokerId).ToHashSet(StringComparer.Ordinal);
        var brokers = drained.Count == 0
            ? snapshot.Brokers
            : [.. snapshot.Brokers.Select(b => b.State == BrokerState.Active && drained.Contains(b.Id) ? b with { State = BrokerState.Drained } : b)];
        return snapshot with { Brokers = brokers, Topics = topics, Rules = Rules(snapshot.Rules ?? new PlacementRules(), state, options) };
    }

    private static PlacementRules Rules(PlacementRules rules, ControlState state, RebalancerOptions options) => rules with
    {
        DeniedTopics = [.. rules.DeniedTopics, .. options.DeniedTopics],
        Pins = [.. rules.Pins, .. state.Pins],
        Banned = [.. rules.Banned, .. state.Banned],
        ExcludedBrokers = [.. rules.ExcludedBrokers, .. options.ExcludedBrokers, .. state.StuckBrokers],
        MaxPartitionsPerBroker = rules.MaxPartitionsPerBroker ?? options.MaxPartitionsPerBroker,
    };
}
