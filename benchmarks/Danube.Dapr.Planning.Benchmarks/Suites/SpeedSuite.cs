using System.Diagnostics;

namespace Danube.Dapr.Planning.Benchmarks;

/// <summary>Time of one operation at one size.</summary>
/// <param name="Operation">What was done.</param>
/// <param name="Size">Brokers × topics.</param>
/// <param name="Kind">Workload.</param>
/// <param name="Runs">How often.</param>
/// <param name="MedianMs">Median.</param>
/// <param name="WorstMs">Slowest run (p99 where there are 100 runs or more).</param>
/// <param name="Moves">Moves of the plan; 0 for rankings.</param>
/// <param name="Bound">Lower bound on moves.</param>
/// <param name="PeakWorkingSetBytes">Peak memory of the process so far, snapshot included.</param>
internal sealed record SpeedRow(string Operation, string Size, string Kind, int Runs, double MedianMs, double WorstMs, int Moves, int Bound, long PeakWorkingSetBytes);

/// <summary>Speed at large sizes: ranking, first plan, final plan, plan again after one percent of the topics changed.</summary>
internal sealed class SpeedSuite
{
    public static readonly (int B, int T)[] Sizes = [(100, 10_000), (300, 30_000), (1000, 100_000), (1000, 1_000_000)];

    public List<SpeedRow> Rows { get; } = [];

    /// <param name="sizes">Some of <see cref="Sizes"/>.</param>
    /// <param name="quick">One run of the large sizes instead of several.</param>
    public void Run(IEnumerable<(int B, int T)> sizes, bool quick)
    {
        foreach (var (b, t) in sizes)
        {
            var runs = t switch { <= 10_000 => quick ? 3 : 100, <= 30_000 => quick ? 1 : 20, <= 100_000 => quick ? 1 : 3, _ => 1 };
            foreach (var kind in (string[])(t <= 10_000 ? ["skew", "hot-broker", "two-resources", "three-resources"] : ["skew", "hot-broker"])) Size(kind, b, t, runs);
        }
    }

    private void Size(string kind, int b, int t, int runs)
    {
        // What the size before has left must not count.
        GC.Collect();
        var instance = Workload.Make(kind, b, t, 1);
        var snapshot = instance.ToSnapshot();
        var options = instance.ToOptions(new PlannerOptions().WorkBudget);
        var size = FormattableString.Invariant($"{b} × {t}");
        foreach (var name in RankingStrategies.Names)
        {
            var strategy = RankingStrategies.Get(name);
            Measure("rank " + name, size, kind, 5 * runs, () =>
            {
                strategy.Score(snapshot);
                return (0, 0);
            });
        }

        Plan? plan = null;
        Measure("first plan", size, kind, runs, () => Figures(Planner.Plan(snapshot, options with { WorkBudget = 0 })));
        Measure("final plan", size, kind, runs, () => Figures(plan = Planner.Plan(snapshot, options)));

        // What is planned again in operation: the plan was carried out, then one topic in a hundred changed its load.
        var random = new Danube.Dapr.Planning.Search.DeterministicRandom(42);
        foreach (var move in plan!.Moves) instance.Home[snapshot.TopicIndex(move.Topic)] = snapshot.BrokerIndex(move.To);
        for (var k = 0; k < t / 100; k++)
        {
            var topic = random.Next(t);
            for (var r = 0; r < instance.R; r++) instance.W[(topic * instance.R) + r] = (long)(instance.W[(topic * instance.R) + r] * (.5 + (1.5 * random.NextDouble())));
        }

        plan = null;
        snapshot = null;
        GC.Collect();
        var changed = instance.ToSnapshot();
        Measure("plan again after 1 % changed", size, kind, runs, () => Figures(Planner.Plan(changed, options)));
        Console.Error.WriteLine($"speed {size} {kind} done");
    }

    private static (int, int) Figures(Plan plan) => (plan.Moves.Count, plan.Bounds.MovesLowerBound);

    private void Measure(string operation, string size, string kind, int runs, Func<(int Moves, int Bound)> action)
    {
        var (moves, bound) = action();
        var times = new List<double>();
        for (var run = 0; run < runs; run++)
        {
            var watch = Stopwatch.StartNew();
            action();
            times.Add(watch.Elapsed.TotalMilliseconds);
        }

        Rows.Add(new(operation, size, kind, runs, Statistics.Quantile(times, .5), Statistics.Quantile(times, .99), moves, bound, Process.GetCurrentProcess().PeakWorkingSet64));
    }
}
