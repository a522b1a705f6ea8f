using System.Collections.Concurrent;
using Danube.Dapr.BrokerClient;
using Danube.Dapr.Contracts;
using Danube.Dapr.MetricsCollector.Rounds;

namespace Danube.Dapr.MetricsCollector.Cluster;

/// <summary>Reads the cluster as a whole: leader and term, every topic, every assignment.</summary>
internal sealed class ClusterReader(IDanubeSource source, TimeSpan limit, int parallel)
{
    /// <summary>Reads what the round does not know yet.</summary>
    /// <param name="topology">The brokers that Danube lists.</param>
    /// <param name="owned">Topic lists that the round has read already; completed here.</param>
    /// <param name="isKnownUnowned">Whether a topic had no owner in the last report either.</param>
    /// <param name="gaps">Takes what is missing.</param>
    /// <param name="cancellationToken">Stops it.</param>
    public async Task<ClusterSight> ReadAsync(
        ClusterTopology topology,
        ConcurrentDictionary<string, IReadOnlyList<OwnedTopic>> owned,
        Func<string, bool> isKnownUnowned,
        List<ReportGap> gaps,
        CancellationToken cancellationToken)
    {
        var raft = Bounded.TryAsync(source.GetRaftStatusAsync, limit, cancellationToken);
        var topics = await ReadTopicsAsync(gaps, cancellationToken);
        await ReadOwnedAsync(topology.Brokers.Where(b => !owned.ContainsKey(b.Id)), owned, gaps, cancellationToken);
        if (topics is not null && NeedsSecondLook(topics, owned, isKnownUnowned))
        {
            // The lists were read one after the other, so a topic that moved or was created meanwhile can be missing or double. Only what shows twice is true.
            var first = new Dictionary<string, IReadOnlyList<OwnedTopic>>(owned, StringComparer.Ordinal);
            var again = new ConcurrentDictionary<string, IReadOnlyList<OwnedTopic>>(StringComparer.Ordinal);
            await ReadOwnedAsync(topology.Brokers, again, gaps, cancellationToken);
            var owners = again.Values.SelectMany(list => list.DistinctBy(t => t.Name)).CountBy(t => t.Name, StringComparer.Ordinal).ToDictionary(StringComparer.Ordinal);
            foreach (var (broker, list) in again)
                owned[broker] = Confirmed(list, first.GetValueOrDefault(broker, []), owners);
            foreach (var broker in first.Keys.Where(b => !again.ContainsKey(b)))
                owned.TryRemove(broker, out _);
            topics = await ReadTopicsAsync(gaps, cancellationToken);
        }

        var (status, fault) = await raft;
        if (fault is not null)
            gaps.Add(new ReportGap("raft", fault));
        return new ClusterSight { Topology = topology, Raft = status, Topics = topics, Owned = owned, Gaps = gaps };
    }

    private async Task<IReadOnlyCollection<ListedTopic>?> ReadTopicsAsync(List<ReportGap> gaps, CancellationToken cancellationToken)
    {
        var (namespaces, fault) = await Bounded.TryAsync(source.ListNamespacesAsync, limit, cancellationToken);
        if (namespaces is null)
        {
            gaps.Add(new ReportGap("namespaces", fault!));
            return null;
        }

        var topics = new Dictionary<string, ListedTopic>(StringComparer.Ordinal);
        foreach (var name in namespaces.Distinct(StringComparer.Ordinal))
        {
            var (list, listFault) = await Bounded.TryAsync(t => source.ListNamespaceTopicsAsync(name, t), limit, cancellationToken);
            if (list is null)
            {
                gaps.Add(new ReportGap("topics", $"namespace {name}: {listFault}"));
                return null;
            }

            foreach (var topic in list)
                topics[topic.Name] = topic;
        }

        return topics.Values;
    }

    private async Task ReadOwnedAsync(
        IEnumerable<BrokerNode> brokers, ConcurrentDictionary<string, IReadOnlyList<OwnedTopic>> owned, List<ReportGap> gaps, CancellationToken cancellationToken)
    {
        var faults = new ConcurrentBag<ReportGap>();
        await Parallel.ForEachAsync(
            brokers,
            new ParallelOptions { MaxDegreeOfParallelism = parallel, CancellationToken = cancellationToken },
            async (broker, token) =>
            {
                var (list, fault) = await Bounded.TryAsync(t => source.ListBrokerTopicsAsync(broker.Id, t), limit, token);
                if (list is null)
                    faults.Add(new ReportGap("ownership", $"broker {broker.Id}: {fault}"));
                else
                    owned[broker.Id] = list;
            });
        gaps.AddRange(faults);
    }

    private static bool NeedsSecondLook(
        IReadOnlyCollection<ListedTopic> topics, IReadOnlyDictionary<string, IReadOnlyList<OwnedTopic>> owned, Func<string, bool> isKnownUnowned)
    {
        var owners = new HashSet<string>(topics.Count, StringComparer.Ordinal);
        var twice = owned.Values.SelectMany(list => list.DistinctBy(t => t.Name)).Any(topic => !owners.Add(topic.Name));
        return twice || topics.Any(t => !owners.Contains(t.Name) && !isKnownUnowned(t.Name));
    }

    /// <summary>A second owner counts only if both looks named it; an only owner counts if the second look did.</summary>
    private static IReadOnlyList<OwnedTopic> Confirmed(IReadOnlyList<OwnedTopic> again, IReadOnlyList<OwnedTopic> first, Dictionary<string, int> owners)
    {
        var before = first.Select(t => t.Name).ToHashSet(StringComparer.Ordinal);
        return [.. again.Where(t => owners[t.Name] == 1 || before.Contains(t.Name))];
    }
}
