using System.Globalization;
using Danube.Dapr.Contracts;
using Danube.Dapr.Rebalancer.Control;
using Danube.Dapr.Rebalancer.Options;
using Danube.Dapr.Rebalancer.Plans;

namespace Danube.Dapr.Rebalancer.Cycle;

/// <summary>A move of which it was found out what it did to its topic.</summary>
/// <param name="PlanId">The plan.</param>
/// <param name="Effect">What it did.</param>
internal sealed record JudgedMove(string PlanId, MoveEffect Effect);

/// <summary>
/// Looks at topics that were moved, with every cycle, until each is judged: most are with the first look and are forgotten then. What is not as before when the patience ends has not come
/// back: it is a finding, rests, and counts as a failed move to the circuit breaker.
/// </summary>
internal static class MoveWatch
{
    /// <summary>Moves that are watched at the same time, at most, after a look: they are part of one stored value. The oldest give way, and are unknown.</summary>
    public const int Most = 1_000;

    /// <summary>One that stays away for so long is as it is meant to be.</summary>
    private static readonly TimeSpan Shown = TimeSpan.FromDays(1);

    /// <summary>Time over which moves of several plans that have not come back count together.</summary>
    private static readonly TimeSpan Recent = TimeSpan.FromHours(1);

    /// <summary>Begins to look at the moves of a plan that ended.</summary>
    public static ControlState Begin(ControlState state, EndedPlan ended, RebalancePlan plan, IReadOnlyList<MoveRecord> moves)
    {
        var planned = plan.Moves.ToDictionary(m => m.Topic, StringComparer.Ordinal);
        var begun = moves.Where(m => PlanProgress.HasBegun(m) && m.Cause != MoveCause.Repair).ToList();
        var landed = begun.Where(m => PlanProgress.HasLanded(m) && m.Effect is null).Select(m => new WatchedMove
        {
            Topic = m.Topic,
            PlanId = plan.Id,
            BrokerId = m.Owner ?? m.To,
            At = ended.At,
            MessagesBefore = planned[m.Topic].MessagesPerSecond,
            OutBefore = planned[m.Topic].MessagesOutPerSecond,
            BacklogBefore = planned[m.Topic].BacklogMessages,
        });
        return state with
        {
            Watched = [.. state.Watched, .. landed],
            EffectsDue = [.. state.EffectsDue.Select(d => d == ended ? d with { Watched = true, Begun = begun.Count, Failed = begun.Count(Outcomes.Failed) } : d)],
        };
    }

    /// <summary>The state after a look at all watched topics, with the moves that were judged by it.</summary>
    public static (ControlState State, IReadOnlyList<JudgedMove> Judged) Look(ControlState state, ClusterSnapshot snapshot, RebalancerOptions options, DateTimeOffset now)
    {
        if (state.Watched.Count == 0)
            return (state, []);
        var topics = snapshot.Topics.ToDictionary(t => t.Name, StringComparer.Ordinal);
        var reports = snapshot.Brokers.ToDictionary(b => b.Id, b => b.ReportTime, StringComparer.Ordinal);
        // Moved again: the last move is the one to look at, unless the topic has been away since an earlier one. Deleted: none is.
        var whole = Findings.ClusterLearning.IsWhole(state, snapshot);
        var looked = state.Watched.Select((move, i) => (move, i)).Where(w => !whole || topics.ContainsKey(w.move.Topic))
            .GroupBy(w => w.move.Topic, StringComparer.Ordinal).Select(g => g.OrderBy(w => w.move.JudgedAt is not null).Last().i).ToHashSet();
        var kept = new List<WatchedMove>();
        var judged = new List<JudgedMove>();
        foreach (var (before, i) in state.Watched.Select((w, i) => (w, i)))
        {
            var (move, verdict, ends) = looked.Contains(i)
                ? Judge(before, topics.GetValueOrDefault(before.Topic), reports, options, now)
                : (before, MoveVerdict.Unknown, true);
            // One that is judged already is told again only when it has come back.
            if (verdict is { } known && (before.JudgedAt is null || known == MoveVerdict.CameBack))
                judged.Add(Told(move, known, now));
            if (!ends)
                kept.Add(move);
        }

        foreach (var move in kept.SkipLast(Most).Where(m => m.JudgedAt is null))
            judged.Add(Told(move, MoveVerdict.Unknown, now));
        state = state with { Watched = [.. kept.TakeLast(Most)], Judged = Count(state.Judged, kept.Count(m => m.JudgedAt == now) + judged.Count(j => j.Effect.Verdict == MoveVerdict.CameBack), now) };
        return (judged.Exists(j => IsBad(j.Effect.Verdict)) && state.Circuit is null ? state with { Circuit = WhyOpen(state, options, now) } : state, judged);
    }

