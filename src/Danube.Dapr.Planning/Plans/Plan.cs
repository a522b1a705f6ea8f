namespace Danube.Dapr.Planning;

/// <summary>What would be moved, why, what it does, and how close to the least it is. Depends on snapshot and options alone.</summary>
public sealed record Plan
{
    /// <summary><c>p-</c> and the first 16 digits of <see cref="Hash"/>.</summary>
    public required string Id { get; init; }

    /// <summary>SHA-256 (hex) over the snapshot's hash, the options that matter and the moves in their order.</summary>
    public required string Hash { get; init; }

    /// <summary>Time of the snapshot.</summary>
    public required DateTimeOffset Time { get; init; }

    /// <summary>What it is for.</summary>
    public required PlanGoal Goal { get; init; }

    /// <summary>Name of the policy.</summary>
    public required string Policy { get; init; }

    /// <summary>The moves in the order in which they are to run.</summary>
    public required IReadOnlyList<PlannedMove> Moves { get; init; }

    /// <summary>Imbalance of the planned resources before.</summary>
    public required ImbalanceMeasure Before { get; init; }

    /// <summary>The same, predicted after all moves.</summary>
    public required ImbalanceMeasure After { get; init; }

    /// <summary>Each broker before and after.</summary>
    public required IReadOnlyList<BrokerPrediction> Brokers { get; init; }

    /// <summary>True when the target is reached after all moves, apart from brokers that the refusals name as unable to.</summary>
    public required bool ReachesTarget { get; init; }

    /// <summary>Proven least figures and the distance to them.</summary>
    public required PlanBounds Bounds { get; init; }

    /// <summary>What was considered and left alone, each with a reason; the heaviest first. Long lists are cut, see <see cref="RefusalCounts"/>.</summary>
    public required IReadOnlyList<Refusal> Refusals { get; init; }

    /// <summary>How many topics were left alone for each reason, those that <see cref="Refusals"/> leaves out included.</summary>
    public required IReadOnlyDictionary<Reason, int> RefusalCounts { get; init; }

    /// <summary>The smallest sets of rules found that cannot be kept together.</summary>
    public IReadOnlyList<RuleConflict> Conflicts { get; init; } = [];

    /// <summary>The plan in one sentence.</summary>
    public required string Summary { get; init; }
}

/// <summary>One move of a plan.</summary>
public sealed record PlannedMove
{
    /// <summary>The topic.</summary>
    public required string Topic { get; init; }

    /// <summary>Id of the owner now.</summary>
    public required string From { get; init; }

    /// <summary>Id of the broker that shall own it.</summary>
    public required string To { get; init; }

    /// <summary>Why.</summary>
    public required MoveCause Cause { get; init; }

    /// <summary>The resource that makes it necessary; null for rules.</summary>
    public Resource? Resource { get; init; }

    /// <summary>Its cost by <see cref="MoveCost"/>.</summary>
    public required double Cost { get; init; }

    /// <summary>What it takes along.</summary>
    public required ResourceVector Load { get; init; }

    /// <summary>Payload bytes per second, in and out.</summary>
    public double BytesPerSecond { get; init; }

    /// <summary>Messages per second, in and out.</summary>
    public double MessagesPerSecond { get; init; }

    /// <summary>Producers and consumers that will reconnect.</summary>
    public int Clients { get; init; }

    /// <summary>The rule that limited the choice of the target; null when none did.</summary>
    public Reason? LimitingRule { get; init; }

    /// <summary>The best other targets and why they were not taken.</summary>
    public IReadOnlyList<Alternative> Alternatives { get; init; } = [];

    /// <summary>Cause and effect in one sentence with figures.</summary>
    public required string Explanation { get; init; }
}

/// <summary>Another target and why it was not taken.</summary>
/// <param name="BrokerId">The broker.</param>
/// <param name="Reason">Why not.</param>
/// <param name="Detail">The figures.</param>
public sealed record Alternative(string BrokerId, Reason Reason, string Detail);

/// <summary>A broker before and after a plan.</summary>
/// <param name="BrokerId">The broker.</param>
/// <param name="TakesPart">False when it was neither source nor target, for a reason in the refusals.</param>
/// <param name="TopicsBefore">Topics before.</param>
/// <param name="TopicsAfter">Topics after.</param>
/// <param name="Before">Load before.</param>
/// <param name="After">Load predicted after.</param>
/// <param name="Limit">The upper limit of each planned resource; 0 for the others.</param>
public sealed record BrokerPrediction(
    string BrokerId, bool TakesPart, int TopicsBefore, int TopicsAfter, ResourceVector Before, ResourceVector After, ResourceVector Limit);

/// <summary>Proven lower bounds, valid for every plan that obeys the rules and reaches the target, and the distance of this plan to them.</summary>
/// <param name="MovesLowerBound">No plan that reaches the target has fewer moves.</param>
/// <param name="CostLowerBound">No plan that reaches the target costs less.</param>
/// <param name="Cost">What this plan costs.</param>
/// <param name="MovesGap">Moves of this plan / bound - 1; 0 = proven least. Null when the plan does not reach the target.</param>
/// <param name="CostGap">Cost of this plan / bound - 1; 0 = proven least. Null when the plan does not reach the target.</param>
public sealed record PlanBounds(int MovesLowerBound, double CostLowerBound, double Cost, double? MovesGap, double? CostGap);

/// <summary>Something that was considered and left alone.</summary>
/// <param name="Kind">What it is about.</param>
/// <param name="Subject">Broker id or topic name; empty for the cluster.</param>
/// <param name="Reason">Why.</param>
/// <param name="Detail">Why, in one sentence with figures.</param>
public sealed record Refusal(SubjectKind Kind, string Subject, Reason Reason, string Detail);

/// <summary>Rules that cannot be kept together. Without any one of them the rest could be kept.</summary>
/// <param name="Rules">The rules, in words.</param>
/// <param name="Detail">What is impossible, with figures.</param>
public sealed record RuleConflict(IReadOnlyList<string> Rules, string Detail);
