using BenchmarkDotNet.Attributes;
using BenchmarkDotNet.Configs;
using BenchmarkDotNet.Jobs;
using BenchmarkDotNet.Running;
using BenchmarkDotNet.Toolchains.InProcess.Emit;
using Danube.Dapr.Planning.Search;

namespace Danube.Dapr.Planning.Benchmarks;

/// <summary>BenchmarkDotNet: time and allocations of the inner loops.</summary>
[MemoryDiagnoser]
public class InnerLoops
{
    private const string FileName = "planning-inner.md";

    private Snapshot _snapshot = null!;
    private PlannerOptions _options = null!;
    private Problem _problem = null!;
    private Placement _placement = null!;
    private Repair _repair = null!;
    private int _fullest;
    private DeterministicRandom _random = new(1);
    private IRankingStrategy _strategy = null!;

    /// <summary>Runs all of them in this process (nothing is built anew) and writes the table to a folder.</summary>
    internal static void Run(string folder)
    {
        var config = DefaultConfig.Instance.AddJob(Job.ShortRun.WithToolchain(InProcessEmitToolchain.Instance)).WithArtifactsPath(Path.Combine("artifacts", "planning-inner"));
        var summary = BenchmarkRunner.Run<InnerLoops>(config);
        Directory.CreateDirectory(folder);
        var written = Directory.GetFiles(summary.ResultsDirectoryPath, $"*{nameof(InnerLoops)}*-github.md").Single();
        File.WriteAllText(
            Path.Combine(folder, FileName),
            "# Inner loops of the planner\n\nWorkload `skew`, a hundred topics a broker; `./bench planning --only inner` repeats it. `CandidateChoice` is one step of the search, `FirstPlan` and `FinalPlan` are whole plans with everything that is written into them.\n\n"
            + File.ReadAllText(written).ReplaceLineEndings("\n"));
    }

    /// <summary>Brokers; a hundred topics each.</summary>
    [Params(10, 100, 1000)]
    public int Brokers { get; set; }

    [GlobalSetup]
    public void Setup()
    {
        var instance = Workload.Make("skew", Brokers, 100 * Brokers, 1);
        _snapshot = instance.ToSnapshot();
        _options = instance.ToOptions(0);
        _problem = ProblemBuilder.Build(_snapshot, _options);
        _placement = new Placement(_problem);
        _fullest = Array.IndexOf(_placement.Excess, _placement.Excess.Max());
        _repair = new Repair(_problem, _placement, new Preferences(_problem));
        _strategy = RankingStrategies.Get(RankingStrategies.WeightedComposite);
    }

    [Benchmark]
    public double[] Score() => _strategy.Score(_snapshot);

    [Benchmark]
    public ImbalanceMeasure Imbalance() => ImbalanceMeasure.Of(_snapshot);

    [Benchmark]
    public int Bound() => LowerBound.Of(_problem).Moves;

    /// <summary>One step of the search: the topic that relieves the fullest broker most per cost, and the best broker for it; then undone.</summary>
    [Benchmark]
    public double CandidateChoice()
    {
        var mark = _placement.Mark;
        _repair.RelieveOnce(_fullest, ref _random, false, null);
        _placement.Revert(mark);
        return _placement.Violation;
    }

    [Benchmark]
    public Plan FirstPlan() => Planner.Plan(_snapshot, _options);

    [Benchmark]
    public Plan FinalPlan() => Planner.Plan(_snapshot, _options with { WorkBudget = new PlannerOptions().WorkBudget });
}
