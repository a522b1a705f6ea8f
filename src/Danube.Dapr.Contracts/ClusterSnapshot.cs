namespace Danube.Dapr.Contracts;

/// <summary>The whole cluster at one moment, as ranking serves it (<c>GET /snapshot</c>), as the rebalancer plans on it, and as <c>danube-lb plan --snapshot</c> reads it from a file.</summary>
public sealed record ClusterSnapshot
{
    /// <summary>Format version: 1.</summary>
    public int Version { get; init; } = 1;

    /// <summary>The moment that it describes; all ages count from here.</summary>
    public required DateTimeOffset Time { get; init; }

    /// <summary>Grows with every change of the cluster view, also over restarts; two snapshots with the same number differ at most in <see cref="Time"/>.</summary>
    public long Generation { get; init; }

    /// <summary>Id of Danube's leader, when known.</summary>
    public string? LeaderId { get; init; }

    /// <summary>Raft term; 0 when not known.</summary>
    public ulong RaftTerm { get; init; }

    /// <summary>All brokers that are listed, ordered by id.</summary>
    public required IReadOnlyList<BrokerSnapshot> Brokers { get; init; }

    /// <summary>All topics, ordered by name.</summary>
    public required IReadOnlyList<TopicSnapshot> Topics { get; init; }

    /// <summary>Placement rules in force; null for none. Ranking leaves them out, the rebalancer fills them in.</summary>
    public PlacementRules? Rules { get; init; }
}

/// <summary>One broker of a snapshot.</summary>
public sealed record BrokerSnapshot
{
    /// <summary>Danube's broker id.</summary>
    public required string Id { get; init; }

    /// <summary>Client address, for people.</summary>
    public string Address { get; init; } = "";

    /// <summary>Admin address.</summary>
    public string AdminAddress { get; init; } = "";

    /// <summary>State in Danube's registry.</summary>
    public BrokerState State { get; init; } = BrokerState.Active;

    /// <summary>False when its ports refuse.</summary>
    public bool Reachable { get; init; } = true;

    /// <summary>Failure domain, from configuration; null when unknown.</summary>
    public string? Zone { get; init; }

    /// <summary>What it can carry; a null member is unlimited, and brokers are then compared as equals.</summary>
    public BrokerCapacity Capacity { get; init; } = new();

    /// <summary>Measured use of its machine; null when nothing usable was measured.</summary>
    public ResourceUsage? Resources { get; init; }

    /// <summary>End of the interval of the last load report; null when none has come.</summary>
    public DateTimeOffset? ReportTime { get; init; }

    /// <summary>Sequence of that report.</summary>
    public long ReportSequence { get; init; }

    /// <summary>Topics loaded by the broker's own gauge.</summary>
    public int? OwnedGauge { get; init; }
}

/// <summary>What a broker can carry. Null: no limit known.</summary>
public sealed record BrokerCapacity
{
    /// <summary>Messages in and out per second.</summary>
    public double? MessagesPerSecond { get; init; }

    /// <summary>Payload bytes in and out per second.</summary>
    public double? BytesPerSecond { get; init; }

    /// <summary>Topics.</summary>
    public int? Topics { get; init; }

    /// <summary>Relative size of the broker against its peers, above 0; its fair share grows with it.</summary>
    public double Weight { get; init; } = 1;
}

/// <summary>One topic of a snapshot.</summary>
public sealed record TopicSnapshot
{
    /// <summary>Full name, <c>/namespace/topic</c>.</summary>
    public required string Name { get; init; }

    /// <summary>The owner; null when nobody owns it.</summary>
    public string? BrokerId { get; init; }

    /// <summary>True when more than one broker claims it or has it loaded: it must not be moved automatically.</summary>
    public bool LoadedTwice { get; init; }

    /// <summary>True for Reliable, false for NonReliable, null when not known (then it is treated as NonReliable: never unloaded).</summary>
    public bool? Reliable { get; init; }

    /// <summary>Base name when it is a partition (<c>base-part-n</c>), else null.</summary>
    public string? PartitionGroup { get; init; }

    /// <summary>Messages in per second.</summary>
    public double MessagesInPerSecond { get; init; }

    /// <summary>Payload bytes in per second.</summary>
    public double BytesInPerSecond { get; init; }

    /// <summary>Messages out per second.</summary>
    public double MessagesOutPerSecond { get; init; }

