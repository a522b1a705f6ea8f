using Microsoft.Extensions.Time.Testing;

namespace Danube.Dapr.LocalSidecar.Tests;

/// <summary>A clock that somebody sets back: the stop-watch goes on.</summary>
internal sealed class SettableClock : FakeTimeProvider
{
    private TimeSpan _lost;

    public void SetBack(TimeSpan by) => _lost += by;

    public override DateTimeOffset GetUtcNow() => base.GetUtcNow() - _lost;

    // The base class derives it from the time of day, and the two are to differ here.
    public override long GetTimestamp() => base.GetTimestamp() + (long)(_lost.TotalSeconds * TimestampFrequency);
}
