namespace Danube.Dapr.Contracts;

/// <summary>One decision of the control loop.</summary>
public sealed record CycleRecord
{
    /// <summary>Unique id.</summary>
    public required string Id { get; init; }

    /// <summary>When it began.</summary>
    public required DateTimeOffset Time { get; init; }

    /// <summary>What was decided.</summary>
    public required CycleOutcome Outcome { get; init; }

    /// <summary>Why nothing is moved; null when a plan was started.</summary>
    public ReasonCode? Reason { get; init; }

    /// <summary>The decision in one sentence with figures.</summary>
    public string Detail { get; init; } = "";

    /// <summary>Balance at that moment; null when the snapshot was unusable.</summary>
    public BalanceReport? Balance { get; init; }

    /// <summary>The plan, when there is one.</summary>
    public string? PlanId { get; init; }

    /// <summary>Moves of the plan.</summary>
    public int Moves { get; init; }

    /// <summary>Proven least number of moves.</summary>
    public int LowerBoundMoves { get; init; }

    /// <summary>Refusals worth naming: topics too heavy, stranded ones, brokers left out.</summary>
    public IReadOnlyList<Refusal> Refusals { get; init; } = [];

    /// <summary>Time that the cycle took, in milliseconds.</summary>
    public double DurationMs { get; init; }

    /// <summary>What an earlier plan did, measured by this cycle; null when none was due.</summary>
    public PlanEffect? Effect { get; init; }

    /// <summary>W3C trace id.</summary>
    public string? TraceId { get; init; }
}

/// <summary>What a plan did, measured on fresh load reports after its end, beside what was predicted.</summary>
public sealed record PlanEffect
{
    /// <summary>The plan.</summary>
    public required string PlanId { get; init; }

    /// <summary>When it was measured.</summary>
    public required DateTimeOffset Time { get; init; }

    /// <summary>Coefficient of variation that the plan predicted.</summary>
    public required double PredictedCoefficientOfVariation { get; init; }

    /// <summary>Coefficient of variation as measured.</summary>
    public required double MeasuredCoefficientOfVariation { get; init; }

    /// <summary>Highest load / mean that the plan predicted.</summary>
    public required double PredictedMaxOverMean { get; init; }

    /// <summary>Highest load / mean as measured.</summary>
    public required double MeasuredMaxOverMean { get; init; }

    /// <summary>The moved topics, those with something to look at first; at most 50.</summary>
    public IReadOnlyList<MoveEffect> Moves { get; init; } = [];
}

/// <summary>What a move did to a topic's traffic.</summary>
/// <param name="Topic">The topic.</param>
/// <param name="BrokerId">Its owner when it was measured; null when nobody owned it.</param>
/// <param name="MessagesPerSecondBefore">Messages in and out per second when it was planned.</param>
/// <param name="MessagesPerSecondAfter">Messages in and out per second as measured; null when not known yet.</param>
/// <param name="BacklogMessages">Messages not acknowledged as measured; null when not known.</param>
/// <param name="CameBack">False when there was traffic before and there is none after.</param>
/// <param name="BacklogMessagesBefore">Messages not acknowledged when the plan was made; null when not known. A backlog that has grown is one that its consumers do not work off.</param>
public sealed record MoveEffect(
    string Topic, string? BrokerId, double MessagesPerSecondBefore, double? MessagesPerSecondAfter, long? BacklogMessages, bool CameBack, long? BacklogMessagesBefore = null);

/// <summary>What a cycle decided.</summary>
public enum CycleOutcome
{
    /// <summary>Nothing is to be done.</summary>
    NoAction,

    /// <summary>A plan was started.</summary>
    Started,

    /// <summary>A plan waits for approval.</summary>
    Proposed,

    /// <summary>Something is to be done, but is not allowed now.</summary>
    Skipped,

    /// <summary>The cycle failed.</summary>
    Failed,
}

/// <summary>A step of a move. The same move id appears in one record for each step that it reaches.</summary>
public sealed record MoveRecord
{
    /// <summary>Id of the move: plan id and topic.</summary>
    public required string MoveId { get; init; }

    /// <summary>The plan.</summary>
    public required string PlanId { get; init; }

    /// <summary>The topic.</summary>
    public required string Topic { get; init; }

    /// <summary>From which broker.</summary>
    public required string From { get; init; }

    /// <summary>To which broker.</summary>
    public required string To { get; init; }

    /// <summary>The step that was reached.</summary>
    public required MoveState State { get; init; }

