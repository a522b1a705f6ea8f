namespace Danube.Dapr.Planning.Search;

/// <summary>Applies deny list, pins, bans, affinity, requirements and partition spread to single topics, and finds rules that contradict each other.</summary>
internal sealed class RuleReader(
    Snapshot snapshot, PlanRules rules, bool[] canReceive, bool[] canSend, Reason?[] held, bool[] mustLeave, bool[]?[] allowed,
    List<Refusal> notes, List<RuleConflict> conflicts)
{
    // Requirements of topics where no capacity is known (roadmap C2).
    private const double AssumedThroughput = 125_000_000;
    private const double AssumedDisk = 1e12;
    private const double CpuCeiling = .7;

    public void Read()
    {
        foreach (var t in Matching(rules.DeniedTopics)) held[t] ??= Reason.Denied;
        foreach (var rule in rules.Affinity.Where(a => a.Required)) ReadRequired(rule);
        foreach (var rule in rules.Banned) ReadBan(rule);
        foreach (var rule in rules.Requirements) ReadRequirement(rule);
        ReadPins();
        FindEmpty();
    }

    /// <summary>Partition groups that the rules spread.</summary>
    public (int[] Group, int Count) Groups()
    {
        var group = new int[snapshot.Topics.Count];
        Array.Fill(group, -1);
        if (rules.MaxPartitionsPerBroker is null && rules.MaxPartitionsPerZone is null) return (group, 0);
        var names = new Dictionary<string, int>(StringComparer.Ordinal);
        for (var t = 0; t < group.Length; t++)
        {
            if (snapshot.Topics[t].PartitionGroup is not { } name) continue;
            if (!names.TryGetValue(name, out group[t])) names[name] = group[t] = names.Count;
        }

        return (group, names.Count);
    }

    private void ReadRequired(AffinityRule rule)
    {
        var ok = new bool[canReceive.Length];
        for (var b = 0; b < ok.Length; b++)
        {
            var id = snapshot.Brokers[b].Id;
            ok[b] = !rule.Avoid.Contains(id) && (rule.Prefer.Count == 0 || rule.Prefer.Contains(id));
        }

        foreach (var t in Matching(rule.Topics))
        {
            Restrict(t, ok);
            if (snapshot.OwnerOf(t) is var owner and >= 0 && !ok[owner] && canSend[owner]) mustLeave[t] = true;
        }
    }

    private void ReadBan(TopicRule rule)
    {
        var banned = snapshot.BrokerIndex(rule.BrokerId);
        if (banned < 0) return;
        var ok = new bool[canReceive.Length];
        for (var b = 0; b < ok.Length; b++) ok[b] = b != banned;
        foreach (var t in Matching([rule.Topic])) Restrict(t, ok);
    }

    private void ReadRequirement(RequirementRule rule)
    {
        double total = 0, weight = 0;
        for (var b = 0; b < canReceive.Length; b++)
        {
            if (!canReceive[b]) continue;
            total += snapshot.BrokerLoad(b, Resource.Throughput);
            weight += snapshot.Capacity(b, Resource.Throughput);
        }

        var ok = new bool[canReceive.Length];
        for (var b = 0; b < ok.Length; b++)
        {
            var capacity = snapshot.Brokers[b].Capacity;
            var throughput = capacity.Throughput > 0 ? capacity.Throughput : AssumedThroughput;
            var disk = capacity.DiskUsage > 0 ? capacity.DiskUsage : AssumedDisk;
            ok[b] = (rule.ThroughputBytesPerSecond <= 0 || snapshot.BrokerLoad(b, Resource.Throughput) + rule.ThroughputBytesPerSecond <= throughput)
                && (rule.SizeBytes <= 0 || snapshot.BrokerLoad(b, Resource.DiskUsage) + rule.SizeBytes <= disk)
                && (!rule.CpuIntensive || capacity.Cpu <= 0 || snapshot.BrokerLoad(b, Resource.Cpu) <= CpuCeiling * capacity.Cpu)
                && (!rule.LowLatency || weight <= 0 || snapshot.Utilization(b, Resource.Throughput) <= total / weight);
        }

        foreach (var t in Matching([rule.Topic])) Restrict(t, ok);
    }

    private void ReadPins()
    {
        var pinnedTo = new Dictionary<int, TopicRule>();
        foreach (var pin in rules.Pins)
        {
            var broker = snapshot.BrokerIndex(pin.BrokerId);
            foreach (var t in Matching([pin.Topic]))
            {
                if (pinnedTo.TryGetValue(t, out var other))
                {
                    if (other.BrokerId != pin.BrokerId)
                    {
                        held[t] ??= Reason.Infeasible;
                        conflicts.Add(new([Text(other), Text(pin)], $"Topic {snapshot.Topics[t].Name} is pinned to two brokers; it is left where it is."));
                    }

                    continue;
                }

                pinnedTo[t] = pin;
                var home = snapshot.OwnerOf(t);
                if (home >= 0 && home == broker && !mustLeave[t])
                {
                    held[t] ??= Reason.Pinned;
                    continue;
                }

                if (broker < 0 || !canReceive[broker])
                {
                    held[t] ??= Reason.Pinned;
                    var why = broker < 0 ? "is not in the snapshot" : "can receive nothing now";
                    conflicts.Add(new([Text(pin)], $"Topic {snapshot.Topics[t].Name} is pinned to broker {pin.BrokerId}, which {why}; it is left where it is."));
                    continue;
                }

                if (allowed[t] is { } ok && !ok[broker])
                {
                    held[t] ??= Reason.Infeasible;
                    conflicts.Add(new([Text(pin), .. RulesAgainst(t, broker)], $"Topic {snapshot.Topics[t].Name} must be and must not be on broker {pin.BrokerId}; it is left where it is."));
                    continue;
                }

                allowed[t] = new bool[canReceive.Length];
                allowed[t]![broker] = true;
                if (home >= 0 && canSend[home]) mustLeave[t] = true;
            }
        }
    }

    /// <summary>A topic that must leave and has nowhere to go: the rules on it, minus every one that can be left out without making room.</summary>
    private void FindEmpty()
    {
        for (var t = 0; t < held.Length; t++)
        {
            if (!mustLeave[t] || held[t] is not null) continue;
            var any = false;
            for (var b = 0; b < canReceive.Length && !any; b++) any = canReceive[b] && (allowed[t] is not { } ok || ok[b]) && b != snapshot.OwnerOf(t);
            if (any) continue;
            held[t] = Reason.Infeasible;
            var name = snapshot.Topics[t].Name;
            var set = SmallestSet(t);
            conflicts.Add(new(set, $"Topic {name} must leave broker {snapshot.Topics[t].Owner}, and no broker may take it."));
            notes.Add(new(SubjectKind.Topic, name, Reason.Infeasible, $"Topic {name} must leave broker {snapshot.Topics[t].Owner}, and no broker may take it: {string.Join("; ", set)}."));
        }
    }

    private List<string> SmallestSet(int topic)
    {
        var sets = RulesOn(topic);
        sets.Add(BrokersRule);
        return ConflictSet.Smallest(sets.Select(s => s.Rule), left =>
        {
            for (var b = 0; b < canReceive.Length; b++)
                if (b != snapshot.OwnerOf(topic) && sets.All(s => !left.Contains(s.Rule) || s.Permits(b))) return true;
            return false;
        });
    }

    /// <summary>Affinity, bans and requirements of one topic, and which brokers each of them permits.</summary>
    private List<(string Rule, Func<int, bool> Permits)> RulesOn(int topic)
    {
        var sets = new List<(string Rule, Func<int, bool> Permits)>();
        var name = snapshot.Topics[topic].Name;
        foreach (var rule in rules.Affinity.Where(a => a.Required && a.Topics.Any(p => Glob.Matches(p, name))))
            sets.Add(($"required affinity \"{rule.Name}\"", b => !rule.Avoid.Contains(snapshot.Brokers[b].Id) && (rule.Prefer.Count == 0 || rule.Prefer.Contains(snapshot.Brokers[b].Id))));
        foreach (var rule in rules.Banned.Where(r => Glob.Matches(r.Topic, name)))
            sets.Add(($"ban of {rule.Topic} from broker {rule.BrokerId}", b => snapshot.Brokers[b].Id != rule.BrokerId));
        foreach (var rule in rules.Requirements.Where(r => Glob.Matches(r.Topic, name)))
        {
            var fits = new bool[canReceive.Length];
            Array.Fill(fits, true);
            var keep = allowed[topic];
            allowed[topic] = fits;
            ReadRequirement(rule with { Topic = name });
            fits = allowed[topic]!;
            allowed[topic] = keep;
            sets.Add(($"requirement of {rule.Topic}", b => fits[b]));
        }

        return sets;
    }

    private (string Rule, Func<int, bool> Permits) BrokersRule => ("state and reports of the brokers", b => canReceive[b]);

    /// <summary>Groups that no placement spreads as the rules ask: each with the smallest set of rules found that cannot be kept together.</summary>
    public void FindUnspreadable(int[] group, int groups, int[] zone)
    {
        var members = new List<int>[groups];
        for (var g = 0; g < groups; g++) members[g] = [];
        for (var t = 0; t < group.Length; t++) if (group[t] >= 0 && snapshot.OwnerOf(t) >= 0) members[group[t]].Add(t);
        var most = (Broker: rules.MaxPartitionsPerBroker ?? int.MaxValue, Zone: rules.MaxPartitionsPerZone ?? int.MaxValue);
        foreach (var topics in members)
        {
            // Where it is spread now and nobody must leave, the rules can be kept.
            var crowded = topics.CountBy(snapshot.OwnerOf).Any(c => c.Value > most.Broker) || topics.CountBy(t => zone[snapshot.OwnerOf(t)]).Any(c => c.Value > most.Zone);
            if (!crowded && !topics.Any(t => mustLeave[t])) continue;
            var set = SpreadConflict(topics, zone, most);
            if (set.Count == 0) continue;
            var name = snapshot.Topics[topics[0]].PartitionGroup;
            conflicts.Add(new(set, $"The {topics.Count} partitions of {name} cannot be spread as the rules ask."));
            notes.Add(new(SubjectKind.Cluster, "", Reason.Infeasible, $"The {topics.Count} partitions of {name} cannot be spread as the rules ask: {string.Join("; ", set)}."));
        }
    }

    private List<string> SpreadConflict(List<int> topics, int[] zone, (int Broker, int Zone) most)
    {
        var perBroker = $"at most {most.Broker} partition(s) of a group per broker";
        var perZone = $"at most {most.Zone} partition(s) of a group per zone";
        var ruled = new List<(string Rule, Func<int, bool> Permits)>[topics.Count];
        for (var i = 0; i < ruled.Length; i++)
        {
            var (t, home) = (topics[i], snapshot.OwnerOf(topics[i]));
            // At home a topic may also be against bans and requirements, which are about where it is put.
            ruled[i] = [.. RulesOn(t).Select(r => (r.Rule, (Func<int, bool>)(b => (b == home && !mustLeave[t]) || r.Permits(b))))];
            ruled[i].Add((BrokersRule.Rule, b => (b == home && !mustLeave[t]) || canReceive[b]));
            var name = snapshot.Topics[t].Name;
            if (rules.Pins.FirstOrDefault(p => Glob.Matches(p.Topic, name)) is { } pin) ruled[i].Add((Text(pin), b => snapshot.Brokers[b].Id == pin.BrokerId));
            if (rules.DeniedTopics.FirstOrDefault(p => Glob.Matches(p, name)) is { } denied) ruled[i].Add(($"deny list: {denied}", b => b == home));
        }

        var all = ruled.SelectMany(r => r.Select(x => x.Rule)).Distinct().Prepend(perZone).Prepend(perBroker);
        return ConflictSet.Smallest(all, left => SpreadCheck.IsPossible(
            ruled.Length, zone, (i, b) => ruled[i].All(r => !left.Contains(r.Rule) || r.Permits(b)), left.Contains(perBroker) ? most.Broker : int.MaxValue, left.Contains(perZone) ? most.Zone : int.MaxValue));
    }

    private IEnumerable<string> RulesAgainst(int topic, int broker)
    {
        var name = snapshot.Topics[topic].Name;
        var id = snapshot.Brokers[broker].Id;
        foreach (var rule in rules.Affinity.Where(a => a.Required && a.Topics.Any(p => Glob.Matches(p, name))))
            if (rule.Avoid.Contains(id) || (rule.Prefer.Count > 0 && !rule.Prefer.Contains(id))) yield return $"required affinity \"{rule.Name}\"";
        foreach (var rule in rules.Banned.Where(r => r.BrokerId == id && Glob.Matches(r.Topic, name))) yield return $"ban of {rule.Topic} from broker {id}";
        foreach (var rule in rules.Requirements.Where(r => Glob.Matches(r.Topic, name))) yield return $"requirement of {rule.Topic}";
    }

    private void Restrict(int topic, bool[] ok)
    {
        if (allowed[topic] is not { } now)
        {
            allowed[topic] = ok;
            return;
        }

        var both = new bool[ok.Length];
        for (var b = 0; b < both.Length; b++) both[b] = now[b] && ok[b];
        allowed[topic] = both;
    }

    private static string Text(TopicRule pin) => $"pin of {pin.Topic} to broker {pin.BrokerId}";

    private IEnumerable<int> Matching(IReadOnlyList<string> patterns)
    {
        var globs = new List<string>();
        foreach (var pattern in patterns)
        {
            if (Glob.IsPattern(pattern)) globs.Add(pattern);
            else if (snapshot.TopicIndex(pattern) is var exact and >= 0) yield return exact;
        }

        if (globs.Count == 0) yield break;
        for (var t = 0; t < held.Length; t++)
        {
            var name = snapshot.Topics[t].Name;
            foreach (var glob in globs)
            {
                if (!Glob.Matches(glob, name)) continue;
                yield return t;
                break;
            }
        }
    }
}
