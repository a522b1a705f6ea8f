namespace Danube.Dapr.MetricsCollector.Resources;

/// <summary>One reading of a target's counters and levels. What could not be read is null.</summary>
internal sealed record ResourceReading
{
    /// <summary>CPU time used so far, in seconds.</summary>
    public double? CpuSeconds { get; init; }

    /// <summary>Cores that the target may use: host, affinity, cpuset or quota, whichever is least.</summary>
    public double? CpuCores { get; init; }

    /// <summary>Scheduler periods so far in which a quota was in force.</summary>
    public double? CpuPeriods { get; init; }

    /// <summary>Periods so far in which the quota ran out.</summary>
    public double? CpuThrottledPeriods { get; init; }

    /// <summary>Memory in use without reclaimable page cache.</summary>
    public double? MemoryBytes { get; init; }

    /// <summary>Memory that the target may use.</summary>
    public double? MemoryLimitBytes { get; init; }

    /// <summary>The devices whose bytes are summed up below; sums over other ones cannot be compared.</summary>
    public string Disks { get; init; } = "";

    public double? DiskReadBytes { get; init; }

    public double? DiskWrittenBytes { get; init; }

    /// <summary>Seconds so far in which each block device was busy.</summary>
    public IReadOnlyList<(string Device, double Seconds)> DiskBusySeconds { get; init; } = [];

    /// <summary>The interfaces whose bytes are summed up below; sums over other ones cannot be compared.</summary>
    public string Cards { get; init; } = "";

    public double? NetworkInBytes { get; init; }

    public double? NetworkOutBytes { get; init; }

    public double? CpuPressurePercent { get; init; }

    public double? MemoryPressurePercent { get; init; }

    public double? IoPressurePercent { get; init; }
}

/// <summary>Reads the counters of one target.</summary>
internal interface IResourceReader
{
    /// <summary>As <c>ResourceUsage.Source</c>.</summary>
    string Source { get; }

    /// <summary>Two readers with the same key read the same thing: brokers that share it share their figures.</summary>
    string Key { get; }

    /// <exception cref="ResourceUnreadableException">The target is gone or cannot be read.</exception>
    ResourceReading Read();
}

/// <summary>A target cannot be read; the message says which and why.</summary>
internal sealed class ResourceUnreadableException(string message, Exception? inner = null) : Exception(message, inner);
