using System.Diagnostics.Metrics;
using Danube.Dapr.Contracts;

namespace Danube.Dapr.Rebalancer.Telemetry;

/// <summary>All metrics of this service.</summary>
internal sealed class RebalancerMetrics
{
    public const string MeterName = "Danube.Dapr.Rebalancer";

    private readonly Counter<long> _cycles;
    private readonly Histogram<double> _cycleDuration;
    private readonly Counter<long> _moves;
    private readonly Counter<long> _failures;
    private readonly Histogram<double> _latency;
    private readonly Counter<long> _refusals;
    private readonly Counter<long> _plans;
    private readonly Counter<long> _repairs;
    private readonly Gauge<int> _findings;
    private readonly Gauge<int> _circuit;
    private readonly Gauge<double> _imbalance;
    private readonly Gauge<int> _pace;
    private readonly Gauge<double> _rest;
    private readonly Counter<long> _assignments;
    private readonly Histogram<double> _assignmentLatency;

    public RebalancerMetrics(IMeterFactory meters)
    {
        var meter = meters.Create(MeterName);
        _cycles = meter.CreateCounter<long>("danube.rebalancing.cycles", description: "Cycles of the control loop by outcome and reason.");
        _cycleDuration = meter.CreateHistogram<double>("danube.rebalancing.cycle.duration", "s", "Time of a cycle.");
        _moves = meter.CreateCounter<long>("danube.rebalancing.moves", description: "Moves done, by cause.");
        _failures = meter.CreateCounter<long>("danube.rebalancing.failures", description: "Moves that failed, by reason.");
        _latency = meter.CreateHistogram<double>("danube.rebalancing.latency", "s", "Time from unload until the new owner serves.",
            advice: new InstrumentAdvice<double> { HistogramBucketBoundaries = [0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 30, 60] });
        _refusals = meter.CreateCounter<long>("danube.rebalancing.refusals", description: "Moves refused before their unload, by reason.");
        _plans = meter.CreateCounter<long>("danube.rebalancing.plans", description: "Plans that ended, by end and reason.");
        _repairs = meter.CreateCounter<long>("danube.rebalancing.repairs", description: "Repairs of topics without owner, by end.");
        _findings = meter.CreateGauge<int>("danube.cluster.findings", description: "Open findings by kind.");
        _circuit = meter.CreateGauge<int>("danube.rebalancing.circuit.open", description: "1 while the circuit breaker is open.");
        _pace = meter.CreateGauge<int>("danube.rebalancing.pace.moves", description: "Moves of one mask window, as fast as the clients bear it.");
        _rest = meter.CreateGauge<double>("danube.rebalancing.pace.rest", "s", "Rest between two mask windows.");
        _imbalance = meter.CreateGauge<double>("danube.rebalancing.imbalance.cv", description: "Coefficient of variation that the last cycle saw.");
        _assignments = meter.CreateCounter<long>("danube_load_manager_assignments", description: "Topics that got a new owner through this service, by cause.");
        _assignmentLatency = meter.CreateHistogram<double>("danube_load_manager_assignment_latency_ms", description: "Time until the new owner serves, in milliseconds.",
            advice: new InstrumentAdvice<double> { HistogramBucketBoundaries = [20, 50, 100, 200, 500, 1_000, 2_000, 5_000, 10_000, 30_000, 60_000] });
        // A counter is exported from its first addition on; without a zero before it, rate() and increase() do not see the first failure.
        foreach (var cause in Enum.GetValues<MoveCause>())
        {
            _moves.Add(0, new KeyValuePair<string, object?>("reason", cause.ToString()));
            _assignments.Add(0, new KeyValuePair<string, object?>("cause", cause.ToString()));
        }
        _failures.Add(0, new KeyValuePair<string, object?>("reason", "none"));
        _refusals.Add(0, new KeyValuePair<string, object?>("reason", "none"));
        _plans.Add(0, new("end", "finished"), new("reason", "none"));
        _repairs.Add(0, new KeyValuePair<string, object?>("end", "repaired"));
        _repairs.Add(0, new KeyValuePair<string, object?>("end", "failed"));
    }

    public void Cycle(CycleRecord cycle)
    {
        _cycles.Add(1, new("outcome", cycle.Outcome.ToString()), new("reason", cycle.Reason?.ToString() ?? "none"));
        _cycleDuration.Record(cycle.DurationMs / 1000);
        if (cycle.Balance is { } balance)
            _imbalance.Record(balance.CoefficientOfVariation);
    }

    public void MoveEnded(MoveRecord move)
    {
        switch (move.State)
        {
            case MoveState.Done:
                _moves.Add(1, new KeyValuePair<string, object?>("reason", move.Cause.ToString()));
                _assignments.Add(1, new KeyValuePair<string, object?>("cause", move.Cause.ToString()));
                if (move.DurationMs is { } ms)
                {
                    _latency.Record(ms / 1000);
                    _assignmentLatency.Record(ms);
                }

                break;
            case MoveState.Skipped or MoveState.Cancelled:
                _refusals.Add(1, new KeyValuePair<string, object?>("reason", move.Reason?.ToString() ?? "none"));
                break;
            default:
                _failures.Add(1, new KeyValuePair<string, object?>("reason", move.Reason?.ToString() ?? move.State.ToString()));
                break;
        }
    }

    public void PlanEnded(ReasonCode? reason) =>
        _plans.Add(1, new("end", reason is null ? "finished" : "stopped"), new("reason", reason?.ToString() ?? "none"));

    public void RepairEnded(bool repaired) => _repairs.Add(1, new KeyValuePair<string, object?>("end", repaired ? "repaired" : "failed"));

    /// <summary>The control loop goes on in another process, which tells how things are from now on.</summary>
    public void Left()
    {
        Circuit(false);
        Findings([]);
        _imbalance.Record(0);
        _pace.Record(0);
        _rest.Record(0);
    }

    public void Circuit(bool open) => _circuit.Record(open ? 1 : 0);

    public void Pace(Control.Pace pace)
    {
        _pace.Record(pace.MovesPerWindow);
        _rest.Record(pace.RestSeconds);
    }

    public void Findings(IReadOnlyList<Finding> findings)
    {
        foreach (var kind in Enum.GetValues<FindingKind>())
            _findings.Record(findings.Count(f => f.Kind == kind), new KeyValuePair<string, object?>("kind", kind.ToString()));
    }
}
