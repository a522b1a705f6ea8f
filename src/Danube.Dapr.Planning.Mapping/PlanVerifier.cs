using System.Globalization;
using System.Text.RegularExpressions;
using Danube.Dapr.Contracts;

namespace Danube.Dapr.Planning.Mapping;

/// <summary>
/// Checks a plan against its snapshot without any of the planner's code: who owns what, rules, limits, counts, cost, predicted loads and the bound. Loads are checked
/// for what topics themselves report (bytes, messages, topics); the host's figures are attributed and are checked to be conserved.
/// </summary>
public sealed class PlanVerifier
{
    private const double Close = 1e-6;
    private readonly ClusterSnapshot _snapshot;
    private readonly RebalancePlan _plan;
    private readonly PlannerOptions _options;
    private readonly int _movesInLastHour;
    private readonly List<SnapshotFault> _faults = [];
    private readonly Dictionary<string, TopicSnapshot> _topics;
    private readonly Dictionary<string, BrokerSnapshot> _brokers;
    private readonly Dictionary<string, string?> _owner;

    private PlanVerifier(ClusterSnapshot snapshot, RebalancePlan plan, PlannerOptions options, int movesInLastHour)
    {
        _snapshot = snapshot;
        _plan = plan;
        _options = options;
        _movesInLastHour = movesInLastHour;
        _topics = snapshot.Topics.ToDictionary(t => t.Name, StringComparer.Ordinal);
        _brokers = snapshot.Brokers.ToDictionary(b => b.Id, StringComparer.Ordinal);
        _owner = snapshot.Topics.ToDictionary(t => t.Name, t => t.BrokerId, StringComparer.Ordinal);
    }

    /// <summary>Checks a plan.</summary>
    /// <param name="snapshot">The snapshot that it was made on; free of contradictions.</param>
    /// <param name="plan">The plan.</param>
    /// <param name="options">The options that it was made with.</param>
    /// <param name="movesInLastHour">Moves in the hour before the snapshot.</param>
    /// <returns>Every fault, with its path in the plan; empty when the plan holds.</returns>
    public static IReadOnlyList<SnapshotFault> Verify(ClusterSnapshot snapshot, RebalancePlan plan, PlannerOptions options, int movesInLastHour = 0)
    {
        ArgumentNullException.ThrowIfNull(snapshot);
        ArgumentNullException.ThrowIfNull(plan);
        ArgumentNullException.ThrowIfNull(options);
        var verifier = new PlanVerifier(snapshot, plan, options, movesInLastHour);
        verifier.Run();
        return verifier._faults;
    }

    /// <summary>
    /// What a plan itself says about the options that it was made with: policy, goal and resources. It does not name its limits, so these options have none; costs are the
    /// default ones, rules those of the snapshot.
    /// </summary>
    /// <exception cref="SnapshotException">The plan's policy is unknown.</exception>
    public static PlannerOptions OptionsOf(ClusterSnapshot snapshot, RebalancePlan plan)
    {
        ArgumentNullException.ThrowIfNull(snapshot);
        ArgumentNullException.ThrowIfNull(plan);
        if (!ImbalancePolicy.Names.Contains(plan.Policy))
            throw new SnapshotException([new("$.policy", $"must be one of {string.Join(", ", ImbalancePolicy.Names)}, is \"{plan.Policy}\"; else give the options that the plan was made with.")]);
        var emptied = plan.Moves.Where(m => m.Cause == Contracts.MoveCause.Drain).Select(m => m.From).Distinct(StringComparer.Ordinal).Order(StringComparer.Ordinal).ToArray();
        return new PlannerOptions
        {
            Policy = ImbalancePolicy.Get(plan.Policy),
            Goal = emptied.Length == 0 ? PlanGoal.Rebalance : plan.Trigger == PlanTrigger.Drain ? PlanGoal.Drain : PlanGoal.Evacuate,
            Brokers = emptied,
            Resources = [.. plan.Before.Resources.Select(r => ResourceNames.Parse(r.Resource)).OfType<Resource>()],
            Limits = PlanLimits.None with { MoveNonReliable = true },
            Rules = SnapshotMapping.ToRules(snapshot.Rules),
        };
    }

