using System.Globalization;
using Danube.Dapr.Planning.Search;

namespace Danube.Dapr.Planning;

/// <summary>Writes what was decided as a <see cref="Plan"/>: figures, causes, alternatives and reasons.</summary>
internal sealed class PlanWriter
{
    private const int MostRefusals = 500;
    private const int MostUnneededPerBroker = 5;
    private readonly Problem _p;
    private readonly Schedule _schedule;
    private readonly HashSet<int> _evened;
    private readonly MoveExplainer _explainer;

    private PlanWriter(Problem problem, Schedule schedule, HashSet<int> evened)
    {
        _p = problem;
        _schedule = schedule;
        _evened = evened;
        _explainer = new MoveExplainer(problem, schedule.After);
    }

    public static Plan Write(Problem problem, LowerBound bound, Schedule schedule, HashSet<int> evened) =>
        new PlanWriter(problem, schedule, evened).Write(bound);

    private Plan Write(LowerBound bound)
    {
        var after = _schedule.After;
        var snapshot = _p.Snapshot;
        var predicted = PredictedLoads();
        var afterMeasure = ImbalanceMeasure.Of(snapshot, _p.Participants, _p.Resources, (b, r) => predicted[(b * ResourceVector.Length) + (int)r]);
        var within = after.Hard == 0 && after.Violation <= 1e-7 && _p.Conflicts.Count == 0;
        var evenEnough = !_p.Triggered || _p.Options.Goal == PlanGoal.Drain || _p.Options.Policy.TargetCoefficientOfVariation <= 0
            || afterMeasure.Resources.All(r => r.CoefficientOfVariation <= _p.Options.Policy.TargetCoefficientOfVariation + 1e-9);
        // Moves that a rule forces may take so much from a broker that the cluster becomes uneven enough to be balanced next time: this plan is not the end then.
        var stirred = !_p.Triggered && _p.Options.Goal != PlanGoal.Drain && _schedule.Moves.Count > 0 && _p.Options.Policy.IsTriggeredBy(afterMeasure) && !_p.Options.Policy.IsTriggeredBy(_p.Before);
        var reached = within && evenEnough && !stirred && _p.Participants.Length >= _p.Options.Limits.MinBrokers;

        double cost = 0;
        foreach (var (topic, _) in _schedule.Moves) cost += _p.Cost[topic];
        var moves = new List<PlannedMove>(_schedule.Moves.Count);
        foreach (var (topic, to) in _schedule.Moves) moves.Add(_explainer.Explain(topic, to, CauseOf(topic, to)));
        var hash = PlanHash.Of(snapshot, _p.Options, moves.Select(m => (m.Topic, m.From, m.To)));
        var counts = CountReasons();
        var bounds = new PlanBounds(
            bound.Moves, bound.Cost, cost,
            reached ? Gap(moves.Count, bound.Moves) : null, reached ? Gap(cost, bound.Cost) : null);
        return new Plan
        {
            Id = "p-" + hash[..16], Hash = hash, Time = snapshot.Time, Goal = _p.Options.Goal, Policy = _p.Options.Policy.Name, Moves = moves,
            Before = _p.Before, After = afterMeasure, Brokers = Predictions(predicted), ReachesTarget = reached, Bounds = bounds,
            Refusals = Refusals(reached), RefusalCounts = counts, Conflicts = _p.Conflicts, Summary = Summary(moves.Count, bound, reached, afterMeasure),
        };
    }

    private static double Gap(double value, double bound) => bound > 0 ? Math.Max(0, (value / bound) - 1) : value > 0 ? double.PositiveInfinity : 0;

    private double[] PredictedLoads()
    {
        const int n = ResourceVector.Length;
        var load = new double[_p.B * n];
        for (var b = 0; b < _p.B; b++) for (var r = 0; r < n; r++) load[(b * n) + r] = _p.Snapshot.BrokerLoad(b, (Resource)r);
        foreach (var (topic, to) in _schedule.Moves)
        {
            for (var r = 0; r < n; r++)
            {
                var w = _p.Snapshot.TopicLoad(topic, (Resource)r);
                load[(_p.Home[topic] * n) + r] -= w;
                load[(to * n) + r] += w;
            }
        }

        // What cancels out leaves rounding behind, which would read as a negative load.
        for (var i = 0; i < load.Length; i++) load[i] = Math.Max(0, load[i]);
        return load;
    }

