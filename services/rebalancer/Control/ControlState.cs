using Danube.Dapr.Contracts;

namespace Danube.Dapr.Rebalancer.Control;

/// <summary>All that the control loop must not forget, as its actor stores it. Immutable.</summary>
public sealed record ControlState
{
    /// <summary>Set while moves are paused.</summary>
    public Pause? Pause { get; init; }

    /// <summary>Set while the kill switch is on.</summary>
    public Switched? KillSwitch { get; init; }

    /// <summary>Set while the circuit breaker is open.</summary>
    public OpenCircuit? Circuit { get; init; }

    /// <summary>The plan that runs or waits for approval.</summary>
    public ActivePlan? Active { get; init; }

    /// <summary>Since when the balance has been out of its band; null inside.</summary>
    public DateTimeOffset? BreachSince { get; init; }

    /// <summary>Moves of the last hour.</summary>
    public MoveLedger Ledger { get; init; } = new();

    /// <summary>Moves of the time in which a topic does not go back (<see cref="ControlRules.NoReturn"/>), newest last.</summary>
    public IReadOnlyList<RecentMove> RecentMoves { get; init; } = [];

    /// <summary>Topics that a broker must never get again: a failed unload left a dead copy there.</summary>
    public IReadOnlyList<TopicPin> Banned { get; init; } = [];

    /// <summary>Topics bound to a broker by an operator.</summary>
    public IReadOnlyList<TopicPin> Pins { get; init; } = [];

    /// <summary>Topics that were loaded twice: no automatic move.</summary>
    public IReadOnlyList<string> LoadedTwice { get; init; } = [];

    /// <summary>The brokers that loaded them twice, where known.</summary>
    public IReadOnlyList<TopicPin> LoadedTwiceOn { get; init; } = [];

    /// <summary>Brokers that left the plans because an unload stuck there, until an operator closes the circuit breaker.</summary>
    public IReadOnlyList<string> StuckBrokers { get; init; } = [];

    /// <summary>Brokers that an operator took out through this service.</summary>
    public IReadOnlyList<DrainIntent> Drains { get; init; } = [];

    /// <summary>Brokers that an operator took in again through this service, newest last: a report from before still shows them as drained.</summary>
    public IReadOnlyList<ActivatedBroker> Activated { get; init; } = [];

    /// <summary>Topics whose repair failed: not tried again by itself.</summary>
    public IReadOnlyList<string> RepairFailed { get; init; } = [];

    /// <summary>Topics that were deleted to be created again and could not be created yet: every cycle tries.</summary>
    public IReadOnlyList<DeletedTopic> Deleted { get; init; } = [];

    /// <summary>Brokers that are gone and that Danube's leader ranks all the same.</summary>
    public IReadOnlyList<string> Ghosts { get; init; } = [];

    /// <summary>How fast moves are made; null until the first batch.</summary>
    public Pace? Pace { get; init; }

    /// <summary>Plans that ended and whose effect is to be measured.</summary>
    public IReadOnlyList<EndedPlan> EffectsDue { get; init; } = [];

    /// <summary>Moves that landed and whose topics are not known to be as well off as before; oldest first.</summary>
    public IReadOnlyList<WatchedMove> Watched { get; init; } = [];

    /// <summary>How many moves were judged in the last hour, by the minute: back or not.</summary>
    public IReadOnlyList<JudgedMoves> Judged { get; init; } = [];

    /// <summary>Topics whose consumers get nothing although there is something to get, with the time since when.</summary>
    public IReadOnlyList<Stall> Stalls { get; init; } = [];

    /// <summary>Who was seen under which address last, and who was there before.</summary>
    public IReadOnlyList<BrokerAddress> Addresses { get; init; } = [];

    /// <summary>Findings that were announced and are still there.</summary>
    public IReadOnlyList<OpenFinding> Findings { get; init; } = [];

    /// <summary>What is known of Danube's own rebalancer.</summary>
    public BuiltInWatch? BuiltIn { get; init; }

    /// <summary>The last plans, newest first.</summary>
    public IReadOnlyList<PlanEntry> Plans { get; init; } = [];

    /// <summary>Plans that commands with an idempotency key made, newest first.</summary>
    public IReadOnlyList<KeyedCommand> Commands { get; init; } = [];

    /// <summary>The last cycle.</summary>
    public CycleRecord? LastCycle { get; init; }

    /// <summary>The clocks when the state was looked at last; null before the first look.</summary>
    public ClockReading? Clock { get; init; }

    /// <summary>When it was noticed last that the clock was set forward, by the clock of then and after; null when it never was.</summary>
    public DateTimeOffset? SetForwardAt { get; init; }

    /// <summary>What of the cycles was published last.</summary>
    public PublishedCycle? Published { get; init; }
}

/// <summary>Moves are paused.</summary>
/// <param name="Until">Until when; null until told.</param>
/// <param name="Reason">Why, in the operator's words.</param>
public sealed record Pause(DateTimeOffset? Until, string? Reason);

/// <summary>A switch is on.</summary>
public sealed record Switched(DateTimeOffset Since, string? Reason);

/// <summary>The circuit breaker is open.</summary>
/// <param name="Since">Since when.</param>
/// <param name="Reason">What opened it.</param>
/// <param name="Detail">One sentence.</param>
public sealed record OpenCircuit(DateTimeOffset Since, ReasonCode Reason, string Detail);

