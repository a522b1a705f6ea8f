using System.Globalization;
using Danube.Dapr.Contracts;
using Danube.Dapr.Rebalancer.Control;

namespace Danube.Dapr.Rebalancer.Findings;

/// <summary>What is wrong with a cluster, or will be, as a function of what is known of it.</summary>
internal static class FindingRules
{
    /// <summary>All findings, the worst first.</summary>
    /// <param name="snapshot">The cluster.</param>
    /// <param name="unowned">Topics that nobody owns, with the time since when; empty to take those of the snapshot.</param>
    /// <param name="state">What the control loop remembers.</param>
    /// <param name="maskedByUs">Brokers that the rebalancer itself masks at this moment.</param>
    public static IReadOnlyList<Finding> Of(
        ClusterSnapshot snapshot, IReadOnlyList<UnownedTopic> unowned, ControlState state, IReadOnlyCollection<string> maskedByUs)
    {
        var findings = new List<Finding>();
        findings.AddRange(Stranded(snapshot, unowned));
        findings.AddRange(Twice(snapshot));
        findings.AddRange(state.Banned.Select(DeadCopy));
        findings.AddRange(state.StuckBrokers.Select(Stuck));
        findings.AddRange(Collisions(snapshot));
        findings.AddRange(Stalled(snapshot));
        findings.AddRange(Brokers(snapshot, state, maskedByUs));
        if (state.BuiltIn is { SeenAt: { } seen } builtIn)
            findings.Add(BuiltIn(builtIn, seen));
        if (state.LastCycle is { } cycle)
            findings.AddRange(cycle.Refusals.Where(r => r.Reason == ReasonCode.Unsplittable).Select(Unsplittable));
        return [.. findings.OrderByDescending(f => f.Severity).ThenBy(f => f.Kind).ThenBy(f => f.Subject, StringComparer.Ordinal)];
    }

    private static IEnumerable<Finding> Stranded(ClusterSnapshot snapshot, IReadOnlyList<UnownedTopic> unowned)
    {
        var known = unowned.Count > 0 ? unowned : [.. snapshot.Topics.Where(t => t.BrokerId is null).Select(t => new UnownedTopic(t.Name, snapshot.Time, null, t.Reliable))];
        return known.Select(t => new Finding
        {
            Kind = FindingKind.StrandedTopic,
            Severity = FindingSeverity.Critical,
            About = SubjectKind.Topic,
            Subject = t.Name,
            Since = t.Since,
            CanRepair = t.Reliable is true || (t.Reliable is false && !TopicNames.IsPartition(t.Name)),
            Evidence = $"No broker lists it{(t.LastOwner is { } last ? $"; broker {last} owned it last" : "")}.",
            Advice = t.Reliable is null
                ? "Danube does not make this up by itself. Its delivery mode is not known, so a repair must be decided by hand."
                : "Danube does not make this up by itself: repair it.",
        });
    }

    private static IEnumerable<Finding> Twice(ClusterSnapshot snapshot)
    {
        foreach (var topic in snapshot.Topics.Where(t => t.LoadedTwice))
        {
            yield return new Finding
            {
                Kind = FindingKind.LoadedTwice,
                Severity = FindingSeverity.Critical,
                About = SubjectKind.Topic,
                Subject = topic.Name,
                Evidence = "More than one broker has it loaded or lists it.",
                Advice = "Do not move it in haste: its next unload may take the wrong log. Stop its producers, move it by hand with force, start them again.",
            };
        }

        var owned = snapshot.Topics.Where(t => t.BrokerId is not null).CountBy(t => t.BrokerId!).ToDictionary(o => o.Key, o => o.Value);
        foreach (var broker in snapshot.Brokers.Where(b => b.Reachable && b.OwnedGauge > owned.GetValueOrDefault(b.Id)))
        {
            yield return new Finding
            {
                Kind = FindingKind.LoadedTwice,
                Severity = FindingSeverity.Info,
                About = SubjectKind.Broker,
                Subject = broker.Id,
                Evidence = $"It has loaded {broker.OwnedGauge} topics and owns {owned.GetValueOrDefault(broker.Id)}.",
                Advice = "A moment after a move this is normal. When it stays, the broker holds dead or double copies.",
            };
        }
    }

    /// <summary>
    /// Danube resolves an owner by the first assignment, in the order of broker ids as text, whose topic name begins with the one that is asked for. Harmless as long as
    /// that is on the same broker.
    /// </summary>
    private static IEnumerable<Finding> Collisions(ClusterSnapshot snapshot)
    {
        var topics = snapshot.Topics.Where(t => t.BrokerId is not null).OrderBy(t => t.Name, StringComparer.Ordinal).ToList();
        for (var i = 0; i < topics.Count; i++)
        {
            TopicSnapshot? wrong = null;
            for (var j = i + 1; j < topics.Count && topics[j].Name.StartsWith(topics[i].Name, StringComparison.Ordinal); j++)
            {
                if (string.CompareOrdinal(topics[j].BrokerId, topics[i].BrokerId) < 0 && (wrong is null || string.CompareOrdinal(topics[j].BrokerId, wrong.BrokerId) < 0))
                    wrong = topics[j];
            }

            if (wrong is null)
                continue;
            yield return new Finding
            {
                Kind = FindingKind.NameCollision,
                Severity = FindingSeverity.Warning,
                About = SubjectKind.Topic,
                Subject = topics[i].Name,
                Evidence = $"Broker {topics[i].BrokerId} owns it, but Danube finds {wrong.Name} on broker {wrong.BrokerId} for its name.",
                Advice = $"It cannot be moved as long as this holds, and a client that asks {wrong.BrokerId} may load it there too. Move {wrong.Name} to {topics[i].BrokerId}, or rename.",
            };
        }
    }

