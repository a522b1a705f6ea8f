using Danube.Dapr.Contracts;

namespace Danube.Dapr.Rebalancer.Plans;

/// <summary>Rules of a plan's progress: which step of a move may follow which, and the sums.</summary>
internal static class PlanProgress
{
    /// <summary>True for the states in which a move ends.</summary>
    public static bool IsEnd(MoveState state) => state is MoveState.Done or MoveState.Skipped or MoveState.Failed
        or MoveState.LandedElsewhere or MoveState.Cancelled or MoveState.Stuck;

    /// <summary>True for a move that came as far as its unload: something became of it.</summary>
    public static bool HasBegun(MoveRecord move) =>
        move.State is not (MoveState.Skipped or MoveState.Cancelled or MoveState.Planned or MoveState.Reserved or MoveState.Masked);

    /// <summary>True for the states of a move whose topic came to another broker.</summary>
    public static bool HasLanded(MoveState state) => state is MoveState.Done or MoveState.LandedElsewhere;

    /// <summary>True for a move that took its topic from its clients and brought it to another broker; a repair takes it from nobody.</summary>
    public static bool HasLanded(MoveRecord move) => HasLanded(move.State) && move.Cause != MoveCause.Repair;

    /// <summary>
    /// Whether a record may take the place of the last one. Steps go forward; a move that has ended stays ended. A move that went back to
    /// <see cref="MoveState.Planned"/>, because its batch stopped before its unload, may be reserved again; one whose unload was sent may not.
    /// </summary>
    public static bool MayFollow(MoveState last, MoveState next) => !IsEnd(last) && (next > last || (last < MoveState.Unloading && next is (MoveState.Planned or MoveState.Reserved)));

    /// <summary>The run with one more end counted.</summary>
    public static PlanRun Count(PlanRun run, MoveState end) => end switch
    {
        MoveState.Done => run with { Done = run.Done + 1 },
        MoveState.Skipped or MoveState.Cancelled => run with { Skipped = run.Skipped + 1 },
        _ => run with { Failed = run.Failed + 1 },
    };

    /// <summary>The record with which a move of a plan begins.</summary>
    public static MoveRecord FirstRecord(RebalancePlan plan, PlannedMove move) => new()
    {
        MoveId = MoveRecord.IdOf(plan.Id, move.Topic),
        PlanId = plan.Id,
        Topic = move.Topic,
        From = move.From,
        To = move.To,
        State = MoveState.Planned,
        Time = plan.CreatedAt,
        Cause = move.Cause,
        Detail = move.Reason,
    };

    /// <summary>
    /// The moves that share the next mask window: those to the target of the first unfinished move, in the order of the plan, at most
    /// <paramref name="limit"/>. Empty when all have ended.
    /// </summary>
    public static IReadOnlyList<MoveRecord> NextBatch(IReadOnlyList<MoveRecord> moves, int limit)
    {
        var first = moves.FirstOrDefault(m => !IsEnd(m.State));
        return first is null ? [] : [.. moves.Where(m => !IsEnd(m.State) && m.To == first.To).Take(limit)];
    }
}
