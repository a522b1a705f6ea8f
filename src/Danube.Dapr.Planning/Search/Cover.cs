namespace Danube.Dapr.Planning.Search;

/// <summary>
/// The cheapest set of items whose weights reach a need in every dimension: what at least must leave one overloaded broker, wherever it goes. The bound comes from
/// a surrogate (one weighted sum of the dimensions) and its fractional relaxation; depth-first search closes the rest as long as its node limit allows.
/// </summary>
internal sealed class Cover
{
    private const int NodeLimit = 4000;
    private const int LambdaRounds = 24;
    private readonly int _m;
    private readonly double[] _need;
    private readonly bool _uniform;
    private readonly double _unit;

    // Items in surrogate order, the best ratio first.
    private int[] _items = [];
    private double[] _w = [];
    private double[] _cost = [];
    private double[] _score = [];
    private double[] _sumScore = [];
    private double[] _sumCost = [];
    private double[] _suffixMax = [];
    private double[] _suffixSum = [];
    private double _bestCost;
    private List<int> _best = [];
    private int _nodes;

    private Cover(int dimensions, double[] need, bool uniform, double unit) => (_m, _need, _uniform, _unit) = (dimensions, need, uniform, unit);

    /// <summary>A valid lower bound of the cost and a set that covers; null when all items together do not.</summary>
    public readonly record struct Result(double Bound, List<int>? Items);

    /// <param name="items">Numbers of the items.</param>
    /// <param name="weight">Weight of an item in a dimension, 0 or more.</param>
    /// <param name="need">Needs, all above 0.</param>
    /// <param name="cost">Cost of an item, above 0.</param>
    public static Result Solve(IReadOnlyList<int> items, Func<int, int, double> weight, double[] need, Func<int, double> cost)
    {
        var m = need.Length;
        var n = items.Count;
        var w = new double[n * m];
        var c = new double[n];
        var sums = new double[m];
        double least = double.PositiveInfinity, most = 0;
        for (var i = 0; i < n; i++)
        {
            c[i] = cost(items[i]);
            least = Math.Min(least, c[i]);
            most = Math.Max(most, c[i]);
            for (var j = 0; j < m; j++) sums[j] += w[(i * m) + j] = weight(items[i], j);
        }

        for (var j = 0; j < m; j++) if (sums[j] < need[j] - Problem.Tolerance) return new(0, null);
        var cover = new Cover(m, need, most - least <= 1e-12 * most, least);
        return cover.Run(items, w, c);
    }

    private Result Run(IReadOnlyList<int> items, double[] w, double[] c)
    {
        var lambda = Surrogate(w, c);
        Sort(items, w, c, lambda);
        Greedy();
        var bound = Round(Fractional(0, 1));
        if (bound < _bestCost - 1e-9)
        {
            var need = (double[])_need.Clone();
            if (Search(0, need, 0, [])) bound = _bestCost;
        }
        else
        {
            bound = _bestCost;
        }

        Downsize();
        return new(bound, [.. _best.Select(i => _items[i])]);
    }

    /// <summary>Weights of the dimensions that make the fractional bound large: those which the fractional solution covers least gain weight.</summary>
    private double[] Surrogate(double[] w, double[] c)
    {
        var lambda = new double[_m];
        Array.Fill(lambda, 1.0 / _m);
        if (_m == 1) return lambda;
        var n = c.Length;
        var best = (double[])lambda.Clone();
        double bestBound = -1;
        var score = new double[n];
        var ratio = new double[n];
        var order = new int[n];
        var covered = new double[_m];
        for (var round = 0; round < LambdaRounds; round++)
        {
            for (var i = 0; i < n; i++)
            {
                score[i] = Truncated(w, i, lambda);
                ratio[i] = -score[i] / c[i];
                order[i] = i;
            }

            Array.Sort(ratio, order);
            Array.Clear(covered);
            double left = 1, bound = 0;
            for (var i = 0; i < n && left > 0; i++)
            {
                var item = order[i];
                if (score[item] <= 0) break;
                var part = Math.Min(1, left / score[item]);
                left -= part * score[item];
                bound += part * c[item];
                for (var j = 0; j < _m; j++) covered[j] += part * Math.Min(1, w[(item * _m) + j] / _need[j]);
            }

            if (bound > bestBound)
            {
                bestBound = bound;
                lambda.CopyTo(best, 0);
            }

            var step = 1.5 / (round + 2);
            double sum = 0;
            for (var j = 0; j < _m; j++) sum += lambda[j] = Math.Max(1e-6, lambda[j] * (1 + (step * Math.Clamp(1 - covered[j], -.9, 2))));
            for (var j = 0; j < _m; j++) lambda[j] /= sum;
        }

        return best;
    }

