namespace Danube.Dapr.Planning.Search;

/// <summary>
/// Finds a cheap placement within the limits. First valid plans by construction (least sets that must leave, packed; and step by step), then large-neighbourhood
/// rounds: some moved topics go home, one heavy topic may be forced somewhere, the rest is repaired with noise, and what is not worse is kept. It ends when the
/// proven bound is reached or the work is used up; the pair (hard violations, excess, cost) never gets worse.
/// </summary>
internal sealed class Optimizer
{
    private const int RoundsPerStopCheck = 32;

    // The search ends early when this share of the work brought nothing.
    private const double Patience = .4;
    private readonly Problem _p;
    private readonly LowerBound _bound;
    private readonly Placement _at;
    private readonly Repair _repair;
    private readonly Preferences _preferences;
    private DeterministicRandom _random;

    public Optimizer(Problem problem, LowerBound bound)
    {
        _p = problem;
        _bound = bound;
        _preferences = new Preferences(problem);
        _at = new Placement(problem);
        _repair = new Repair(problem, _at, _preferences);
        _random = new DeterministicRandom(unchecked((ulong)problem.Options.Seed * 0x9E3779B97F4A7C15));
    }

    public Placement Placement => _at;

    public bool ProvenLeast => _at.Hard == 0 && _at.Violation <= Problem.Tolerance && _at.Cost <= _bound.Cost + 1e-9;

    public Placement Run()
    {
        if (_at.Violation <= Problem.Tolerance && _at.Hard == 0) return _at;
        Construct();
        if (!ProvenLeast && _p.Options.WorkBudget > 0) _bound.RaiseByRoom(_p);
        if (!ProvenLeast) Improve();
        if (!ProvenLeast && _p.Options.WorkBudget > 0) Settle();
        Balance();
        return _at;
    }

    /// <summary>
    /// Moves further topics from the fullest to the emptiest brokers until the coefficient of variation of every resource is within the target. Each step is the one that
    /// takes most off the sum of squares per cost; what all resources together are above the target falls with every step. Returns the topics moved.
    /// </summary>
    public HashSet<int> Even(double target)
    {
        var moved = new HashSet<int>();
        if (target <= 0 || !_p.Triggered || _p.Options.Goal == PlanGoal.Drain) return moved;
        var fills = new Fills(_p, _at);
        while (_repair.Work < 2 * _p.Options.WorkBudget + 1_000_000)
        {
            var worst = -1;
            double worstCv = target + 1e-9;
            for (var r = 0; r < _p.R; r++)
            {
                var cv = fills.Variation(r);
                if (cv <= worstCv) continue;
                worstCv = cv;
                worst = r;
            }

            if (worst < 0) break;
            if (EvenOnce(worst, fills, target) is not (var topic and >= 0)) break;
            moved.Add(topic);
        }

        _at.Commit();
        return moved;
    }

    private int EvenOnce(int r, Fills fills, double target)
    {
        var byFill = _p.Participants.OrderBy(b => _at.Load[(b * _p.R) + r] / _p.Share[(b * _p.R) + r]).ThenBy(b => b).ToArray();
        int bestTopic = -1, bestFrom = -1, bestTo = -1;
        double best = 1e-9, excess = fills.Excess(target);
        foreach (var to in byFill.Where(b => _p.CanReceive[b]).Take(4))
        {
            foreach (var from in byFill.Reverse().Take(4))
            {
                if (from == to) continue;
                _repair.WorkDone(_p.Start[from + 1] - _p.Start[from]);
                foreach (var t in _p.HomeTopics(from)) if (_at.At[t] == from && _p.Fixed[t] is null) Try(t, from, to, _p.Cost[t]);
                foreach (var t in _at.Inbound[from]) Try(t, from, to, .05 * _p.Cost[t]);
            }
        }

        if (bestTopic < 0) return -1;
        fills.Move(bestTopic, bestFrom, bestTo);
        _at.Move(bestTopic, bestTo);
        return bestTopic;

        void Try(int t, int from, int to, double cost)
        {
            int f = (from * _p.R) + r, d = (to * _p.R) + r;
            double w = _p.W[(t * _p.R) + r], sf = _p.Share[f], sd = _p.Share[d];
            var fall = (((2 * _at.Load[f]) - w) * w / (sf * sf)) - (((2 * _at.Load[d]) + w) * w / (sd * sd));
            if (fall / cost <= best || !_at.Fits(t, to) || !_at.MayPut(t, to) || _at.Change(t, from, -1) > Problem.Tolerance) return;
            if (fills.Excess(target, t, from, to) >= excess - 1e-9) return;
            best = fall / cost;
            bestTopic = t;
            bestFrom = from;
            bestTo = to;
        }
    }

