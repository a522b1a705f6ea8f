namespace Danube.Dapr.MetricsCollector.Resources.Portable;

/// <summary>Turns a share that somebody else has measured over the time between two readings back into a counter, as the other readers have.</summary>
internal sealed class ShareCounter(TimeProvider time)
{
    private double _total;
    private long? _last;

    /// <summary>Adds what <paramref name="perSecond"/> makes over the time since the last call.</summary>
    /// <returns>The sum so far.</returns>
    public double Add(double perSecond)
    {
        var now = time.GetTimestamp();
        if (_last is { } last && double.IsFinite(perSecond) && perSecond > 0)
            _total += perSecond * time.GetElapsedTime(last, now).TotalSeconds;
        _last = now;
        return _total;
    }
}
