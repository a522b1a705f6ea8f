using System.Text.Json.Serialization;

namespace Danube.Dapr.Contracts;

/// <summary>Body of <c>POST /rebalance</c>.</summary>
[JsonUnmappedMemberHandling(JsonUnmappedMemberHandling.Disallow)]
public sealed record RebalanceRequest
{
    /// <summary>True: make the plan and show it, move nothing.</summary>
    public bool DryRun { get; init; }

    /// <summary>Policy to use instead of the configured one: conservative, balanced or aggressive.</summary>
    public string? Policy { get; init; }

    /// <summary>At most this many moves, 1 to 10,000; the configured limits hold besides.</summary>
    public int? MaxMoves { get; init; }

    /// <summary>Why, for the record.</summary>
    public string? Reason { get; init; }
}

/// <summary>Answer to <c>POST /rebalance</c>.</summary>
/// <param name="Started">True when moves were started.</param>
/// <param name="Reason">Why not, from the closed list; null when started or when it was a dry run with moves.</param>
/// <param name="Detail">One sentence.</param>
/// <param name="Plan">The plan; null when none could be made.</param>
public sealed record RebalanceResponse(bool Started, ReasonCode? Reason, string Detail, RebalancePlan? Plan);

/// <summary>Body of <c>POST /pause</c>.</summary>
/// <param name="Minutes">For how long, 1 to 10,080; null until <c>/resume</c>.</param>
/// <param name="Reason">Why, for the record.</param>
[JsonUnmappedMemberHandling(JsonUnmappedMemberHandling.Disallow)]
public sealed record PauseRequest(int? Minutes = null, string? Reason = null);

/// <summary>What the rebalancer is doing, as <c>GET /status</c> answers.</summary>
public sealed record RebalancerStatus
{
    /// <summary>Mode: observe, advise or auto.</summary>
    public required string Mode { get; init; }

    /// <summary>Policy in force.</summary>
    public required string Policy { get; init; }

    /// <summary>True while moves are paused.</summary>
    public bool Paused { get; init; }

    /// <summary>Until when; null until told or when not paused.</summary>
    public DateTimeOffset? PausedUntil { get; init; }

    /// <summary>Why it is paused.</summary>
    public string? PauseReason { get; init; }

    /// <summary>True while the circuit breaker is open.</summary>
    public bool CircuitOpen { get; init; }

    /// <summary>What opened it.</summary>
    public string? CircuitReason { get; init; }

    /// <summary>True while the kill switch is on: nothing moves, not even by hand.</summary>
    public bool KillSwitch { get; init; }

    /// <summary>The plan that runs now, or null.</summary>
    public string? RunningPlanId { get; init; }

    /// <summary>The plan that waits for approval, or null.</summary>
    public string? PendingPlanId { get; init; }

    /// <summary>Since when the balance has been out of its band; null inside.</summary>
    public DateTimeOffset? OutOfBandSince { get; init; }

    /// <summary>Brokers that are masked at this moment, so that a topic lands where it should.</summary>
    public IReadOnlyList<string> MaskedBrokers { get; init; } = [];

    /// <summary>Brokers that left the plans because an unload stuck there.</summary>
    public IReadOnlyList<string> StuckBrokers { get; init; } = [];

    /// <summary>Brokers that an operator took out through this service.</summary>
    public IReadOnlyList<string> DrainedBrokers { get; init; } = [];

    /// <summary>Moves of one mask window, as fast as the clients bear it.</summary>
    public int MovesPerWindow { get; init; }

    /// <summary>Rest between two mask windows, in seconds.</summary>
    public double RestSeconds { get; init; }

    /// <summary>Unloads that may be in flight at the same time. Above 1 as many topics are left without owner when Danube's leader dies in that moment.</summary>
    public int UnloadsInFlight { get; init; } = 1;

    /// <summary>The last cycle.</summary>
    public CycleRecord? LastCycle { get; init; }

    /// <summary>Moves finished in the last hour, counted against the hourly limit.</summary>
    public int MovesLastHour { get; init; }

