namespace Danube.Dapr.LocalSidecar.Scheduling;

/// <summary>Notices that the system's clock was set back. What waits for a time of the old clock would otherwise wait for as long as the clock lost.</summary>
internal sealed class ClockWatch(TimeProvider time)
{
    /// <summary>Less than this is the slow steering of a clock, which nobody needs to be told of.</summary>
    public static readonly TimeSpan Tolerance = TimeSpan.FromSeconds(2);

    private DateTimeOffset _wall = time.GetUtcNow();
    private long _steady = time.GetTimestamp();

    /// <summary>How far the clock was set back since the last look; zero when it was not, or was set forward.</summary>
    public TimeSpan SetBack()
    {
        var (wall, steady) = (time.GetUtcNow(), time.GetTimestamp());
        var lost = _wall + time.GetElapsedTime(_steady, steady) - wall;
        (_wall, _steady) = (wall, steady);
        return lost > Tolerance ? lost : TimeSpan.Zero;
    }
}
