using static Danube.Dapr.Planning.Benchmarks.Report;

namespace Danube.Dapr.Planning.Benchmarks;

/// <summary>What the planner is to reach, what was measured, and whether that is enough.</summary>
internal static class Targets
{
    private const string Ours = StaticSuite.Ours;

    public static void Write(Results results, Action<string> line)
    {
        line("## Targets");
        line("");
        line("| what | asked for | measured | reached |");
        line("| --- | --- | --- | --- |");
        foreach (var (what, asked, measured, reached) in Static(results.Static).Concat(Speed(results)).Concat(Dynamic(results.Dynamic)))
            line($"| {what} | {asked} | {measured} | {(reached ? "yes" : "**no**")} |");
        line("");
    }

    private static IEnumerable<(string What, string Asked, string Measured, bool Reached)> Static(IReadOnlyList<InstanceRow> rows)
    {
        if (rows.Count == 0) yield break;
        var proven = rows.Where(r => r.Optimum is > 0 && r.Plans[Ours].Reached).ToArray();
        if (proven.Length > 0)
        {
            var optimum = proven.Select(r => (double)r.Plans[Ours].Moves / r.Optimum!.Value).ToArray();
            var (median, high, worst) = (Statistics.Quantile(optimum, .5), Statistics.Quantile(optimum, .95), optimum.Max());
            yield return ($"moves / proven optimum ({proven.Length} instances): median, p95, worst", "1, ≤ 1.05, ≤ 1.25", $"{N(median)}, {N(high)}, {N(worst)}", median <= 1 && high <= 1.05 && worst <= 1.25);
            var quality = Statistics.Quantile([.. proven.Select(r => (double)r.Bound / r.Optimum!.Value)], .5);
            yield return ("bound / proven optimum, median", "≥ 0.9", N(quality), quality >= .9);
        }

        foreach (var size in Sizes(rows))
        {
            var ratios = rows.Where(r => r.Size == size && r.Bound > 0 && r.Plans[Ours].Reached).Select(r => (double)r.Plans[Ours].Moves / r.Bound).ToArray();
            var (median, high) = (Statistics.Quantile(ratios, .5), Statistics.Quantile(ratios, .95));
            yield return ($"moves / bound at {size}: median, p95", "≤ 1.15, ≤ 1.5", $"{N(median)}, {N(high)}", median <= 1.15 && high <= 1.5);
        }

        var feasible = rows.Count(r => r.Feasible);
        var reached = rows.Count(r => r.Plans[Ours].Reached);
        yield return ("target reached where any planner or CP-SAT reaches it", "all", $"{reached} of {feasible}", reached == feasible);
        var beaten = rows.Where(r => r.Plans.Any(p => p.Key is not (Ours or StaticSuite.First or StaticSuite.LeastCost) && p.Value.Reached && p.Value.Moves < r.Plans[Ours].Moves)).ToArray();
        yield return ("instances in which a peer reaches the target with fewer moves", "0", beaten.Length == 0 ? "0" : $"{beaten.Length}: {string.Join(", ", beaten.Take(5).Select(r => $"{r.Size} {r.Kind} {r.Seed}"))}", beaten.Length == 0);
        var times = rows.Where(r => r.Size == "100 × 10000").Select(r => r.Plans[Ours].Ms).ToArray();
        if (times.Length > 0)
        {
            var slow = Statistics.Quantile(times, .99);
            yield return ($"final plan, 100 × 10000, p99 of {times.Length} instances of all workloads", "< 1000 ms", $"{N(slow)} ms", slow < 1000);
        }
    }

    private static IEnumerable<(string What, string Asked, string Measured, bool Reached)> Speed(Results results)
    {
        var limits = new (string Operation, string Size, double Ms)[]
        {
            ("rank", "1000 × 100000", 10), ("first plan", "100 × 10000", 150), ("final plan", "300 × 30000", 3000), ("final plan", "1000 × 1000000", 30_000), ("plan again", "100 × 10000", 50),
        };
        foreach (var (operation, size, limit) in limits)
        {
            var rows = results.Speed.Where(r => r.Size == size && r.Operation.StartsWith(operation, StringComparison.Ordinal)).ToArray();
            if (rows.Length == 0) continue;
            var slowest = rows.MaxBy(r => r.MedianMs)!;
            yield return ($"{operation}, {size}: median of the slowest kind ({slowest.Operation}, {slowest.Kind})", $"< {N(limit)} ms", $"{N(slowest.MedianMs)} ms (p99 {N(slowest.WorstMs)})", slowest.MedianMs < limit);
        }

        var largest = results.Speed.Where(r => r.Size == "1000 × 1000000").Select(r => r.PeakWorkingSetBytes / 1e6).DefaultIfEmpty(double.NaN).Max();
        if (!double.IsNaN(largest)) yield return ("peak memory at 1000 × 1000000", "< 2000 MB", $"{N(largest)} MB", largest < 2000);
    }

    /// <summary>For every peer the policy of ours that has less overload area with fewer moves, if there is one.</summary>
    private static IEnumerable<(string What, string Asked, string Measured, bool Reached)> Dynamic(IReadOnlyList<DynamicRow> rows)
    {
        if (rows.Count == 0) yield break;
        var means = rows.GroupBy(r => r.Planner).ToDictionary(g => g.Key, g => (Area: g.Average(r => r.OverloadArea), Moves: g.Average(r => r.Moves)));
        var ours = means.Where(m => m.Key.StartsWith(Ours, StringComparison.Ordinal)).ToArray();
        var pingPong = rows.Where(r => r.Planner.StartsWith(Ours, StringComparison.Ordinal)).Sum(r => r.PingPong);
        yield return ("seven days: ping-pong, all policies and seeds", "0", $"{pingPong}", pingPong == 0);
        foreach (var (peer, (area, moves)) in means.Where(m => !m.Key.StartsWith(Ours, StringComparison.Ordinal) && m.Key != "none"))
        {
            var better = ours.Where(o => o.Value.Area < area && o.Value.Moves < moves).OrderBy(o => o.Value.Area).ToArray();
            yield return better.Length > 0
                ? ($"seven days: less overload area and fewer moves than {peer}", $"< {N(area)}, < {N(moves)}", $"{better[0].Key}: {N(better[0].Value.Area)}, {N(better[0].Value.Moves)}", true)
                : ($"seven days: less overload area and fewer moves than {peer}", $"< {N(area)}, < {N(moves)}", "no policy has both", false);
        }
    }
}
