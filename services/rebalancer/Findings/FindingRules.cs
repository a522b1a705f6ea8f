using System.Globalization;
using Danube.Dapr.Contracts;
using Danube.Dapr.Rebalancer.Control;
using Danube.Dapr.Rebalancer.Options;

namespace Danube.Dapr.Rebalancer.Findings;

/// <summary>What is wrong with a cluster, or will be, as a function of what is known of it.</summary>
internal static class FindingRules
{
    /// <summary>How long it is worth naming that Danube's own rebalancer moved.</summary>
    private static readonly TimeSpan BuiltInShown = TimeSpan.FromHours(1);

    /// <summary>How long a broker that took the place of another is worth naming when nothing is left to do about it.</summary>
    private static readonly TimeSpan ReplacedShown = TimeSpan.FromHours(1);

    /// <summary>All findings, the worst first.</summary>
    /// <param name="snapshot">The cluster.</param>
    /// <param name="unowned">Topics that nobody owns, with the time since when.</param>
    /// <param name="state">What the control loop remembers.</param>
    /// <param name="options">The limits.</param>
    /// <param name="now">The moment.</param>
    public static IReadOnlyList<Finding> Of(ClusterSnapshot snapshot, IReadOnlyList<UnownedTopic> unowned, ControlState state, RebalancerOptions options, DateTimeOffset now)
    {
        var findings = new List<Finding>();
        findings.AddRange(Stranded(unowned, state, options, now));
        findings.AddRange(state.Deleted.Select(Deleted));
        findings.AddRange(Twice(snapshot, state));
        findings.AddRange(DeadCopies(snapshot, state));
        findings.AddRange(state.StuckBrokers.Select(Stuck));
        findings.AddRange(Collisions(snapshot));
        findings.AddRange(Stalled(snapshot, state, options, now));
        // Consumers that stall are named with what helps, and a topic without owner has a greater trouble.
        var named = findings.Where(f => f.Kind is FindingKind.ConsumerStalled or FindingKind.StrandedTopic).Select(f => f.Subject).ToHashSet(StringComparer.Ordinal);
        findings.AddRange(NotBackFindings.Of(state).Where(f => !named.Contains(f.Subject)));
        findings.AddRange(Brokers(snapshot, state, options));
        findings.AddRange(Replaced(snapshot, state, now));
        findings.AddRange(state.Ghosts.Select(g => Ghost(g, options)));
        if (state.BuiltIn is { SeenAt: { } seen } builtIn && now - seen < BuiltInShown)
            findings.Add(BuiltIn(builtIn, seen));
        if (state.LastCycle is { } cycle)
            findings.AddRange(cycle.Refusals.Where(r => r.Reason == ReasonCode.Unsplittable).Select(Unsplittable));
        return [.. findings.OrderByDescending(f => f.Severity).ThenBy(f => f.Kind).ThenBy(f => f.Subject, StringComparer.Ordinal)];
    }

    /// <summary>Only those that Danube had time to give an owner: after the loss of a broker it does so one after the other, and a repair that is offered too early loads a topic twice.</summary>
    private static IEnumerable<Finding> Stranded(IReadOnlyList<UnownedTopic> unowned, ControlState state, RebalancerOptions options, DateTimeOffset now)
    {
        var failed = state.RepairFailed.ToHashSet(StringComparer.Ordinal);
        return unowned.Where(t => RepairRules.WhyNotYet(t, options, now) is null).Select(t => new Finding
        {
            Kind = FindingKind.StrandedTopic,
            Severity = FindingSeverity.Critical,
            About = SubjectKind.Topic,
            Subject = t.Name,
            Since = t.Since,
            CanRepair = RepairRules.WhyNever(t) is null,
            Evidence = $"No broker lists it{(t.LastOwner is { } last ? $"; broker {last} owned it last" : "")}.{(failed.Contains(t.Name) ? " Its last repair failed: a repair of all leaves it out." : "")}",
            Advice = t.Reliable is null
                ? "Danube does not make this up by itself. Its delivery mode is not known, so a repair must be decided by hand."
                : "Danube does not make this up by itself: repair it.",
        });
    }

