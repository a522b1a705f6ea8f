using Danube.Dapr.Contracts;

namespace Danube.Dapr.Ranking.View;

/// <summary>The last load report of every broker and the last cluster report, merged. Not thread-safe: the actor's turn guards it.</summary>
internal sealed class ClusterView(RankingOptions options, TopicRegistry topics)
{
    private readonly ReportInbox _inbox = new(TimeSpan.FromSeconds(options.StaleAfterSeconds));
    private readonly Dictionary<string, LoadReport> _loads = new(StringComparer.Ordinal);
    private ClusterReport? _cluster;

    /// <summary>The last cluster report; null before the first.</summary>
    internal ClusterReport? Cluster => _cluster;

    /// <summary>Takes a message of a load report that came at <paramref name="now"/>.</summary>
    internal (Intake Intake, LoadReport? Report, string Detail) Apply(LoadReportMessage message, DateTimeOffset now)
    {
        var (intake, report, detail) = _inbox.Offer(message, now);
        if (report is null)
            return (intake, null, detail);
        // The clock of the collector may be ahead; a report cannot end after it came.
        if (report.IntervalEnd > now)
            report = report with { IntervalEnd = now };
        _loads[report.BrokerId] = report;
        foreach (var topic in report.Topics)
            topics.See(topic, report.IntervalEnd);
        return (intake, report, detail);
    }

    /// <summary>Takes a cluster report that came at <paramref name="now"/>.</summary>
    internal (Intake Intake, string Detail) Apply(ClusterReport report, DateTimeOffset now)
    {
        if (report.Brokers.Any(b => string.IsNullOrEmpty(b.Id)))
            return (Intake.Invalid, $"Cluster report {report.Sequence} lists a broker without an id.");
        if (report.Brokers.GroupBy(b => b.Id, StringComparer.Ordinal).FirstOrDefault(g => g.Count() > 1) is { } twice)
            return (Intake.Invalid, $"Cluster report {report.Sequence} lists broker {twice.Key} {twice.Count()} times.");
        if (_cluster is not null && !ReportInbox.IsNewer(report.Sequence, _cluster.Sequence, now))
            return (report.Sequence == _cluster.Sequence ? Intake.Duplicate : Intake.Late, "");

        // What is known of brokers that it may lack though they are still there is kept.
        var brokers = report.Brokers;
        if (MayLackBrokers(report) && _cluster is not null)
        {
            var named = brokers.Select(b => b.Id).ToHashSet(StringComparer.Ordinal);
            brokers = [.. brokers, .. _cluster.Brokers.Where(b => b.State != BrokerState.Gone && !named.Contains(b.Id))];
        }

        _cluster = report with { Brokers = brokers };
        foreach (var topic in report.Unowned)
            topics.See(topic.Name, report.Time);
        var listed = Listed().Select(b => b.Id).ToHashSet(StringComparer.Ordinal);
        _inbox.Keep(listed);
        foreach (var id in _loads.Keys.Where(id => !listed.Contains(id)).ToArray())
            _loads.Remove(id);
        topics.Forget(report.Time - TimeSpan.FromMinutes(options.ForgetTopicsAfterMinutes));
        return (Intake.Accepted, "");
    }

    /// <summary>What is lacking here that a round of the collector would bring; null when nothing is. A broker that cannot be reached is not expected to report.</summary>
    internal string? Lack()
    {
        if (_cluster is null)
            return "there is no cluster report yet";
        if (_inbox.Lack() is { } lack)
            return lack;
        return Listed().FirstOrDefault(b => b.Reachable && !_loads.ContainsKey(b.Id)) is { } silent ? $"broker {silent.Id} has no load report" : null;
    }

    /// <summary>The cluster at <paramref name="time"/>. Load reports of brokers that no cluster report lists take no part.</summary>
    internal ClusterSnapshot Snapshot(DateTimeOffset time, long generation)
    {
        var brokers = Listed().OrderBy(b => b.Id, StringComparer.Ordinal).ToArray();
        return new ClusterSnapshot
        {
            Time = time,
            Generation = generation,
            LeaderId = _cluster?.LeaderId,
            RaftTerm = _cluster?.RaftTerm ?? 0,
            Brokers = [.. brokers.Select(Broker)],
            Topics = Topics(brokers, time),
        };
    }

    private IEnumerable<BrokerStatus> Listed() => _cluster?.Brokers.Where(b => b.State != BrokerState.Gone) ?? [];

