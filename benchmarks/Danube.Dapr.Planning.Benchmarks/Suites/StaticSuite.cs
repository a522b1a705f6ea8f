using System.Diagnostics;

namespace Danube.Dapr.Planning.Benchmarks;

/// <summary>One planner on one instance.</summary>
/// <param name="Size">Brokers × topics.</param>
/// <param name="Kind">Workload.</param>
/// <param name="Seed">Seed.</param>
/// <param name="Planner">Planner.</param>
/// <param name="Moves">Moves of its plan.</param>
/// <param name="Reached">Whether every broker ends within its limits and all rules hold.</param>
/// <param name="MaxOverMean">Highest utilisation / mean at the end.</param>
/// <param name="Milliseconds">Time of the plan.</param>
/// <param name="AllocatedBytes">Memory allocated for it.</param>
internal sealed record StaticRow(string Size, string Kind, int Seed, string Planner, int Moves, bool Reached, double MaxOverMean, double Milliseconds, long AllocatedBytes);

/// <summary>What is known about one instance.</summary>
/// <param name="Size">Brokers × topics.</param>
/// <param name="Kind">Workload.</param>
/// <param name="Seed">Seed.</param>
/// <param name="Bound">Our lower bound on moves.</param>
/// <param name="Optimum">Least moves as proven by CP-SAT; null when it was not asked or gave up.</param>
internal sealed record InstanceRow(string Size, string Kind, int Seed, int Bound, int? Optimum);

/// <summary>Static questions: every planner on every instance.</summary>
internal sealed class StaticSuite
{
    public const string Ours = "danube-dapr";
    public const string First = "danube-dapr first plan";

    public List<StaticRow> Rows { get; } = [];

    public List<InstanceRow> Instances { get; } = [];

    /// <param name="sizes">Brokers, topics, seeds, seeds for the peers, seeds for the solver.</param>
    /// <param name="solverSeconds">Time limit of the solver per instance.</param>
    /// <param name="kinds">Workloads.</param>
    /// <param name="work">Work budget of our plans.</param>
    public void Run(IReadOnlyList<(int B, int T, int Seeds, int PeerSeeds, int SolverSeeds)> sizes, double solverSeconds, IReadOnlyList<string> kinds, long work)
    {
        foreach (var (b, t, seeds, peerSeeds, solverSeeds) in sizes)
        {
            var size = FormattableString.Invariant($"{b} × {t}");
            foreach (var kind in kinds)
            {
                for (var seed = 1; seed <= seeds; seed++)
                {
                    var i = Workload.Make(kind, b, t, seed);
                    var snapshot = i.ToSnapshot();
                    var options = i.ToOptions(work);
                    if (seed == 1) Planner.Plan(snapshot, options with { WorkBudget = 1_000_000 });
                    Ourselves(i, snapshot, options with { WorkBudget = 0 }, First, size);
                    var (owner, plan) = Ourselves(i, snapshot, options, Ours, size);
                    if (seed <= peerSeeds) foreach (var peer in Peer.All) Other(i, peer, size);
                    int? optimum = null;
                    if (seed <= solverSeeds) optimum = Optimum.Of(i, Score.Of(i, owner).Reached ? owner : null, solverSeconds).Proven;
                    Instances.Add(new(size, kind, seed, plan.Bounds.MovesLowerBound, optimum));
                }

                Console.Error.WriteLine($"{size} {kind} done");
            }
        }
    }

    private (int[] Owner, Plan Plan) Ourselves(Instance i, Snapshot snapshot, PlannerOptions options, string name, string size)
    {
        var before = GC.GetAllocatedBytesForCurrentThread();
        var watch = Stopwatch.StartNew();
        var plan = Planner.Plan(snapshot, options);
        var ms = watch.Elapsed.TotalMilliseconds;
        var bytes = GC.GetAllocatedBytesForCurrentThread() - before;
        var owner = (int[])i.Home.Clone();
        foreach (var move in plan.Moves) owner[snapshot.TopicIndex(move.Topic)] = snapshot.BrokerIndex(move.To);
        Add(i, size, name, owner, ms, bytes);
        return (owner, plan);
    }

    private void Other(Instance i, Peer peer, string size)
    {
        var before = GC.GetAllocatedBytesForCurrentThread();
        var watch = Stopwatch.StartNew();
        var owner = peer.Plan(i);
        var ms = watch.Elapsed.TotalMilliseconds;
        Add(i, size, peer.Name, owner, ms, GC.GetAllocatedBytesForCurrentThread() - before);
    }

    private void Add(Instance i, string size, string name, int[] owner, double ms, long bytes)
    {
        var score = Score.Of(i, owner);
        Rows.Add(new(size, i.Kind, i.Seed, name, score.Moves, score.Reached, score.MaxOverMean, ms, bytes));
    }
}
