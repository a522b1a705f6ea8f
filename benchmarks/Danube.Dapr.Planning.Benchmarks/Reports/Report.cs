using System.Globalization;
using System.Runtime.InteropServices;
using System.Text;
using System.Text.Json;

namespace Danube.Dapr.Planning.Benchmarks;

/// <summary>Everything that one run of the benchmark found, as JSON, Markdown and a plot.</summary>
internal sealed class Report
{
    private static readonly JsonSerializerOptions Json = new(JsonSerializerDefaults.Web);

    public required StaticSuite? Static { get; init; }

    public required SpeedSuite? Speed { get; init; }

    public required DynamicSuite? Dynamic { get; init; }

    public required string Mode { get; init; }

    public void Write(string folder)
    {
        Directory.CreateDirectory(folder);
        var data = new
        {
            machine = Machine(), mode = Mode, @static = Static?.Rows, instances = Static?.Instances, speed = Speed?.Rows, dynamic = Dynamic?.Rows,
        };
        File.WriteAllText(Path.Combine(folder, "planning.json"), JsonSerializer.Serialize(data, Json));
        File.WriteAllText(Path.Combine(folder, "planning.md"), Markdown());
        if (Static is not null) File.WriteAllText(Path.Combine(folder, "planning-moves.svg"), Plot.MovesAgainstBound(Static));
    }

    public string Markdown()
    {
        var text = new StringBuilder();
        text.AppendLine("# Planning benchmark").AppendLine();
        text.AppendLine(CultureInfo.InvariantCulture, $"{Machine()}. Mode: {Mode}. Peers are own re-implementations from their published descriptions. Moves are compared with the planner's proven lower bound (`/ bound`) and, where CP-SAT proved it, with the optimum (`/ optimum`). Only plans that reach the target count in the ratios; `reached` is the share of feasible instances (some planner or the solver reached the target).").AppendLine();
        if (Static is not null) StaticTables(text);
        if (Speed is not null) SpeedTable(text);
        if (Dynamic is not null) DynamicTable(text);
        return text.ToString();
    }

    private static string Machine()
    {
        var model = "unknown CPU";
        if (File.Exists("/proc/cpuinfo"))
            model = File.ReadLines("/proc/cpuinfo").FirstOrDefault(l => l.StartsWith("model name", StringComparison.Ordinal))?.Split(':', 2)[1].Trim() ?? model;
        return string.Create(CultureInfo.InvariantCulture, $"{Environment.ProcessorCount} cores, {model}, {GC.GetGCMemoryInfo().TotalAvailableMemoryBytes / (1 << 30)} GiB, {RuntimeInformation.OSArchitecture}, {RuntimeInformation.FrameworkDescription}");
    }

    private void StaticTables(StringBuilder text)
    {
        var rows = Static!.Rows;
        var instances = Static.Instances.ToDictionary(i => (i.Size, i.Kind, i.Seed));
        var feasible = rows.Where(r => r.Reached).Select(r => (r.Size, r.Kind, r.Seed)).ToHashSet();
        var oursByInstance = rows.Where(r => r.Planner == StaticSuite.Ours).ToDictionary(r => (r.Size, r.Kind, r.Seed));
        foreach (var size in rows.Select(r => r.Size).Distinct())
        {
            var here = rows.Where(r => r.Size == size).ToArray();
            var proven = Static.Instances.Count(i => i.Size == size && i.Optimum is > 0);
            text.AppendLine(CultureInfo.InvariantCulture, $"## {size}, {instances.Keys.Count(k => k.Size == size)} instances, optimum proven for {proven} with moves").AppendLine();
            text.AppendLine("| planner | reached | moves / bound: median | p95 | worst | mean (95 %) | moves / optimum: median | p95 | worst | max/mean at the end, median | ms: median | p99 | MB allocated, median |");
            text.AppendLine("| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |");
            foreach (var planner in here.Select(r => r.Planner).Distinct())
            {
                var mine = here.Where(r => r.Planner == planner).ToArray();
                var possible = mine.Where(r => feasible.Contains((r.Size, r.Kind, r.Seed))).ToArray();
                var reached = possible.Where(r => r.Reached).ToArray();
                var bound = reached.Where(r => instances[(r.Size, r.Kind, r.Seed)].Bound > 0).Select(r => (double)r.Moves / instances[(r.Size, r.Kind, r.Seed)].Bound).ToArray();
                var optimum = reached.Where(r => instances[(r.Size, r.Kind, r.Seed)].Optimum is > 0).Select(r => (double)r.Moves / instances[(r.Size, r.Kind, r.Seed)].Optimum!.Value).ToArray();
                var (low, high) = Statistics.MeanInterval(bound);
                var ms = mine.Select(r => r.Milliseconds).ToArray();
                text.AppendLine(CultureInfo.InvariantCulture, $"| {planner} | {reached.Length} of {possible.Length} | {N(Statistics.Quantile(bound, .5))} | {N(Statistics.Quantile(bound, .95))} | {N(bound.DefaultIfEmpty(double.NaN).Max())} | {N(bound.DefaultIfEmpty(double.NaN).Average())} ({N(low)} to {N(high)}) | {N(Statistics.Quantile(optimum, .5))} | {N(Statistics.Quantile(optimum, .95))} | {N(optimum.DefaultIfEmpty(double.NaN).Max())} | {N(Statistics.Quantile([.. mine.Select(r => r.MaxOverMean)], .5))} | {N(Statistics.Quantile(ms, .5))} | {N(Statistics.Quantile(ms, .99))} | {N(Statistics.Quantile([.. mine.Select(r => r.AllocatedBytes / 1e6)], .5))} |");
            }

            text.AppendLine();
            var quality = Static.Instances.Where(i => i.Size == size && i.Optimum is > 0).Select(i => (double)i.Bound / i.Optimum!.Value).ToArray();
            if (quality.Length > 0) text.AppendLine(CultureInfo.InvariantCulture, $"Bound / optimum: median {N(Statistics.Quantile(quality, .5))}, p5 {N(Statistics.Quantile(quality, .05))}.");
            var beaten = here.Where(r => r.Planner is not (StaticSuite.Ours or StaticSuite.First) && r.Reached && r.Moves < oursByInstance[(r.Size, r.Kind, r.Seed)].Moves).ToArray();
            text.AppendLine(CultureInfo.InvariantCulture, $"Instances on which a peer reached the target with fewer moves: {beaten.Select(r => (r.Kind, r.Seed)).Distinct().Count()}{(beaten.Length == 0 ? "" : " (" + string.Join(", ", beaten.Take(5).Select(r => $"{r.Kind} {r.Seed}: {r.Planner} {r.Moves} against {oursByInstance[(r.Size, r.Kind, r.Seed)].Moves}")) + ")")}.").AppendLine();
            KindTable(text, size, instances, oursByInstance);
        }
    }