    private void Run()
    {
        if (_plan.SnapshotGeneration != 0 && _snapshot.Generation != 0 && _plan.SnapshotGeneration != _snapshot.Generation)
        {
            // Nothing else would be comparable.
            Fault("$.snapshotGeneration", $"is {_plan.SnapshotGeneration}, but the snapshot is generation {_snapshot.Generation}.");
            return;
        }

        if (!CheckMoves()) return;
        CheckLimits();
        CheckSpread();
        CheckPredictions();
        CheckCost();
        CheckBound();
    }

    private void Fault(string path, string message) => _faults.Add(new(path, message));

    private static string Number(double value) => value.ToString("0.######", CultureInfo.InvariantCulture);

    private bool CheckMoves()
    {
        var seen = new HashSet<string>(StringComparer.Ordinal);
        for (var i = 0; i < _plan.Moves.Count; i++)
        {
            var move = _plan.Moves[i];
            var path = $"$.moves[{i}]";
            if (!_topics.TryGetValue(move.Topic, out var topic))
            {
                Fault($"{path}.topic", $"\"{move.Topic}\" is not in the snapshot.");
                continue;
            }

            if (!seen.Add(move.Topic)) Fault($"{path}.topic", $"\"{move.Topic}\" is moved twice.");
            if (topic.BrokerId != move.From) Fault($"{path}.from", $"is \"{move.From}\", but broker \"{topic.BrokerId}\" owns the topic.");
            if (move.To == move.From) Fault($"{path}.to", "is the broker that owns the topic already.");
            if (!_brokers.TryGetValue(move.To, out var target)) Fault($"{path}.to", $"\"{move.To}\" is not in the snapshot.");
            else CheckTarget(move, target, path);
            if (_brokers.TryGetValue(move.From, out var source)) CheckTopic(move, topic, source, path);
            _owner[move.Topic] = move.To;
        }

        return _faults.Count == 0;
    }

    private void CheckTarget(Contracts.PlannedMove move, BrokerSnapshot target, string path)
    {
        if (!TakesPart(target)) Fault($"{path}.to", $"broker {target.Id} cannot receive: state {target.State}, reachable {target.Reachable}, report at {target.ReportTime:O}.");
        if (_options.Goal is PlanGoal.Drain or PlanGoal.Evacuate && _options.Brokers.Contains(target.Id)) Fault($"{path}.to", $"broker {target.Id} is to be emptied.");
        if (_options.Goal == PlanGoal.AddBroker && !_options.Brokers.Contains(target.Id)) Fault($"{path}.to", $"the plan may move onto {string.Join(", ", _options.Brokers)} alone.");
        var rules = _options.Rules;
        if (rules.Pins.FirstOrDefault(p => Matches(p.Topic, move.Topic)) is { } pin && pin.BrokerId != target.Id) Fault($"{path}.to", $"the topic is pinned to broker {pin.BrokerId}.");
        if (rules.Banned.Any(p => p.BrokerId == target.Id && Matches(p.Topic, move.Topic))) Fault($"{path}.to", $"the topic is banned from broker {target.Id}.");
        foreach (var rule in rules.Affinity.Where(a => a.Required && a.Topics.Any(t => Matches(t, move.Topic))))
            if (rule.Avoid.Contains(target.Id) || (rule.Prefer.Count > 0 && !rule.Prefer.Contains(target.Id))) Fault($"{path}.to", $"required affinity \"{rule.Name}\" does not allow broker {target.Id}.");
    }

