using Danube.Dapr.Contracts;
using Danube.Dapr.Rebalancer.Control;

namespace Danube.Dapr.Rebalancer.Findings;

/// <summary>What only shows over several looks at the cluster: consumers that get nothing for long, brokers that took the place of others.</summary>
internal static class ClusterLearning
{
    private const int MostStalls = 500;
    private const int MostAddresses = 2_000;

    public static ControlState Learn(ControlState state, ClusterSnapshot snapshot)
    {
        var addresses = Addresses(state.Addresses, snapshot);
        // The process that held dead copies, or whose watcher hung, is gone with its id once another broker is at its address.
        var replaced = addresses.Except(state.Addresses).Select(a => a.Before).OfType<string>().ToHashSet(StringComparer.Ordinal);
        return state with
        {
            Stalls = Stalls(state.Stalls, snapshot),
            Addresses = addresses,
            Banned = replaced.Count == 0 ? state.Banned : [.. state.Banned.Where(b => !replaced.Contains(b.BrokerId))],
            StuckBrokers = replaced.Count == 0 ? state.StuckBrokers : [.. state.StuckBrokers.Where(b => !replaced.Contains(b))],
        };
    }

    /// <summary>True when consumers are attached and get nothing although there is something to get.</summary>
    public static bool IsStalled(TopicSnapshot topic) =>
        topic is { BrokerId: not null, RatesKnown: true, Consumers: > 0, MessagesOutPerSecond: 0, MessagesInPerSecond: > 0, BacklogMessages: > 0 };

    private static IReadOnlyList<Stall> Stalls(IReadOnlyList<Stall> known, ClusterSnapshot snapshot)
    {
        var before = known.ToDictionary(s => s.Topic, StringComparer.Ordinal);
        return
        [
            .. snapshot.Topics.Where(IsStalled).Take(MostStalls).Select(t => before.TryGetValue(t.Name, out var old) && old.BrokerId == t.BrokerId
                ? old
                : new Stall(t.Name, t.BrokerId!, snapshot.Time, t.BacklogMessages!.Value)),
        ];
    }

    private static IReadOnlyList<BrokerAddress> Addresses(IReadOnlyList<BrokerAddress> known, ClusterSnapshot snapshot)
    {
        var addresses = known.ToDictionary(a => a.Address, StringComparer.Ordinal);
        var alive = snapshot.Brokers.Where(b => b.Reachable).Select(b => b.Id).ToHashSet(StringComparer.Ordinal);
        foreach (var broker in snapshot.Brokers.Where(b => b.Reachable && b.Address.Length > 0))
        {
            if (!addresses.TryGetValue(broker.Address, out var there))
                addresses[broker.Address] = new BrokerAddress(broker.Address, broker.Id, snapshot.Time, null);
            else if (there.BrokerId != broker.Id && !alive.Contains(there.BrokerId))
                addresses[broker.Address] = new BrokerAddress(broker.Address, broker.Id, snapshot.Time, there.BrokerId);
        }

        return [.. addresses.Values.OrderByDescending(a => a.Since).Take(MostAddresses)];
    }
}
