namespace Danube.Dapr.Planning.Search;

/// <summary>
/// What every plan that reaches the target needs at least: topics that must leave, per overloaded broker (or one with too many partitions of a group) the cheapest
/// set that must leave it wherever it goes, and per underloaded broker the least number that must come. Outgoing sets of different brokers are disjoint, so they add up.
/// </summary>
internal sealed class LowerBound
{
    private const int MostGroups = 12;

    public int Moves { get; private set; }

    public double Cost { get; private set; }

    /// <summary>For each broker a cheapest (or near it) set of topics whose leaving is enough; forced ones not included.</summary>
    public required List<int>?[] Sets { get; init; }

    /// <summary>Takes a higher bound on the number of moves that was proven otherwise, and what that many moves cost at least.</summary>
    public void Raise(int moves, Problem p)
    {
        if (moves <= Moves) return;
        Moves = moves;
        var costs = new List<double>();
        for (var t = 0; t < p.T; t++) if (p.Home[t] >= 0 && p.Fixed[t] is null) costs.Add(p.Cost[t]);
        costs.Sort();
        double least = 0;
        for (var i = 0; i < Math.Min(moves, costs.Count); i++) least += costs[i];
        Cost = Math.Max(Cost, least);
    }

    /// <summary>Raises the bound by what room does to it, where that is more (<see cref="RoomBound"/>).</summary>
    public void RaiseByRoom(Problem p)
    {
        var (moves, cost) = RoomBound.Of(p);
        Cost = Math.Max(Cost, cost);
        Raise(moves, p);
    }

    public static LowerBound Of(Problem p)
    {
        var result = new LowerBound { Sets = new List<int>?[p.B] };
        var forcedOut = new double[p.B * p.R];
        int forced = 0;
        double forcedCost = 0, cheapest = double.PositiveInfinity;
        for (var t = 0; t < p.T; t++)
        {
            if (p.Home[t] < 0 || p.Fixed[t] is not null) continue;
            cheapest = Math.Min(cheapest, p.Cost[t]);
            if (!p.MustLeave[t]) continue;
            forced++;
            forcedCost += p.Cost[t];
            for (var r = 0; r < p.R; r++) forcedOut[(p.Home[t] * p.R) + r] += p.W[(t * p.R) + r];
        }

        double moves = 0, cost = 0, inMoves = 0;
        for (var b = 0; b < p.B; b++)
        {
            if (p.Excluded[b] is not null) continue;
            var (outMoves, outCost) = Out(p, b, forcedOut, result);
            moves += outMoves;
            cost += outCost;
        }

        for (var r = 0; r < p.R; r++) inMoves = Math.Max(inMoves, In(p, r));
        var (zoneMoves, zoneCost) = Zones(p);
        result.Moves = Math.Max(forced + Math.Max((int)Math.Round(moves), zoneMoves), (int)inMoves);
        result.Cost = Math.Max(forcedCost + Math.Max(cost, zoneCost), inMoves > 0 ? inMoves * cheapest : 0);
        return result;
    }

    /// <summary>Partitions above what a zone may have of their group must leave it, the cheapest first.</summary>
    private static (int Moves, double Cost) Zones(Problem p)
    {
        if (p.Groups == 0 || p.PerZone == int.MaxValue) return (0, 0);
        var counts = new Dictionary<(int Group, int Zone), int>();
        var costs = new Dictionary<(int Group, int Zone), List<double>>();
        for (var t = 0; t < p.T; t++)
        {
            if (p.Group[t] < 0 || p.Home[t] < 0 || (p.MustLeave[t] && p.Fixed[t] is null)) continue;
            var key = (p.Group[t], p.Zone[p.Home[t]]);
            counts[key] = counts.GetValueOrDefault(key) + 1;
            if (p.Fixed[t] is not null) continue;
            if (!costs.TryGetValue(key, out var list)) costs[key] = list = [];
            list.Add(p.Cost[t]);
        }

        var moves = 0;
        double cost = 0;
        foreach (var (key, list) in costs.OrderBy(c => c.Key))
        {
            var over = Math.Min(counts[key] - p.PerZone, list.Count);
            if (over <= 0) continue;
            list.Sort();
            moves += over;
            for (var i = 0; i < over; i++) cost += list[i];
        }

        return (moves, cost);
    }