    /// <summary>Payload bytes out per second.</summary>
    public double BytesOutPerSecond { get; init; }

    /// <summary>Producers, an upper bound.</summary>
    public int Producers { get; init; }

    /// <summary>Consumers, an upper bound.</summary>
    public int Consumers { get; init; }

    /// <summary>Messages not acknowledged; null when not known.</summary>
    public long? BacklogMessages { get; init; }

    /// <summary>Estimated age in seconds of the oldest message that is not acknowledged; null when not known.</summary>
    public double? OldestUnackedSeconds { get; init; }

    /// <summary>True when that age is only the least that it can be.</summary>
    public bool OldestUnackedIsAtLeast { get; init; }

    /// <summary>Bytes of the write-ahead log not yet exported to durable storage; null when not known.</summary>
    public long? UnexportedBytes { get; init; }

    /// <summary>Publish latency p99 in milliseconds.</summary>
    public double? PublishLatencyP99Ms { get; init; }

    /// <summary>False while its rates are not known yet; it is then not moved.</summary>
    public bool RatesKnown { get; init; } = true;

    /// <summary>When the control plane saw it first.</summary>
    public DateTimeOffset? FirstSeen { get; init; }

    /// <summary>When it was moved last; null when never.</summary>
    public DateTimeOffset? LastMoved { get; init; }

    /// <summary>Id of the broker that it left with that move; null when not known. It does not go back there for a while.</summary>
    public string? MovedFrom { get; init; }
}

/// <summary>Rules that a plan obeys.</summary>
public sealed record PlacementRules
{
    /// <summary>Topics that never move: exact names or globs (<c>/default/critical-*</c>).</summary>
    public IReadOnlyList<string> DeniedTopics { get; init; } = [];

    /// <summary>Topics bound to one broker.</summary>
    public IReadOnlyList<TopicPin> Pins { get; init; } = [];

    /// <summary>Topics that a broker may never get (a failed unload left a dead copy there).</summary>
    public IReadOnlyList<TopicPin> Banned { get; init; } = [];

    /// <summary>Brokers that must not take part: neither source nor target.</summary>
    public IReadOnlyList<string> ExcludedBrokers { get; init; } = [];

    /// <summary>At most this many partitions of one partitioned topic on one broker; null for no limit.</summary>
    public int? MaxPartitionsPerBroker { get; init; }

    /// <summary>The same for a zone.</summary>
    public int? MaxPartitionsPerZone { get; init; }

    /// <summary>Groups of topics that prefer or avoid brokers.</summary>
    public IReadOnlyList<AffinityGroup> AffinityGroups { get; init; } = [];

    /// <summary>Namespaces that prefer the broker that has most of their topics.</summary>
    public bool NamespaceAffinity { get; init; }

    /// <summary>Requirements of single topics.</summary>
    public IReadOnlyList<TopicRequirement> Requirements { get; init; } = [];
}

/// <summary>A topic (exact name or glob) and a broker.</summary>
/// <param name="Topic">Exact name or glob.</param>
/// <param name="BrokerId">The broker.</param>
public sealed record TopicPin(string Topic, string BrokerId);

/// <summary>Topics that should or must be on, or keep off, certain brokers.</summary>
/// <param name="Name">Name of the group.</param>
/// <param name="Topics">Exact names or globs.</param>
/// <param name="PreferBrokers">Brokers to prefer.</param>
/// <param name="AvoidBrokers">Brokers to avoid.</param>
/// <param name="Required">True: a hard rule; only <paramref name="PreferBrokers"/> are allowed.</param>
public sealed record AffinityGroup(string Name, IReadOnlyList<string> Topics, IReadOnlyList<string> PreferBrokers, IReadOnlyList<string> AvoidBrokers, bool Required = false);

/// <summary>What a topic needs of its broker.</summary>
/// <param name="Topic">Exact name or glob.</param>
/// <param name="ThroughputBytesPerSecond">Throughput to reserve.</param>
/// <param name="SizeBytes">Storage to reserve.</param>
/// <param name="CpuIntensive">Only brokers at or below 70 % CPU.</param>
/// <param name="LowLatency">Prefer the least loaded broker.</param>
public sealed record TopicRequirement(string Topic, double? ThroughputBytesPerSecond = null, double? SizeBytes = null, bool CpuIntensive = false, bool LowLatency = false);
