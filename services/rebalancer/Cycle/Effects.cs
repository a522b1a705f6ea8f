using Danube.Dapr.Contracts;
using Danube.Dapr.Rebalancer.Control;
using Danube.Dapr.Rebalancer.Options;
using Danube.Dapr.Rebalancer.Plans;

namespace Danube.Dapr.Rebalancer.Cycle;

/// <summary>Measures what a plan did, beside what it predicted.</summary>
internal static class Effects
{
    private const int MostMoves = 50;

    /// <summary>Why the effect of a plan cannot be measured yet; null when it can, or when the patience has ended: then it is measured on what there is.</summary>
    public static string? WhyNotYet(ClusterSnapshot snapshot, EndedPlan ended, RebalancerOptions options)
    {
        if (snapshot.Time - ended.At > options.EffectPatience)
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
        var pending = moves.Where(m => PlanProgress.HasLanded(m) && m.Effect is null).Select(m => Of(planned[m.Topic], topics.GetValueOrDefault(m.Topic)));
        return Sum(new PlanEffect
        {
            PlanId = plan.Id,
            Time = now,
            PredictedCoefficientOfVariation = plan.PredictedAfter.CoefficientOfVariation,
            MeasuredCoefficientOfVariation = balance.CoefficientOfVariation,
            PredictedMaxOverMean = plan.PredictedAfter.MaxOverMean,
            MeasuredMaxOverMean = balance.MaxOverMean,
            Moves = [.. pending],
        }, moves);
    }

    /// <summary>The effect with what is known of each move by now; the figures of a move that is not judged yet stay.</summary>
    public static PlanEffect Sum(PlanEffect effect, IReadOnlyList<MoveRecord> moves)
    {
        var landed = moves.Where(PlanProgress.HasLanded).ToList();
        var judged = landed.Select(m => m.Effect).OfType<MoveEffect>().ToList();
        var known = judged.Select(e => e.Topic).ToHashSet(StringComparer.Ordinal);
        int Count(MoveVerdict verdict) => judged.Count(e => e.Verdict == verdict);
        return effect with
        {
            CameBack = Count(MoveVerdict.CameBack),
            NotBack = judged.Count(e => MoveWatch.IsBad(e.Verdict)),
            Unknown = Count(MoveVerdict.Unknown),
            Pending = landed.Count - judged.Count,
            Moves =
            [
                .. effect.Moves.Where(e => !known.Contains(e.Topic)).Concat(judged)
                    .OrderBy(e => e.CameBack).ThenByDescending(e => e.Verdict == MoveVerdict.BacklogGrows)
                    .ThenByDescending(e => (e.BacklogMessages ?? 0) - (e.BacklogMessagesBefore ?? 0)).ThenBy(e => e.Topic, StringComparer.Ordinal).Take(MostMoves),
            ],
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