    private static void KindTable(StringBuilder text, string size, Dictionary<(string Size, string Kind, int Seed), InstanceRow> instances, Dictionary<(string Size, string Kind, int Seed), StaticRow> ours)
    {
        text.AppendLine("| workload | moves, median | / bound: median | worst | / optimum: median | worst |");
        text.AppendLine("| --- | --- | --- | --- | --- | --- |");
        foreach (var kind in instances.Keys.Where(k => k.Size == size).Select(k => k.Kind).Distinct())
        {
            var keys = instances.Keys.Where(k => k.Size == size && k.Kind == kind && ours[k].Reached).ToArray();
            var bound = keys.Where(k => instances[k].Bound > 0).Select(k => (double)ours[k].Moves / instances[k].Bound).ToArray();
            var optimum = keys.Where(k => instances[k].Optimum is > 0).Select(k => (double)ours[k].Moves / instances[k].Optimum!.Value).ToArray();
            text.AppendLine(CultureInfo.InvariantCulture, $"| {kind} | {N(Statistics.Quantile([.. keys.Select(k => (double)ours[k].Moves)], .5))} | {N(Statistics.Quantile(bound, .5))} | {N(bound.DefaultIfEmpty(double.NaN).Max())} | {N(Statistics.Quantile(optimum, .5))} | {N(optimum.DefaultIfEmpty(double.NaN).Max())} |");
        }

        text.AppendLine();
    }

    private void SpeedTable(StringBuilder text)
    {
        text.AppendLine("## Speed").AppendLine();
        text.AppendLine("| operation | brokers × topics | workload | runs | median ms | p99 ms | moves | bound | peak memory of the process so far, MB |");
        text.AppendLine("| --- | --- | --- | --- | --- | --- | --- | --- | --- |");
        foreach (var r in Speed!.Rows)
            text.AppendLine(CultureInfo.InvariantCulture, $"| {r.Operation} | {r.Size} | {r.Kind} | {r.Runs} | {N(r.MedianMs)} | {N(r.WorstMs)} | {r.Moves} | {r.Bound} | {r.PeakWorkingSetBytes / 1_000_000} |");
        text.AppendLine();
    }

    private void DynamicTable(StringBuilder text)
    {
        text.AppendLine("## Seven simulated days").AppendLine();
        text.AppendLine("Means over the seeds, with 95 % intervals. Overload area: what brokers carried above 1.2 × the mean, in mean broker loads × hours.").AppendLine();
        text.AppendLine("| planner | overload area | moves | ping-pong | client reconnects | mean of max/mean |");
        text.AppendLine("| --- | --- | --- | --- | --- | --- |");
        foreach (var group in Dynamic!.Rows.GroupBy(r => r.Planner))
        {
            string Cell(Func<DynamicRow, double> value)
            {
                var values = group.Select(value).ToArray();
                var (low, high) = Statistics.MeanInterval(values);
                return $"{N(values.Average())} ({N(low)} to {N(high)})";
            }

            text.AppendLine(CultureInfo.InvariantCulture, $"| {group.Key} | {Cell(r => r.OverloadArea)} | {Cell(r => r.Moves)} | {Cell(r => r.PingPong)} | {Cell(r => r.Reconnects)} | {Cell(r => r.MeanMaxOverMean)} |");
        }

        text.AppendLine();
    }

    private static string N(double value) => double.IsNaN(value) ? "–" : value.ToString(Math.Abs(value) >= 100 ? "0" : Math.Abs(value) >= 10 ? "0.#" : "0.###", CultureInfo.InvariantCulture);
}
