using Danube.Dapr.Contracts;
using Danube.Dapr.Rebalancer.Actors;

namespace Danube.Dapr.Rebalancer.Plans;

/// <summary>Sorts the moves of a plan that ended.</summary>
internal static class PlanResults
{
    public static PlanResult Of(string planId, ReasonCode? reason, string detail, IReadOnlyList<MoveRecord> moves) =>
        new(planId, reason, detail, [.. moves.Where(PlanProgress.HasBegun)], [.. moves.Where(m => !PlanProgress.HasBegun(m))]);
}