    private static (double Moves, double Cost) Out(Problem p, int b, double[] forcedOut, LowerBound result)
    {
        var resources = new List<int>();
        var needs = new List<double>();
        for (var r = 0; r < p.R; r++)
        {
            var excess = p.StartLoad[(b * p.R) + r] - forcedOut[(b * p.R) + r] - p.Limit[(b * p.R) + r];
            if (excess <= Problem.Tolerance) continue;
            resources.Add(r);
            needs.Add(excess);
        }

        var groups = CrowdedGroups(p, b);
        double groupMoves = 0, groupCost = 0;
        if (groups.Count > MostGroups)
        {
            // Too many dimensions for one cover: the crowded groups by themselves, each by its cheapest members.
            foreach (var (group, over) in groups)
            {
                groupMoves += over;
                var costs = new List<double>();
                foreach (var t in p.HomeTopics(b)) if (p.Group[t] == group && p.Fixed[t] is null && !p.MustLeave[t]) costs.Add(p.Cost[t]);
                costs.Sort();
                for (var i = 0; i < over; i++) groupCost += costs[i];
            }

            groups = [];
        }

        foreach (var (_, over) in groups) needs.Add(over);
        if (needs.Count == 0) return (groupMoves, groupCost);

        var items = new List<int>();
        foreach (var t in p.HomeTopics(b)) if (p.Fixed[t] is null && !p.MustLeave[t]) items.Add(t);
        double Weight(int t, int j) => j < resources.Count ? p.W[(t * p.R) + resources[j]] : p.Group[t] == groups[j - resources.Count].Group ? 1 : 0;
        var byCost = Cover.Solve(items, Weight, [.. needs], t => p.Cost[t]);
        result.Sets[b] = byCost.Items;
        if (byCost.Items is null)
        {
            // Not reachable at all: no plan reaches the target, and the set is everything that helps.
            result.Sets[b] = items;
            return (0, 0);
        }

        var uniform = true;
        foreach (var t in items) uniform &= p.Cost[t] == p.Cost[items[0]];
        var least = uniform ? byCost.Bound / p.Cost[items[0]] : Cover.Solve(items, Weight, [.. needs], _ => 1).Bound;
        return (Math.Max(groupMoves, Math.Ceiling(least - 1e-7)), Math.Max(groupCost, byCost.Bound));
    }

    private static List<(int Group, int Over)> CrowdedGroups(Problem p, int b)
    {
        var over = new List<(int, int)>();
        if (p.Groups == 0 || p.PerBroker == int.MaxValue) return over;
        var counts = new Dictionary<int, int>();
        var leaving = new Dictionary<int, int>();
        foreach (var t in p.HomeTopics(b))
        {
            if (p.Group[t] < 0 || (p.MustLeave[t] && p.Fixed[t] is null)) continue;
            counts[p.Group[t]] = counts.GetValueOrDefault(p.Group[t]) + 1;
            if (p.Fixed[t] is null) leaving[p.Group[t]] = leaving.GetValueOrDefault(p.Group[t]) + 1;
        }

        foreach (var (group, count) in counts.OrderBy(c => c.Key))
        {
            var possible = Math.Min(count - p.PerBroker, leaving.GetValueOrDefault(group));
            if (possible > 0) over.Add((group, possible));
        }

        return over;
    }

    /// <summary>Each broker below its lower limit needs as many topics as the heaviest of the cluster take to fill it; a topic comes to one broker only.</summary>
    private static double In(Problem p, int r)
    {
        double needed = 0;
        double[]? heaviest = null;
        for (var b = 0; b < p.B; b++)
        {
            if (p.Excluded[b] is not null) continue;
            var deficit = p.Low[(b * p.R) + r] - p.StartLoad[(b * p.R) + r];
            if (deficit <= Problem.Tolerance) continue;
            if (heaviest is null)
            {
                heaviest = [.. Enumerable.Range(0, p.T).Where(t => p.Home[t] >= 0 && p.Fixed[t] is null).Select(t => p.W[(t * p.R) + r])];
                Array.Sort(heaviest);
                Array.Reverse(heaviest);
            }

            for (var i = 0; i < heaviest.Length && deficit > Problem.Tolerance; i++, needed++) deficit -= heaviest[i];
        }

        return needed;
    }
}
