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
        _strategy = RankingStrategies.Get(RankingStrategies.WeightedComposite);
    }

    [Benchmark]
    public double[] Score() => _strategy.Score(_snapshot);

    [Benchmark]
    public ImbalanceMeasure Imbalance() => ImbalanceMeasure.Of(_snapshot);

    [Benchmark]
    public int Bound() => LowerBound.Of(_problem).Moves;

    [Benchmark]
    public Plan FirstPlan() => Planner.Plan(_snapshot, _options);
}