    /// <summary>When.</summary>
    public required DateTimeOffset Time { get; init; }

    /// <summary>Why it was planned.</summary>
    public MoveCause Cause { get; init; }

    /// <summary>Why it did not (fully) succeed, from the closed list; null otherwise.</summary>
    public ReasonCode? Reason { get; init; }

    /// <summary>One sentence with figures.</summary>
    public string Detail { get; init; } = "";

    /// <summary>Time from unload to the new owner's serving, in milliseconds; null before.</summary>
    public double? DurationMs { get; init; }

    /// <summary>Who owned the topic at the end; null before, when nobody did and when it is not known.</summary>
    public string? Owner { get; init; }

    /// <summary>Try of this step, from 1.</summary>
    public int Attempt { get; init; } = 1;

    /// <summary>W3C trace id of the move.</summary>
    public string? TraceId { get; init; }

    /// <summary>The one id that a move has in all records.</summary>
    public static string IdOf(string planId, string topic) => planId + ":" + topic;

    /// <summary>Takes the id at the end of a path apart; false when it can be no move's.</summary>
    /// <param name="text">The id; the slashes of the topic's name may come as <see cref="Identifiers.TopicOfPath"/> takes them.</param>
    /// <param name="planId">The plan's id.</param>
    /// <param name="topic">The topic's name.</param>
    public static bool TryParseId(string? text, out string planId, out string topic)
    {
        var colon = (text ?? "").IndexOf(':', StringComparison.Ordinal);
        planId = colon < 0 ? "" : text![..colon];
        topic = Identifiers.TopicOfPath(colon < 0 ? null : text![(colon + 1)..]);
        return Identifiers.IsPlan(planId) && Identifiers.IsTopic(topic);
    }
}

/// <summary>Steps of a move, in order; the last six are ends.</summary>
public enum MoveState
{
    /// <summary>In a plan that was started.</summary>
    Planned,

    /// <summary>Preflight passed; the topic's actor holds it for this move.</summary>
    Reserved,

    /// <summary>The other brokers are masked.</summary>
    Masked,

    /// <summary>Unload sent.</summary>
    Unloading,

    /// <summary>The target owns it; waiting until it serves.</summary>
    Verifying,

    /// <summary>Done and verified.</summary>
    Done,

    /// <summary>Not started, with a reason.</summary>
    Skipped,

    /// <summary>Failed, with a reason.</summary>
    Failed,

    /// <summary>It landed on another broker.</summary>
    LandedElsewhere,

    /// <summary>Cancelled before its unload.</summary>
    Cancelled,

    /// <summary>Nobody owns it after the time limit.</summary>
    Stuck,
}

/// <summary>Something happened to a broker or topic that the control plane did not do itself.</summary>
public sealed record BrokerEvent
{
    /// <summary>Unique id.</summary>
    public required string Id { get; init; }

    /// <summary>When it was seen.</summary>
    public required DateTimeOffset Time { get; init; }

    /// <summary>What happened.</summary>
    public required BrokerEventKind Kind { get; init; }

    /// <summary>The broker; empty when it is about a topic alone.</summary>
    public string BrokerId { get; init; } = "";

    /// <summary>The topic, or null.</summary>
    public string? Topic { get; init; }

    /// <summary>One sentence.</summary>
    public string Detail { get; init; } = "";
}

/// <summary>Kinds of <see cref="BrokerEvent"/>.</summary>
public enum BrokerEventKind
{
    /// <summary>A broker appeared.</summary>
    BrokerJoined,

    /// <summary>A broker's ports refuse.</summary>
    BrokerUnreachable,

    /// <summary>A broker answers again.</summary>
    BrokerReachable,

    /// <summary>Danube no longer lists a broker.</summary>
    BrokerGone,

    /// <summary>A broker's state changed.</summary>
    BrokerStateChanged,

    /// <summary>Danube's leader changed.</summary>
    LeaderChanged,

    /// <summary>A topic is owned by nobody for longer than the limit.</summary>
    TopicStranded,

    /// <summary>A stranded topic has an owner again.</summary>
    TopicRecovered,

    /// <summary>Two brokers claim a topic.</summary>
    TopicLoadedTwice,

    /// <summary>A finding appeared: see <c>GET /findings</c> of the rebalancer.</summary>
    FindingOpened,

    /// <summary>A finding is gone.</summary>
    FindingClosed,

    /// <summary>An operator turned a switch, approved, cancelled, drained, activated or pinned.</summary>
    OperatorActed,
}
