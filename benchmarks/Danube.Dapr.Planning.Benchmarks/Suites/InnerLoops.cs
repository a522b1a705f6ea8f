using BenchmarkDotNet.Attributes;
using Danube.Dapr.Planning.Search;

namespace Danube.Dapr.Planning.Benchmarks;

/// <summary>BenchmarkDotNet: time and allocations of the inner loops.</summary>
[MemoryDiagnoser]
[ShortRunJob]
public class InnerLoops
{
    private Snapshot _snapshot = null!;
    private PlannerOptions _options = null!;
    private Problem _problem = null!;
    private Placement _placement = null!;
    private Repair _repair = null!;
    private int _fullest;
    private DeterministicRandom _random = new(1);
    private IRankingStrategy _strategy = null!;

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