    private void CheckTopic(Contracts.PlannedMove move, TopicSnapshot topic, BrokerSnapshot source, string path)
    {
        var limits = _options.Limits;
        var leaving = MustEmpty(source) || _options.Rules.Pins.Any(p => Matches(p.Topic, topic.Name))
            || _options.Rules.Affinity.Any(a => a.Required && a.Topics.Any(t => Matches(t, topic.Name)));
        if (!source.Reachable || source.State == Contracts.BrokerState.Gone) Fault($"{path}.from", $"broker {source.Id} cannot unload anything: it does not answer.");
        if (_options.Rules.ExcludedBrokers.Contains(source.Id)) Fault($"{path}.from", $"broker {source.Id} is excluded.");
        if (_options.Rules.DeniedTopics.Any(d => Matches(d, topic.Name))) Fault($"{path}.topic", "is on the deny list.");
        if (topic.LoadedTwice) Fault($"{path}.topic", "is loaded by two brokers.");
        if (topic.Reliable is null || (topic.Reliable == false && !limits.MoveNonReliable)) Fault($"{path}.topic", "is not known to be Reliable.");
        if (topic.LastMoved is { } moved && _snapshot.Time - moved < limits.CoolDown) Fault($"{path}.topic", $"was moved {(_snapshot.Time - moved).TotalSeconds.ToString("0", CultureInfo.InvariantCulture)} s ago, within its cool-down.");
        if (leaving) return;
        if (topic.MovedFrom is { } left && left == move.To && topic.LastMoved is { } away && _snapshot.Time - away < limits.NoReturnWithin) Fault($"{path}.to", $"the topic left broker {left} a short time ago.");
        if (!topic.RatesKnown) Fault($"{path}.topic", "has no known rates.");
        if (topic.FirstSeen is { } seen && _snapshot.Time - seen < limits.MinTopicAge) Fault($"{path}.topic", "is too young.");
    }

    private bool MustEmpty(BrokerSnapshot broker) => broker.State is Contracts.BrokerState.Draining or Contracts.BrokerState.Drained
        || (_options.Goal is PlanGoal.Drain or PlanGoal.Evacuate && _options.Brokers.Contains(broker.Id));

    private bool TakesPart(BrokerSnapshot broker) => broker is { Reachable: true, State: Contracts.BrokerState.Active, ReportTime: { } reported }
        && _snapshot.Time - reported <= _options.Limits.MaxReportAge && reported - _snapshot.Time <= SnapshotMapping.ClockTolerance && !_options.Rules.ExcludedBrokers.Contains(broker.Id);

    private void CheckLimits()
    {
        var limits = _options.Limits;
        var count = _plan.Moves.Count;
        if (count > limits.MaxMovesPerCycle) Fault("$.moves", $"has {count} moves; {limits.MaxMovesPerCycle} per cycle are allowed.");
        if (count > 0 && count + _movesInLastHour > limits.MaxMovesPerHour) Fault("$.moves", $"has {count} moves after {_movesInLastHour} in the last hour; {limits.MaxMovesPerHour} per hour are allowed.");
        if (count > 0 && limits.QuietHours.Any(q => q.Contains(_snapshot.Time))) Fault("$.moves", "lie in quiet hours.");
        foreach (var (broker, moves) in _plan.Moves.SelectMany(m => new[] { m.From, m.To }).CountBy(b => b))
            if (moves > limits.MaxMovesPerBroker) Fault("$.moves", $"touch broker {broker} {moves} times; {limits.MaxMovesPerBroker} are allowed.");
        foreach (var (space, moves) in _plan.Moves.Select(m => Namespace(m.Topic)).CountBy(n => n))
        {
            var budget = limits.NamespaceBudgets.TryGetValue(space, out var own) ? own : limits.MaxMovesPerNamespace;
            if (moves > budget) Fault("$.moves", $"move {moves} topics of namespace \"{space}\"; {budget} are allowed.");
        }
    }

    private static string Namespace(string topic)
    {
        var parts = topic.Split('/');
        return parts.Length > 2 && parts[0].Length == 0 ? parts[1] : "";
    }

    private void CheckSpread()
    {
        Spread(_options.Rules.MaxPartitionsPerBroker, id => id, "broker");
        Spread(_options.Rules.MaxPartitionsPerZone, id => _brokers[id].Zone ?? "of broker " + id, "zone");

        void Spread(int? allowed, Func<string, string> place, string what)
        {
            if (allowed is null) return;
            var before = Counts(t => t.BrokerId);
            foreach (var (key, count) in Counts(t => _owner[t.Name]))
                if (count > allowed && count > before.GetValueOrDefault(key)) Fault("$.moves", $"put {count} partitions of {key.Group} on {what} {key.Place}; {allowed} are allowed.");

            Dictionary<(string Group, string Place), int> Counts(Func<TopicSnapshot, string?> owner)
            {
                var counts = new Dictionary<(string, string), int>();
                foreach (var topic in _snapshot.Topics)
                {
                    if (topic.PartitionGroup is not { } group || owner(topic) is not { } id) continue;
                    var key = (group, place(id));
                    counts[key] = counts.GetValueOrDefault(key) + 1;
                }

                return counts;
            }
        }
    }

