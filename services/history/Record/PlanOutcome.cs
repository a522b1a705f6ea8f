using Danube.Dapr.Contracts;

namespace Danube.Dapr.History.Record;

/// <summary>Sums up the recorded steps of a plan's moves.</summary>
internal static class PlanOutcome
{
    /// <summary>A plan with its outcome; <paramref name="steps"/> are oldest first.</summary>
    internal static PlanRun Of(RebalancePlan plan, IReadOnlyList<MoveRecord> steps)
    {
        var last = steps.GroupBy(s => s.MoveId, StringComparer.Ordinal).Select(Furthest).ToArray();
        var ended = last.Where(s => Entries.IsEnd(s.State)).ToArray();
        var done = ended.Count(s => s.State == MoveState.Done);
        var skipped = ended.Count(s => s.State is MoveState.Skipped or MoveState.Cancelled);
        var finished = last.Length > 0 && ended.Length >= Math.Max(plan.Moves.Count, last.Length);
        return new PlanRun(
            plan,
            last.Length == 0 ? PlanRunState.Proposed : finished ? PlanRunState.Finished : PlanRunState.Running,
            Reason: null, done, ended.Length - done - skipped, skipped,
            finished ? ended.Max(s => s.Time) : null);
    }

    /// <summary>Steps may arrive in another order than they were made.</summary>
    private static MoveRecord Furthest(IEnumerable<MoveRecord> steps) => steps.MaxBy(s => (Entries.IsEnd(s.State), s.Time, s.State))!;
}