    private double Truncated(double[] w, int item, double[] lambda)
    {
        double score = 0;
        for (var j = 0; j < _m; j++) score += lambda[j] * Math.Min(1, w[(item * _m) + j] / _need[j]);
        return score;
    }

    private void Sort(IReadOnlyList<int> items, double[] w, double[] c, double[] lambda)
    {
        var n = c.Length;
        var order = new int[n];
        var score = new double[n];
        for (var i = 0; i < n; i++)
        {
            order[i] = i;
            score[i] = Truncated(w, i, lambda);
        }

        Array.Sort(order, (a, b) =>
        {
            var by = (score[b] / c[b]).CompareTo(score[a] / c[a]);
            return by != 0 ? by : items[a].CompareTo(items[b]);
        });
        _items = new int[n];
        _w = new double[n * _m];
        _cost = new double[n];
        _score = new double[n];
        _sumScore = new double[n + 1];
        _sumCost = new double[n + 1];
        _suffixMax = new double[(n + 1) * _m];
        _suffixSum = new double[(n + 1) * _m];
        for (var i = 0; i < n; i++)
        {
            var from = order[i];
            _items[i] = items[from];
            _cost[i] = c[from];
            _score[i] = score[from];
            _sumScore[i + 1] = _sumScore[i] + score[from];
            _sumCost[i + 1] = _sumCost[i] + c[from];
            for (var j = 0; j < _m; j++) _w[(i * _m) + j] = w[(from * _m) + j];
        }

        for (var i = n - 1; i >= 0; i--)
        {
            for (var j = 0; j < _m; j++)
            {
                _suffixMax[(i * _m) + j] = Math.Max(_suffixMax[((i + 1) * _m) + j], _w[(i * _m) + j]);
                _suffixSum[(i * _m) + j] = _suffixSum[((i + 1) * _m) + j] + _w[(i * _m) + j];
            }
        }
    }

    /// <summary>Takes the item that covers most per cost until all is covered, then drops what proves superfluous.</summary>
    private void Greedy()
    {
        var n = _items.Length;
        var need = (double[])_need.Clone();
        var taken = new bool[n];
        _best = [];
        _bestCost = 0;
        // Many items of one dimension: the sorted order is the greedy order.
        while (Open(need))
        {
            int best = -1;
            double bestGain = 0;
            if (_m == 1)
            {
                best = _best.Count;
            }
            else
            {
                for (var i = 0; i < n; i++)
                {
                    if (taken[i]) continue;
                    double gain = 0;
                    for (var j = 0; j < _m; j++) if (need[j] > 0) gain += Math.Min(_w[(i * _m) + j], need[j]) / _need[j];
                    gain /= _cost[i];
                    if (gain <= bestGain) continue;
                    bestGain = gain;
                    best = i;
                }
            }

            if (best < 0) break;
            taken[best] = true;
            _best.Add(best);
            for (var j = 0; j < _m; j++) need[j] -= _w[(best * _m) + j];
        }

        for (var i = _best.Count - 1; i >= 0; i--)
        {
            var spare = true;
            for (var j = 0; j < _m && spare; j++) spare = need[j] + _w[(_best[i] * _m) + j] <= Problem.Tolerance;
            if (!spare) continue;
            for (var j = 0; j < _m; j++) need[j] += _w[(_best[i] * _m) + j];
            _best.RemoveAt(i);
        }

        foreach (var i in _best) _bestCost += _cost[i];
    }