    private void CheckPredictions()
    {
        var predicted = _plan.Brokers.ToDictionary(b => b.BrokerId, StringComparer.Ordinal);
        foreach (var broker in _snapshot.Brokers)
        {
            var path = $"$.brokers[brokerId={broker.Id}]";
            if (!predicted.TryGetValue(broker.Id, out var prediction))
            {
                Fault(path, "is missing.");
                continue;
            }

            Same(prediction.TopicsBefore, _snapshot.Topics.Count(t => t.BrokerId == broker.Id), $"{path}.topicsBefore");
            Same(prediction.TopicsAfter, _owner.Count(o => o.Value == broker.Id), $"{path}.topicsAfter");
            foreach (var (resource, load) in Loads)
            {
                Same(prediction.LoadBefore.GetValueOrDefault(resource), _snapshot.Topics.Where(t => t.BrokerId == broker.Id).Sum(load), $"{path}.loadBefore.{resource}");
                Same(prediction.LoadAfter.GetValueOrDefault(resource), _snapshot.Topics.Where(t => _owner[t.Name] == broker.Id).Sum(load), $"{path}.loadAfter.{resource}");
            }
        }

        foreach (var resource in _plan.Brokers.SelectMany(b => b.LoadBefore.Keys).Distinct(StringComparer.Ordinal))
            Same(_plan.Brokers.Sum(b => b.LoadAfter.GetValueOrDefault(resource)), _plan.Brokers.Sum(b => b.LoadBefore.GetValueOrDefault(resource)), $"$.brokers[*].loadAfter.{resource} in sum");
        CheckBalance(_plan.Before, t => t.BrokerId, "$.before");
        CheckBalance(_plan.PredictedAfter, t => _owner[t.Name], "$.predictedAfter");
    }

    private static readonly (string Resource, Func<TopicSnapshot, double> Load)[] Loads =
    [
        ("bytes", t => t.BytesInPerSecond + t.BytesOutPerSecond),
        ("messages", t => t.MessagesInPerSecond + t.MessagesOutPerSecond),
    ];

    private void CheckBalance(BalanceReport report, Func<TopicSnapshot, string?> owner, string path)
    {
        var active = Participants();
        if (active.Length == 0) return;
        foreach (var (resource, load) in Loads)
        {
            if (report.Resources.FirstOrDefault(r => r.Resource == resource) is not { } stated) continue;
            var use = active.Select(b => _snapshot.Topics.Where(t => owner(t) == b.Id).Sum(load) / Size(b, resource)).ToArray();
            var mean = use.Zip(active, (u, b) => u * Size(b, resource)).Sum() / active.Sum(b => Size(b, resource));
            var average = use.Average();
            if (mean <= 0) continue;
            Same(stated.MaxOverMean, use.Max() / mean, $"{path}.resources[{resource}].maxOverMean");
            Same(stated.MinOverMean, use.Min() / mean, $"{path}.resources[{resource}].minOverMean");
            Same(stated.CoefficientOfVariation, Math.Sqrt(use.Average(u => (u - average) * (u - average))) / average, $"{path}.resources[{resource}].coefficientOfVariation");
        }
    }

    private BrokerSnapshot[] Participants() => [.. _snapshot.Brokers.Where(b => TakesPart(b) && !MustEmpty(b))];

    /// <summary>Brokers are compared by capacity where all of them state one, else by weight.</summary>
    private double Size(BrokerSnapshot broker, string resource)
    {
        double? Of(BrokerSnapshot b) => resource == "bytes" ? b.Capacity.BytesPerSecond : b.Capacity.MessagesPerSecond;
        return _snapshot.Brokers.All(b => Of(b) > 0) ? Of(broker)!.Value : broker.Capacity.Weight;
    }

