using System.Diagnostics;
using Danube.Dapr.Planning;
using Danube.Dapr.Planning.Benchmarks;

// dev loop
var b = int.Parse(args[0]); var t = int.Parse(args[1]); var seeds = int.Parse(args[2]); var budget = long.Parse(args[3]); var seconds = double.Parse(args[4]);
var kinds = args.Length > 5 ? args[5].Split(',') : Workload.Kinds.ToArray();
foreach (var kind in kinds)
{
    for (var seed = 1; seed <= seeds; seed++)
    {
        var i = Workload.Make(kind, b, t, seed);
        var snapshot = i.ToSnapshot();
        var options = i.ToOptions(budget);
        Planner.Plan(snapshot, options with { WorkBudget = 0 });
        var watch = Stopwatch.StartNew();
        var first = Planner.Plan(snapshot, options with { WorkBudget = 0 });
        var firstMs = watch.Elapsed.TotalMilliseconds;
        watch.Restart();
        var plan = Planner.Plan(snapshot, options);
        var ms = watch.Elapsed.TotalMilliseconds;
        var owner = (int[])i.Home.Clone();
        foreach (var m in plan.Moves) owner[snapshot.TopicIndex(m.Topic)] = snapshot.BrokerIndex(m.To);
        var score = Score.Of(i, owner);
        var opt = "";
        if (seconds > 0)
        {
            watch.Restart();
            var o = Optimum.Of(i, score.Reached ? owner : null, seconds);
            opt = o.Proven is { } p ? $"opt {p,4} ratio {(double)plan.Moves.Count / Math.Max(1, p):0.000} lb/opt {(double)plan.Bounds.MovesLowerBound / Math.Max(1, p):0.000}" : $"opt ? [{o.BestBound:0.0},{o.BestFound}]";
            opt += $" {watch.Elapsed.TotalSeconds:0.0}s";
        }
        Console.WriteLine($"{kind,-16} s{seed,-3} first {first.Moves.Count,5}{(first.ReachesTarget ? "+" : "-")} {firstMs,7:0.0}ms ours {plan.Moves.Count,5}{(score.Reached ? "+" : "-")}{(plan.ReachesTarget == score.Reached ? "" : "!")} lb {plan.Bounds.MovesLowerBound,5} {ms,7:0.0}ms max/mean {score.MaxOverMean:0.000} {opt}");
    }
}
