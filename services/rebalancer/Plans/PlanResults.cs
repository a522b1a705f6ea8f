using Danube.Dapr.Contracts;
using Danube.Dapr.Rebalancer.Actors;

namespace Danube.Dapr.Rebalancer.Plans;

/// <summary>Sorts the moves of a plan that ended.</summary>
internal static class PlanResults
{
    public static PlanResult Of(string planId, ReasonCode? reason, string detail, IReadOnlyList<MoveRecord> moves)
    {
        static bool Moved(MoveRecord m) => m.State is not (MoveState.Skipped or MoveState.Cancelled or MoveState.Planned or MoveState.Reserved or MoveState.Masked);
        return new PlanResult(planId, reason, detail, [.. moves.Where(Moved)], [.. moves.Where(m => !Moved(m))]);
    }
}