    /// <summary>The hourly limit.</summary>
    public int MaxMovesPerHour { get; init; }
}

/// <summary>State of a plan that is or was run.</summary>
public enum PlanRunState
{
    /// <summary>Made, but not started (dry run, or waiting).</summary>
    Proposed,

    /// <summary>Its workflow runs.</summary>
    Running,

    /// <summary>All moves ended.</summary>
    Finished,

    /// <summary>Stopped early, with a reason.</summary>
    Stopped,
}

/// <summary>A plan with what became of it.</summary>
/// <param name="Plan">The plan.</param>
/// <param name="State">What became of it.</param>
/// <param name="Reason">Why it was stopped, or why it waits while it runs; or null.</param>
/// <param name="Done">Moves done.</param>
/// <param name="Failed">Moves failed, stuck or landed elsewhere.</param>
/// <param name="Skipped">Moves skipped or cancelled.</param>
/// <param name="FinishedAt">When it ended, or null.</param>
public sealed record PlanRun(RebalancePlan Plan, PlanRunState State, ReasonCode? Reason, int Done, int Failed, int Skipped, DateTimeOffset? FinishedAt)
{
    /// <summary>Until when it waits for approval; null when it needs none.</summary>
    public DateTimeOffset? ApprovalDeadline { get; init; }

    /// <summary>Who approved it or asked for it; null when nobody had to.</summary>
    public string? ApprovedBy { get; init; }

    /// <summary>Since when it waits, while it runs, for what the reason says; null when it does not.</summary>
    public DateTimeOffset? WaitsSince { get; init; }

    /// <summary>What it did, measured after its end; null before, and when nothing was moved.</summary>
    public PlanEffect? Effect { get; init; }
}

/// <summary>One entry of <c>GET /history</c>, newest first.</summary>
public sealed record HistoryEntry
{
    /// <summary>Position in the history; grows with time, unique.</summary>
    public required long Position { get; init; }

    /// <summary>When it happened.</summary>
    public required DateTimeOffset Time { get; init; }

    /// <summary>What it is: <c>cycle</c>, <c>plan</c>, <c>move</c> or <c>broker-event</c>; the member of that name is set.</summary>
    public required string Kind { get; init; }

    /// <summary>A cycle.</summary>
    public CycleRecord? Cycle { get; init; }

    /// <summary>A plan.</summary>
    public RebalancePlan? Plan { get; init; }

    /// <summary>A step of a move.</summary>
    public MoveRecord? Move { get; init; }

    /// <summary>A broker event.</summary>
    public BrokerEvent? BrokerEvent { get; init; }
}

/// <summary>Sums over the history, as <c>GET /history/statistics</c> answers.</summary>
public sealed record HistoryStatistics
{
    /// <summary>From when: as asked, or the day (UTC) of the oldest entry that is kept.</summary>
    public required DateTimeOffset From { get; init; }

    /// <summary>Until when.</summary>
    public required DateTimeOffset To { get; init; }

    /// <summary>Cycles.</summary>
    public int Cycles { get; init; }

    /// <summary>Plans.</summary>
    public int Plans { get; init; }

    /// <summary>Moves that ended, by end state.</summary>
    public IReadOnlyDictionary<string, int> MovesByState { get; init; } = new Dictionary<string, int>();

    /// <summary>Cycles without moves, by reason.</summary>
    public IReadOnlyDictionary<string, int> CyclesByReason { get; init; } = new Dictionary<string, int>();

    /// <summary>Median time of a move in milliseconds; null without moves.</summary>
    public double? MedianMoveMs { get; init; }

    /// <summary>Longest time of a move in milliseconds; null without moves.</summary>
    public double? MaxMoveMs { get; init; }

    /// <summary>Topics that went back to the broker that they came from within the statistics' time.</summary>
    public int PingPongs { get; init; }
}

