namespace Danube.Dapr.Planning.Search;

/// <summary>
/// Puts the moves of a placement into an order in which each one fits when it runs (what makes room goes first, then what relieves most per cost), keeps to the
/// limits on numbers, and takes out what does not pay or has become pointless by what was left out.
/// </summary>
internal sealed class Schedule
{
    // Up to here each next move is chosen among all; above, in one sorted pass after the other.
    private const int MostForGreedy = 1500;
    private readonly Problem _p;
    private readonly Placement _at;
    private readonly int[] _brokerMoves;
    private readonly Dictionary<string, int> _namespaceMoves = new(StringComparer.Ordinal);
    private int _left;

    private Schedule(Problem problem)
    {
        _p = problem;
        _at = new Placement(problem);
        _brokerMoves = new int[problem.B];
        var limits = problem.Options.Limits;
        _left = Math.Min(limits.MaxMovesPerCycle, Math.Max(0, limits.MaxMovesPerHour - problem.Snapshot.MovesInLastHour));
    }

    /// <summary>The moves in order.</summary>
    public List<(int Topic, int To)> Moves { get; } = [];

    /// <summary>Moves that a limit or the pay-back left out.</summary>
    public List<(int Topic, int To, Reason Reason)> Skipped { get; } = [];

    /// <summary>The placement after <see cref="Moves"/>.</summary>
    public Placement After => _at;

    public static Schedule Of(Problem problem, Placement goal)
    {
        var schedule = new Schedule(problem);
        var pending = new List<(int Topic, int To)>();
        for (var b = 0; b < problem.B; b++) foreach (var t in goal.Inbound[b]) pending.Add((t, b));
        pending.Sort();
        schedule.Fill(pending);
        schedule.DropCrowding();
        schedule.DropHarmful();
        schedule.DropPointless();
        schedule.DropUnpaid();
        schedule.DropIdle();
        return schedule;
    }

    private void Fill(List<(int Topic, int To)> pending)
    {
        if (pending.Count > MostForGreedy)
            pending = [.. pending.OrderByDescending(m => Urgency(m.Topic, m.To)).ThenBy(m => m.Topic)];
        while (pending.Count > 0)
        {
            var next = pending.Count > MostForGreedy ? FirstThatFits(pending) : MostUrgent(pending);
            if (next.Count == 0) next = [LeastBad(pending)];
            var taken = next.ToHashSet();
            foreach (var move in next) Take(move.Topic, move.To);
            pending.RemoveAll(taken.Contains);
        }
    }

    private List<(int Topic, int To)> FirstThatFits(List<(int Topic, int To)> pending)
    {
        var next = new List<(int Topic, int To)>();
        // Loads change with each move, so a trial placement is kept while the pass runs.
        var mark = _at.Mark;
        foreach (var (topic, to) in pending)
        {
            if (!_at.Fits(topic, to) || !_at.MayPut(topic, to)) continue;
            next.Add((topic, to));
            _at.Move(topic, to);
        }

        _at.Revert(mark);
        return next;
    }

    private List<(int Topic, int To)> MostUrgent(List<(int Topic, int To)> pending)
    {
        var best = -1;
        var bestUrgency = double.NegativeInfinity;
        for (var i = 0; i < pending.Count; i++)
        {
            if (!_at.Fits(pending[i].Topic, pending[i].To) || !_at.MayPut(pending[i].Topic, pending[i].To)) continue;
            var urgency = Urgency(pending[i].Topic, pending[i].To);
            if (urgency <= bestUrgency) continue;
            bestUrgency = urgency;
            best = i;
        }

        return best < 0 ? [] : [pending[best]];
    }

    /// <summary>Makers of room first, then relief per cost, then size.</summary>
    private double Urgency(int topic, int to)
    {
        var home = _p.Home[topic];
        double size = 0;
        foreach (var w in _p.Weight(topic)) size = Math.Max(size, w);
        if (_p.MustLeave[topic] || _at.IsCrowded(topic)) return 1e6 + size;
        var relief = -(_at.Change(topic, home, -1) + Math.Max(0, _at.Change(topic, to, 1)));
        return relief > Problem.Tolerance ? 1e3 * relief / _p.Cost[topic] : size * 1e-3;
    }

