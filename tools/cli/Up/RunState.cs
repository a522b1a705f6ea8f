using Danube.Dapr.Contracts;

namespace Danube.Dapr.Cli.Up;

/// <summary>One sample of the cluster's balance.</summary>
internal sealed record BalanceSample(DateTimeOffset Time, double CoefficientOfVariation, double MaxOverMean);

/// <summary>Everything that a run has shown so far, collected from the services' answers. Owned by one loop; readers get what <see cref="RunObserver"/> publishes.</summary>
internal sealed class RunState
{
    /// <summary>The targets that a run is judged by.</summary>
    public const double TargetCoefficientOfVariation = 0.20;
    public const double TargetMaxOverMean = 1.2;

    private const int KeptSamples = 600;
    private const int KeptCycles = 200;

    private readonly Dictionary<string, MoveRecord> _moves = [];
    private readonly Dictionary<string, PlanRun> _plans = [];
    private readonly List<CycleRecord> _cycles = [];
    private readonly List<BalanceSample> _samples = [];
    private readonly SortedSet<string> _unsplittable = new(StringComparer.Ordinal);
    private readonly HashSet<string> _stranded = [];
    private BalanceSample? _before;

    public IReadOnlyList<BrokerView> Brokers { get; private set; } = [];

    public BalanceReport? Balance { get; private set; }

    public RebalancerStatus? Status { get; private set; }

    public IReadOnlyList<BalanceSample> Samples => _samples;

    /// <summary>Newest last; of several in a row with the same outcome and reason only the last.</summary>
    public IReadOnlyList<CycleRecord> Cycles => _cycles;

    /// <summary>The newest record of each move, newest first.</summary>
    public IReadOnlyList<MoveRecord> Moves => [.. _moves.Values.OrderByDescending(m => m.Time).ThenBy(m => m.MoveId, StringComparer.Ordinal)];

    public IReadOnlyCollection<PlanRun> Plans => _plans.Values;

    public IReadOnlyCollection<string> Unsplittable => _unsplittable;

    /// <summary>Topics that nobody owned for longer than the limit at some time of the run, or that a repair took on before that.</summary>
    public int StrandedSeen => _stranded.Count;

    /// <summary>Topics that nobody owns now.</summary>
    public int UnownedNow { get; private set; }

    /// <summary>The worst balance before the first move, or of the whole run when nothing moved.</summary>
    public BalanceSample? Before => _before ?? _samples.FirstOrDefault();

    public int MovesDone => _moves.Values.Count(m => m.State == MoveState.Done);

    public int MovesFailed => _moves.Values.Count(m => m.State is MoveState.Failed or MoveState.Stuck or MoveState.LandedElsewhere);

    /// <summary>The proven least number of moves of the first plan that ran; 0 when none ran. Later plans answer to later changes.</summary>
    public int LowerBound => _plans.Values.Where(p => p.State is not PlanRunState.Proposed).MinBy(p => p.Plan.CreatedAt)?.Plan.LowerBoundMoves ?? 0;

    public void TakeBrokers(IReadOnlyList<BrokerView> brokers) => Brokers = brokers;

    public void TakeStatus(RebalancerStatus status)
    {
        Status = status;
        if (status.LastCycle is { } cycle && (_cycles.Count == 0 || _cycles[^1].Id != cycle.Id))
        {
            // The same answer again and again says no more than the last one, and would push out the decision before it.
            if (_cycles.Count > 0 && IsSame(_cycles[^1], cycle))
                _cycles.RemoveAt(_cycles.Count - 1);
            _cycles.Add(cycle);
            if (_cycles.Count > KeptCycles)
                _cycles.RemoveAt(0);
            foreach (var refusal in cycle.Refusals.Where(r => r.Reason == ReasonCode.Unsplittable && r.Kind == SubjectKind.Topic))
                _unsplittable.Add(refusal.Subject);
        }
    }

    public void TakeBalance(BalanceReport balance)
    {
        // While a plan masks brokers they look drained and take no part: what is left then says nothing about the cluster.
        if (Status is { RunningPlanId: not null } && balance.Brokers < Brokers.Count(b => b.Reachable))
            return;
        Balance = balance;
        if (balance.Brokers == 0 || (_samples.Count > 0 && _samples[^1].Time >= balance.Time))
            return;
        var sample = new BalanceSample(balance.Time, balance.CoefficientOfVariation, balance.MaxOverMean);
        _samples.Add(sample);
        if (_samples.Count > KeptSamples)
            _samples.RemoveAt(0);
        if (_moves.Count == 0 && Brokers.All(IsMeasured) && sample.CoefficientOfVariation > (_before?.CoefficientOfVariation ?? -1))
            _before = sample;
    }

    public void TakeMoves(IEnumerable<MoveRecord> records)
    {
        foreach (var record in records)
        {
            if (!_moves.TryGetValue(record.MoveId, out var known) || record.State > known.State || record.Time > known.Time)
                _moves[record.MoveId] = record;
            if (record.Cause == MoveCause.Repair)
                _stranded.Add(record.Topic);
        }
    }

    public void TakePlans(IEnumerable<PlanRun> plans)
    {
        foreach (var plan in plans)
            _plans[plan.Plan.Id] = plan;
    }

    public void TakeUnowned(int now, IEnumerable<string> stranded)
    {
        UnownedNow = now;
        _stranded.UnionWith(stranded);
    }

    /// <summary>False in the first seconds, when a broker has not reported, or not twice: rates come from two reports, and a balance without them is that of the others.</summary>
    private static bool IsMeasured(BrokerView broker) => !broker.Reachable || (broker.ReportAgeSeconds is not null && (broker.Topics == 0 || broker.MessagesPerSecond > 0));

    private static bool IsSame(CycleRecord a, CycleRecord b) => a.Outcome == b.Outcome && a.Reason == b.Reason && a.PlanId == b.PlanId && a.Outcome != CycleOutcome.Started;

    /// <summary>True when every balanced resource is within the targets at this moment and no plan runs.</summary>
    public bool WithinTargets => Balance is { Brokers: > 1 } b
        && b.CoefficientOfVariation < TargetCoefficientOfVariation
        && b.MaxOverMean <= TargetMaxOverMean
        && Status is { RunningPlanId: null }
        && UnownedNow == 0;
}