    private void Construct()
    {
        List<(int Topic, int To)>? best = null;
        (int Hard, double Violation, double Cost) bestValue = (int.MaxValue, 0, 0);
        for (var variant = 0; variant < 4; variant++)
        {
            _repair.BestFit = (variant & 1) == 1;
            if (variant < 2) Pack();
            _repair.Run(ref _random, false, double.PositiveInfinity);
            _repair.Drop(Enumerable.Range(0, _p.B));
            var value = (_at.Hard, _at.Violation, _at.Cost);
            if (best is null || Better(value, bestValue))
            {
                bestValue = value;
                best = [];
                for (var b = 0; b < _p.B; b++) foreach (var t in _at.Inbound[b]) best.Add((t, b));
            }

            if (ProvenLeast || _p.Options.WorkBudget == 0 || _repair.Work > _p.Options.WorkBudget) break;
            if (variant < 3) _at.Revert(0);
        }

        _at.Revert(0);
        foreach (var (topic, to) in best!) _at.Move(topic, to);
        _at.Commit();
        _repair.BestFit = false;
    }

    private static bool Better((int Hard, double Violation, double Cost) a, (int Hard, double Violation, double Cost) b)
    {
        if (a.Hard != b.Hard) return a.Hard < b.Hard;
        if (Math.Abs(a.Violation - b.Violation) > 1e-7) return a.Violation < b.Violation;
        return a.Cost < b.Cost - 1e-9;
    }

    /// <summary>Moves what the bound says must leave, the heaviest first, where it fits.</summary>
    private void Pack()
    {
        var topics = new List<int>();
        for (var b = 0; b < _p.B; b++) if (_bound.Sets[b] is { } set) topics.AddRange(set);
        for (var t = 0; t < _p.T; t++) if (_p.MustLeave[t] && _p.Fixed[t] is null && _p.Home[t] >= 0) topics.Add(t);
        var order = topics.Distinct().ToArray();
        var key = new double[order.Length];
        for (var i = 0; i < order.Length; i++)
        {
            foreach (var w in _p.Weight(order[i])) key[i] = Math.Max(key[i], w);
            key[i] = -key[i];
        }

        Array.Sort(key, order);
        foreach (var t in order)
        {
            if (!_p.MustLeave[t] && _at.Excess[_p.Home[t]] <= Problem.Tolerance && !_at.IsCrowded(t)) continue;
            var d = _repair.Receiver(t, ref _random, false);
            if (d >= 0) _at.Move(t, d);
        }
    }

    /// <summary>For plans of few moves: proves that fewer are not enough, or finds fewer, or one at all.</summary>
    private void Settle()
    {
        var reached = _at.Hard == 0 && _at.Violation <= Problem.Tolerance;
        var (bound, moves) = FewMoves.Settle(_p, _bound.Moves, reached ? _at.Moved : int.MaxValue);
        // Where no plan reaches the target, no number of moves is enough.
        if (reached || moves is not null) _bound.Raise(bound, _p);
        if (moves is null) return;
        double cost = 0;
        foreach (var (topic, _) in moves) cost += _p.Cost[topic];
        if (reached && cost >= _at.Cost - 1e-9) return;
        for (var b = 0; b < _p.B; b++) foreach (var t in _at.Inbound[b].ToArray()) _at.Move(t, _p.Home[t]);
        foreach (var (topic, to) in moves) _at.Move(topic, to);
        _at.Commit();
    }

    private void Improve()
    {
        var budget = _p.Options.WorkBudget;
        var rounds = 0;
        var touched = new List<int>();
        var patience = (long)(budget * Patience);
        var improvedAt = _repair.Work;
        while (_repair.Work < budget && _repair.Work - improvedAt < patience && !ProvenLeast)
        {
            if (++rounds % RoundsPerStopCheck == 0)
            {
                if (_p.Options.StopEarly?.Invoke() == true) return;
                if (rounds % (64 * RoundsPerStopCheck) == 0) _at.Commit();
            }

            var before = (_at.Hard, _at.Violation, _at.Cost);
            var mark = _at.Mark;
            touched.Clear();
            Destroy(touched);
            if (touched.Count == 0) return;
            _repair.BestFit = (_random.Next() & 3) == 0;
            var limit = before.Violation <= Problem.Tolerance && before.Hard == 0 ? before.Cost : double.PositiveInfinity;
            var done = _repair.Run(ref _random, true, limit, touched);
            if (done) _repair.Drop(touched);
            _repair.Held = -1;
            if (!done || Better(before, (_at.Hard, _at.Violation, _at.Cost))) _at.Revert(mark);
            else
            {
                if (Better((_at.Hard, _at.Violation, _at.Cost), before)) improvedAt = _repair.Work;
                _at.Keep(mark);
            }
        }
    }