    private List<BrokerPrediction> Predictions(double[] predicted)
    {
        const int n = ResourceVector.Length;
        var topics = new int[_p.B];
        for (var b = 0; b < _p.B; b++) topics[b] = _p.Snapshot.TopicsOn(b);
        foreach (var (topic, to) in _schedule.Moves)
        {
            topics[_p.Home[topic]]--;
            topics[to]++;
        }

        var result = new List<BrokerPrediction>(_p.B);
        Span<double> before = stackalloc double[n];
        Span<double> limit = stackalloc double[n];
        for (var b = 0; b < _p.B; b++)
        {
            limit.Clear();
            for (var r = 0; r < n; r++) before[r] = _p.Snapshot.BrokerLoad(b, (Resource)r);
            for (var r = 0; r < _p.R; r++)
                if (!double.IsInfinity(_p.Limit[(b * _p.R) + r])) limit[(int)_p.Resources[r]] = _p.Limit[(b * _p.R) + r] * _p.Scale[r];
            result.Add(new(
                _p.Snapshot.Brokers[b].Id, _p.Excluded[b] is null, _p.Snapshot.TopicsOn(b), topics[b], ResourceVector.From(before),
                ResourceVector.From(predicted.AsSpan(b * n, n)), ResourceVector.From(limit)));
        }

        return result;
    }

    private (MoveCause Cause, int Resource) CauseOf(int topic, int to)
    {
        var home = _p.Home[topic];
        if (_p.MustLeave[topic]) return (_p.Emptied[home] ? MoveCause.Drain : MoveCause.RuleViolation, -1);
        int worst = -1, low = -1;
        double most = Problem.Tolerance;
        for (var r = 0; r < _p.R; r++)
        {
            int h = (home * _p.R) + r, d = (to * _p.R) + r;
            if (_p.W[(topic * _p.R) + r] > 0 && _p.StartLoad[h] - _p.Limit[h] > most)
            {
                most = _p.StartLoad[h] - _p.Limit[h];
                worst = r;
            }

            if (_p.StartLoad[d] < _p.Low[d]) low = r;
        }

        if (worst >= 0) return (MoveCause.BrokerOverload, worst);
        if (_p.Group[topic] >= 0 && _explainer.CrowdedAtStart(topic)) return (MoveCause.RuleViolation, -1);
        return low >= 0 || _evened.Contains(topic) ? (MoveCause.BrokerUnderUse, Math.Max(0, low)) : (MoveCause.MakesRoom, -1);
    }

    private SortedDictionary<Reason, int> CountReasons()
    {
        var counts = new SortedDictionary<Reason, int>();
        foreach (var reason in _p.Fixed) if (reason is { } r) counts[r] = counts.GetValueOrDefault(r) + 1;
        foreach (var (_, _, reason) in _schedule.Skipped) counts[reason] = counts.GetValueOrDefault(reason) + 1;
        return counts;
    }

