using System.Globalization;
using Danube.Dapr.Contracts;
using Danube.Dapr.Rebalancer.Actors;
using Danube.Dapr.Rebalancer.Options;
using Danube.Dapr.Rebalancer.Plans;

namespace Danube.Dapr.Rebalancer.Control;

/// <summary>What the control loop learns from a plan that ended.</summary>
internal static class Outcomes
{
    private const int MinMovesForShare = 3;
    private const int MaxRemembered = 500;
    private const int MaxEffectsDue = 50;

    /// <summary>Moves of the no-return time that are remembered: the state is one value, and the newest matter most.</summary>
    private const int MaxRecentMoves = 2_000;

    /// <summary>The state without the plan, with what it taught. The same plan a second time changes nothing.</summary>
    public static ControlState Apply(ControlState state, PlanResult result, RebalancerOptions options, DateTimeOffset now)
    {
        if (state.Active is not { } active || active.PlanId != result.PlanId)
            return state;
        // A broker that dies takes its moves along; that says nothing about how well moves go.
        var failures = result.Ends.Where(Failed).ToList();
        var moved = result.Ends.Where(m => PlanProgress.HasLanded(m.State)).Select(m => m.Topic).ToHashSet(StringComparer.Ordinal);
        var twice = failures.Where(m => m.Reason == ReasonCode.LoadedTwice).ToList();
        // What was deleted to be created again was not unloaded: whatever keeps it from being created, its source let it go.
        bool Unloaded(MoveRecord move) => result.Deleted.All(d => d.Topic != move.Topic);
        return state with
        {
            Active = null,
            Ledger = state.Ledger.Remove(now, active.Since, result.NotMoved.Where(m => m.Cause != MoveCause.Repair).Select(m => CountedMove.Of(m.Topic, m.From, m.To))),
            RecentMoves = Recent(state, result, options, now),
            // The gate in front of a topic may know of a broker that this state does not: the move did not come back that could have told of it. Moves that a plan did not come to have its reason and its
            // words: they say nothing about their own topics.
            Banned =
            [
                .. state.Banned.Concat(failures.Where(Unloaded).Select(DeadCopy).OfType<TopicPin>())
                    .Concat(result.NotMoved.Where(m => m.Reason == ReasonCode.DeadCopy && m.To.Length > 0 && m.Detail != result.Detail).Select(m => new TopicPin(m.Topic, m.To))).Distinct().TakeLast(MaxRemembered),
            ],
            // One that was moved all the same, by force, left both its logs behind.
            LoadedTwice = [.. state.LoadedTwice.Except(moved).Concat(twice.Select(m => m.Topic)).Distinct().TakeLast(MaxRemembered)],
            LoadedTwiceOn =
            [
                .. state.LoadedTwiceOn.Where(p => !moved.Contains(p.Topic) && twice.All(m => m.Topic != p.Topic))
                    .Concat(twice.Select(m => new TopicPin(m.Topic, m.Owner ?? m.To))).TakeLast(MaxRemembered),
            ],
            StuckBrokers = [.. state.StuckBrokers.Concat(result.Ends.Where(m => m.State == MoveState.Stuck && Unloaded(m)).Select(StuckOn)).Distinct()],
            RepairFailed =
            [
                .. state.RepairFailed.Except(result.Ends.Where(m => m.State == MoveState.Done).Select(m => m.Topic))
                    .Concat(failures.Where(m => m.Cause == MoveCause.Repair).Select(m => m.Topic)).Distinct().TakeLast(MaxRemembered),
            ],
            Deleted = [.. state.Deleted.Where(d => result.Deleted.All(n => n.Topic != d.Topic)).Concat(result.Deleted).TakeLast(MaxRemembered)],
            Drains = [.. state.Drains.Select(d => d.PlanId == result.PlanId ? d.Ended(result.Reason, result.Ends.Any(m => m.State == MoveState.Done), now) : d)],
            EffectsDue = result.Ends.Any(PlanProgress.HasLanded)
                ? [.. state.EffectsDue.TakeLast(MaxEffectsDue - 1), new EndedPlan(result.PlanId, now)]
                : state.EffectsDue,
            Circuit = state.Circuit ?? WhyOpen(result, failures, options, now),
        };
    }