    /// <summary>Sends some moved topics home; lists the brokers whose load changed.</summary>
    private void Destroy(List<int> touched)
    {
        var seeds = 1 + _random.Next(3);
        for (var i = 0; i < seeds; i++)
        {
            var b = PickBroker();
            if (b < 0) return;
            Touch(touched, b);
            var outs = _at.Outbound[b];
            // A broker with very many moved topics is only partly undone, so that a round stays small.
            var share = outs.Count <= 24 ? 1 : 24.0 / outs.Count;
            for (var k = outs.Count - 1; k >= 0; k--)
            {
                if (k >= outs.Count || (share < 1 && _random.NextDouble() > share)) continue;
                SendHome(outs[k], touched);
            }

            if (_random.Next(2) == 0) continue;
            var ins = _at.Inbound[b];
            share = ins.Count <= 24 ? 1 : 24.0 / ins.Count;
            for (var k = ins.Count - 1; k >= 0; k--)
            {
                if (k >= ins.Count || (share < 1 && _random.NextDouble() > share)) continue;
                SendHome(ins[k], touched);
            }
        }

        if (_random.Next(3) == 0) Kick(touched);
    }

    private void SendHome(int t, List<int> touched)
    {
        var home = _p.Home[t];
        Touch(touched, _at.At[t]);
        Touch(touched, home);
        if (_at.Spread(t, home)) _at.Move(t, home);
    }

    private static void Touch(List<int> touched, int b)
    {
        if (!touched.Contains(b)) touched.Add(b);
    }

    private int PickBroker()
    {
        for (var tries = 0; tries < 32; tries++)
        {
            var b = _random.Next(_p.B);
            if (_at.Outbound[b].Count > 0 || _at.Inbound[b].Count > 0 || _at.Excess[b] > Problem.Tolerance) return b;
        }

        for (var b = 0; b < _p.B; b++) if (_at.Outbound[b].Count > 0 || _at.Inbound[b].Count > 0 || _at.Excess[b] > Problem.Tolerance) return b;
        return -1;
    }

    /// <summary>Forces one of the heaviest topics of an overloaded broker onto another, even beyond its limit: room is made by the repair.</summary>
    private void Kick(List<int> touched)
    {
        var over = -1;
        foreach (var b in touched) if (_at.Excess[b] > Problem.Tolerance && (over < 0 || _random.Next(2) == 0)) over = b;
        if (over < 0) return;
        var topics = _p.HomeTopics(over);
        var first = Math.Min(topics.Length, 16);
        var t = topics.Length == 0 ? -1 : topics[_random.Next(first)];
        if (t < 0 || _p.Fixed[t] is not null || _at.At[t] != over) return;
        var best = -1;
        double bestFill = double.PositiveInfinity;
        for (var tries = 0; tries < 4; tries++)
        {
            var d = _random.Next(_p.B);
            if (d == over || !_at.MayPut(t, d)) continue;
            var fill = _repair.Fill(t, d);
            if (fill >= bestFill) continue;
            bestFill = fill;
            best = d;
        }

        if (best < 0) return;
        Touch(touched, best);
        _at.Move(t, best);
        _repair.Held = t;
    }

    /// <summary>At the same cost, spreads the moved topics more evenly: the sum of squared fills falls with every step.</summary>
    private void Balance()
    {
        for (var pass = 0; pass < 3; pass++)
        {
            var changed = false;
            for (var b = 0; b < _p.B; b++)
            {
                for (var i = _at.Inbound[b].Count - 1; i >= 0; i--)
                {
                    if (i >= _at.Inbound[b].Count) continue;
                    var t = _at.Inbound[b][i];
                    var best = -1;
                    var bestGain = 1e-6;
                    for (var d = 0; d < _p.B; d++)
                    {
                        if (d == b || d == _p.Home[t] || !_p.CanReceive[d] || !_at.Fits(t, d) || !_at.MayPut(t, d)) continue;
                        if (_at.Change(t, b, -1) > Problem.Tolerance) break;
                        var gain = SquareFall(t, b, d) + (_preferences.Any ? _preferences.Bonus(t, d) - _preferences.Bonus(t, b) : 0);
                        if (gain <= bestGain) continue;
                        bestGain = gain;
                        best = d;
                    }

                    if (best < 0) continue;
                    _at.Move(t, best);
                    changed = true;
                }
            }

            if (!changed) break;
        }

        _at.Commit();
    }

    /// <summary>How much the sum of squared fills (load / limit) falls when a topic goes from one broker to another.</summary>
    internal double SquareFall(int t, int from, int to)
    {
        double fall = 0;
        for (var r = 0; r < _p.R; r++)
        {
            var w = _p.W[(t * _p.R) + r];
            int f = (from * _p.R) + r, d = (to * _p.R) + r;
            fall += ((2 * _at.Load[f]) - w) * w / (_p.Limit[f] * _p.Limit[f]);
            fall -= ((2 * _at.Load[d]) + w) * w / (_p.Limit[d] * _p.Limit[d]);
        }

        return fall;
    }
}
