using System.Globalization;
using System.Text;

namespace Danube.Dapr.Planning.Benchmarks;

/// <summary>The results as Markdown.</summary>
internal sealed class Report(Results results)
{
    private const string Ours = StaticSuite.Ours;
    private readonly StringBuilder _text = new();

    /// <summary>From small to large.</summary>
    public static IEnumerable<string> Sizes(IEnumerable<InstanceRow> rows) =>
        rows.Select(r => r.Size).Distinct().OrderBy(s => long.Parse(s.Split(' ')[^1], CultureInfo.InvariantCulture)).ThenBy(s => s, StringComparer.Ordinal);

    public string Markdown()
    {
        Line("# Planning benchmark");
        Line();
        Line($"Machine: {results.Machine}; other work ran on it at the same time. Mode: {results.Mode}. `./bench planning` repeats it; the rows of every instance are in [planning.json](planning.json).");
        Line();
        Line("""
            Peers are own re-implementations from their published descriptions. `/ bound` is relative to the planner's proven lower bound, `/ optimum` to the least number of moves where CP-SAT proved it.
            Ratios count only plans that reach the target; `reached` counts the instances that some planner solves. Cost: what the moves cost by the planner's default costs (1 a move, 0.05 a client, 1 for
            64 MiB not exported yet), relative to the proven least cost; `danube-dapr` plans for the fewest moves here, `danube-dapr least cost` for that cost. Intervals are 95 % bootstrap intervals of the mean.
            """);
        Line();
        Targets.Write(results, Line);
        foreach (var size in Sizes(results.Static)) StaticTables(size);
        if (results.Static.Count > 0) Line("![Moves against the proven lower bound](planning-moves.svg)");
        Line();
        BandTable();
        SpeedTable();
        DynamicTable();
        return _text.ToString().TrimEnd() + "\n";
    }

    private void Line(string text = "") => _text.Append(text).Append('\n');

    private void StaticTables(string size)
    {
        var here = results.Static.Where(r => r.Size == size).ToArray();
        Line($"## {size}: {here.Length} instances, optimum proven for {here.Count(r => r.Optimum is > 0)} that need moves");
        Line();
        Line("| planner | reached | moves / bound: median | p95 | worst | mean (95 %) | moves / optimum: median | p95 | worst | cost / bound: median | p95 | mean (95 %) | max/mean at the end, median | ms: median | p99 | MB allocated, median |");
        Line("| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |");
        foreach (var planner in here.SelectMany(r => r.Plans.Keys).Distinct())
        {
            var mine = here.Where(r => r.Plans.ContainsKey(planner)).ToArray();
            var possible = mine.Where(r => r.Feasible).ToArray();
            var reached = possible.Where(r => r.Plans[planner].Reached).ToArray();
            var bound = Ratios(reached.Where(r => r.Bound > 0), r => (double)r.Plans[planner].Moves / r.Bound);
            var optimum = Ratios(reached.Where(r => r.Optimum is > 0), r => (double)r.Plans[planner].Moves / r.Optimum!.Value);
            var cost = Ratios(reached.Where(r => r.CostBound > 0), r => r.Plans[planner].Cost / r.CostBound);
            var ms = Ratios(mine, r => r.Plans[planner].Ms);
            Line($"| {planner} | {reached.Length} of {possible.Length} | {Q(bound, .5)} | {Q(bound, .95)} | {Q(bound, 1)} | {Mean(bound)} | {Q(optimum, .5)} | {Q(optimum, .95)} | {Q(optimum, 1)} | {Q(cost, .5)} | {Q(cost, .95)} | {Mean(cost)} | {Q(Ratios(mine, r => r.Plans[planner].MaxOverMean), .5)} | {Q(ms, .5)} | {Q(ms, .99)} | {Q(Ratios(mine, r => r.Plans[planner].Kb / 1e3), .5)} |");
        }

        Line();
        Line("| workload | moves, median | / bound: median | worst | / optimum: median | worst | cost / bound: median |");
        Line("| --- | --- | --- | --- | --- | --- | --- |");
        foreach (var kind in here.Select(r => r.Kind).Distinct())
        {
            var rows = here.Where(r => r.Kind == kind && r.Plans[Ours].Reached).ToArray();
            var bound = Ratios(rows.Where(r => r.Bound > 0), r => (double)r.Plans[Ours].Moves / r.Bound);
            var optimum = Ratios(rows.Where(r => r.Optimum is > 0), r => (double)r.Plans[Ours].Moves / r.Optimum!.Value);
            var cost = Ratios(rows.Where(r => r.CostBound > 0 && r.Plans[StaticSuite.LeastCost].Reached), r => r.Plans[StaticSuite.LeastCost].Cost / r.CostBound);
            Line($"| {kind} | {Q(Ratios(rows, r => r.Plans[Ours].Moves), .5)} | {Q(bound, .5)} | {Q(bound, 1)} | {Q(optimum, .5)} | {Q(optimum, 1)} | {Q(cost, .5)} |");
        }

        Line();
    }

