namespace Danube.Dapr.Planning.Search;

/// <summary>
/// Settles by exhaustive search whether a plan of at most k moves exists, for small k: raises the bound where none does, and finds the plan where one does. Some topic must
/// leave the broker that is most above its limits (or a broker or zone with too many partitions of a group), so only those moves are tried; what the remaining overload
/// needs at least cuts the tree. Topics are tried the heaviest first, and one that was tried stays home in the branches after it, so that no set of moves is met twice.
/// It ends at a number of nodes, not at a time.
/// </summary>
internal sealed class FewMoves
{
    private const int MostMoves = 8;
    private const long MostNodes = 400_000;
    private const long MostWork = 20_000_000;
    private const long MostGroupCounts = 4_000_000;
    private readonly Problem _p;
    private readonly double[] _load;
    private readonly bool[] _settled;
    private readonly int[][] _byResource;
    private readonly List<(int Topic, int To)> _moves = [];
    private readonly List<int> _forced = [];

    // Partitions of group g on broker b at g * B + b, in zone z at g * B + z; and where they are too many.
    private readonly int[] _onBroker;
    private readonly int[] _inZone;
    private readonly SortedSet<int> _crowdedBrokers = [];
    private readonly SortedSet<int> _crowdedZones = [];
    private readonly List<int>[] _members;
    private readonly long _nodeLimit;
    private long _nodes;

    private FewMoves(Problem problem)
    {
        _p = problem;
        _nodeLimit = Math.Min(MostNodes, MostWork / problem.B);
        _load = (double[])problem.StartLoad.Clone();
        _settled = new bool[problem.T];
        _byResource = new int[problem.B * problem.R][];
        _onBroker = new int[problem.Groups * problem.B];
        _inZone = new int[problem.Groups * problem.B];
        _members = new List<int>[problem.Groups];
        for (var g = 0; g < problem.Groups; g++) _members[g] = [];
        for (var t = 0; t < problem.T; t++)
        {
            _settled[t] = problem.Fixed[t] is not null || problem.Home[t] < 0;
            if (problem.Home[t] < 0) continue;
            if (problem.MustLeave[t] && problem.Fixed[t] is null) _forced.Add(t);
            if (problem.Group[t] < 0) continue;
            _members[problem.Group[t]].Add(t);
            Count(t, problem.Home[t], 1);
        }
    }

    /// <param name="p">The problem.</param>
    /// <param name="from">A number of moves that is proven to be necessary.</param>
    /// <param name="below">Moves of the plan at hand.</param>
    /// <returns>The proven bound, and a plan with fewer moves than the one at hand where one was found.</returns>
    public static (int Bound, List<(int Topic, int To)>? Moves) Settle(Problem p, int from, int below)
    {
        if (from < 1 || from >= below || from > MostMoves || (long)p.Groups * p.B > MostGroupCounts) return (from, null);
        foreach (var low in p.Low) if (low > 0) return (from, null);
        var search = new FewMoves(p);
        for (var k = from; k < below && k <= MostMoves; k++)
        {
            if (search.Find(k)) return (k, search._moves);
            if (search._nodes >= search._nodeLimit) return (k, null);
        }

        return (Math.Min(below, MostMoves + 1), null);
    }

    private bool Find(int left)
    {
        if (++_nodes >= _nodeLimit) return false;
        foreach (var t in _forced)
        {
            if (_settled[t]) continue;
            return left > 0 && Try(t, _p.Home[t], left);
        }

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

        if (worst < 0) return (_crowdedBrokers.Count == 0 && _crowdedZones.Count == 0) || (left > 0 && Spread(left));
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
            if (Try(t, worst, left)) return true;
            _settled[t] = true;
            held.Add(t);
            if (_nodes >= _nodeLimit) break;
        }

        foreach (var t in held) _settled[t] = false;
        return false;
    }

    /// <summary>Some partition of a crowded group must leave where it is.</summary>
    private bool Spread(int left)
    {
        var onBroker = _crowdedBrokers.Count > 0;
        var key = onBroker ? _crowdedBrokers.Min : _crowdedZones.Min;
        var place = key % _p.B;
        var held = new List<int>();
        foreach (var t in _members[key / _p.B])
        {
            var home = _p.Home[t];
            if (_settled[t] || (onBroker ? home : _p.Zone[home]) != place) continue;
            if (Try(t, home, left)) return true;
            _settled[t] = true;
            held.Add(t);
            if (_nodes >= _nodeLimit) break;
        }

        foreach (var t in held) _settled[t] = false;
        return false;
    }

    /// <summary>Tries one topic on every broker.</summary>
    private bool Try(int t, int from, int left)
    {
        _settled[t] = true;
        for (var d = 0; d < _p.B && _nodes < _nodeLimit; d++)
        {
            if (d == from || !_p.MayPut(t, d)) continue;
            Shift(t, from, d);
            _moves.Add((t, d));
            if (Find(left - 1)) return true;
            _moves.RemoveAt(_moves.Count - 1);
            Shift(t, d, from);
        }

        _settled[t] = false;
        return false;
    }

    private void Count(int t, int broker, int sign)
    {
        Step(_onBroker, _crowdedBrokers, (_p.Group[t] * _p.B) + broker, sign, _p.PerBroker);
        if (_p.PerZone != int.MaxValue) Step(_inZone, _crowdedZones, (_p.Group[t] * _p.B) + _p.Zone[broker], sign, _p.PerZone);
    }

    private static void Step(int[] counts, SortedSet<int> crowded, int key, int sign, int allowed)
    {
        counts[key] += sign;
        if (counts[key] > allowed) crowded.Add(key);
        else crowded.Remove(key);
    }

    private void Shift(int t, int from, int to)
    {
        if (_p.Group[t] >= 0)
        {
            Count(t, from, -1);
            Count(t, to, 1);
        }

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
