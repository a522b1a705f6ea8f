namespace Danube.Dapr.Contracts;

/// <summary>A plan: what would be moved, why, what it is expected to do, and how close to the fewest moves it is. What was shown is what runs.</summary>
public sealed record RebalancePlan
{
    /// <summary>Format version: 1.</summary>
    public int Version { get; init; } = 1;

    /// <summary>Id, also the start of the id of the workflow that runs it: letters, digits and <c>-</c>.</summary>
    public required string Id { get; init; }

    /// <summary>SHA-256 over inputs and moves, hexadecimal: what was approved is what runs.</summary>
    public required string Hash { get; init; }

    /// <summary>When it was made.</summary>
    public required DateTimeOffset CreatedAt { get; init; }

    /// <summary>Why it was made.</summary>
    public PlanTrigger Trigger { get; init; }

    /// <summary>Name of the policy: conservative, balanced, aggressive or demonstration.</summary>
    public string Policy { get; init; } = "";

    /// <summary>Generation of the snapshot it was made on.</summary>
    public long SnapshotGeneration { get; init; }

    /// <summary>The moves, in the order in which they are to run.</summary>
    public IReadOnlyList<PlannedMove> Moves { get; init; } = [];

    /// <summary>Balance before.</summary>
    public required BalanceReport Before { get; init; }

    /// <summary>Balance that is expected after all moves.</summary>
    public required BalanceReport PredictedAfter { get; init; }

    /// <summary>Load per broker before and after.</summary>
    public IReadOnlyList<BrokerPrediction> Brokers { get; init; } = [];

    /// <summary>True when the plan reaches the target band for every resource.</summary>
    public bool ReachesTarget { get; init; }

    /// <summary>Proven least number of moves that any plan needs to reach the target.</summary>
    public int LowerBoundMoves { get; init; }

    /// <summary>Cost of the moves.</summary>
    public double Cost { get; init; }

    /// <summary>Proven least cost of any plan that reaches the target.</summary>
    public double LowerBoundCost { get; init; }

    /// <summary>What was considered and left alone, each with a reason.</summary>
    public IReadOnlyList<Refusal> Refusals { get; init; } = [];

    /// <summary>The plan in one sentence.</summary>
    public string Summary { get; init; } = "";
}

/// <summary>Why a plan was made.</summary>
public enum PlanTrigger
{
    /// <summary>The control loop saw a lasting imbalance.</summary>
    Imbalance,

    /// <summary>An operator asked for it.</summary>
    Manual,

    /// <summary>An operator asked to move one topic.</summary>
    ManualMove,

    /// <summary>A broker is to be emptied.</summary>
    Drain,

    /// <summary>Topics that nobody owns are to get an owner again.</summary>
    Repair,
}

/// <summary>One planned move.</summary>
public sealed record PlannedMove
{
    /// <summary>The topic.</summary>
    public required string Topic { get; init; }

    /// <summary>The owner now.</summary>
    public required string From { get; init; }

    /// <summary>The broker that shall own it.</summary>
    public required string To { get; init; }

    /// <summary>Why, from the closed list.</summary>
    public MoveCause Cause { get; init; }

    /// <summary>True when an operator insists: pin, cool-down, minimum age and an earlier double load do not hold it back.</summary>
    public bool Force { get; init; }

    /// <summary>Why, in one sentence with figures.</summary>
    public string Reason { get; init; } = "";

    /// <summary>Cost: α + β·clients + γ·un-exported bytes.</summary>
    public double Cost { get; init; }

    /// <summary>Payload bytes per second that it takes along.</summary>
    public double BytesPerSecond { get; init; }

    /// <summary>Messages per second that it takes along.</summary>
    public double MessagesPerSecond { get; init; }

    /// <summary>The messages delivered per second among these; null when not known.</summary>
    public double? MessagesOutPerSecond { get; init; }

    /// <summary>Producers and consumers that will reconnect.</summary>
    public int Clients { get; init; }

    /// <summary>Messages not acknowledged when the plan was made; null when not known.</summary>
    public long? BacklogMessages { get; init; }

    /// <summary>When the control plane saw the topic first; null when not known.</summary>
    public DateTimeOffset? FirstSeen { get; init; }

    /// <summary>The rule that limited the choice of the target, or null.</summary>
    public ReasonCode? LimitingRule { get; init; }

    /// <summary>The best other targets and why they were not taken.</summary>
    public IReadOnlyList<RejectedAlternative> Alternatives { get; init; } = [];
}

/// <summary>Why a topic is moved.</summary>
public enum MoveCause
{
    /// <summary>Its broker carries too much.</summary>
    BrokerOverload,

    /// <summary>Its target carries too little.</summary>
    BrokerUnderUse,

    /// <summary>It makes room for another topic of the plan.</summary>
    MakesRoom,

    /// <summary>Its broker is to be emptied.</summary>
    Drain,

    /// <summary>A rule forbids where it is.</summary>
    RuleViolation,

    /// <summary>An operator asked for it.</summary>
    Manual,

    /// <summary>Nobody owns it.</summary>
    Repair,
}

/// <summary>Another target and why it was not taken.</summary>
/// <param name="BrokerId">The broker.</param>
/// <param name="Reason">Why not, from the closed list.</param>
/// <param name="Detail">The figures.</param>
public sealed record RejectedAlternative(string BrokerId, ReasonCode Reason, string Detail);

/// <summary>A broker's load before and after a plan, for each resource by name.</summary>
/// <param name="BrokerId">The broker.</param>
/// <param name="TopicsBefore">Topics before.</param>
/// <param name="TopicsAfter">Topics after.</param>
/// <param name="LoadBefore">Load before.</param>
/// <param name="LoadAfter">Load expected after.</param>
public sealed record BrokerPrediction(string BrokerId, int TopicsBefore, int TopicsAfter, IReadOnlyDictionary<string, double> LoadBefore, IReadOnlyDictionary<string, double> LoadAfter)
{
    /// <summary>
    /// Load expected after in the resource that is most uneven (<see cref="BalanceReport.Cause"/> of <see cref="RebalancePlan.Before"/>), over the mean of the active brokers: 1 is as much as the mean, for the broker's capacity or weight.
    /// Null for a broker that the plan neither takes from nor gives to, and in a plan that was not made by the rebalancer.
    /// </summary>
    public double? OverMeanAfter { get; init; }

    /// <summary>Highest share of a known capacity expected in use after, 1 for all of it; null as above and when no capacity is known.</summary>
    public double? OverCapacityAfter { get; init; }
}

/// <summary>What a refusal is about.</summary>
public enum SubjectKind
{
    /// <summary>The cluster as a whole.</summary>
    Cluster,

    /// <summary>A broker.</summary>
    Broker,

    /// <summary>A topic.</summary>
    Topic,
}

/// <summary>Something that was considered and not done.</summary>
/// <param name="Kind">What it is about.</param>
/// <param name="Subject">Broker id or topic name; empty for the cluster.</param>
/// <param name="Reason">Why, from the closed list.</param>
/// <param name="Detail">Why, in one sentence with figures.</param>
public sealed record Refusal(SubjectKind Kind, string Subject, ReasonCode Reason, string Detail);
