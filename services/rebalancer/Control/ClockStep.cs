namespace Danube.Dapr.Rebalancer.Control;

/// <summary>When the control loop looked at the clocks last.</summary>
/// <param name="Wall">The time of day.</param>
/// <param name="Steady">The stop-watch of the process, in its ticks; nobody sets it.</param>
/// <param name="Process">The process whose stop-watch it is.</param>
/// <param name="Boot">The boot of the machine, by its kernel; null where that is not known, and in what an older version stored.</param>
/// <param name="SinceBoot">Seconds since that boot, which nobody sets either.</param>
public sealed record ClockReading(DateTimeOffset Wall, long Steady, string Process, string? Boot = null, double? SinceBoot = null);

/// <summary>
/// What a clock that was set does to the memory of the control loop: what is written down moves by as much as the clock did, so that a cool-down, a pause for a time and the hour of the hourly limits
/// are as long as they were. What is told of past events keeps its time.
/// </summary>
internal static class ClockStep
{
    /// <summary>Less than this is left as it is: no wait is then wrong by more.</summary>
    public static readonly TimeSpan Tolerance = TimeSpan.FromMinutes(1);

    /// <summary>How far the clock was set between two looks, in whole minutes, as the ledger counts; zero when it was not.</summary>
    /// <remarks>
    /// Across a restart on another boot or machine, or where the time since boot is not known, only a clock that was set back shows, and only as far as it is behind the last look: one that was set forward looks like a time in which
    /// nobody worked.
    /// </remarks>
    public static TimeSpan Between(ClockReading before, ClockReading now, TimeProvider time)
    {
        var step = Exactly(before, now, time);
        return step.Duration() < Tolerance ? TimeSpan.Zero : TimeSpan.FromMinutes(Math.Round(step.TotalMinutes));
    }

    /// <summary>The same to the moment, for waits of seconds; it is never quite zero.</summary>
    public static TimeSpan Exactly(ClockReading before, ClockReading now, TimeProvider time)
    {
        var passed = Passed(before, now, time);
        var step = now.Wall - before.Wall - (passed ?? TimeSpan.Zero);
        return passed is null && step > TimeSpan.Zero ? TimeSpan.Zero : step;
    }

    /// <summary>The time between two looks by a clock that nobody sets; null when they have none in common. A time since boot that runs backwards is not that of the machine but of a container that began anew.</summary>
    private static TimeSpan? Passed(ClockReading before, ClockReading now, TimeProvider time) =>
        before.Boot is { } boot && boot == now.Boot && now.SinceBoot >= before.SinceBoot ? TimeSpan.FromSeconds(now.SinceBoot.Value - before.SinceBoot!.Value)
        : now.Process == before.Process ? time.GetElapsedTime(before.Steady, now.Steady)
        : null;

    /// <summary>The state with its waits moved to the clock of now, and how far that was.</summary>
    public static (ControlState State, TimeSpan Step) Follow(ControlState state, ClockReading now, TimeProvider time)
    {
        var step = state.Clock is { } before ? Between(before, now, time) : TimeSpan.Zero;
        return ((step == TimeSpan.Zero ? state : Moved(state, step, now.Wall)) with { Clock = now }, step);
    }

    private static ControlState Moved(ControlState state, TimeSpan step, DateTimeOffset now) => state with
    {
        SetForwardAt = step > TimeSpan.Zero ? now : state.SetForwardAt + step,
        Pause = state.Pause is { } pause ? pause with { Until = pause.Until + step } : null,
        Active = state.Active is { } active
            ? active with { Since = active.Since + step, ApprovedAt = active.ApprovedAt + step, ApprovalDeadline = active.ApprovalDeadline + step }
            : null,
        BreachSince = state.BreachSince + step,
        Ledger = state.Ledger.Moved(step),
        RecentMoves = [.. state.RecentMoves.Select(m => m with { At = m.At + step })],
        Drains = [.. state.Drains.Select(d => d with { Since = d.Since + step, NotBefore = d.NotBefore + step })],
        Activated = [.. state.Activated.Select(a => a with { At = a.At + step })],
        EffectsDue = [.. state.EffectsDue.Select(e => e with { At = e.At + step })],
        Watched = [.. state.Watched.Select(w => w with { At = w.At + step, JudgedAt = w.JudgedAt + step })],
        Judged = [.. state.Judged.Select(j => j with { At = j.At + step })],
        Stalls = [.. state.Stalls.Select(s => s with { Since = s.Since + step })],
        BuiltIn = state.BuiltIn is { } builtIn ? builtIn with { SeenAt = builtIn.SeenAt + step } : null,
        Addresses = [.. state.Addresses.Select(a => a with { Since = a.Since + step })],
        Published = state.Published is { } published ? published with { At = published.At + step } : null,
    };
}
