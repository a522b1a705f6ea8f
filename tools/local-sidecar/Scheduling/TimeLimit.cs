namespace Danube.Dapr.LocalSidecar.Scheduling;

/// <summary>A time that runs out by the stop-watch: a clock that is set neither shortens nor lengthens it.</summary>
internal readonly struct TimeLimit(TimeProvider time, TimeSpan length)
{
    private readonly long _began = time.GetTimestamp();

    /// <summary>A length that does not run out, and to which some time can still be added.</summary>
    public static TimeSpan None { get; } = TimeSpan.FromDays(365_000);

    /// <summary>What is left; below zero when it has run out.</summary>
    public TimeSpan Left => length - time.GetElapsedTime(_began);
}
