namespace Danube.Dapr.Planning.Search;

/// <summary>
/// A second lower bound, for clusters in which what must leave hardly fits anywhere as it is. It looks at one resource. Only so many brokers have room for a heavy topic; where
/// there is no room, it lands only when another topic leaves, and that is a move more.
/// </summary>
/// <remarks>
/// For any size M let u = weight / M and the price P(u) = (⌈u⌉ - 1 + max(0, u - 1)) / 2; it is 0 for topics up to M. A broker with room m obeys
/// Σ P(arrivals) ≤ P(m) + Σ (1 + P)(departures): both halves of P follow from Σ arrivals ≤ m + Σ departures, the first by rounding. Summed over the brokers within their limits
/// this bounds their departures from below. So the number of all moves is at least the sum over the brokers above their limit, by e each, of
/// Σ (1 + P)(departures) - Σ P(arrivals), less Σ P(m). The least value of a broker's part is the cheapest cover of e at prices 1 + P when no topic above M arrives there; see
/// <see cref="WithArrivals"/> for the rest. The same holds for costs, with P times the cheapest cost of any topic. The best of a few sizes M counts.
/// </remarks>
internal static class RoomBound
{
    private const int Sizes = 12;

    // Loads are sums of many terms: differences below this are none.
    private const double Margin = 1e-7;

    public static (int Moves, double Cost) Of(Problem p)
    {
        double cheapest = double.PositiveInfinity, dearest = 0;
        for (var t = 0; t < p.T; t++)
        {
            if (p.Home[t] < 0 || p.Fixed[t] is not null) continue;
            cheapest = Math.Min(cheapest, p.Cost[t]);
            dearest = Math.Max(dearest, p.Cost[t]);
        }

        int moves = 0;
        double cost = 0;
        for (var r = 0; r < p.R; r++)
        {
            var rooms = Rooms(p, r);
            if (rooms.Length == 0 || double.IsInfinity(rooms[^1])) continue;
            for (var k = 1; k <= Sizes; k++)
            {
                var size = rooms[(rooms.Length * k / Sizes) - (rooms.Length * k / Sizes > 0 ? 1 : 0)];
                if (size <= Margin) continue;
                moves = Math.Max(moves, (int)Math.Ceiling(Of(p, r, size + Margin, rooms, 1, _ => 1) - Margin));
                if (dearest > cheapest) cost = Math.Max(cost, Of(p, r, size + Margin, rooms, cheapest, t => p.Cost[t]) - Margin);
            }
        }

        return (moves, dearest > cheapest ? cost : moves > 0 ? cheapest * moves : 0);
    }

    private static double[] Rooms(Problem p, int r)
    {
        var rooms = new List<double>();
        for (var b = 0; b < p.B; b++)
        {
            if (p.Excluded[b] is not null || !p.CanReceive[b]) continue;
            var room = p.Limit[(b * p.R) + r] - p.StartLoad[(b * p.R) + r];
            if (room > 0) rooms.Add(room);
        }

        return [.. rooms.Order()];
    }

    private static double Of(Problem p, int r, double size, double[] rooms, double cheapest, Func<int, double> cost)
    {
        double sum = 0;
        foreach (var room in rooms) sum -= cheapest * Price((room + Margin) / size);
        for (var b = 0; b < p.B; b++)
        {
            var items = new List<int>();
            foreach (var t in p.HomeTopics(b)) if (p.Fixed[t] is null && (p.Excluded[b] is null || p.MustLeave[t])) items.Add(t);
            double Size(int t) => p.W[(t * p.R) + r] / size;
            double WithPrice(int t) => cost(t) + (cheapest * Price(Size(t)));
            if (p.Excluded[b] is not null)
            {
                foreach (var t in items) sum += WithPrice(t);
                continue;
            }

            var excess = p.StartLoad[(b * p.R) + r] - p.Limit[(b * p.R) + r];
            if (excess <= Margin) continue;
            var least = Cover.Solve(items, (t, _) => p.W[(t * p.R) + r], [excess], WithPrice);
            if (least.Items is not null) sum += Math.Min(least.Bound, cheapest * WithArrivals(items, Size, (excess - Margin) / size));
        }

        return sum;
    }

    private static double Price(double u) => u <= 1 ? 0 : (Math.Ceiling(u) - 1 + u - 1) / 2;

    /// <summary>
    /// The least of Σ (1 + P)(departures) - Σ P(arrivals) of a broker with an excess when a topic above M arrives. P of a sum is at least the sum of P, so one arrival as heavy as the
    /// departures allow is the worst. Single departures are tried; for two or more, P(u) ≤ u - 1/2 leaves excess + 1/2 + Σ (1 + P(u) - u), of which no term is below 0.
    /// </summary>
    private static double WithArrivals(List<int> items, Func<int, double> size, double excess)
    {
        double least = double.PositiveInfinity, first = double.PositiveInfinity, second = double.PositiveInfinity;
        foreach (var t in items)
        {
            var u = size(t);
            var single = 1 + Price(u);
            if (u - excess > 1) least = Math.Min(least, single - Price(u - excess));
            var waste = single - u;
            if (waste < first) (first, second) = (waste, first);
            else if (waste < second) second = waste;
        }

        return Math.Min(least, excess + .5 + Math.Max(0, first) + Math.Max(0, second));
    }
}
