using System.Diagnostics;

namespace Danube.Dapr.Planning.Benchmarks;

/// <summary>What one planner made of one instance.</summary>
/// <param name="Moves">Moves of its plan.</param>
/// <param name="Cost">Their cost by the planner's default costs (moves, clients, bytes not exported).</param>
/// <param name="Reached">Whether every broker ends within its limits and all rules hold.</param>
/// <param name="MaxOverMean">Highest utilisation / mean at the end.</param>
/// <param name="Ms">Time of the plan, in milliseconds.</param>
/// <param name="Kb">Memory allocated for it, in kB.</param>
internal sealed record PlanRow(int Moves, double Cost, bool Reached, double MaxOverMean, double Ms, long Kb);

/// <summary>One static question and every planner's answer.</summary>
/// <param name="Size">Brokers × topics.</param>
/// <param name="Kind">Workload.</param>
/// <param name="Seed">Seed.</param>
/// <param name="Bound">Our lower bound on moves.</param>
/// <param name="CostBound">Our lower bound on the cost.</param>
/// <param name="Optimum">Least moves as proven by CP-SAT; null when it was not asked or gave up, -1 when it proved that no plan reaches the target.</param>
/// <param name="Plans">The plans by the planner's name.</param>
internal sealed record InstanceRow(string Size, string Kind, int Seed, int Bound, double CostBound, int? Optimum, Dictionary<string, PlanRow> Plans)
{
    /// <summary>Whether any planner reached the target.</summary>
    public bool Feasible => Plans.Values.Any(p => p.Reached);
}

/// <summary>How often a size is asked.</summary>
/// <param name="B">Brokers.</param>
/// <param name="T">Topics.</param>
/// <param name="PeerEvery">Peers plan every n-th seed.</param>
/// <param name="SolverEvery">CP-SAT solves every n-th seed; 0 = none.</param>
internal sealed record StaticSize(int B, int T, int PeerEvery, int SolverEvery);

/// <summary>Static questions: every planner on every instance.</summary>
internal static class StaticSuite
{
    public const string Ours = "danube-dapr";
    public const string First = "danube-dapr first plan";
    public const string LeastCost = "danube-dapr least cost";

    public static IEnumerable<InstanceRow> Run(IReadOnlyList<StaticSize> sizes, IReadOnlyList<int> seeds, double solverSeconds, IReadOnlyList<string> kinds, long work)
    {
        foreach (var size in sizes)
        {
            foreach (var kind in kinds)
            {
                var watch = Stopwatch.StartNew();
                foreach (var seed in seeds) yield return One(size, kind, seed, solverSeconds, work);
                Console.Error.WriteLine(FormattableString.Invariant($"{size.B} × {size.T} {kind}: {watch.Elapsed.TotalSeconds:0.0} s"));
            }
        }
    }

    private static InstanceRow One(StaticSize size, string kind, int seed, double solverSeconds, long work)
    {
        var i = Workload.Make(kind, size.B, size.T, seed);
        var snapshot = i.ToSnapshot();
        var options = i.ToOptions(work);
        var plans = new Dictionary<string, PlanRow>();

        // The first plan of a size warms up what the run-time compiles late.
        if (seed == 1) Planner.Plan(snapshot, options with { WorkBudget = 1_000_000 });
        Ourselves(First, options with { WorkBudget = 0 });
        var (owner, plan) = Ourselves(Ours, options);
        var (_, cheapest) = Ourselves(LeastCost, options with { Cost = new MoveCost() });
        if ((seed - 1) % size.PeerEvery == 0)
            foreach (var peer in Peer.All) plans[peer.Name] = Measured(i, () => peer.Plan(i)).Row;
        int? optimum = null;
        if (size.SolverEvery > 0 && solverSeconds > 0 && (seed - 1) % size.SolverEvery == 0) optimum = Optimum.Of(i, plans[Ours].Reached ? owner : null, solverSeconds).Proven;
        return new(FormattableString.Invariant($"{size.B} × {size.T}"), kind, seed, plan.Bounds.MovesLowerBound, Math.Round(cheapest.Bounds.CostLowerBound, 3), optimum, plans);

        (int[] Owner, Plan Plan) Ourselves(string name, PlannerOptions with)
        {
            Plan? made = null;
            (plans[name], var owners) = Measured(i, () =>
            {
                made = Planner.Plan(snapshot, with);
                var after = (int[])i.Home.Clone();
                foreach (var move in made.Moves) after[snapshot.TopicIndex(move.Topic)] = snapshot.BrokerIndex(move.To);
                return after;
            });
            return (owners, made!);
        }
    }

    private static (PlanRow Row, int[] Owner) Measured(Instance i, Func<int[]> planner)
    {
        var before = GC.GetAllocatedBytesForCurrentThread();
        var watch = Stopwatch.StartNew();
        var owner = planner();
        var ms = watch.Elapsed.TotalMilliseconds;
        var bytes = GC.GetAllocatedBytesForCurrentThread() - before;
        var score = Score.Of(i, owner);
        return (new(score.Moves, Math.Round(score.Cost, 3), score.Reached, Math.Round(score.MaxOverMean, 4), Math.Round(ms, 3), bytes / 1000), owner);
    }
}
