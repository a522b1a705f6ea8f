namespace Danube.Dapr.Contracts;

/// <summary>What the collector saw of the cluster as a whole in one round: from the admin ports and from which ports answered.</summary>
public sealed record ClusterReport
{
    /// <summary>Grows with every report, also over restarts and between collectors.</summary>
    public required long Sequence { get; init; }

    /// <summary>When it was taken.</summary>
    public required DateTimeOffset Time { get; init; }

    /// <summary>Every broker that Danube lists, and every one that vanished since the last report.</summary>
    public required IReadOnlyList<BrokerStatus> Brokers { get; init; }

    /// <summary>Id of the leader, or null when none is known.</summary>
    public string? LeaderId { get; init; }

    /// <summary>Raft term as the leader tells it; 0 when not known.</summary>
    public ulong RaftTerm { get; init; }

    /// <summary>Number of topics that exist (over all namespaces).</summary>
    public int TopicCount { get; init; }

    /// <summary>Topics that exist but that no broker owns, with the time since when.</summary>
    public IReadOnlyList<UnownedTopic> Unowned { get; init; } = [];

    /// <summary>Topics that more than one broker claims to own.</summary>
    public IReadOnlyList<MultiplyOwnedTopic> MultiplyOwned { get; init; } = [];

    /// <summary>Parts that are missing.</summary>
    public IReadOnlyList<ReportGap> Gaps { get; init; } = [];
}

/// <summary>State of a broker, as Danube's admin port names it, and one more for a broker that is gone.</summary>
public enum BrokerState
{
    /// <summary>Takes topics.</summary>
    Active,

    /// <summary>Is giving its topics away.</summary>
    Draining,

    /// <summary>Takes no topics.</summary>
    Drained,

    /// <summary>Danube no longer lists it.</summary>
    Gone,
}

/// <summary>One broker in a <see cref="ClusterReport"/>.</summary>
public sealed record BrokerStatus
{
    /// <summary>Danube's broker id.</summary>
    public required string Id { get; init; }

    /// <summary>Client address as the broker registers it, <c>http://host:port</c>.</summary>
    public string ClientAddress { get; init; } = "";

    /// <summary>Admin address after the rewrite of bind addresses.</summary>
    public string AdminAddress { get; init; } = "";

    /// <summary>Metrics address after the rewrite, or empty when the broker has no exporter.</summary>
    public string MetricsAddress { get; init; } = "";

    /// <summary>State in Danube's registry.</summary>
    public required BrokerState State { get; init; }

    /// <summary>True for the leader.</summary>
    public bool IsLeader { get; init; }

    /// <summary>False when its ports refuse: it is dead or cut off, however long Danube still lists it.</summary>
    public bool Reachable { get; init; } = true;

    /// <summary>Since when it is unreachable; null while it is reachable.</summary>
    public DateTimeOffset? UnreachableSince { get; init; }

    /// <summary>Topics assigned to it by <c>ListBrokerTopics</c>; null when that could not be asked.</summary>
    public int? AssignedTopics { get; init; }
}

/// <summary>A topic that exists and has no owner.</summary>
/// <param name="Name">Full name.</param>
/// <param name="Since">First report in which nobody owned it.</param>
/// <param name="LastOwner">The broker that owned it last, when seen.</param>
/// <param name="Reliable">Its delivery mode, when known from before.</param>
public sealed record UnownedTopic(string Name, DateTimeOffset Since, string? LastOwner = null, bool? Reliable = null);

/// <summary>A topic that several brokers list.</summary>
/// <param name="Name">Full name.</param>
/// <param name="BrokerIds">All of them.</param>
public sealed record MultiplyOwnedTopic(string Name, IReadOnlyList<string> BrokerIds);
