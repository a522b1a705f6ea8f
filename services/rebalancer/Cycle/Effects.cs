using Danube.Dapr.Contracts;
using Danube.Dapr.Rebalancer.Control;
using Danube.Dapr.Rebalancer.Options;

namespace Danube.Dapr.Rebalancer.Cycle;

/// <summary>Measures what a plan did, beside what it predicted.</summary>
internal static class Effects
{
    private const int MostMoves = 50;

    /// <summary>After this long it is measured on what there is.</summary>
    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(10);

    /// <summary>Why the effect of a plan cannot be measured yet; null when it can.</summary>
    public static string? WhyNotYet(ClusterSnapshot snapshot, EndedPlan ended, RebalancerOptions options)
    {
        if (snapshot.Time - ended.At > Patience)
            return null;
        if ((snapshot.Time - ended.At).TotalSeconds < options.EffectAfterSeconds)
            return "It ended a moment ago.";
        return snapshot.Brokers.Any(b => b is { Reachable: true, State: not BrokerState.Gone } && !(b.ReportTime > ended.At)) ? "Not every broker has reported since." : null;
    }

    public static PlanEffect Measure(ClusterSnapshot snapshot, RebalancePlan plan, IReadOnlyList<MoveRecord> moves, DateTimeOffset now)
    {
        var balance = PlanMaker.Measure(snapshot, now);
        var topics = snapshot.Topics.ToDictionary(t => t.Name, StringComparer.Ordinal);
        var planned = plan.Moves.ToDictionary(m => m.Topic, StringComparer.Ordinal);
        var effects = moves.Where(m => m.State is MoveState.Done or MoveState.LandedElsewhere)
            .Select(m => Of(planned[m.Topic], topics.GetValueOrDefault(m.Topic)))
            .OrderBy(e => e.CameBack).ThenByDescending(e => (e.BacklogMessages ?? 0) - (e.BacklogMessagesBefore ?? 0)).ThenBy(e => e.Topic, StringComparer.Ordinal)
            .Take(MostMoves);
        return new PlanEffect
        {
            PlanId = plan.Id,
            Time = now,
            PredictedCoefficientOfVariation = plan.PredictedAfter.CoefficientOfVariation,
            MeasuredCoefficientOfVariation = balance.CoefficientOfVariation,
            PredictedMaxOverMean = plan.PredictedAfter.MaxOverMean,
            MeasuredMaxOverMean = balance.MaxOverMean,
            Moves = [.. effects],
        };
    }

    private static MoveEffect Of(PlannedMove move, TopicSnapshot? now)
    {
        double? after = now is { RatesKnown: true } ? now.MessagesInPerSecond + now.MessagesOutPerSecond : null;
        return new MoveEffect(
            move.Topic, now?.BrokerId, move.MessagesPerSecond, after, now?.BacklogMessages,
            now?.BrokerId is not null && (move.MessagesPerSecond == 0 || after is null or > 0), move.BacklogMessages);
    }
}