    private static IEnumerable<Finding> Stalled(ClusterSnapshot snapshot) => snapshot.Topics
        .Where(t => t is { BrokerId: not null, RatesKnown: true, Consumers: > 0, MessagesOutPerSecond: 0, MessagesInPerSecond: > 0, BacklogMessages: > 0 })
        .Select(t => new Finding
        {
            Kind = FindingKind.ConsumerStalled,
            Severity = FindingSeverity.Warning,
            About = SubjectKind.Topic,
            Subject = t.Name,
            Evidence = string.Create(CultureInfo.InvariantCulture,
                $"{t.Consumers} consumers are attached and get nothing; {t.MessagesInPerSecond:0.#} messages/s come in; backlog {t.BacklogMessages}."),
            Advice = "Its dispatcher may have stopped. A move to another broker starts it afresh from the last acknowledged message.",
        });

    private static IEnumerable<Finding> Brokers(ClusterSnapshot snapshot, ControlState state, IReadOnlyCollection<string> maskedByUs)
    {
        foreach (var broker in snapshot.Brokers)
        {
            if (!broker.Reachable && broker.State != BrokerState.Gone)
            {
                yield return new Finding
                {
                    Kind = FindingKind.BrokerUnreachable,
                    Severity = FindingSeverity.Critical,
                    About = SubjectKind.Broker,
                    Subject = broker.Id,
                    Evidence = $"Its ports at {broker.Address} refuse.",
                    Advice = "Danube drops it after about half a minute and gives its topics to others. Watch for stranded topics afterwards. It cannot be restarted on its data after an hour or two: expect a replacement with a new id.",
                };
            }

            if (broker.State is BrokerState.Drained or BrokerState.Draining && !maskedByUs.Contains(broker.Id) && broker.Reachable)
            {
                var ours = state.DrainedBrokers.Contains(broker.Id);
                yield return new Finding
                {
                    Kind = FindingKind.BrokerDrained,
                    Severity = ours ? FindingSeverity.Info : FindingSeverity.Warning,
                    About = SubjectKind.Broker,
                    Subject = broker.Id,
                    Evidence = $"It is {broker.State} and takes no topics; {(ours ? "it was drained through this service" : "nobody drained it through this service")}.",
                    Advice = "Activate it when it is to take topics again.",
                };
            }
        }

        foreach (var same in snapshot.Brokers.Where(b => b.Address.Length > 0).GroupBy(b => b.Address).Where(g => g.Count() > 1))
        {
            var old = same.Where(b => !b.Reachable || b.State == BrokerState.Gone).ToList();
            var fresh = same.Except(old).FirstOrDefault();
            if (fresh is null || old.Count == 0)
                continue;
            yield return new Finding
            {
                Kind = FindingKind.BrokerReplaced,
                Severity = FindingSeverity.Info,
                About = SubjectKind.Broker,
                Subject = fresh.Id,
                Evidence = $"It came up at {same.Key}, where broker {old[0].Id} was.",
                Advice = "It is a new broker without topics. Activate it when it shows up drained; pins and rules that name the old id must be changed.",
            };
        }
    }

    private static Finding DeadCopy(TopicPin pin) => new()
    {
        Kind = FindingKind.DeadCopy,
        Severity = FindingSeverity.Warning,
        About = SubjectKind.Topic,
        Subject = pin.Topic,
        Evidence = $"An unload of it from broker {pin.BrokerId} did not finish: that broker may hold a dead copy that refuses every publish.",
        Advice = $"It is never sent to {pin.BrokerId} again by this service. Restarting (replacing) that broker removes the copy.",
    };

    private static Finding Stuck(string broker) => new()
    {
        Kind = FindingKind.WatcherHangs,
        Severity = FindingSeverity.Critical,
        About = SubjectKind.Broker,
        Subject = broker,
        Evidence = "An unload from it did not finish in time: its watcher may hang, and then it handles no assignment either.",
        Advice = "It is in no plan until the circuit breaker is closed. Look at its log; replace it when other unloads hang too.",
    };

    private static Finding BuiltIn(BuiltInWatch watch, DateTimeOffset seen) => new()
    {
        Kind = FindingKind.BuiltInRebalancing,
        Severity = FindingSeverity.Critical,
        About = SubjectKind.Cluster,
        Since = seen,
        Evidence = string.Create(CultureInfo.InvariantCulture, $"Danube's own rebalancer made moves: its counter stands at {watch.Moves:0}."),
        Advice = "It deletes the stored messages of the Reliable topics that it moves. Set load_manager.rebalancing.enabled to false on every broker; moves are paused until it is quiet.",
    };

    private static Finding Unsplittable(Refusal refusal) => new()
    {
        Kind = FindingKind.UnsplittableTopic,
        Severity = FindingSeverity.Warning,
        About = SubjectKind.Topic,
        Subject = refusal.Subject,
        Evidence = refusal.Detail,
        Advice = "No move can help. Give it partitions, or its broker more capacity.",
    };
}