/// <summary>The plan that has the floor: there is never more than one.</summary>
public sealed record ActivePlan
{
    public required string PlanId { get; init; }

    public required string Hash { get; init; }

    /// <summary>When its moves were counted in the ledger.</summary>
    public required DateTimeOffset Since { get; init; }

    /// <summary>When it was approved; null when it needed no approval or has none yet.</summary>
    public DateTimeOffset? ApprovedAt { get; init; }

    /// <summary>Not null while it waits for approval.</summary>
    public DateTimeOffset? ApprovalDeadline { get; init; }

    /// <summary>Who approved it, or who asked for it.</summary>
    public string? ApprovedBy { get; init; }

    /// <summary>True once an operator cancelled it.</summary>
    public bool Cancelled { get; init; }

    /// <summary>How the cluster differs from the one that it was made for, as seen when somebody approved it; null while it does not.</summary>
    public string? Drifted { get; init; }

    /// <summary>True when an operator asked for it by hand: pause, quiet hours and mode do not hold it back.</summary>
    public bool Manual { get; init; }

    /// <summary>Why it was made; null for one that was stored before this was kept, which counts as made for balance.</summary>
    public PlanTrigger? Trigger { get; init; }

    /// <summary>Worst publish latency (99th percentile, milliseconds) when it started; null when unknown.</summary>
    public double? LatencyBeforeMs { get; init; }

    /// <summary>W3C traceparent of the cycle or request that made it.</summary>
    public string? TraceParent { get; init; }

    public bool AwaitsApproval => ApprovalDeadline is not null && ApprovedBy is null;
}

/// <summary>A plan that ended and moved something.</summary>
/// <param name="PlanId">The plan.</param>
/// <param name="At">When it ended.</param>
public sealed record EndedPlan(string PlanId, DateTimeOffset At)
{
    /// <summary>True once the balance after it was measured.</summary>
    public bool Measured { get; init; }

    /// <summary>True once its moves are looked at.</summary>
    public bool Watched { get; init; }

    /// <summary>Its moves that began, repairs left out; 0 before they are looked at.</summary>
    public int Begun { get; init; }

    /// <summary>Those of them that failed.</summary>
    public int Failed { get; init; }

    /// <summary>True once an operator closed the circuit breaker after it: its failures do not open it again.</summary>
    public bool Excused { get; init; }
}

/// <summary>Moves that were judged together.</summary>
/// <param name="At">When, to the minute.</param>
/// <param name="Moves">How many.</param>
public sealed record JudgedMoves(DateTimeOffset At, int Moves);

/// <summary>A topic whose consumers get nothing.</summary>
/// <param name="Topic">The topic.</param>
/// <param name="BrokerId">Its owner: elsewhere it is another story.</param>
/// <param name="Since">Since when.</param>
/// <param name="Backlog">Its backlog then.</param>
public sealed record Stall(string Topic, string BrokerId, DateTimeOffset Since, long Backlog);

/// <summary>Who is under an address.</summary>
/// <param name="Address">The broker's client address.</param>
/// <param name="BrokerId">Who is there.</param>
/// <param name="Since">Since when.</param>
/// <param name="Before">Who was there before; null when nobody was seen.</param>
public sealed record BrokerAddress(string Address, string BrokerId, DateTimeOffset Since, string? Before);

/// <summary>A finding that was announced.</summary>
/// <param name="Kind">What it is.</param>
/// <param name="Subject">Broker id or topic name; empty for the cluster.</param>
/// <param name="Since">When it was announced.</param>
public sealed record OpenFinding(FindingKind Kind, string Subject, DateTimeOffset Since);

/// <summary>A topic that was deleted to be created again.</summary>
/// <param name="Topic">The topic.</param>
/// <param name="At">When it was deleted.</param>
/// <param name="Detail">Why it is not there yet; empty when that was not looked at.</param>
public sealed record DeletedTopic(string Topic, DateTimeOffset At, string Detail);

/// <summary>A broker was taken in again.</summary>
public sealed record ActivatedBroker(string BrokerId, DateTimeOffset At);

/// <summary>A move that was made.</summary>
public sealed record RecentMove(string Topic, string From, string To, DateTimeOffset At);

/// <summary>What a command with an idempotency key made.</summary>
/// <param name="Key">The key.</param>
/// <param name="Body">The command: the same key with another one is refused.</param>
/// <param name="PlanId">The plan; empty when it needed none.</param>
public sealed record KeyedCommand(string Key, string Body, string PlanId);

/// <summary>Counter of the moves of Danube's own rebalancer.</summary>
/// <param name="Leader">The broker that counts.</param>
/// <param name="Moves">The counter.</param>
/// <param name="SeenAt">When it was last seen to grow; null when never.</param>
public sealed record BuiltInWatch(string Leader, double Moves, DateTimeOffset? SeenAt);

/// <summary>A plan in the index.</summary>
/// <param name="Id">The plan.</param>
/// <param name="Moves">How many moves it has.</param>
public sealed record PlanEntry(string Id, int Moves);

/// <summary>Signature and time of the last published cycle.</summary>
public sealed record PublishedCycle(string Signature, DateTimeOffset At);