    private void BandTable()
    {
        if (results.Bands.Count == 0) return;
        Line("## The re-implemented Cruise Control against the proven optimum of what it was asked for");
        Line();
        Line($"Ten kinds ({string.Join(", ", CruiseControlSuite.Kinds)}) of {string.Join(", ", results.Bands.Select(r => r.Size).Distinct())}. Its real optimizer, measured elsewhere on the same kinds of instances: upper limit only median 1.00, p95 1.5 to 2.2, worst 2.1 to 10.1, equal to the optimum in 28 of 36 and 98 of 127; its own band 1.00, 2.1, 3.6, equal in about half; as configured 1.00, 2.6, 3.8.");
        Line();
        Line("| planner | band, × mean | reached | moves / optimum: median | p95 | worst | equal to the optimum |");
        Line("| --- | --- | --- | --- | --- | --- | --- |");
        foreach (var group in results.Bands.GroupBy(r => (r.Low, r.Upper, r.Planner)).OrderBy(g => g.Key.Planner, StringComparer.Ordinal).ThenBy(g => g.Key.Low))
        {
            var feasible = group.Where(r => r.Optimum != -1).ToArray();
            var proven = feasible.Where(r => r is { Reached: true, Optimum: > 0 }).ToArray();
            var ratio = Ratios(proven, r => (double)r.Moves / r.Optimum!.Value);
            var band = group.Key.Low > 0 ? $"{N(group.Key.Low)} to {N(group.Key.Upper)}" : $"up to {N(group.Key.Upper)}";
            Line($"| {group.Key.Planner} | {band} | {feasible.Count(r => r.Reached)} of {feasible.Length} | {Q(ratio, .5)} | {Q(ratio, .95)} | {Q(ratio, 1)} | {proven.Count(r => r.Moves == r.Optimum)} of {proven.Length} |");
        }

        Line();
    }

    private void SpeedTable()
    {
        if (results.Speed.Count == 0) return;
        Line("## Speed");
        Line();
        Line("p99 is the slowest where there are fewer than 100 runs.");
        Line();
        Line("| operation | brokers × topics | workload | runs | ms: median | p99 | moves | bound | peak memory of the process so far, MB |");
        Line("| --- | --- | --- | --- | --- | --- | --- | --- | --- |");
        foreach (var r in results.Speed)
            Line($"| {r.Operation} | {r.Size} | {r.Kind} | {r.Runs} | {N(r.MedianMs)} | {N(r.WorstMs)} | {r.Moves} | {r.Bound} | {r.PeakWorkingSetBytes / 1_000_000} |");
        Line();
    }

    private void DynamicTable()
    {
        if (results.Dynamic.Count == 0) return;
        Line("## Seven simulated days");
        Line();
        Line($"12 brokers, 480 topics, {results.Dynamic.Select(r => r.Seed).Distinct().Count()} seeds, means with 95 % intervals. Overload area: what brokers carried above 1.2 × the mean, in mean broker loads × hours. Ping-pong: moves back within two hours.");
        Line();
        Line("| planner | overload area | moves | ping-pong | client reconnects | mean of max/mean |");
        Line("| --- | --- | --- | --- | --- | --- |");
        foreach (var group in results.Dynamic.GroupBy(r => r.Planner))
            Line($"| {group.Key} | {Mean(Ratios(group, r => r.OverloadArea))} | {Mean(Ratios(group, r => r.Moves))} | {Mean(Ratios(group, r => r.PingPong))} | {Mean(Ratios(group, r => r.Reconnects))} | {Mean(Ratios(group, r => r.MeanMaxOverMean))} |");
        Line();
    }

    private static double[] Ratios<T>(IEnumerable<T> rows, Func<T, double> value) => [.. rows.Select(value)];

    private static string Q(double[] values, double q) => N(Statistics.Quantile(values, q));

    private static string Mean(double[] values)
    {
        if (values.Length == 0) return "–";
        var (low, high) = Statistics.MeanInterval(values);
        return $"{N(values.Average())} ({N(low)} to {N(high)})";
    }

    public static string N(double value) => double.IsNaN(value) ? "–" : value.ToString(Math.Abs(value) >= 100 ? "0" : Math.Abs(value) >= 10 ? "0.#" : "0.###", CultureInfo.InvariantCulture);
}