/// <summary>Body of <c>POST /kill-switch</c> and <c>POST /circuit/close</c>.</summary>
/// <param name="On">Kill switch: true stops everything, false lets it go on. Not looked at when the circuit breaker is closed.</param>
/// <param name="Reason">Why, for the record; up to 500 characters.</param>
[JsonUnmappedMemberHandling(JsonUnmappedMemberHandling.Disallow)]
public sealed record SwitchRequest(bool On = true, string? Reason = null);

/// <summary>Body of <c>POST /plans/{id}/approve</c>.</summary>
/// <param name="Approver">Who approves, 1 to 100 characters; recorded.</param>
/// <param name="Hash">Hash of the plan that was looked at; the approval is refused when the plan has another. Null approves it as it is.</param>
[JsonUnmappedMemberHandling(JsonUnmappedMemberHandling.Disallow)]
public sealed record ApproveRequest(string Approver = "", string? Hash = null);

/// <summary>Body of <c>POST /moves</c>: move one topic.</summary>
[JsonUnmappedMemberHandling(JsonUnmappedMemberHandling.Disallow)]
public sealed record MoveRequest
{
    /// <summary>The topic, <c>/namespace/topic</c>.</summary>
    public string Topic { get; init; } = "";

    /// <summary>The broker that shall own it.</summary>
    public string To { get; init; } = "";

    /// <summary>True: say what would be done, and do nothing.</summary>
    public bool DryRun { get; init; }

    /// <summary>True: pin, cool-down, minimum age and an earlier double load do not hold it back. Needs a reason.</summary>
    public bool Force { get; init; }

    /// <summary>Why, for the record; up to 500 characters.</summary>
    public string? Reason { get; init; }
}

/// <summary>Body of <c>POST /brokers/{id}/drain</c>.</summary>
/// <param name="DryRun">True: say what would be done, and do nothing.</param>
/// <param name="Reason">Why, for the record; up to 500 characters.</param>
[JsonUnmappedMemberHandling(JsonUnmappedMemberHandling.Disallow)]
public sealed record DrainRequest(bool DryRun = false, string? Reason = null);

/// <summary>How far the drain of a broker is, as <c>GET /brokers/{id}/drain</c> answers.</summary>
public sealed record DrainStatus
{
    /// <summary>The broker.</summary>
    public required string BrokerId { get; init; }

    /// <summary>How far it is.</summary>
    public required DrainState State { get; init; }

    /// <summary>Since when it is drained through this service; null when it is not.</summary>
    public DateTimeOffset? Since { get; init; }

    /// <summary>Why, in the operator's words.</summary>
    public string? Reason { get; init; }

    /// <summary>Its state in Danube's registry.</summary>
    public BrokerState Broker { get; init; }

    /// <summary>Topics that it still owns.</summary>
    public int TopicsLeft { get; init; }

    /// <summary>The plan that moved, or moves, its topics; null when none was needed.</summary>
    public string? PlanId { get; init; }

    /// <summary>Topics that cannot be moved safely, each with its reason.</summary>
    public IReadOnlyList<Refusal> Refusals { get; init; } = [];
}

/// <summary>States of a drain.</summary>
public enum DrainState
{
    /// <summary>It is not drained through this service.</summary>
    None,

    /// <summary>Topics are being moved off it, or will be with the next cycle.</summary>
    Draining,

    /// <summary>What is left on it cannot be moved safely, or its plan was cancelled: a decision of the operator.</summary>
    Remainder,

    /// <summary>It owns nothing any more: it can be stopped.</summary>
    Drained,
}

/// <summary>Brokers that the rebalancer masks or masked a moment ago, as its <c>GET /masks</c> answers. Danube shows them as drained meanwhile, and they are not.</summary>
/// <param name="BrokerId">The broker.</param>
/// <param name="From">When it was about to be masked.</param>
/// <param name="To">When it was unmasked; null while it is masked.</param>
public sealed record MaskSpan(string BrokerId, DateTimeOffset From, DateTimeOffset? To);

/// <summary>Body of <c>POST /topics/{topic}/pin</c>.</summary>
/// <param name="BrokerId">The broker that the topic belongs on; null frees it.</param>
[JsonUnmappedMemberHandling(JsonUnmappedMemberHandling.Disallow)]
public sealed record PinRequest(string? BrokerId = null);