    private void CheckCost()
    {
        double sum = 0;
        for (var i = 0; i < _plan.Moves.Count; i++)
        {
            var topic = _topics[_plan.Moves[i].Topic];
            var cost = _options.Cost.PerMove + (_options.Cost.PerClient * (topic.Producers + topic.Consumers)) + (_options.Cost.PerUnexportedByte * (topic.UnexportedBytes ?? 0));
            Same(_plan.Moves[i].Cost, cost, $"$.moves[{i}].cost");
            Same(_plan.Moves[i].Clients, topic.Producers + topic.Consumers, $"$.moves[{i}].clients");
            Same(_plan.Moves[i].BytesPerSecond, topic.BytesInPerSecond + topic.BytesOutPerSecond, $"$.moves[{i}].bytesPerSecond");
            sum += cost;
        }

        Same(_plan.Cost, sum, "$.cost");
    }

    /// <summary>
    /// A plan that says it reaches the target must not have fewer moves than its bound, nor leave a broker above the target without naming it; and the bound must not be
    /// below zero nor above what the plan shows to be enough.
    /// </summary>
    private void CheckBound()
    {
        if (_plan.LowerBoundMoves < 0) Fault("$.lowerBoundMoves", $"must be 0 or more, is {_plan.LowerBoundMoves}.");
        if (!_plan.ReachesTarget) return;
        if (_plan.LowerBoundMoves > _plan.Moves.Count) Fault("$.lowerBoundMoves", $"is {_plan.LowerBoundMoves}, but {_plan.Moves.Count} move(s) reach the target.");
        if (_plan.LowerBoundCost > _plan.Cost * (1 + Close)) Fault("$.lowerBoundCost", $"is {Number(_plan.LowerBoundCost)}, but a cost of {Number(_plan.Cost)} reaches the target.");
        var left = _snapshot.Topics.Where(t => _owner[t.Name] is { } id && MustEmpty(_brokers[id]) && _brokers[id].Reachable).Select(t => t.Name)
            .Where(name => !_plan.Refusals.Any(r => r.Subject == name)).ToArray();
        if (left.Length > 0) Fault("$.reachesTarget", $"{left.Length} topic(s) are still on brokers that must be emptied, the first {left[0]}.");
        // Below the trigger only broken rules are mended, and the band is not asked for.
        var triggered = !_options.OnlyWhenTriggered || _plan.Before.Resources.Any(r =>
            r.CoefficientOfVariation > _options.Policy.TriggerCoefficientOfVariation || r.MaxOverMean > _options.Policy.TriggerMaxOverMean);
        if (_options.Goal == PlanGoal.Drain || !triggered) return;
        var active = Participants();
        foreach (var (resource, load) in Loads)
        {
            var planned = resource == "bytes" ? Resource.Throughput : Resource.Messages;
            if (!_options.Resources.Contains(planned)) continue;
            var total = _snapshot.Topics.Where(t => active.Any(b => b.Id == _owner[t.Name])).Sum(load);
            var size = active.Sum(b => Size(b, resource));
            foreach (var broker in active)
            {
                if (_plan.Refusals.Any(r => r.Subject == broker.Id && r.Reason == ReasonCode.Capacity)) continue;
                var after = _snapshot.Topics.Where(t => _owner[t.Name] == broker.Id).Sum(load);
                var before = _snapshot.Topics.Where(t => t.BrokerId == broker.Id).Sum(load);
                var limit = _options.Policy.TargetMaxOverMean * total * Size(broker, resource) / size;
                if (after > Math.Max(limit, _plan.Trigger == PlanTrigger.Drain ? before : 0) * (1 + Close))
                    Fault("$.reachesTarget", $"broker {broker.Id} would carry {Number(after)} {resource}/s, {Number(after * size / total / Size(broker, resource))} × the mean; the target is {Number(_options.Policy.TargetMaxOverMean)} ×.");
            }
        }
    }

    private void Same(double stated, double actual, string path)
    {
        if (Math.Abs(stated - actual) > Close * Math.Max(1, Math.Abs(actual))) Fault(path, $"is {Number(stated)}, must be {Number(actual)}.");
    }

    private static bool Matches(string pattern, string name) => pattern.AsSpan().IndexOfAny('*', '?') < 0
        ? pattern == name
        : Regex.IsMatch(name, "^" + Regex.Escape(pattern).Replace("\\*", ".*", StringComparison.Ordinal).Replace("\\?", ".", StringComparison.Ordinal) + "$", RegexOptions.Singleline | RegexOptions.CultureInvariant);
}
