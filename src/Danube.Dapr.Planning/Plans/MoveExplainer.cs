using System.Globalization;
using Danube.Dapr.Planning.Search;

namespace Danube.Dapr.Planning;

/// <summary>Says why a topic goes where it goes, why not elsewhere, and why others stay.</summary>
internal sealed class MoveExplainer
{
    private const int MostAlternatives = 3;
    private const int BrokersLookedAt = 64;
    private readonly Problem _p;
    private readonly Placement _after;
    private readonly int[] _emptiest;
    private readonly Placement _start;

    public MoveExplainer(Problem problem, Placement after)
    {
        _p = problem;
        _after = after;
        _start = problem.Groups > 0 ? new Placement(problem) : after;
        _emptiest = [.. Enumerable.Range(0, problem.B).Where(b => problem.Excluded[b] is null).OrderBy(b => Fill(after.Load, b)).ThenBy(b => b).Take(BrokersLookedAt)];
    }

    public bool CrowdedAtStart(int topic) => _p.Groups > 0 && _start.IsCrowded(topic);

    public PlannedMove Explain(int topic, int to, (MoveCause Cause, int Resource) why)
    {
        var info = _p.Snapshot.Topics[topic];
        var from = _p.Home[topic];
        Span<double> load = stackalloc double[ResourceVector.Length];
        for (var r = 0; r < load.Length; r++) load[r] = _p.Snapshot.TopicLoad(topic, (Resource)r);
        var (alternatives, rule) = Alternatives(topic, to);
        var shown = why.Resource >= 0 ? why.Resource : HeaviestResource(topic);
        return new PlannedMove
        {
            Topic = info.Name, From = _p.Snapshot.Brokers[from].Id, To = _p.Snapshot.Brokers[to].Id, Cause = why.Cause,
            Resource = why.Resource >= 0 ? _p.Resources[why.Resource] : null, Cost = _p.Cost[topic], Load = ResourceVector.From(load),
            BytesPerSecond = info.BytesInPerSecond + info.BytesOutPerSecond, MessagesPerSecond = info.MessagesInPerSecond + info.MessagesOutPerSecond,
            Clients = info.Clients, LimitingRule = rule, Alternatives = alternatives, Explanation = Sentence(topic, from, to, why.Cause, shown),
        };
    }

    public string WhyFixed(int topic, Reason reason)
    {
        var info = _p.Snapshot.Topics[topic];
        var now = _p.Snapshot.Time;
        var limits = _p.Options.Limits;
        return reason switch
        {
            Reason.Denied => $"{info.Name} is on the deny list.",
            Reason.Pinned => $"{info.Name} is pinned to broker {info.Owner}.",
            Reason.CoolDown => string.Create(CultureInfo.InvariantCulture, $"{info.Name} was moved {(now - info.LastMoved!.Value).TotalSeconds:0} s ago; the cool-down is {limits.CoolDown.TotalSeconds:0} s."),
            Reason.TopicTooYoung => string.Create(CultureInfo.InvariantCulture, $"{info.Name} was first seen {(now - info.FirstSeen!.Value).TotalSeconds:0} s ago; {limits.MinTopicAge.TotalSeconds:0} s are asked for."),
            Reason.NonReliable => $"{info.Name} is NonReliable; an unload would leave it without an owner.",
            Reason.DeliveryUnknown => $"The delivery mode of {info.Name} is not known.",
            Reason.RatesUnknown => $"The rates of {info.Name} are not known yet.",
            Reason.LoadedTwice => $"Two brokers have {info.Name} loaded.",
            Reason.Reserved => $"Another move holds {info.Name}.",
            Reason.Stranded => $"Nobody owns {info.Name}.",
            Reason.Capacity => $"{info.Name} fits on no other broker.",
            Reason.Infeasible => $"The rules for {info.Name} contradict each other.",
            _ => $"Broker {info.Owner} of {info.Name} takes no part: {reason}.",
        };
    }

