using Danube.Dapr.Contracts;

namespace Danube.Dapr.Planning.Mapping;

/// <summary>From the wire's snapshot to the planner's.</summary>
public static class SnapshotMapping
{
    /// <summary>
    /// Clocks of different machines differ; a report up to this much newer than the snapshot counts as of the snapshot's time. One that is newer still was made by a clock that was set back since: its age
    /// is not known, and its broker counts as not having reported.
    /// </summary>
    public static readonly TimeSpan ClockTolerance = TimeSpan.FromMinutes(1);

    /// <summary>Translates a snapshot.</summary>
    /// <param name="source">The wire's snapshot; its <see cref="ClusterSnapshot.Rules"/> are translated by <see cref="ToRules"/>.</param>
    /// <param name="movesInLastHour">Moves of the whole cluster in the hour before, for the hourly limit.</param>
    /// <param name="busyTopics">Topics that a running move holds; null for none.</param>
    /// <param name="suspectBrokers">Brokers with an unload that does not finish; null for none.</param>
    /// <exception cref="SnapshotException">The snapshot contradicts itself; carries every fault with its JSON path in the wire's names.</exception>
    public static Snapshot ToPlanning(
        ClusterSnapshot source, int movesInLastHour = 0, IReadOnlySet<string>? busyTopics = null, IReadOnlySet<string>? suspectBrokers = null)
    {
        ArgumentNullException.ThrowIfNull(source);
        var builder = new SnapshotBuilder { Time = source.Time, MovesInLastHour = movesInLastHour };
        var measuredByAll = MeasuredByAll(source);
        foreach (var broker in source.Brokers) builder.Add(ToBroker(broker, source.Time, measuredByAll, suspectBrokers));
        foreach (var topic in source.Topics) builder.Add(ToTopic(topic, source.Time, busyTopics));
        try
        {
            return builder.Build();
        }
        catch (SnapshotException e)
        {
            throw new SnapshotException([.. e.Faults.Select(f => f with { Path = WirePath(f.Path) })]);
        }
    }

    /// <summary>Translates placement rules; null gives no rules.</summary>
    public static PlanRules ToRules(PlacementRules? rules) => rules is null ? new() : new()
    {
        DeniedTopics = rules.DeniedTopics,
        Pins = [.. rules.Pins.Select(p => new TopicRule(p.Topic, p.BrokerId))],
        Banned = [.. rules.Banned.Select(p => new TopicRule(p.Topic, p.BrokerId))],
        ExcludedBrokers = rules.ExcludedBrokers,
        MaxPartitionsPerBroker = rules.MaxPartitionsPerBroker,
        MaxPartitionsPerZone = rules.MaxPartitionsPerZone,
        Affinity = [.. rules.AffinityGroups.Select(g => new AffinityRule(g.Name, g.Topics, g.PreferBrokers, g.AvoidBrokers, g.Required))],
        NamespaceAffinity = rules.NamespaceAffinity,
        Requirements = [.. rules.Requirements.Select(r => new RequirementRule(r.Topic, r.ThroughputBytesPerSecond ?? 0, r.SizeBytes ?? 0, r.CpuIntensive, r.LowLatency))],
    };

    private static BrokerInfo ToBroker(BrokerSnapshot broker, DateTimeOffset time, HashSet<Resource> measured, IReadOnlySet<string>? suspects)
    {
        var (use, size) = Host(broker.Resources);
        var capacity = new ResourceVector(
            TopicCount: broker.Capacity.Topics ?? 0, Throughput: broker.Capacity.BytesPerSecond ?? 0, Messages: broker.Capacity.MessagesPerSecond ?? 0);
        var used = new ResourceVector();
        foreach (var resource in measured)
        {
            used = used.With(resource, use[resource]);
            capacity = capacity.With(resource, size[resource]);
        }

        return new BrokerInfo
        {
            Id = broker.Id,
            State = !broker.Reachable ? Planning.BrokerState.Down : broker.State switch
            {
                Contracts.BrokerState.Active => Planning.BrokerState.Active,
                Contracts.BrokerState.Draining => Planning.BrokerState.Draining,
                Contracts.BrokerState.Drained => Planning.BrokerState.Drained,
                _ => Planning.BrokerState.Down,
            },
            Zone = broker.Zone,
            Weight = broker.Capacity.Weight,
            Capacity = capacity,
            Measured = used,
            ReportedAt = broker.ReportTime is { } reported && reported - time <= ClockTolerance ? NotAfter(reported, time) : DateTimeOffset.MinValue,
            Suspect = suspects?.Contains(broker.Id) == true,
        };
    }