/// <summary>Body of <c>POST /topics/repair</c> and <c>POST /topics/{namespace}/{topic}/repair</c>.</summary>
/// <param name="DryRun">True: say what would be done, and do nothing.</param>
/// <param name="Reason">Why, for the record; up to 500 characters.</param>
/// <param name="Force">True: also topics that have been without owner for less than <c>StrandedAfterSeconds</c>. Danube may be giving them an owner at this moment. Needs a reason.</param>
[JsonUnmappedMemberHandling(JsonUnmappedMemberHandling.Disallow)]
public sealed record RepairRequest(bool DryRun = false, string? Reason = null, bool Force = false);

/// <summary>Something about the cluster that an operator should know.</summary>
public sealed record Finding
{
    /// <summary>What it is.</summary>
    public required FindingKind Kind { get; init; }

    /// <summary>How bad it is.</summary>
    public required FindingSeverity Severity { get; init; }

    /// <summary>What it is about.</summary>
    public required SubjectKind About { get; init; }

    /// <summary>Broker id or topic name; empty for the cluster.</summary>
    public string Subject { get; init; } = "";

    /// <summary>What was seen, with figures.</summary>
    public required string Evidence { get; init; }

    /// <summary>What to do.</summary>
    public required string Advice { get; init; }

    /// <summary>Since when, where known.</summary>
    public DateTimeOffset? Since { get; init; }

    /// <summary>True when <c>POST /topics/{namespace}/{topic}/repair</c> may put it right.</summary>
    public bool CanRepair { get; init; }

    /// <summary>The broker to which a move of the topic (<c>POST /moves</c>) may put it right; null when no move helps.</summary>
    public string? MoveTo { get; init; }
}

/// <summary>How bad a finding is.</summary>
public enum FindingSeverity
{
    /// <summary>To know.</summary>
    Info,

    /// <summary>To look at soon.</summary>
    Warning,

    /// <summary>Clients are affected, or data is at risk.</summary>
    Critical,
}

/// <summary>Kinds of findings.</summary>
public enum FindingKind
{
    /// <summary>A topic that nobody owns.</summary>
    StrandedTopic,

    /// <summary>A broker may hold a dead copy of a topic.</summary>
    DeadCopy,

    /// <summary>Danube resolves a topic's name to another broker than its owner.</summary>
    NameCollision,

    /// <summary>A topic is loaded by two brokers, or a broker has loaded more topics than it owns.</summary>
    LoadedTwice,

    /// <summary>A broker's unload did not finish: its watcher may hang.</summary>
    WatcherHangs,

    /// <summary>Consumers are attached and get nothing, while the topic is written to.</summary>
    ConsumerStalled,

    /// <summary>Danube's own rebalancer moves topics, and destroys their history.</summary>
    BuiltInRebalancing,

    /// <summary>Another broker came up under the address of one that is gone.</summary>
    BrokerReplaced,

    /// <summary>A broker takes no topics.</summary>
    BrokerDrained,

    /// <summary>A broker does not answer.</summary>
    BrokerUnreachable,

    /// <summary>Danube's leader ranks a broker that is gone, and may give it topics.</summary>
    GhostBroker,

    /// <summary>A topic is too heavy for any placement.</summary>
    UnsplittableTopic,

    /// <summary>A topic has no traffic since its move, or a backlog that grows since.</summary>
    NotBackSinceMove,
}

/// <summary>Answer to a command: taken, and where to look what becomes of it.</summary>
/// <param name="Started">True when something was started.</param>
/// <param name="Detail">One sentence.</param>
/// <param name="PlanId">The plan that it became, or null.</param>
/// <param name="Plan">The plan, for a dry run.</param>
/// <param name="Refusals">What cannot be done, each with its reason.</param>
public sealed record CommandResponse(bool Started, string Detail, string? PlanId = null, RebalancePlan? Plan = null, IReadOnlyList<Refusal>? Refusals = null);