    /// <summary>Why a plan must stop, as too many of its moves have failed by now; null when it may go on.</summary>
    public static Denial? WhyTooManyFailed(string planId, IReadOnlyList<MoveRecord> moves, RebalancerOptions options)
    {
        var begun = moves.Count(PlanProgress.HasBegun);
        var failed = moves.Count(m => Failed(m) && m.Cause != MoveCause.Repair);
        return IsTooMuch(failed, begun, options)
            ? new Denial(ReasonCode.Fault, string.Create(CultureInfo.InvariantCulture, $"{failed} of {begun} moves of plan {planId} failed; the limit is {options.MaxFailureShare:P0}."))
            : null;
    }

    /// <summary>True when the share of moves that went wrong, of those that began, is one that opens the circuit breaker.</summary>
    public static bool IsTooMuch(int wrong, int begun, RebalancerOptions options) => begun >= MinMovesForShare && wrong > options.MaxFailureShare * begun;

    /// <summary>True for a move that went wrong by itself, not because its broker died.</summary>
    public static bool Failed(MoveRecord move) => move.State == MoveState.Stuck || (move.State == MoveState.Failed && move.Reason != ReasonCode.BrokerUnreachable);

    /// <summary>Moves whose topics may not go back yet.</summary>
    private static IReadOnlyList<RecentMove> Recent(ControlState state, PlanResult result, RebalancerOptions options, DateTimeOffset now)
    {
        var keep = now - ControlRules.NoReturn(options);
        // A time from before the plan, or from after now, is that of a clock that was set meanwhile.
        DateTimeOffset Ended(DateTimeOffset at) => at <= now && at >= (state.Active?.Since ?? at) ? at : now;
        var moved = result.Ends.Where(m => PlanProgress.HasLanded(m.State)).Select(m => new RecentMove(m.Topic, m.From, m.To, Ended(m.Time)));
        return [.. state.RecentMoves.Concat(moved).Where(m => m.At > keep).TakeLast(MaxRecentMoves)];
    }

    /// <summary>
    /// Where a move left, or found, a dead copy: an unload that did not finish may have left the topic, sealed, in the memory of the broker that it came from; a target that refuses the
    /// topic's publishes has one from before, and so has the broker to which a repair brought it. Null for none, and for a repair that knows of no broker.
    /// </summary>
    private static TopicPin? DeadCopy(MoveRecord move) =>
        move.From.Length == 0 ? (move is { Reason: ReasonCode.DeadCopy, Owner: { } owner } ? new TopicPin(move.Topic, owner) : null)
        : move.Reason is ReasonCode.DeadCopy ? new TopicPin(move.Topic, move.To)
        : move.State == MoveState.Stuck && StuckOn(move) == move.From ? new TopicPin(move.Topic, move.From)
        : null;

    /// <summary>Where a move stuck: at its source, which did not let the topic go, or at its target, which was given it and did not load it.</summary>
    private static string StuckOn(MoveRecord move) => move.Owner == move.To ? move.To : move.From;

    private static OpenCircuit? WhyOpen(PlanResult result, List<MoveRecord> all, RebalancerOptions options, DateTimeOffset now)
    {
        // A repair stops at its first surprise by itself; it is no reason to stop moves.
        var failures = all.Where(m => m.Cause != MoveCause.Repair).ToList();
        if (failures.Where(m => m.State == MoveState.Stuck).ToList() is [var stuck, .. var others])
        {
            return new OpenCircuit(now, ReasonCode.Timeout,
                $"Topic {stuck.Topic} is stuck on broker {StuckOn(stuck)} on its way from {stuck.From} to {stuck.To}: {stuck.Detail}{(others.Count > 0 ? $" Stuck as well: {string.Join(", ", others.Select(m => m.Topic))}." : "")}");
        }

        if (failures.FirstOrDefault(m => m.Reason is ReasonCode.LoadedTwice or ReasonCode.DeadCopy) is { } bad)
            return new OpenCircuit(now, bad.Reason!.Value, $"Topic {bad.Topic}: {bad.Detail}");
        if (result.Reason is ReasonCode.ClientImpact)
            return new OpenCircuit(now, ReasonCode.ClientImpact, result.Detail);
        return WhyTooManyFailed(result.PlanId, result.Ends, options) is { } many ? new OpenCircuit(now, many.Reason, many.Detail) : null;
    }
}
