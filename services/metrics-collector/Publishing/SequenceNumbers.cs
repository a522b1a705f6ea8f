using Danube.Dapr.Contracts;

namespace Danube.Dapr.MetricsCollector.Publishing;

/// <summary>
/// Sequence numbers of reports: Unix milliseconds × 1,024 + a random tag of this process. They grow strictly, go on growing after a restart, and two collectors that
/// report on the same broker never make the same number. They stay below 2^53 until the year 2248.
/// </summary>
internal sealed class SequenceNumbers(TimeProvider time, int tag)
{
    internal const int Tags = LoadReport.SequencesPerMillisecond;
    private readonly Lock _lock = new();

    /// <summary>Where the numbers of this process begin: it tells two collectors apart, and which of them started later.</summary>
    public long Origin { get; } = (time.GetUtcNow().ToUnixTimeMilliseconds() * Tags) + tag;

    private long _lastMs;

    public long Next()
    {
        lock (_lock)
        {
            _lastMs = Math.Max(_lastMs + 1, time.GetUtcNow().ToUnixTimeMilliseconds());
            return (_lastMs * Tags) + tag;
        }
    }
}