    private List<Refusal> Refusals(bool reached)
    {
        var result = new List<Refusal>(_p.Notes);
        if (_schedule.Moves.Count == 0 && !result.Any(r => r.Kind == SubjectKind.Cluster && r.Reason is Reason.TooFewBrokers or Reason.QuietHours or Reason.HourlyLimit))
        {
            result.Insert(0, !_p.Triggered || reached
                ? new(SubjectKind.Cluster, "", Reason.Balanced, !_p.Triggered ? TriggerText() : Limited ? "Every broker is as near to its target as what cannot move allows." : "Every broker is within its limits.")
                : new(SubjectKind.Cluster, "", Reason.NoBenefit, "No allowed move brings the cluster nearer to its target at a cost that pays." + HeldText()));
        }

        for (var t = 0; t < _p.T && result.Count < MostRefusals; t++)
            if (_p.Home[t] < 0) result.Add(new(SubjectKind.Topic, _p.Snapshot.Topics[t].Name, Reason.Stranded, _explainer.WhyFixed(t, Reason.Stranded)));
        foreach (var (topic, to, reason) in _schedule.Skipped)
            result.Add(new(SubjectKind.Topic, _p.Snapshot.Topics[topic].Name, reason, _explainer.WhySkipped(topic, to, reason)));
        var moved = new HashSet<int>();
        foreach (var (topic, _) in _schedule.Moves) moved.Add(topic);
        foreach (var (topic, _, _) in _schedule.Skipped) moved.Add(topic);
        for (var b = 0; b < _p.B; b++)
        {
            var over = _explainer.WorstExcess(b);
            // A broker whose limit was raised to what cannot move off it is named with that; its topics say why they stay.
            var held = Held(b);
            if (_p.Excluded[b] is null && over < 0 && !held)
                result.Add(new(SubjectKind.Broker, _p.Snapshot.Brokers[b].Id, Reason.Balanced, _explainer.WithinLimits(b)));
            if (over < 0 && !held && !_p.Emptied[b]) continue;
            var unneeded = 0;
            foreach (var t in _p.HomeTopics(b))
            {
                if (moved.Contains(t) || result.Count >= MostRefusals) continue;
                if (_p.Fixed[t] is { } reason)
                {
                    if (reason is not (Reason.Unsplittable or Reason.Infeasible)) result.Add(new(SubjectKind.Topic, _p.Snapshot.Topics[t].Name, reason, _explainer.WhyFixed(t, reason)));
                }
                else if (unneeded++ < MostUnneededPerBroker)
                {
                    result.Add(new(SubjectKind.Topic, _p.Snapshot.Topics[t].Name, Reason.WorseBalance, _explainer.WhyUnneeded(t)));
                }
            }
        }

        return result;
    }

    /// <summary>Whether a broker's limit had to be raised because of what cannot move, or capacity is short.</summary>
    private bool Limited => _p.Notes.Any(n => n.Reason is Reason.Capacity or Reason.Unsplittable);

    /// <summary>How many topics of overloaded brokers may not move, by reason: the most frequent three.</summary>
    private string HeldText()
    {
        var counts = new SortedDictionary<Reason, int>();
        for (var b = 0; b < _p.B; b++)
        {
            if (_explainer.WorstExcess(b) < 0 && !_p.Emptied[b] && !Held(b)) continue;
            foreach (var t in _p.HomeTopics(b)) if (_p.Fixed[t] is { } reason) counts[reason] = counts.GetValueOrDefault(reason) + 1;
        }

        return counts.Count == 0 ? "" : $" Topics that may not move: {string.Join(", ", counts.OrderByDescending(c => c.Value).Take(3).Select(c => $"{c.Value} {c.Key}"))}.";
    }

    /// <summary>Whether a broker is above the target that the plan asks of the others.</summary>
    private bool Held(int b)
    {
        if (!_p.Triggered || _p.Options.Goal == PlanGoal.Drain || _p.Excluded[b] is not null) return false;
        for (var r = 0; r < _p.R; r++) if (_p.StartLoad[(b * _p.R) + r] > _p.Options.Policy.TargetMaxOverMean * _p.Share[(b * _p.R) + r]) return true;
        return false;
    }

    private string TriggerText() => _p.Before.Worst is { } worst
        ? string.Create(CultureInfo.InvariantCulture, $"{SnapshotBuilder.Name(worst.Resource)} is worst: CV {worst.CoefficientOfVariation:0.###} (trigger {_p.Options.Policy.TriggerCoefficientOfVariation:0.###}), max/mean {worst.MaxOverMean:0.###} (trigger {_p.Options.Policy.TriggerMaxOverMean:0.###}).")
        : "There is no load to balance.";

    private string Summary(int moves, LowerBound bound, bool reached, ImbalanceMeasure after)
    {
        if (moves == 0) return Refusals(reached).FirstOrDefault()?.Detail ?? "Nothing to move.";
        return string.Create(
            CultureInfo.InvariantCulture,
            $"{moves} move(s), at least {bound.Moves} are needed; max/mean {_p.Before.MaxOverMean:0.##} to {after.MaxOverMean:0.##}, CV {_p.Before.CoefficientOfVariation:0.##} to {after.CoefficientOfVariation:0.##}; {(!reached ? "does not reach the target yet" : Limited ? "reaches the target as far as what cannot move allows" : "reaches the target")}.");
    }
}
