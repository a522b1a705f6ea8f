namespace Danube.Dapr.Rebalancer.Tests.Bench;

/// <summary>The clock of the services under test: it shows what the workflows' clock shows, which jumps from timer to timer, and goes on with the real time between the jumps.</summary>
internal sealed class BenchTime(Func<DateTime> workflowTime) : TimeProvider
{
    private readonly long _started = System.GetTimestamp();

    /// <summary>How far somebody set the clock; the stop-watch does not know.</summary>
    public TimeSpan Set { get; set; }

    /// <summary>How long the process stood still, in all.</summary>
    public TimeSpan StoodStill { get; set; }

    /// <summary>Called before each look at the stop-watch; null for nothing.</summary>
    public Action? Looked { get; set; }

    /// <summary>The stop-watch jumps along: time passes from timer to timer, nobody sets the clock.</summary>
    public override long GetTimestamp()
    {
        Looked?.Invoke();
        return System.GetTimestamp() + (long)((workflowTime() - DateTime.UnixEpoch + StoodStill).TotalSeconds * TimestampFrequency);
    }

    public override DateTimeOffset GetUtcNow() => new DateTimeOffset(workflowTime(), TimeSpan.Zero) + System.GetElapsedTime(_started) + StoodStill + Set;
}