    public string WhySkipped(int topic, int to, Reason reason)
    {
        var limits = _p.Options.Limits;
        var name = _p.Snapshot.Topics[topic].Name;
        var target = _p.Snapshot.Brokers[to].Id;
        return reason switch
        {
            Reason.CycleLimit => $"{name} to broker {target} is left for a later cycle: {limits.MaxMovesPerCycle} moves per cycle are allowed.",
            Reason.HourlyLimit => $"{name} to broker {target} is left for later: {limits.MaxMovesPerHour} moves per hour are allowed, {_p.Snapshot.MovesInLastHour} were made.",
            Reason.BrokerLimit => $"{name} to broker {target} is left for later: {limits.MaxMovesPerBroker} moves per broker and plan are allowed.",
            Reason.NamespaceLimit => $"{name} to broker {target} is left for later: the budget of namespace \"{_p.Snapshot.Topics[topic].Namespace}\" is used up.",
            Reason.Capacity => $"{name} does not fit on broker {target} before another move that a limit left for later.",
            Reason.WorseBalance => $"{name} would lift broker {target} above its limit, and no plan that reaches the target was found.",
            Reason.AntiAffinity => $"{name} cannot join its group on broker {target} before another move that a limit left for later.",
            _ => string.Create(CultureInfo.InvariantCulture, $"Moving {name} to broker {target} at a cost of {_p.Cost[topic]:0.##} would not pay back within {_p.Options.PaybackHorizon.TotalSeconds:0} s."),
        };
    }

    public string WhyUnneeded(int topic) => _p.R == 0 ? $"{_p.Snapshot.Topics[topic].Name} stays: no rule asks for a move." : string.Create(
        CultureInfo.InvariantCulture,
        $"{_p.Snapshot.Topics[topic].Name} stays: the plan reaches what it can at less cost without it (it is {_p.W[(topic * _p.R) + HeaviestResource(topic)]:0.###} × the mean broker load of {ResourceName(HeaviestResource(topic))}).");

    public string WithinLimits(int b)
    {
        if (_p.R == 0) return $"Broker {_p.Snapshot.Brokers[b].Id} has no load that topics cause.";
        var r = FullestResource(_p.StartLoad, b);
        return string.Create(CultureInfo.InvariantCulture, $"Broker {_p.Snapshot.Brokers[b].Id} is within its limits: {ResourceName(r)} at {Ratio(_p.StartLoad, b, r):0.##} × its share, limit {Ratio(_p.Limit, b, r):0.##} ×.");
    }

    /// <summary>The resource in which a broker is most above its limit at the start, -1 when in none.</summary>
    public int WorstExcess(int b)
    {
        var worst = -1;
        var most = Problem.Tolerance;
        for (var r = 0; r < _p.R; r++)
        {
            var excess = _p.StartLoad[(b * _p.R) + r] - _p.Limit[(b * _p.R) + r];
            if (excess <= most) continue;
            most = excess;
            worst = r;
        }

        return worst;
    }

    private (List<Alternative> Alternatives, Reason? Rule) Alternatives(int topic, int to)
    {
        var found = new List<Alternative>();
        Reason? rule = null;
        var chosenFill = Fill(_after.Load, to);
        foreach (var d in _emptiest)
        {
            if (d == to || d == _p.Home[topic]) continue;
            var id = _p.Snapshot.Brokers[d].Id;
            var against = RuleAgainst(topic, d);
            var tight = -1;
            for (var r = 0; r < _p.R && tight < 0; r++)
                if (_after.Load[(d * _p.R) + r] + _p.W[(topic * _p.R) + r] > _p.Limit[(d * _p.R) + r] + Problem.Tolerance && _p.W[(topic * _p.R) + r] > 0) tight = r;
            if (against is not null && rule is null && Fill(_after.Load, d) < chosenFill) rule = against;
            if (found.Count < MostAlternatives)
            {
                found.Add(against is { } ruled ? new(id, ruled, $"A rule keeps the topic off broker {id}: {ruled}.")
                    : tight >= 0 ? new(id, Reason.Capacity, string.Create(CultureInfo.InvariantCulture, $"Broker {id} would be at {Ratio(_after.Load, d, tight) + (_p.W[(topic * _p.R) + tight] / _p.Share[(d * _p.R) + tight]):0.##} × its share of {ResourceName(tight)}, limit {Ratio(_p.Limit, d, tight):0.##} ×."))
                    : new(id, Reason.WorseBalance, string.Create(CultureInfo.InvariantCulture, $"Broker {id} has room, but the whole of the plan is more even or keeps that room for others: it ends at {Fill(_after.Load, d):0.##} × its limit.")));
            }
            else if (rule is not null)
            {
                break;
            }
        }

        return (found, rule);
    }

