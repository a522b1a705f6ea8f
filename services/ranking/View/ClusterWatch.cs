using System.Globalization;
using Danube.Dapr.Contracts;

namespace Danube.Dapr.Ranking.View;

/// <summary>Tells what changed from one report to the next. Pure: the same memory and report give the same events with the same ids, so that a repeated message tells nothing new.</summary>
internal sealed class ClusterWatch(TimeSpan strandedAfter)
{
    /// <summary>Events that may wait to be published. While there are as many, nothing more is observed; what changed meanwhile is told afterwards.</summary>
    internal const int MaxOutbox = 500;

    /// <summary>A stranded topic that neither came back nor is listed as unowned for this long was deleted.</summary>
    private static readonly TimeSpan ForgetStranded = TimeSpan.FromMinutes(10);

    /// <summary>Compares a cluster report with what was told before.</summary>
    internal ClusterMemory Observe(ClusterMemory memory, ClusterReport report)
    {
        if (memory.Outbox.Count >= MaxOutbox)
            return memory;
        var events = new Events(report.Sequence, report.Time, MaxOutbox - memory.Outbox.Count);
        var next = memory with
        {
            Brokers = Brokers(memory, report, events),
            LeaderId = Leader(memory, report, events),
            Stranded = Stranded(memory, report, events),
            LoadedTwice = LoadedTwice(memory, report, events),
        };
        return events.Items.Count == 0 ? next : next with { Outbox = [.. memory.Outbox, .. events.Items] };
    }

    /// <summary>Looks whether stranded topics have an owner again by the load report of a broker.</summary>
    internal static ClusterMemory Observe(ClusterMemory memory, LoadReport report)
    {
        if (memory.Stranded.Count == 0 || memory.Outbox.Count >= MaxOutbox)
            return memory;
        var owned = report.Topics.Select(t => t.Name).ToHashSet(StringComparer.Ordinal);
        var events = new Events(report.Sequence, report.IntervalEnd, MaxOutbox - memory.Outbox.Count);
        var left = new List<StrandedTopic>();
        foreach (var topic in memory.Stranded)
        {
            var recovered = report.IntervalEnd > topic.LastUnowned && owned.Contains(topic.Name) && events.Add(
                BrokerEventKind.TopicRecovered, report.BrokerId, topic.Name,
                Text($"Broker {report.BrokerId} owns {topic.Name} again, {(report.IntervalEnd - topic.Since).TotalSeconds:0.#} s after it had lost its owner."));
            if (!recovered)
                left.Add(topic);
        }

        return events.Items.Count == 0 ? memory : memory with { Stranded = left, Outbox = [.. memory.Outbox, .. events.Items] };
    }

    /// <summary>True when <paramref name="after"/> holds something that a restart must not lose: every change either adds an event or takes something away.</summary>
    internal static bool IsWorthSaving(ClusterMemory before, ClusterMemory after) =>
        before.Outbox.Count != after.Outbox.Count || before.LeaderId != after.LeaderId
        || before.Stranded.Count != after.Stranded.Count || before.LoadedTwice.Count != after.LoadedTwice.Count;

    private static List<KnownBroker> Brokers(ClusterMemory memory, ClusterReport report, Events events)
    {
        var before = memory.Brokers.ToDictionary(b => b.Id, StringComparer.Ordinal);
        var after = new List<KnownBroker>();
        foreach (var broker in report.Brokers.OrderBy(b => b.Id, StringComparer.Ordinal))
        {
            before.Remove(broker.Id, out var known);
            if (broker.State == BrokerState.Gone)
            {
                if (known is not null && !events.Add(BrokerEventKind.BrokerGone, broker.Id, null, $"Danube no longer lists broker {broker.Id}."))
                    after.Add(known);
                continue;
            }

            if (Broker(known, broker, events) is { } told)
                after.Add(told);
        }

        // Only a report that lacks no broker proves that one is gone.
        var mayLack = ClusterView.MayLackBrokers(report);
        foreach (var missing in before.Values)
        {
            if (mayLack || !events.Add(BrokerEventKind.BrokerGone, missing.Id, null, $"Danube no longer lists broker {missing.Id}."))
                after.Add(missing);
        }

        after.Sort((a, b) => string.CompareOrdinal(a.Id, b.Id));
        return after;
    }