    /// <summary>Topics that are not moved again by themselves: they have not come back, or it looks as if they had not.</summary>
    public static IReadOnlySet<string> Resting(ControlState state) =>
        state.Watched.Where(w => w.JudgedAt is not null || IsBad(w.Sign)).Select(w => w.Topic).ToHashSet(StringComparer.Ordinal);

    /// <summary>With moves that are judged now, a few of which may have been judged before; those of one minute together, so that it stays small however often there is a look.</summary>
    private static List<JudgedMoves> Count(IReadOnlyList<JudgedMoves> before, int moves, DateTimeOffset now)
    {
        var recent = before.Where(j => now - j.At < Recent).ToList();
        if (moves == 0)
            return recent;
        return recent is [.. var earlier, var last] && now - last.At < TimeSpan.FromMinutes(1) ? [.. earlier, last with { Moves = last.Moves + moves }] : [.. recent, new JudgedMoves(now, moves)];
    }

    /// <summary>True when the topic has not come back.</summary>
    public static bool IsBad(MoveVerdict? verdict) => verdict is MoveVerdict.Silent or MoveVerdict.BacklogGrows;

    /// <summary>The move after this cycle's look, what it came to, if that is found out now, and whether the looks end.</summary>
    private static (WatchedMove Move, MoveVerdict? Verdict, bool Ends) Judge(
        WatchedMove move, TopicSnapshot? topic, Dictionary<string, DateTimeOffset?> reports, RebalancerOptions options, DateTimeOffset now)
    {
        if (topic?.BrokerId is { } owner && reports.GetValueOrDefault(owner) is { } report && report > move.At)
        {
            // It has left, by whatever: what its clients do now is not this move's doing. One that has been away since goes on being so.
            if (owner != move.BrokerId && move.JudgedAt is null)
                return (move, MoveVerdict.Unknown, true);
            move = move with { BrokerId = owner };
            if (topic.RatesKnown && report != move.Report)
            {
                var looked = MoveJudgement.Look(move, topic, report);
                // What counts as not come back is so until it is seen to be back.
                move = looked is { JudgedAt: not null, Sign: MoveVerdict.Unknown } ? looked with { Sign = move.Sign } : looked;
            }

            if (move.Sign == MoveVerdict.CameBack)
                return (move, MoveVerdict.CameBack, true);
        }

        if (move.JudgedAt is { } at)
            return (move, null, now - at > Shown);
        // At least two looks, however far apart the cycles are; but it may be that there is nothing to look at.
        var over = now - move.At > options.EffectPatience;
        if (over && move.Looks >= 2 && IsBad(move.Sign))
            return (move with { JudgedAt = now }, move.Sign, false);
        var givenUp = over && (move.Looks >= 2 || now - move.At > options.EffectPatience + TimeSpan.FromSeconds(2 * options.CheckIntervalSeconds));
        return (move, givenUp ? MoveVerdict.Unknown : null, givenUp);
    }

    private static JudgedMove Told(WatchedMove move, MoveVerdict verdict, DateTimeOffset now) => new(move.PlanId, new MoveEffect(
        move.Topic, move.BrokerId, move.MessagesBefore, move.Looks > 0 ? move.In + move.Out : null, move.Backlog, verdict != MoveVerdict.Silent, move.BacklogBefore)
    {
        Verdict = verdict,
        Time = now,
    });

    /// <summary>Moves whose topics have not come back count as failed ones: of their own plan, and of all moves judged in the last hour, as a plan may have one move alone.</summary>
    private static OpenCircuit? WhyOpen(ControlState state, RebalancerOptions options, DateTimeOffset now)
    {
        var bad = state.Watched.Where(w => w is { JudgedAt: not null, Excused: false }).ToList();
        foreach (var plan in state.EffectsDue.Where(d => d.Watched))
        {
            var ofPlan = bad.Where(w => w.PlanId == plan.PlanId).ToList();
            var failed = plan.Excused ? 0 : plan.Failed;
            if (ofPlan.Count > 0 && Outcomes.IsTooMuch(ofPlan.Count + failed, plan.Begun, options))
                return Open(ofPlan, $"{plan.Begun} moves of plan {plan.PlanId} have not come back{(failed > 0 ? string.Create(CultureInfo.InvariantCulture, $", and {failed} failed") : "")}", options, now);
        }

        var recent = bad.Where(w => now - w.JudgedAt < Recent).ToList();
        var moves = state.Judged.Sum(j => j.Moves);
        return Outcomes.IsTooMuch(recent.Count, moves, options) ? Open(recent, string.Create(CultureInfo.InvariantCulture, $"{moves} moves judged in the last hour have not come back"), options, now) : null;
    }

    private static OpenCircuit Open(List<WatchedMove> bad, string of, RebalancerOptions options, DateTimeOffset now) => new(now, ReasonCode.ClientImpact, string.Create(
        CultureInfo.InvariantCulture, $"The topics of {bad.Count} of {of}: {bad[0].Topic} and others; the limit is {options.MaxFailureShare:P0}."));
}