    private BrokerSnapshot Broker(BrokerStatus status)
    {
        var load = _loads.GetValueOrDefault(status.Id);
        var known = options.Brokers.FirstOrDefault(b => b.Broker == status.Id
            || b.Broker.Equals(status.ClientAddress, StringComparison.OrdinalIgnoreCase) || b.Broker.Equals(status.AdminAddress, StringComparison.OrdinalIgnoreCase));
        return new BrokerSnapshot
        {
            Id = status.Id,
            Address = status.ClientAddress,
            AdminAddress = status.AdminAddress,
            State = status.State,
            Reachable = status.Reachable,
            Zone = known?.Zone,
            Capacity = known is null ? new BrokerCapacity() : new BrokerCapacity
            {
                MessagesPerSecond = known.MessagesPerSecond,
                BytesPerSecond = known.BytesPerSecond,
                Topics = known.Topics,
                Weight = known.Weight,
            },
            Resources = load?.Resources,
            ReportTime = load?.IntervalEnd,
            ReportSequence = load?.Sequence ?? 0,
            OwnedGauge = load?.OwnedGauge,
        };
    }

    private TopicSnapshot[] Topics(BrokerStatus[] brokers, DateTimeOffset time)
    {
        // A topic that moved between two scrapes is in both reports: the later one knows better.
        var owners = new Dictionary<string, (TopicLoad Load, LoadReport Report)>(topics.Count, StringComparer.Ordinal);
        foreach (var broker in brokers)
        {
            if (!_loads.TryGetValue(broker.Id, out var report))
                continue;
            foreach (var topic in report.Topics)
            {
                if (!owners.TryGetValue(topic.Name, out var other) || other.Report.IntervalEnd < report.IntervalEnd)
                    owners[topic.Name] = (topic, report);
            }
        }

        var twice = _cluster?.MultiplyOwned.Select(t => t.Name).ToHashSet(StringComparer.Ordinal) ?? [];
        var notBefore = time - TimeSpan.FromSeconds(options.StaleAfterSeconds);
        var result = new List<TopicSnapshot>(owners.Count + (_cluster?.Unowned.Count ?? 0));
        foreach (var unowned in _cluster?.Unowned ?? [])
        {
            if (owners.TryGetValue(unowned.Name, out var owner))
            {
                if (owner.Report.IntervalEnd > _cluster!.Time)
                    continue;
                owners.Remove(unowned.Name);
            }

            result.Add(new TopicSnapshot
            {
                Name = unowned.Name,
                Reliable = unowned.Reliable ?? topics.Rates(unowned.Name, DateTimeOffset.MinValue)?.Reliable,
                PartitionGroup = PartitionGroupOf(unowned.Name),
                RatesKnown = false,
                FirstSeen = topics.FirstSeen(unowned.Name),
            });
        }

        foreach (var (load, report) in owners.Values)
        {
            // Between a move and the new owner's second scrape the rates of the old owner are the best guess.
            var rates = load.RatesKnown ? load : topics.Rates(load.Name, notBefore) ?? load;
            result.Add(new TopicSnapshot
            {
                Name = load.Name,
                BrokerId = report.BrokerId,
                LoadedTwice = twice.Contains(load.Name),
                Reliable = load.Reliable,
                PartitionGroup = PartitionGroupOf(load.Name),
                MessagesInPerSecond = rates.MessagesInPerSecond,
                BytesInPerSecond = rates.BytesInPerSecond,
                MessagesOutPerSecond = rates.MessagesOutPerSecond,
                BytesOutPerSecond = rates.BytesOutPerSecond,
                Producers = load.Producers,
                Consumers = load.Consumers,
                BacklogMessages = load.BacklogMessages,
                OldestUnackedSeconds = load.OldestUnackedSeconds,
                OldestUnackedIsAtLeast = load.OldestUnackedIsAtLeast,
                PublishLatencyP99Ms = load.PublishLatencyP99Ms,
                RatesKnown = load.RatesKnown,
                FirstSeen = topics.FirstSeen(load.Name),
            });
        }

        var sorted = result.ToArray();
        Array.Sort(sorted, static (a, b) => string.CompareOrdinal(a.Name, b.Name));
        return sorted;
    }

    /// <summary>True when a broker that the report does not list may still be there: the collector could not ask Danube who is. Its other gaps are of parts that hide no broker, and may last.</summary>
    internal static bool MayLackBrokers(ClusterReport report) => report.Gaps.Any(g => g.Part == ReportGap.Discovery);

    /// <summary><c>base-part-n</c> belongs to <c>base</c>; any other name to nothing.</summary>
    internal static string? PartitionGroupOf(string name)
    {
        const string marker = "-part-";
        var at = name.LastIndexOf(marker, StringComparison.Ordinal);
        if (at <= 0 || at + marker.Length == name.Length)
            return null;
        return name.AsSpan(at + marker.Length).ContainsAnyExceptInRange('0', '9') ? null : name[..at];
    }
}