    private static TopicInfo ToTopic(TopicSnapshot topic, DateTimeOffset time, IReadOnlySet<string>? busy) => new()
    {
        Name = topic.Name,
        Owner = topic.BrokerId,
        Delivery = topic.Reliable switch { true => Delivery.Reliable, false => Delivery.NonReliable, null => Delivery.Unknown },
        PartitionGroup = topic.PartitionGroup,
        MessagesInPerSecond = topic.MessagesInPerSecond,
        MessagesOutPerSecond = topic.MessagesOutPerSecond,
        BytesInPerSecond = topic.BytesInPerSecond,
        BytesOutPerSecond = topic.BytesOutPerSecond,
        Producers = topic.Producers,
        Consumers = topic.Consumers,
        BacklogMessages = topic.BacklogMessages ?? 0,
        UnexportedBytes = topic.UnexportedBytes ?? 0,
        FirstSeen = topic.FirstSeen is { } seen ? NotAfter(seen, time) : null,
        LastMoved = topic.LastMoved is { } moved ? NotAfter(moved, time) : null,
        MovedFrom = topic.MovedFrom,
        RatesKnown = topic.RatesKnown,
        LoadedTwice = topic.LoadedTwice,
        Busy = busy?.Contains(topic.Name) == true,
    };

    /// <summary>What happened after the snapshot counts as happened now: a clock was set back since, and a topic then rests for its whole cool-down, which is the safe side.</summary>
    private static DateTimeOffset NotAfter(DateTimeOffset value, DateTimeOffset time) => value > time ? time : value;

    /// <summary>Host resources that every broker taking part has measured of itself: one without would look empty.</summary>
    private static HashSet<Resource> MeasuredByAll(ClusterSnapshot source)
    {
        var active = source.Brokers.Where(b => b is { Reachable: true, State: Contracts.BrokerState.Active }).ToArray();
        var result = new HashSet<Resource>();
        foreach (var resource in (ReadOnlySpan<Resource>)[Resource.Cpu, Resource.Memory, Resource.DiskIo, Resource.NetworkIo, Resource.DiskUsage])
            if (active.Length > 0 && Array.TrueForAll(active, b => Host(b.Resources).Use[resource] > 0)) result.Add(resource);
        return result;
    }

    private static (ResourceVector Use, ResourceVector Size) Host(ResourceUsage? usage)
    {
        // Figures of a machine that several brokers share say nothing about one of them.
        if (usage is null || usage.SharedByBrokers > 1) return default;
        var cores = usage.CpuCores ?? 1;
        var memory = usage.MemoryLimitBytes ?? 100;
        var diskUsed = (usage.DiskUsedPercent?.Mean ?? 0) / 100;
        var disk = diskUsed < 1 && usage.DiskFreeBytes is { } free ? free / (1 - diskUsed) : 0;
        var use = new ResourceVector(
            Cpu: (usage.CpuPercent?.Mean ?? 0) / 100 * cores,
            Memory: (usage.MemoryPercent?.Mean ?? 0) / 100 * memory,
            DiskIo: (usage.DiskReadBytesPerSecond?.Mean ?? 0) + (usage.DiskWriteBytesPerSecond?.Mean ?? 0),
            NetworkIo: (usage.NetworkInBytesPerSecond?.Mean ?? 0) + (usage.NetworkOutBytesPerSecond?.Mean ?? 0),
            DiskUsage: diskUsed * disk);
        return (use, new ResourceVector(Cpu: cores, Memory: memory, DiskUsage: disk));
    }

    private static string WirePath(string path) => path
        .Replace(".owner", ".brokerId", StringComparison.Ordinal).Replace(".delivery", ".reliable", StringComparison.Ordinal)
        .Replace(".capacity.throughput", ".capacity.bytesPerSecond", StringComparison.Ordinal)
        .Replace(".capacity.messages", ".capacity.messagesPerSecond", StringComparison.Ordinal)
        .Replace(".capacity.topicCount", ".capacity.topics", StringComparison.Ordinal)
        .Replace(".capacity.cpu", ".resources.cpuCores", StringComparison.Ordinal)
        .Replace(".capacity.memory", ".resources.memoryLimitBytes", StringComparison.Ordinal)
        .Replace(".capacity.diskUsage", ".resources.diskFreeBytes", StringComparison.Ordinal)
        .Replace(".weight", ".capacity.weight", StringComparison.Ordinal)
        .Replace(".measured.cpu", ".resources.cpuPercent", StringComparison.Ordinal)
        .Replace(".measured.memory", ".resources.memoryPercent", StringComparison.Ordinal)
        .Replace(".measured.diskIo", ".resources.diskReadBytesPerSecond", StringComparison.Ordinal)
        .Replace(".measured.networkIo", ".resources.networkInBytesPerSecond", StringComparison.Ordinal)
        .Replace(".measured.diskUsage", ".resources.diskUsedPercent", StringComparison.Ordinal)
        .Replace(".reportedAt", ".reportTime", StringComparison.Ordinal);
}