    private Reason? RuleAgainst(int topic, int broker)
    {
        if (!_p.CanReceive[broker]) return _p.Excluded[broker] ?? Reason.BrokerExcluded;
        if (_p.Allowed[topic] is { } allowed && !allowed[broker])
        {
            var name = _p.Snapshot.Topics[topic].Name;
            var id = _p.Snapshot.Brokers[broker].Id;
            var rules = _p.Options.Rules;
            if (rules.Pins.Any(p => Glob.Matches(p.Topic, name))) return Reason.Pinned;
            if (_p.Snapshot.Topics[topic].MovedFrom == id) return Reason.CoolDown;
            if (rules.Banned.Any(p => p.BrokerId == id && Glob.Matches(p.Topic, name))) return Reason.DeadCopy;
            return rules.Affinity.Any(a => a.Required && a.Topics.Any(g => Glob.Matches(g, name))) ? Reason.Affinity : Reason.Requirement;
        }

        return _after.Spread(topic, broker) ? null : Reason.AntiAffinity;
    }

    private string Sentence(int topic, int from, int to, MoveCause cause, int r)
    {
        var source = _p.Snapshot.Brokers[from].Id;
        var target = _p.Snapshot.Brokers[to].Id;
        if (_p.R == 0) return $"{Why(cause, source, "")} Broker {target} takes it.";
        return string.Create(
            CultureInfo.InvariantCulture,
            $"{Why(cause, source, ResourceName(r))} In {ResourceName(r)}, broker {source} goes from {Ratio(_p.StartLoad, from, r):0.##} to {Ratio(_after.Load, from, r):0.##} × its share with the whole plan, broker {target} from {Ratio(_p.StartLoad, to, r):0.##} to {Ratio(_after.Load, to, r):0.##} ×; this topic is {_p.W[(topic * _p.R) + r]:0.###} × the mean broker load.");
    }

    private static string Why(MoveCause cause, string source, string resource) => cause switch
    {
        MoveCause.BrokerOverload => $"Broker {source} carries too much {resource}.",
        MoveCause.BrokerUnderUse => "The target carries too little.",
        MoveCause.MakesRoom => $"It makes room on broker {source} for a heavier topic of this plan.",
        MoveCause.Drain => $"Broker {source} is to be emptied.",
        _ => $"A rule forbids it on broker {source}.",
    };

    private int HeaviestResource(int topic)
    {
        var best = 0;
        for (var r = 1; r < _p.R; r++) if (_p.W[(topic * _p.R) + r] > _p.W[(topic * _p.R) + best]) best = r;
        return best;
    }

    private int FullestResource(double[] load, int b)
    {
        var best = 0;
        for (var r = 1; r < _p.R; r++) if (load[(b * _p.R) + r] / _p.Limit[(b * _p.R) + r] > load[(b * _p.R) + best] / _p.Limit[(b * _p.R) + best]) best = r;
        return best;
    }

    private double Fill(double[] load, int b)
    {
        double fill = 0;
        for (var r = 0; r < _p.R; r++) fill = Math.Max(fill, load[(b * _p.R) + r] / _p.Limit[(b * _p.R) + r]);
        return fill;
    }

    private double Ratio(double[] values, int b, int r) => _p.Share[(b * _p.R) + r] > 0 ? values[(b * _p.R) + r] / _p.Share[(b * _p.R) + r] : 0;

    private string ResourceName(int r) => SnapshotBuilder.Name(_p.Resources[r]);
}