    /// <returns>The broker as it is told now; null for a new one that there was no room to tell.</returns>
    private static KnownBroker? Broker(KnownBroker? known, BrokerStatus broker, Events events)
    {
        if (known is null)
        {
            if (!events.Add(BrokerEventKind.BrokerJoined, broker.Id, null, $"Broker {broker.Id} at {broker.ClientAddress} joined, state {broker.State}."))
                return null;
            known = new KnownBroker(broker.Id, broker.State, Reachable: true);
        }

        if (known.State != broker.State
            && events.Add(BrokerEventKind.BrokerStateChanged, broker.Id, null, $"Broker {broker.Id} went from {known.State} to {broker.State}."))
            known = known with { State = broker.State };
        if (known.Reachable && !broker.Reachable
            && events.Add(BrokerEventKind.BrokerUnreachable, broker.Id, null, $"The ports of broker {broker.Id} at {broker.ClientAddress} refuse."))
            return known with { Reachable = false };
        if (!known.Reachable && broker.Reachable
            && events.Add(BrokerEventKind.BrokerReachable, broker.Id, null, $"Broker {broker.Id} at {broker.ClientAddress} answers again."))
            return known with { Reachable = true };
        return known;
    }

    private static string? Leader(ClusterMemory memory, ClusterReport report, Events events)
    {
        if (report.LeaderId is null || report.LeaderId == memory.LeaderId)
            return memory.LeaderId;
        return memory.LeaderId is null
            || events.Add(BrokerEventKind.LeaderChanged, report.LeaderId, null, $"The leader went from broker {memory.LeaderId} to broker {report.LeaderId}.")
            ? report.LeaderId
            : memory.LeaderId;
    }

    private IReadOnlyList<StrandedTopic> Stranded(ClusterMemory memory, ClusterReport report, Events events)
    {
        if (memory.Stranded.Count == 0 && report.Unowned.Count == 0)
            return memory.Stranded;
        var known = memory.Stranded.ToDictionary(t => t.Name, StringComparer.Ordinal);
        foreach (var topic in report.Unowned)
        {
            if (known.TryGetValue(topic.Name, out var stranded))
            {
                known[topic.Name] = stranded with { LastUnowned = report.Time };
                continue;
            }

            var age = report.Time - topic.Since;
            if (age >= strandedAfter && events.Add(BrokerEventKind.TopicStranded, topic.LastOwner ?? "", topic.Name, Text(
                $"Nobody has owned {topic.Name} for {age.TotalSeconds:0.#} s{(topic.LastOwner is null ? "" : $"; its last owner was broker {topic.LastOwner}")}.")))
                known[topic.Name] = new StrandedTopic(topic.Name, topic.Since, report.Time);
        }

        return [.. known.Values.Where(t => report.Time - t.LastUnowned < ForgetStranded).OrderBy(t => t.Name, StringComparer.Ordinal)];
    }

    private static IReadOnlyList<string> LoadedTwice(ClusterMemory memory, ClusterReport report, Events events)
    {
        if (memory.LoadedTwice.Count == 0 && report.MultiplyOwned.Count == 0)
            return memory.LoadedTwice;
        var known = memory.LoadedTwice.ToHashSet(StringComparer.Ordinal);
        return [.. report.MultiplyOwned
            .Where(t => known.Contains(t.Name) || events.Add(
                BrokerEventKind.TopicLoadedTwice, t.BrokerIds.Count > 0 ? t.BrokerIds[0] : "", t.Name, $"The brokers {string.Join(", ", t.BrokerIds)} all list {t.Name}."))
            .Select(t => t.Name)
            .Order(StringComparer.Ordinal)];
    }

    private static string Text(FormattableString text) => text.ToString(CultureInfo.InvariantCulture);

    /// <summary>Collects the events of one report, up to the room in the outbox.</summary>
    private sealed class Events(long sequence, DateTimeOffset time, int room)
    {
        public List<BrokerEvent> Items { get; } = [];

        /// <returns>False when there is no room; the change must then be found again later.</returns>
        public bool Add(BrokerEventKind kind, string brokerId, string? topic, string detail)
        {
            if (Items.Count >= room)
                return false;
            Items.Add(new BrokerEvent
            {
                Id = string.Create(CultureInfo.InvariantCulture, $"{kind}:{brokerId}:{topic}:{sequence}"),
                Time = time,
                Kind = kind,
                BrokerId = brokerId,
                Topic = topic,
                Detail = detail,
            });
            return true;
        }
    }
}
