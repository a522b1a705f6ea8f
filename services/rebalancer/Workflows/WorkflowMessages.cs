using Danube.Dapr.Contracts;
using Danube.Dapr.Rebalancer.Control;
using Danube.Dapr.Rebalancer.Execution;

namespace Danube.Dapr.Rebalancer.Workflows;

/// <summary>Input of <see cref="ExecutePlanWorkflow"/>.</summary>
/// <param name="PlanId">The plan; its moves stay in its actor, so that the history stays small.</param>
/// <param name="Hash">Hash of the plan that was shown: what was approved is what runs.</param>
/// <param name="ApprovalDeadline">Until when it waits for approval; null when it needs none.</param>
/// <param name="TraceParent">W3C traceparent of the cycle or request that made the plan.</param>
/// <param name="Sequence">Number of the next batch; grows over continuations.</param>
/// <param name="Started">True once the plan was checked and begun.</param>
/// <param name="Interruptions">Batches in a row that could not go on, before this continuation.</param>
internal sealed record ExecutePlanInput(string PlanId, string Hash, DateTime? ApprovalDeadline, string? TraceParent, int Sequence = 0, bool Started = false, int Interruptions = 0);

/// <summary>What a plan's workflow shows while it runs.</summary>
/// <param name="Phase">What it does.</param>
/// <param name="Batch">Number of the batch.</param>
/// <param name="Target">Target of the batch, or null.</param>
/// <param name="Reason">What it waits for, or null.</param>
internal sealed record PlanStatus(string Phase, int Batch, string? Target = null, ReasonCode? Reason = null);

/// <summary>Names a plan to an activity.</summary>
internal sealed record PlanStep(string PlanId, string Hash, string? TraceParent);

/// <summary>What comes next in a plan.</summary>
/// <param name="Kind">Go, wait or stop; go without moves means that all have ended.</param>
/// <param name="Reason">Why it waits or stops.</param>
/// <param name="Detail">One sentence.</param>
/// <param name="Moves">The moves of the next batch, all to the same target.</param>
/// <param name="Repair">True: the moves are repairs of topics that nobody owns.</param>
/// <param name="RestSeconds">Rest before this batch, unless it is the first.</param>
internal sealed record NextBatch(ContinuationKind Kind, ReasonCode? Reason, string Detail, IReadOnlyList<MoveTask> Moves, bool Repair = false, double RestSeconds = 0);

/// <summary>One move, as the activities need it.</summary>
/// <param name="Topic">The topic.</param>
/// <param name="From">Owner at the start.</param>
/// <param name="To">Target.</param>
/// <param name="Cause">Why.</param>
/// <param name="Force">An operator insists.</param>
/// <param name="Clients">Producers and consumers that move along.</param>
/// <param name="Recreate">True: it is NonReliable and moves by being deleted and created again.</param>
/// <param name="FirstSeen">When the control plane saw the topic first; null when not known.</param>
internal sealed record MoveTask(
    string Topic, string From, string To, MoveCause Cause, bool Force = false, int Clients = 0, bool Recreate = false, DateTimeOffset? FirstSeen = null)
{
    public string MoveId(string planId) => MoveRecord.IdOf(planId, Topic);

    /// <summary>How many of the moves are from each broker.</summary>
    public static IReadOnlyDictionary<string, int> CountFrom(IReadOnlyList<MoveTask> moves) =>
        moves.CountBy(m => m.From, StringComparer.Ordinal).ToDictionary(f => f.Key, f => f.Value, StringComparer.Ordinal);
}

/// <summary>Input of <see cref="MoveBatchWorkflow"/>.</summary>
internal sealed record BatchInput(string PlanId, string BatchId, string Target, IReadOnlyList<MoveTask> Moves, string? TraceParent);

/// <summary>How a batch ended.</summary>
/// <param name="Kind">Go: take the next batch. Wait: come again later for the moves that are left. Stop: the plan ends.</param>
/// <param name="Reason">Why it waits or stops.</param>
/// <param name="Detail">One sentence.</param>
internal sealed record BatchResult(ContinuationKind Kind, ReasonCode? Reason = null, string Detail = "");

