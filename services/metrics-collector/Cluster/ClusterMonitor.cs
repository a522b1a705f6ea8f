using Danube.Dapr.BrokerClient;
using Danube.Dapr.Contracts;
using BrokerStatus = Danube.Dapr.Contracts.BrokerStatus;
using RegisteredStatus = Danube.Dapr.BrokerClient.BrokerStatus;

namespace Danube.Dapr.MetricsCollector.Cluster;

/// <summary>What one round saw of the cluster.</summary>
internal sealed record ClusterSight
{
    /// <summary>The brokers that Danube lists; null when nobody answered.</summary>
    public ClusterTopology? Topology { get; init; }

    public RaftStatus? Raft { get; init; }

    /// <summary>Every topic that exists; null when that could not be asked in full.</summary>
    public IReadOnlyCollection<ListedTopic>? Topics { get; init; }

    /// <summary>Assigned topics by broker id; a broker that could not be asked about is missing.</summary>
    public IReadOnlyDictionary<string, IReadOnlyList<OwnedTopic>> Owned { get; init; } = new Dictionary<string, IReadOnlyList<OwnedTopic>>();

    public IReadOnlyList<ReportGap> Gaps { get; init; } = [];
}

/// <summary>Turns what the rounds see into cluster reports: remembers who vanished, and since when a topic has no owner.</summary>
internal sealed class ClusterMonitor(Reachability reachability, TimeProvider time)
{
    /// <summary>A broker that Danube no longer lists is named as gone for this long, so that one lost report does not hide it.</summary>
    internal static readonly TimeSpan GoneFor = TimeSpan.FromMinutes(5);

    private readonly Dictionary<string, (BrokerStatus Status, DateTimeOffset Since)> _gone = new(StringComparer.Ordinal);
    private readonly Dictionary<string, (string Owner, bool Reliable)> _lastOwners = new(StringComparer.Ordinal);
    private Dictionary<string, BrokerStatus> _listed = new(StringComparer.Ordinal);
    private Dictionary<string, UnownedTopic> _unowned = new(StringComparer.Ordinal);
    private IReadOnlyList<MultiplyOwnedTopic> _multiplyOwned = [];
    private int _topicCount;
    private string? _leaderId;
    private ulong _raftTerm;

    /// <summary>Whether a report has named the brokers yet.</summary>
    public bool HasBrokers { get; private set; }

    /// <summary>Makes the report of a round.</summary>
    public ClusterReport Report(ClusterSight sight, long sequence)
    {
        var now = time.GetUtcNow();
        var gaps = sight.Gaps.ToList();
        if (sight.Topology is { } topology)
            TakeBrokers(topology, sight.Owned, now, gaps);
        if (sight.Raft is { } raft)
            (_leaderId, _raftTerm) = (raft.LeaderId, raft.Term);
        else if (sight.Topology is { } listed)
            _leaderId = listed.Leader?.Id;
        if (sight.Topics is { } topics && _listed.Keys.All(sight.Owned.ContainsKey))
            TakeOwnership(topics, sight.Owned, now);
        else if (sight.Topology is not null)
            gaps.Add(new ReportGap("ownership", "not every topic list could be read; unowned and multiply owned topics are those of an earlier round"));
        return Build(sequence, now, gaps);
    }

    /// <summary>The last report anew, with what the probes know now.</summary>
    public ClusterReport Refresh(long sequence) => Build(sequence, time.GetUtcNow(), []);

    /// <summary>True for a topic that nobody owned in the last report.</summary>
    public bool IsKnownUnowned(string topic) => _unowned.ContainsKey(topic);

    /// <summary>Whether a topic is without owner that still had one, or did not exist, at that time.</summary>
    public bool HasUnownedSince(DateTimeOffset time) => _unowned.Values.Any(t => t.Since > time);

    private ClusterReport Build(long sequence, DateTimeOffset now, IReadOnlyList<ReportGap> gaps) => new()
    {
        Sequence = sequence,
        Time = now,
        Brokers =
        [
            .. _listed.Values.Select(b => reachability.UnreachableSince(b.Id) is { } since ? b with { Reachable = false, UnreachableSince = since } : b)
                .Concat(_gone.Values.Select(g => g.Status))
                .OrderBy(b => b.Id, StringComparer.Ordinal),
        ],
        LeaderId = _leaderId,
        RaftTerm = _raftTerm,
        TopicCount = _topicCount,
        Unowned = [.. _unowned.Values.OrderBy(t => t.Name, StringComparer.Ordinal)],
        MultiplyOwned = _multiplyOwned,
        Gaps = gaps,
    };

