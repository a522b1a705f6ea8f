namespace Danube.Dapr.Planning;

/// <summary>Where topics may be. Topic patterns are exact names or globs: <c>*</c> any text, <c>?</c> one character.</summary>
public sealed record PlanRules
{
    /// <summary>Topics that never move.</summary>
    public IReadOnlyList<string> DeniedTopics { get; init; } = [];

    /// <summary>Topics that belong on one broker: they are moved there and stay.</summary>
    public IReadOnlyList<TopicRule> Pins { get; init; } = [];

    /// <summary>Topics that must never be put on a broker; one that is there already may stay.</summary>
    public IReadOnlyList<TopicRule> Banned { get; init; } = [];

    /// <summary>Brokers that take no part, neither as source nor as target.</summary>
    public IReadOnlyList<string> ExcludedBrokers { get; init; } = [];

    /// <summary>At most this many partitions of one group on one broker, 1 or more; null = no limit.</summary>
    public int? MaxPartitionsPerBroker { get; init; }

    /// <summary>At most this many partitions of one group in one zone, 1 or more; null = no limit.</summary>
    public int? MaxPartitionsPerZone { get; init; }

    /// <summary>Groups of topics that require, prefer or avoid brokers.</summary>
    public IReadOnlyList<AffinityRule> Affinity { get; init; } = [];

    /// <summary>True: among equal targets, the one that has most topics of the namespace. Default false.</summary>
    public bool NamespaceAffinity { get; init; }

    /// <summary>What single topics need of their broker.</summary>
    public IReadOnlyList<RequirementRule> Requirements { get; init; } = [];

    internal void AddFaults(List<string> faults)
    {
        Patterns(DeniedTopics, "deniedTopics");
        Patterns([.. Pins.Select(p => p.Topic)], "pins");
        Patterns([.. Banned.Select(p => p.Topic)], "banned");
        Patterns([.. Requirements.Select(p => p.Topic)], "requirements");
        for (var i = 0; i < Affinity.Count; i++) Patterns(Affinity[i].Topics, $"affinity[{i}].topics");
        if (MaxPartitionsPerBroker < 1) faults.Add($"rules.maxPartitionsPerBroker must be 1 or more, is {MaxPartitionsPerBroker}.");
        if (MaxPartitionsPerZone < 1) faults.Add($"rules.maxPartitionsPerZone must be 1 or more, is {MaxPartitionsPerZone}.");
        for (var i = 0; i < Requirements.Count; i++)
        {
            if (!(Requirements[i].ThroughputBytesPerSecond >= 0)) faults.Add(FormattableString.Invariant($"rules.requirements[{i}].throughputBytesPerSecond must be 0 or more, is {Requirements[i].ThroughputBytesPerSecond}."));
            if (!(Requirements[i].SizeBytes >= 0)) faults.Add(FormattableString.Invariant($"rules.requirements[{i}].sizeBytes must be 0 or more, is {Requirements[i].SizeBytes}."));
        }

        void Patterns(IReadOnlyList<string> patterns, string name)
        {
            for (var i = 0; i < patterns.Count; i++)
                if (string.IsNullOrWhiteSpace(patterns[i])) faults.Add($"rules.{name}[{i}] must be a topic name or glob, is empty.");
        }
    }
}

/// <summary>A topic pattern and a broker.</summary>
/// <param name="Topic">Exact name or glob.</param>
/// <param name="BrokerId">The broker.</param>
public sealed record TopicRule(string Topic, string BrokerId);

/// <summary>Topics that should or must be on, or keep off, certain brokers.</summary>
/// <param name="Name">Name of the group.</param>
/// <param name="Topics">Exact names or globs.</param>
/// <param name="Prefer">Brokers to prefer among equals.</param>
/// <param name="Avoid">Brokers to avoid among equals.</param>
/// <param name="Required">True: a hard rule; only <paramref name="Prefer"/> are allowed (all but <paramref name="Avoid"/> when it is empty).</param>
public sealed record AffinityRule(string Name, IReadOnlyList<string> Topics, IReadOnlyList<string> Prefer, IReadOnlyList<string> Avoid, bool Required = false);

/// <summary>What a topic needs of a broker that it is moved to.</summary>
/// <param name="Topic">Exact name or glob.</param>
/// <param name="ThroughputBytesPerSecond">The broker's throughput and this must fit its capacity (1,000 Mbit/s where none is known); 0 or more.</param>
/// <param name="SizeBytes">The broker's disk use and this must fit its capacity (1,000 GB where none is known); 0 or more.</param>
/// <param name="CpuIntensive">Only brokers at or below 70 % of their CPU.</param>
/// <param name="LowLatency">Only brokers at or below the mean throughput, by the snapshot.</param>
public sealed record RequirementRule(string Topic, double ThroughputBytesPerSecond = 0, double SizeBytes = 0, bool CpuIntensive = false, bool LowLatency = false);