/// <summary>What the preflight of a batch found.</summary>
/// <param name="Reserved">The moves that may begin; their topics are held for them.</param>
/// <param name="Mask">True when other brokers must be masked.</param>
/// <param name="LeaderId">Danube's leader.</param>
/// <param name="RaftTerm">Raft term.</param>
/// <param name="Target">How the target looked before.</param>
/// <param name="Interruption">Set when the batch as a whole cannot begin.</param>
/// <param name="Signs">What clients noticed before; null when nothing is to be moved.</param>
/// <param name="InFlight">Unloads that may be in flight at the same time.</param>
internal sealed record PreflightResult(
    IReadOnlyList<MoveTask> Reserved, bool Mask, string LeaderId, ulong RaftTerm, TargetBaseline Target, BatchResult? Interruption, ClientSigns? Signs = null, int InFlight = 1);

/// <summary>How a target looked before its batch, to tell afterwards what the batch did.</summary>
/// <param name="Excess">Topics that it had loaded beyond those that it owns; null when not known.</param>
/// <param name="Refused">Publishes that it had refused, of the batch's topics where there were any.</param>
internal sealed record TargetBaseline(double? Excess, IReadOnlyDictionary<string, double> Refused)
{
    public static TargetBaseline Unknown { get; } = new(null, new Dictionary<string, double>());
}

/// <summary>Input of the activity that moves one topic.</summary>
/// <param name="PlanId">The plan.</param>
/// <param name="BatchId">The batch.</param>
/// <param name="Move">The move.</param>
/// <param name="Masked">True when other brokers are masked.</param>
/// <param name="LeaderId">Danube's leader at the preflight.</param>
/// <param name="RaftTerm">Raft term at the preflight.</param>
/// <param name="TraceParent">W3C traceparent.</param>
/// <param name="Excess">Topics that the target had loaded beyond those that it owns, before this move; null when not known, or when others are in flight: their wave is checked together.</param>
/// <param name="BatchMoves">Moves of the batch, for its mask.</param>
/// <param name="InFlight">Moves that are in flight at the same time, this one with them.</param>
/// <param name="BatchMovesFrom">How many of the batch's moves are from each broker, for its mask; null in what was stored by a version that did not tell.</param>
internal sealed record MoveInput(
    string PlanId, string BatchId, MoveTask Move, bool Masked, string LeaderId, ulong RaftTerm, string? TraceParent, double? Excess = null, int BatchMoves = 1, int InFlight = 1,
    IReadOnlyDictionary<string, int>? BatchMovesFrom = null)
{
    /// <summary>For a repair: the topic was seen to be NonReliable while it was owned.</summary>
    public bool KnownNonReliable => Move.Force;
}

/// <summary>How far a move is.</summary>
internal enum MoveProgress
{
    /// <summary>The target owns and serves it.</summary>
    Landed,

    /// <summary>On its way; look again.</summary>
    Pending,

    /// <summary>It ended otherwise, and that is recorded.</summary>
    Ended,

    /// <summary>It has not begun, and the batch must stop here.</summary>
    Interrupted,
}

/// <summary>How far a move is, and what follows for its batch.</summary>
/// <param name="Progress">How far it is.</param>
/// <param name="Interruption">Set when the batch must stop here.</param>
/// <param name="DurationMs">Time from unload to serving, once it landed.</param>
/// <param name="Excess">Topics that the target has loaded beyond those that it owns, after a move that was loaded twice; null otherwise.</param>
internal sealed record MoveResult(MoveProgress Progress, BatchResult? Interruption = null, double? DurationMs = null, double? Excess = null);

/// <summary>A move that landed and waits to be verified.</summary>
internal sealed record LandedMove(MoveTask Move, double? DurationMs);

/// <summary>Input of the activity that checks a wave.</summary>
/// <param name="PlanId">The plan.</param>
/// <param name="Target">The target.</param>
/// <param name="Landed">The moves of the wave that landed.</param>
/// <param name="Excess">Topics that the target had loaded beyond those that it owns, before the wave.</param>
/// <param name="TraceParent">W3C traceparent.</param>
internal sealed record WaveInput(string PlanId, string Target, IReadOnlyList<LandedMove> Landed, double Excess, string? TraceParent);

/// <summary>Input of the activity that ends a batch.</summary>
internal sealed record SettleInput(
    string PlanId, string BatchId, string Target, TargetBaseline Baseline, IReadOnlyList<LandedMove> Landed, IReadOnlyList<MoveTask> Left, string? TraceParent, ClientSigns? Signs = null);

/// <summary>How a plan's end is told.</summary>
internal sealed record FinishInput(string PlanId, ReasonCode? Reason, string Detail, string? TraceParent);