    private void TakeBrokers(ClusterTopology topology, IReadOnlyDictionary<string, IReadOnlyList<OwnedTopic>> owned, DateTimeOffset now, List<ReportGap> gaps)
    {
        var listed = new Dictionary<string, BrokerStatus>(StringComparer.Ordinal);
        foreach (var node in topology.Brokers)
        {
            if (node.Status == RegisteredStatus.Unknown)
                gaps.Add(new ReportGap("state", $"broker {node.Id} is in a state that this version does not know; it is taken as drained"));
            listed[node.Id] = new BrokerStatus
            {
                Id = node.Id,
                ClientAddress = Text(node.ClientAddress),
                AdminAddress = Text(node.AdminAddress),
                MetricsAddress = node.MetricsAddress is null ? "" : Text(node.MetricsAddress),
                State = node.Status switch
                {
                    RegisteredStatus.Active => BrokerState.Active,
                    RegisteredStatus.Draining => BrokerState.Draining,
                    _ => BrokerState.Drained,
                },
                IsLeader = node.Role == BrokerRole.Leader,
                AssignedTopics = owned.TryGetValue(node.Id, out var topics) ? topics.Count : null,
            };
        }

        foreach (var vanished in _listed.Values.Where(b => !listed.ContainsKey(b.Id)))
        {
            var since = reachability.UnreachableSince(vanished.Id) ?? now;
            _gone[vanished.Id] = (vanished with { State = BrokerState.Gone, IsLeader = false, Reachable = false, UnreachableSince = since, AssignedTopics = null }, now);
        }

        foreach (var (id, (_, since)) in _gone)
        {
            if (listed.ContainsKey(id) || now - since > GoneFor)
                _gone.Remove(id);
        }

        _listed = listed;
        HasBrokers = true;
    }

    private void TakeOwnership(IReadOnlyCollection<ListedTopic> topics, IReadOnlyDictionary<string, IReadOnlyList<OwnedTopic>> owned, DateTimeOffset now)
    {
        var owners = new Dictionary<string, List<string>>(topics.Count, StringComparer.Ordinal);
        foreach (var (broker, list) in owned)
        {
            foreach (var topic in list)
            {
                _lastOwners[topic.Name] = (broker, topic.Delivery == TopicDelivery.Reliable);
                if (owners.TryGetValue(topic.Name, out var others))
                    others.Add(broker);
                else
                    owners.Add(topic.Name, [broker]);
            }
        }

        var unowned = new Dictionary<string, UnownedTopic>(StringComparer.Ordinal);
        var existing = new HashSet<string>(topics.Count, StringComparer.Ordinal);
        foreach (var topic in topics)
        {
            // Danube answers NonReliable also for a topic it knows nothing of, so what was seen under an owner counts more.
            if (!existing.Add(topic.Name) || owners.ContainsKey(topic.Name))
                continue;
            var last = _lastOwners.TryGetValue(topic.Name, out var seen) ? seen : ((string Owner, bool Reliable)?)null;
            // Seen first after now: the clock was set back since, and a repair would be put off for as long.
            unowned[topic.Name] = _unowned.GetValueOrDefault(topic.Name) is { } known && known.Since <= now ? known : new UnownedTopic(
                topic.Name, now, last?.Owner, last?.Reliable ?? (topic.Delivery == TopicDelivery.Reliable ? true : null));
        }

        foreach (var deleted in _lastOwners.Keys.Where(t => !existing.Contains(t) && !owners.ContainsKey(t)).ToArray())
            _lastOwners.Remove(deleted);
        _unowned = unowned;
        _topicCount = existing.Count;
        _multiplyOwned =
        [
            .. owners.Where(o => o.Value.Count > 1)
                .Select(o => new MultiplyOwnedTopic(o.Key, [.. o.Value.Order(StringComparer.Ordinal)]))
                .OrderBy(t => t.Name, StringComparer.Ordinal),
        ];
    }

    private static string Text(Uri address) => address.GetLeftPart(UriPartial.Authority);
}
