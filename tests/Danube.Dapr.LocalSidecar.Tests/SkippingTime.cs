namespace Danube.Dapr.LocalSidecar.Tests;

/// <summary>The system's time, whose monotonic clock skips what a test says, as it does for a process that slept.</summary>
internal sealed class SkippingTime : TimeProvider
{
    private long _skipped;

    public void Skip(TimeSpan time) => Interlocked.Add(ref _skipped, (long)(time.TotalSeconds * TimestampFrequency));

    public override long GetTimestamp() => base.GetTimestamp() + Interlocked.Read(ref _skipped);
}
