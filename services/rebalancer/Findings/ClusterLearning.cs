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
        var twice = LoadedTwice(state, snapshot);
        var replaced = addresses.Except(state.Addresses).Select(a => a.Before).OfType<string>().ToHashSet(StringComparer.Ordinal);
        return state with
        {
            Stalls = Stalls(state.Stalls, snapshot),
            Addresses = addresses,
            LoadedTwice = twice,
            LoadedTwiceOn = twice.Count == state.LoadedTwice.Count ? state.LoadedTwiceOn : [.. state.LoadedTwiceOn.Where(p => twice.Contains(p.Topic))],
            RepairFailed = RepairFailed(state, snapshot),
            Banned = replaced.Count == 0 ? state.Banned : [.. state.Banned.Where(b => !replaced.Contains(b.BrokerId))],
            StuckBrokers = replaced.Count == 0 ? state.StuckBrokers : [.. state.StuckBrokers.Where(b => !replaced.Contains(b))],
        };
    }

    /// <summary>True when consumers are attached and get nothing although there is something to get.</summary>
    public static bool IsStalled(TopicSnapshot topic) =>
        topic is { BrokerId: not null, RatesKnown: true, Consumers: > 0, MessagesOutPerSecond: 0, MessagesInPerSecond: > 0, BacklogMessages: > 0 };

    /// <summary>Without those whose name is gone, and those that another broker has since the one that had loaded them twice is gone.</summary>
    private static IReadOnlyList<string> LoadedTwice(ControlState state, ClusterSnapshot snapshot)
    {
        if (state.LoadedTwice.Count == 0)
            return state.LoadedTwice;
        var owners = snapshot.Topics.ToDictionary(t => t.Name, t => t.BrokerId, StringComparer.Ordinal);
        var brokers = snapshot.Brokers.Select(b => b.Id).ToHashSet(StringComparer.Ordinal);
        var whole = IsWhole(state, snapshot);
        var on = state.LoadedTwiceOn.ToLookup(p => p.Topic, p => p.BrokerId, StringComparer.Ordinal);
        return [.. state.LoadedTwice.Where(t => owners.TryGetValue(t, out var owner) ? owner is null || !on[t].Any() || on[t].Any(brokers.Contains) : !whole)];
    }

    /// <summary>Without those that have an owner again, whoever gave it to them, and those whose name is gone.</summary>
    private static IReadOnlyList<string> RepairFailed(ControlState state, ClusterSnapshot snapshot)
    {
        if (state.RepairFailed.Count == 0)
            return state.RepairFailed;
        var owners = snapshot.Topics.ToDictionary(t => t.Name, t => t.BrokerId, StringComparer.Ordinal);
        var whole = IsWhole(state, snapshot);
        return [.. state.RepairFailed.Where(t => owners.TryGetValue(t, out var owner) ? owner is null : !whole)];
    }

    /// <summary>True when a topic that is not in the snapshot does not exist: every broker has told what it has, and none is on its way between two of them.</summary>
    public static bool IsWhole(ControlState state, ClusterSnapshot snapshot) =>
        state.Active is null or { AwaitsApproval: true } && snapshot.Brokers.Count > 0 && snapshot.Brokers.All(b => b.ReportTime is not null);

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
