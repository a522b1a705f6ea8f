namespace Danube.Dapr.LocalSidecar.Scheduling;

/// <summary>When a timer or reminder fires: first at its due time, then on the grid of its period.</summary>
/// <param name="First">The due time.</param>
/// <param name="Period">The distance of the grid, or null for once.</param>
/// <param name="Remaining">How often it still fires, or null without a limit.</param>
/// <param name="Until">No tick is later than this, or null.</param>
/// <param name="Next">The next tick.</param>
internal sealed record Ticks(DateTimeOffset First, TimeSpan? Period, int? Remaining, DateTimeOffset? Until, DateTimeOffset Next)
{
    /// <summary>Reads the texts of a registration.</summary>
    /// <exception cref="FormatException">A text is not understood; the message is daprd's.</exception>
    public static Ticks Parse(string dueTime, string period, string ttl, DateTimeOffset now)
    {
        var first = now;
        if (dueTime.Length > 0 && !Durations.TryParseMoment(dueTime, now, out first)) throw new FormatException($"unsupported due time format: {dueTime}");
        if (!Durations.TryParsePeriod(period, out var distance, out var repetitions)) throw new FormatException($"unsupported period format: {period}");
        DateTimeOffset? until = null;
        if (ttl.Length > 0)
        {
            // The time to live counts from the due time.
            if (!Durations.TryParseMoment(ttl, first, out var end)) throw new FormatException($"unsupported ttl format: {ttl}");
            until = end;
        }
        return new Ticks(first, distance, repetitions, until, first);
    }

    /// <summary>A later tick that is further away than a period was planned before the system's clock was set back: it comes a period from now.</summary>
    public Ticks AsOf(DateTimeOffset now) => Period is { } period && Next != First && Next - now > period + ClockWatch.Tolerance ? this with { Next = now + period } : this;

    /// <summary>What is left after a tick, or null when that was the last. Ticks that passed meanwhile are left out.</summary>
    public Ticks? After(DateTimeOffset now)
    {
        if (Period is not { } period) return null;
        var remaining = Remaining - 1;
        if (remaining <= 0) return null;
        var next = Next + period;
        // The tick that has just been is in the future: the clock was set back since.
        if (Next - now > ClockWatch.Tolerance) next = now + period;
        else if (next < now) next = First + TimeSpan.FromTicks((now - First).Ticks / period.Ticks * period.Ticks + period.Ticks);
        return next > Until ? null : this with { Remaining = remaining, Next = next };
    }
}