    private (int Topic, int To) LeastBad(List<(int Topic, int To)> pending)
    {
        // Nothing fits now: a mover that makes room comes before the one that needs it, so take what adds least excess.
        var best = 0;
        var least = double.PositiveInfinity;
        for (var i = 0; i < pending.Count; i++)
        {
            var growth = _at.Change(pending[i].Topic, pending[i].To, 1) + (_at.MayPut(pending[i].Topic, pending[i].To) ? 0 : 1e3);
            if (growth >= least) continue;
            least = growth;
            best = i;
        }

        return pending[best];
    }

    private void Take(int topic, int to)
    {
        var limits = _p.Options.Limits;
        var from = _p.Home[topic];
        var space = _p.Snapshot.Topics[topic].Namespace;
        var budget = limits.NamespaceBudgets.TryGetValue(space, out var own) ? own : limits.MaxMovesPerNamespace;
        Reason? reason = _left <= 0 ? (limits.MaxMovesPerCycle <= Moves.Count ? Reason.CycleLimit : Reason.HourlyLimit)
            : _brokerMoves[from] >= limits.MaxMovesPerBroker || _brokerMoves[to] >= limits.MaxMovesPerBroker ? Reason.BrokerLimit
            : _namespaceMoves.GetValueOrDefault(space) >= budget ? Reason.NamespaceLimit
            // Room that a move above was to make is missing when a limit left that move out.
            : Skipped.Count > 0 && !_p.MustLeave[topic] && _at.Change(topic, to, 1) + _at.Change(topic, from, -1) > Problem.Tolerance ? Reason.Capacity
            : Skipped.Count > 0 && !_at.MayPut(topic, to) ? Reason.AntiAffinity
            : null;
        if (reason is { } why)
        {
            Skipped.Add((topic, to, why));
            return;
        }

        _left--;
        _brokerMoves[from]++;
        _brokerMoves[to]++;
        _namespaceMoves[space] = _namespaceMoves.GetValueOrDefault(space) + 1;
        _at.Move(topic, to);
        Moves.Add((topic, to));
    }

    /// <summary>
    /// Partitions of one group that change places meet on the way; when a limit left out the second of them, the first does not go either, and neither does who took its place.
    /// That holds for what must leave too: it waits for a plan with room for both.
    /// </summary>
    private void DropCrowding()
    {
        if (Skipped.Count == 0) return;
        var before = new Placement(_p);
        for (var again = true; again;)
        {
            again = false;
            for (var i = Moves.Count - 1; i >= 0; i--)
            {
                if (!_at.IsMoreCrowded(Moves[i].Topic, before)) continue;
                Remove(i, Reason.AntiAffinity);
                again = true;
            }
        }
    }

    /// <summary>Where the target is out of reach the least overload may mean more of it on another broker; what no rule asks for is not moved at that price.</summary>
    private void DropHarmful()
    {
        for (var again = _at.Violation > Problem.Tolerance; again;)
        {
            again = false;
            for (var i = Moves.Count - 1; i >= 0; i--)
            {
                var (topic, to) = Moves[i];
                if (_p.MustLeave[topic] || _p.Group[topic] >= 0 || !IsTooMuch(topic, to)) continue;
                Remove(i, Reason.WorseBalance);
                again = true;
            }
        }
    }

    /// <summary>True when a broker is above its limits, and above what it had, in something that the topic brings, with the topic on it.</summary>
    private bool IsTooMuch(int topic, int broker)
    {
        int w = topic * _p.R, i = broker * _p.R;
        var comes = _at.At[topic] != broker;
        for (var r = 0; r < _p.R; r++)
            if (_p.W[w + r] > 0 && _at.Load[i + r] + (comes ? _p.W[w + r] : 0) > Math.Max(_p.Limit[i + r], _p.StartLoad[i + r]) + Problem.Tolerance) return true;
        return false;
    }

