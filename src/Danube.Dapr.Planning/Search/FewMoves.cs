namespace Danube.Dapr.Planning.Search;

/// <summary>
/// Settles by exhaustive search whether a plan of at most k moves exists, for small k: raises the bound where none does, and finds the plan where one does. Some topic must
/// leave the broker that is most above its limits, so only those moves are tried; what the remaining overload needs at least cuts the tree. Topics are tried the heaviest
/// first, and one that was tried stays home in the branches after it, so that no set of moves is met twice. It ends at a number of nodes, not at a time.
/// </summary>
internal sealed class FewMoves
{
    private const int MostMoves = 8;
    private const long NodeLimit = 400_000;
    private readonly Problem _p;
    private readonly double[] _load;
    private readonly bool[] _settled;
    private readonly int[][] _byResource;
    private readonly List<(int Topic, int To)> _moves = [];
    private long _nodes;

    private FewMoves(Problem problem)
    {
        _p = problem;
        _load = (double[])problem.StartLoad.Clone();
        _settled = new bool[problem.T];
        _byResource = new int[problem.B * problem.R][];
        for (var t = 0; t < problem.T; t++) _settled[t] = problem.Fixed[t] is not null;
    }

    /// <summary>Work done, in the unit of <see cref="PlannerOptions.WorkBudget"/>.</summary>
    public long Nodes => _nodes;

    /// <param name="p">The problem.</param>
    /// <param name="from">A number of moves that is proven to be necessary.</param>
    /// <param name="below">Moves of the plan at hand.</param>
    /// <returns>The proven bound, and a plan with fewer moves than the one at hand where one was found.</returns>
    public static (int Bound, List<(int Topic, int To)>? Moves) Settle(Problem p, int from, int below)
    {
        if (from < 1 || from >= below || from > MostMoves || p.Groups > 0) return (from, null);
        for (var t = 0; t < p.T; t++) if (p.MustLeave[t] && p.Fixed[t] is null) return (from, null);
        foreach (var low in p.Low) if (low > 0) return (from, null);
        var search = new FewMoves(p);
        for (var k = from; k < below && k <= MostMoves; k++)
        {
            if (search.Find(k)) return (k, search._moves);
            if (search._nodes >= NodeLimit) return (k, null);
        }

        return (Math.Min(below, MostMoves + 1), null);
    }

    private bool Find(int left)
    {
        if (++_nodes >= NodeLimit) return false;
        int worst = -1, need = 0, needWorst = 0;
        double most = 0;
        for (var b = 0; b < _p.B; b++)
        {
            var excess = Excess(b);
            if (excess <= 0) continue;
            var least = Least(b);
            need += least;
            if (need > left) return false;
            if (excess <= most) continue;
            most = excess;
            worst = b;
            needWorst = least;
        }

        if (worst < 0) return true;
        if (left == 0) return false;
        var resource = 0;
        double highest = 0;
        for (var r = 0; r < _p.R; r++)
        {
            var excess = _load[(worst * _p.R) + r] - _p.Limit[(worst * _p.R) + r];
            if (excess <= highest) continue;
            highest = excess;
            resource = r;
        }

        // The first topic tried is the heaviest of those that leave here: together they must carry the excess.
        var leaving = left - (need - needWorst);
        var held = new List<int>();
        foreach (var t in Sorted(worst, resource))
        {
            if (_settled[t]) continue;
            if (_p.W[(t * _p.R) + resource] * leaving < highest - Problem.Tolerance) break;
            _settled[t] = true;
            held.Add(t);
            for (var d = 0; d < _p.B; d++)
            {
                if (d == worst || !_p.MayPut(t, d)) continue;
                Shift(t, worst, d);
                _moves.Add((t, d));
                if (Find(left - 1)) return true;
                _moves.RemoveAt(_moves.Count - 1);
                Shift(t, d, worst);
                if (_nodes >= NodeLimit) break;
            }

            if (_nodes >= NodeLimit) break;
        }

        foreach (var t in held) _settled[t] = false;
        return false;
    }

    private void Shift(int t, int from, int to)
    {
        for (var r = 0; r < _p.R; r++)
        {
            _load[(from * _p.R) + r] -= _p.W[(t * _p.R) + r];
            _load[(to * _p.R) + r] += _p.W[(t * _p.R) + r];
        }
    }

    private double Excess(int b)
    {
        if (_p.Excluded[b] is not null) return 0;
        double sum = 0;
        for (int i = b * _p.R, end = i + _p.R; i < end; i++) if (_load[i] > _p.Limit[i] + (2 * Problem.Tolerance)) sum += _load[i] - _p.Limit[i];
        return sum;
    }

    /// <summary>How many topics must at least leave a broker: in each resource its heaviest that may still leave.</summary>
    private int Least(int b)
    {
        var least = 0;
        for (var r = 0; r < _p.R; r++)
        {
            var excess = _load[(b * _p.R) + r] - _p.Limit[(b * _p.R) + r];
            if (excess <= 2 * Problem.Tolerance) continue;
            var count = 0;
            foreach (var t in Sorted(b, r))
            {
                if (excess <= 2 * Problem.Tolerance) break;
                if (_settled[t]) continue;
                excess -= _p.W[(t * _p.R) + r];
                count++;
                if (count > MostMoves) break;
            }

            if (excess > 2 * Problem.Tolerance) return MostMoves + 1;
            least = Math.Max(least, count);
        }

        return least;
    }

    private int[] Sorted(int b, int r)
    {
        if (_byResource[(b * _p.R) + r] is { } sorted) return sorted;
        sorted = _p.HomeTopics(b).ToArray();
        if (_p.R > 1) Array.Sort(sorted, (x, y) => _p.W[(y * _p.R) + r].CompareTo(_p.W[(x * _p.R) + r]) is var by && by != 0 ? by : x.CompareTo(y));
        return _byResource[(b * _p.R) + r] = sorted;
    }
}
