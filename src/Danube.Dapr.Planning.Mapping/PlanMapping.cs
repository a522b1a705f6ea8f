using Danube.Dapr.Contracts;

namespace Danube.Dapr.Planning.Mapping;

/// <summary>From the planner's plan to the wire's.</summary>
public static class PlanMapping
{
    /// <summary>Translates a plan.</summary>
    /// <param name="plan">The plan.</param>
    /// <param name="createdAt">When it was made; null = the time of its snapshot.</param>
    /// <param name="trigger">Why it was made.</param>
    /// <param name="generation">Generation of the snapshot.</param>
    public static RebalancePlan ToContract(Plan plan, DateTimeOffset? createdAt = null, PlanTrigger trigger = PlanTrigger.Imbalance, long generation = 0)
    {
        ArgumentNullException.ThrowIfNull(plan);
        return new RebalancePlan
        {
            Id = plan.Id,
            Hash = plan.Hash,
            CreatedAt = createdAt ?? plan.Time,
            Trigger = trigger,
            Policy = plan.Policy,
            SnapshotGeneration = generation,
            Moves = [.. plan.Moves.Select(ToContract)],
            Before = ToContract(plan.Before, plan.Time),
            PredictedAfter = ToContract(plan.After, plan.Time),
            Brokers = [.. plan.Brokers.Select(b => new Contracts.BrokerPrediction(
                b.BrokerId, b.TopicsBefore, b.TopicsAfter, ResourceNames.Dictionary(b.Before), ResourceNames.Dictionary(b.After)))],
            ReachesTarget = plan.ReachesTarget,
            LowerBoundMoves = plan.Bounds.MovesLowerBound,
            Cost = plan.Bounds.Cost,
            LowerBoundCost = plan.Bounds.CostLowerBound,
            Refusals = [.. plan.Conflicts.Select(c => new Contracts.Refusal(Contracts.SubjectKind.Cluster, "", ReasonCode.Infeasible, $"{c.Detail} In conflict: {string.Join("; ", c.Rules)}.")), .. plan.Refusals.Select(ToContract)],
            Summary = plan.Summary,
        };
    }

    /// <summary>Translates an imbalance measure.</summary>
    public static BalanceReport ToContract(ImbalanceMeasure measure, DateTimeOffset time)
    {
        ArgumentNullException.ThrowIfNull(measure);
        return new BalanceReport
        {
            Time = time,
            Brokers = measure.Brokers,
            Cause = measure.Worst is { } worst ? ResourceNames.Of(worst.Resource) : "",
            CoefficientOfVariation = measure.CoefficientOfVariation,
            MaxOverMean = measure.MaxOverMean,
            MinOverMean = measure.MinOverMean,
            Resources = [.. measure.Resources.Select(r => new ResourceBalance(
                ResourceNames.Of(r.Resource), r.Mean, r.CoefficientOfVariation, r.MaxOverMean, r.MinOverMean, r.MaxBroker))],
        };
    }

    /// <summary>Translates a refusal.</summary>
    public static Contracts.Refusal ToContract(Refusal refusal)
    {
        ArgumentNullException.ThrowIfNull(refusal);
        return new(refusal.Kind switch
        {
            SubjectKind.Broker => Contracts.SubjectKind.Broker,
            SubjectKind.Topic => Contracts.SubjectKind.Topic,
            _ => Contracts.SubjectKind.Cluster,
        }, refusal.Subject, ToContract(refusal.Reason), refusal.Detail);
    }

    /// <summary>Translates a reason: the wire's list has the same words, and knows a resource that topics do not cause as "no benefit".</summary>
    public static ReasonCode ToContract(Reason reason) => reason == Reason.NotCausedByTopics ? ReasonCode.NoBenefit : Enum.Parse<ReasonCode>(reason.ToString());

    private static Contracts.PlannedMove ToContract(PlannedMove move) => new()
    {
        Topic = move.Topic,
        From = move.From,
        To = move.To,
        Cause = Enum.Parse<Contracts.MoveCause>(move.Cause.ToString()),
        Reason = move.Explanation,
        Cost = move.Cost,
        BytesPerSecond = move.BytesPerSecond,
        MessagesPerSecond = move.MessagesPerSecond,
        Clients = move.Clients,
        LimitingRule = move.LimitingRule is { } rule ? ToContract(rule) : null,
        Alternatives = [.. move.Alternatives.Select(a => new RejectedAlternative(a.BrokerId, ToContract(a.Reason), a.Detail))],
    };
}