    private static IEnumerable<Finding> Twice(ClusterSnapshot snapshot, ControlState state)
    {
        var found = state.LoadedTwice.ToHashSet(StringComparer.Ordinal);
        foreach (var topic in snapshot.Topics.Where(t => t.LoadedTwice || found.Contains(t.Name)))
        {
            yield return new Finding
            {
                Kind = FindingKind.LoadedTwice,
                Severity = FindingSeverity.Critical,
                About = SubjectKind.Topic,
                Subject = topic.Name,
                Evidence = found.Contains(topic.Name) ? "Its broker loaded it, or one of the few that landed with it, more than once." : "More than one broker lists it.",
                Advice = found.Contains(topic.Name)
                    ? "It is not moved by itself: its next unload may take the wrong log. Stop its producers, let its consumers empty the backlog, move it by hand with force, start the producers again."
                    : "No unload of it is made, not even with force. Leave it, or stop its clients, delete it and create it again.",
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

    private static IEnumerable<Finding> Stalled(ClusterSnapshot snapshot, ControlState state, RebalancerOptions options, DateTimeOffset now)
    {
        var lasting = state.Stalls.Where(s => (now - s.Since).TotalSeconds >= options.StalledAfterSeconds).ToDictionary(s => s.Topic, StringComparer.Ordinal);
        if (lasting.Count == 0)
            yield break;
        var load = snapshot.Topics.Where(t => t.BrokerId is not null).GroupBy(t => t.BrokerId!)
            .ToDictionary(g => g.Key, g => g.Sum(t => t.BytesInPerSecond + t.BytesOutPerSecond), StringComparer.Ordinal);
        var places = snapshot.Brokers.Where(b => b is { State: BrokerState.Active, Reachable: true })
            .OrderBy(b => load.GetValueOrDefault(b.Id)).ThenBy(b => b.Id, StringComparer.Ordinal).Select(b => b.Id).ToList();
        foreach (var topic in snapshot.Topics.Where(ClusterLearning.IsStalled))
        {
            if (!lasting.TryGetValue(topic.Name, out var stall) || stall.BrokerId != topic.BrokerId)
                continue;
            var target = topic.Reliable is true ? places.Find(b => b != topic.BrokerId && !state.Banned.Contains(new TopicPin(topic.Name, b))) : null;
            yield return new Finding
            {
                Kind = FindingKind.ConsumerStalled,
                Severity = FindingSeverity.Warning,
                About = SubjectKind.Topic,
                Subject = topic.Name,
                Since = stall.Since,
                MoveTo = target,
                Evidence = string.Create(CultureInfo.InvariantCulture,
                    $"{topic.Consumers} consumers are attached and get nothing; {topic.MessagesInPerSecond:0.#} messages/s come in; backlog {topic.BacklogMessages}, {stall.Backlog} when it was seen first."),
                Advice = $"Its dispatcher may have stopped. A move to another broker{(target is null ? "" : $", such as {target},")} starts it afresh from the last acknowledged message.",
            };
        }
    }

    private static IEnumerable<Finding> Brokers(ClusterSnapshot snapshot, ControlState state, RebalancerOptions options)
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

            if (broker.State is BrokerState.Drained or BrokerState.Draining && broker.Reachable && !IsFromBeforeItsActivation(broker.Id, snapshot, state, options))
            {
                var ours = state.Drains.Any(d => d.BrokerId == broker.Id);
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
    }

    /// <summary>True when the state of the broker may have been read before it was activated here: a report may be as old as it may be to count, and the collector reads states some time before it reports them.</summary>
    private static bool IsFromBeforeItsActivation(string broker, ClusterSnapshot snapshot, ControlState state, RebalancerOptions options) =>
        state.Activated.Any(a => a.BrokerId == broker && (snapshot.Time - a.At).TotalSeconds < options.MaxReportAgeSeconds);

    private static IEnumerable<Finding> Replaced(ClusterSnapshot snapshot, ControlState state, DateTimeOffset now)
    {
        var brokers = snapshot.Brokers.ToDictionary(b => b.Id, StringComparer.Ordinal);
        foreach (var place in state.Addresses.Where(a => a.Before is not null))
        {
            if (!brokers.TryGetValue(place.BrokerId, out var fresh) || (fresh.State == BrokerState.Active && now - place.Since > ReplacedShown))
                continue;
            yield return new Finding
            {
                Kind = FindingKind.BrokerReplaced,
                Severity = fresh.State == BrokerState.Active ? FindingSeverity.Info : FindingSeverity.Warning,
                About = SubjectKind.Broker,
                Subject = fresh.Id,
                Since = place.Since,
                Evidence = $"It came up at {place.Address}, where broker {place.Before} was; it is {fresh.State}.",
                Advice = $"It is a new broker without topics: expect no come-back of {place.Before}. {(fresh.State == BrokerState.Active ? "" : "Activate it. ")}Pins and rules that name the old id must be changed.",
            };
        }
    }

    private static IEnumerable<Finding> DeadCopies(ClusterSnapshot snapshot, ControlState state)
    {
        if (state.Banned.Count == 0)
            yield break;
        var owners = snapshot.Topics.ToDictionary(t => t.Name, t => t.BrokerId, StringComparer.Ordinal);
        // With a broker that is gone its dead copies are gone too; the ban stays, should it be listed again.
        var brokers = snapshot.Brokers.Select(b => b.Id).ToHashSet(StringComparer.Ordinal);
        foreach (var pin in state.Banned.Where(b => brokers.Contains(b.BrokerId)))
        {
            var owns = owners.GetValueOrDefault(pin.Topic) == pin.BrokerId;
            yield return new Finding
            {
                Kind = FindingKind.DeadCopy,
                Severity = owns ? FindingSeverity.Critical : FindingSeverity.Warning,
                About = SubjectKind.Topic,
                Subject = pin.Topic,
                Evidence = owns
                    ? $"Broker {pin.BrokerId} owns it and holds a dead copy of it, or may: it looks served, but a dead copy refuses every publish and every unload."
                    : $"An unload of it from broker {pin.BrokerId} did not finish: that broker may hold a dead copy that refuses every publish.",
                Advice = owns
                    ? $"When its producers are refused, replace broker {pin.BrokerId}: Danube then gives the topic to another, with all that was stored."
                    : $"It is never sent to {pin.BrokerId} again by this service. Restarting (replacing) that broker removes the copy.",
            };
        }
    }

    private static Finding Ghost(string broker, RebalancerOptions options) => new()
    {
        Kind = FindingKind.GhostBroker,
        Severity = FindingSeverity.Warning,
        About = SubjectKind.Broker,
        Subject = broker,
        Evidence = "It is gone, but Danube's leader still ranks it: new and moved topics could be given to it, and nobody would serve them.",
        Advice = options.ModeValue == RebalancerMode.Observe
            ? "Drain it with Danube's own tool, so that it gets none (the mode is observe, so nothing was done here), and repair topics that it got before."
            : "It was drained here, so that it gets none. Repair topics that it got before. A change of Danube's leader to a broker that saw it go ends this.",
    };

    private static Finding Deleted(DeletedTopic topic) => new()
    {
        Kind = FindingKind.StrandedTopic,
        Severity = FindingSeverity.Critical,
        About = SubjectKind.Topic,
        Subject = topic.Topic,
        Since = topic.At,
        Evidence = $"It was deleted to be created again, and does not exist yet, so that no broker lists it.{(topic.Detail.Length > 0 ? $" {topic.Detail}" : "")}",
        Advice = "Every cycle tries to create it. When Danube goes on refusing, remove what stands in the way, or create it by hand (NonReliable).",
    };

    private static Finding Stuck(string broker) => new()
    {
        Kind = FindingKind.WatcherHangs,
        Severity = FindingSeverity.Critical,
        About = SubjectKind.Broker,
        Subject = broker,
        Evidence = "It did not let a topic go, or did not load one that it was given, in time: its watcher may hang, and then it handles no assignment either.",
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