    private static bool Open(double[] need)
    {
        foreach (var value in need) if (value > Problem.Tolerance) return true;
        return false;
    }

    /// <summary>Cost of covering the rest of the surrogate need with fractions of the items from <paramref name="from"/> on.</summary>
    private double Fractional(int from, double surrogateNeed)
    {
        if (surrogateNeed <= Problem.Tolerance) return 0;
        var goal = _sumScore[from] + surrogateNeed - Problem.Tolerance;
        int low = from, high = _items.Length;
        while (low < high)
        {
            var middle = (low + high) >>> 1;
            if (_sumScore[middle] >= goal) high = middle;
            else low = middle + 1;
        }

        if (low >= _sumScore.Length || _sumScore[low] < goal) return double.PositiveInfinity;
        if (low == from) return 0;
        var last = low - 1;
        var part = _score[last] > 0 ? (goal - _sumScore[last]) / _score[last] : 0;
        return _sumCost[last] - _sumCost[from] + (part * _cost[last]);
    }

    private double Round(double bound) => _uniform && !double.IsInfinity(bound) ? Math.Ceiling((bound / _unit) - 1e-7) * _unit : bound;

    /// <summary>True when the search ended by itself, so that the best set is proven cheapest.</summary>
    private bool Search(int i, double[] need, double cost, List<int> chosen)
    {
        if (++_nodes > NodeLimit) return false;
        if (!Open(need))
        {
            if (cost < _bestCost - 1e-9)
            {
                _bestCost = cost;
                _best = [.. chosen];
            }

            return true;
        }

        if (i >= _items.Length) return true;
        double surrogate = 1, count = 0;
        foreach (var item in chosen) surrogate -= _score[item];
        for (var j = 0; j < _m; j++)
        {
            if (need[j] <= Problem.Tolerance) continue;
            if (_suffixSum[(i * _m) + j] < need[j] - Problem.Tolerance) return true;
            count = Math.Max(count, Math.Ceiling((need[j] / _suffixMax[(i * _m) + j]) - 1e-7));
        }

        var bound = Math.Max(Fractional(i, surrogate), _uniform ? count * _unit : 0);
        if (cost + Round(bound) >= _bestCost - 1e-9) return true;

        var rest = new double[_m];
        for (var j = 0; j < _m; j++) rest[j] = need[j] - _w[(i * _m) + j];
        chosen.Add(i);
        var complete = Search(i + 1, rest, cost + _cost[i], chosen);
        chosen.RemoveAt(chosen.Count - 1);
        return complete && Search(i + 1, need, cost, chosen);
    }

    /// <summary>Replaces items by lighter ones that cover as well and cost no more: what moves should fit easily elsewhere.</summary>
    private void Downsize()
    {
        var n = _items.Length;
        var used = new bool[n];
        var slack = new double[_m];
        for (var j = 0; j < _m; j++) slack[j] = -_need[j];
        foreach (var i in _best)
        {
            used[i] = true;
            for (var j = 0; j < _m; j++) slack[j] += _w[(i * _m) + j];
        }

        var tries = Math.Min(_best.Count, Math.Max(1, 1_000_000 / Math.Max(1, n)));
        for (var k = 0; k < tries; k++)
        {
            var i = _best[k];
            var replacement = i;
            var lightest = Size(i);
            for (var other = 0; other < n; other++)
            {
                if (used[other] || _cost[other] > _cost[i] + 1e-12 || Size(other) >= lightest) continue;
                var ok = true;
                for (var j = 0; j < _m && ok; j++) ok = slack[j] - _w[(i * _m) + j] + _w[(other * _m) + j] >= -Problem.Tolerance;
                if (!ok) continue;
                replacement = other;
                lightest = Size(other);
            }

            if (replacement == i) continue;
            used[i] = false;
            used[replacement] = true;
            for (var j = 0; j < _m; j++) slack[j] += _w[(replacement * _m) + j] - _w[(i * _m) + j];
            _best[k] = replacement;
        }
    }

    private double Size(int i)
    {
        double size = 0;
        for (var j = 0; j < _m; j++) size += _w[(i * _m) + j];
        return size;
    }
}