    /// <summary>After moves were left out, others may help nobody any more: makers of room whose guest stays away.</summary>
    private void DropPointless()
    {
        if (Skipped.Count == 0) return;
        for (var i = Moves.Count - 1; i >= 0; i--)
        {
            var (topic, to) = Moves[i];
            var home = _p.Home[topic];
            if (_p.MustLeave[topic] || !_at.MayPut(topic, home) || IsTooMuch(topic, home) || _at.Change(topic, home, 1) + _at.Change(topic, to, -1) > Problem.Tolerance) continue;
            if (SavedOverload(topic, to) > Problem.Tolerance) continue;
            Remove(i, Reason.NoBenefit);
        }
    }

    /// <summary>Every move that no rule asks for must pay for itself; a maker of room need not, all of them together must.</summary>
    private void DropUnpaid()
    {
        var horizon = _p.Options.PaybackHorizon.TotalSeconds;
        var price = _p.Options.OverloadSecondsPerCost;
        if (horizon <= 0 || price <= 0) return;
        double saved = 0, cost = 0;
        var unpaid = new HashSet<int>();
        foreach (var (topic, to) in Moves)
        {
            if (_p.MustLeave[topic] || _p.Group[topic] >= 0) continue;
            var saves = SavedOverload(topic, to);
            saved += saves;
            cost += _p.Cost[topic];
            if (saves > 0 && saves * horizon < _p.Cost[topic] * price) unpaid.Add(topic);
        }

        if (cost > 0 && saved * horizon < cost * price)
            unpaid = [.. Moves.Select(m => m.Topic).Where(t => !_p.MustLeave[t] && _p.Group[t] < 0)];
        // All of them stay at home; who thereby keeps the room of a guest that goes, goes too, and then perhaps who made room for that one.
        var leaving = Moves.Where(m => unpaid.Contains(m.Topic)).ToList();
        foreach (var (topic, _) in leaving) _at.Move(topic, _p.Home[topic]);
        for (var i = 0; i < leaving.Count;)
        {
            var (topic, to) = leaving[i];
            if (!IsTooMuch(topic, _p.Home[topic]))
            {
                i++;
                continue;
            }

            _at.Move(topic, to);
            leaving.RemoveAt(i);
            i = 0;
        }

        foreach (var move in leaving)
        {
            Moves.Remove(move);
            Skipped.Add((move.Topic, move.To, Reason.NoBenefit));
        }
    }

    /// <summary>After moves were left out, the others may only change places: each of them helps where the next one has come, all together help nobody.</summary>
    private void DropIdle()
    {
        if (Skipped.Count == 0 || Moves.Count == 0 || Moves.Exists(m => _p.MustLeave[m.Topic] || _p.Group[m.Topic] >= 0)) return;
        var (before, target) = (new Placement(_p), _p.Options.Policy.TargetCoefficientOfVariation);
        if (_at.Violation < before.Violation - Problem.Tolerance) return;
        if (_at.Violation <= before.Violation + Problem.Tolerance && new Fills(_p, _at).Excess(target) < new Fills(_p, before).Excess(target) - 1e-9) return;
        for (var i = Moves.Count - 1; i >= 0; i--) Remove(i, Reason.NoBenefit);
    }

    /// <summary>Load above the mean that goes away because the topic is not at home, in mean broker loads, of the resource where that is most.</summary>
    private double SavedOverload(int topic, int to)
    {
        double most = double.NegativeInfinity;
        var home = _p.Home[topic];
        for (var r = 0; r < _p.R; r++)
        {
            var w = _p.W[(topic * _p.R) + r];
            int h = (home * _p.R) + r, d = (to * _p.R) + r;
            var atHome = Above(_at.Load[h] + w, h) - Above(_at.Load[h], h);
            var there = Above(_at.Load[d], d) - Above(_at.Load[d] - w, d);
            most = Math.Max(most, atHome - there);
        }

        return _p.R == 0 ? 0 : most;
    }

    private double Above(double load, int i) => Math.Max(0, load - _p.Share[i]);

    private void Remove(int i, Reason reason)
    {
        var (topic, to) = Moves[i];
        _at.Move(topic, _p.Home[topic]);
        Moves.RemoveAt(i);
        Skipped.Add((topic, to, reason));
    }
}
