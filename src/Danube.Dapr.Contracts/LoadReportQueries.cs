namespace Danube.Dapr.Contracts;

/// <summary>Questions to a load report.</summary>
public static class LoadReportQueries
{
    /// <summary>Names that <see cref="Usage"/> knows.</summary>
    public static IReadOnlyList<string> Resources { get; } = ["cpu", "memory", "disk-read", "disk-write", "disk-busy", "disk-used", "network-in", "network-out"];

    /// <summary>The figure of one resource; null when it was not measured.</summary>
    /// <param name="report">The report.</param>
    /// <param name="resource">One of <see cref="Resources"/>. Percent for cpu, memory, disk-busy and disk-used, else bytes per second.</param>
    /// <exception cref="ArgumentException">There is no such resource.</exception>
    public static Figure? Usage(this LoadReport report, string resource)
    {
        ArgumentNullException.ThrowIfNull(report);
        var use = report.Resources;
        return resource switch
        {
            "cpu" => use.CpuPercent,
            "memory" => use.MemoryPercent,
            "disk-read" => use.DiskReadBytesPerSecond,
            "disk-write" => use.DiskWriteBytesPerSecond,
            "disk-busy" => use.DiskBusyPercent,
            "disk-used" => use.DiskUsedPercent,
            "network-in" => use.NetworkInBytesPerSecond,
            "network-out" => use.NetworkOutBytesPerSecond,
            _ => throw new ArgumentException($"There is no resource '{resource}'; known are {string.Join(", ", Resources)}.", nameof(resource)),
        };
    }

    /// <summary>The topic with exactly this name, or null.</summary>
    public static TopicLoad? Topic(this LoadReport report, string name)
    {
        ArgumentNullException.ThrowIfNull(report);
        return report.Topics.FirstOrDefault(t => t.Name == name);
    }

    /// <summary>The topics with the highest <see cref="Score"/>, the heaviest first; equal ones by name.</summary>
    public static IReadOnlyList<TopicLoad> Heaviest(this LoadReport report, int count)
    {
        ArgumentNullException.ThrowIfNull(report);
        return [.. report.Topics.OrderByDescending(Score).ThenBy(t => t.Name, StringComparer.Ordinal).Take(count)];
    }

    /// <summary>The topics with the lowest <see cref="Score"/>, the lightest first; equal ones by name.</summary>
    public static IReadOnlyList<TopicLoad> Lightest(this LoadReport report, int count)
    {
        ArgumentNullException.ThrowIfNull(report);
        return [.. report.Topics.OrderBy(Score).ThenBy(t => t.Name, StringComparer.Ordinal).Take(count)];
    }

    /// <summary>Sum of all topics' scores.</summary>
    public static double TotalScore(this LoadReport report)
    {
        ArgumentNullException.ThrowIfNull(report);
        return report.Topics.Sum(Score);
    }

    /// <summary>
    /// One number for the weight of a topic, after Danube's roadmap: 0.4 × MB/s in and out + 0.3 × (producers + consumers) + 0.1 × p99 latency / 100 ms. The roadmap's
    /// term for stored gigabytes is left out, because no broker tells a topic's size.
    /// </summary>
    public static double Score(TopicLoad topic)
    {
        ArgumentNullException.ThrowIfNull(topic);
        return (0.4 * (topic.BytesInPerSecond + topic.BytesOutPerSecond) / 1e6)
            + (0.3 * (topic.Producers + topic.Consumers))
            + (0.1 * (topic.PublishLatencyP99Ms ?? 0) / 100);
    }

    /// <summary>The partitioned topic that this topic is a part of: its name without <c>-part-N</c>; null when it is no partition.</summary>
    public static string? PartitionGroup(this TopicLoad topic)
    {
        ArgumentNullException.ThrowIfNull(topic);
        var at = topic.Name.LastIndexOf("-part-", StringComparison.Ordinal);
        return at > 0 && topic.Name.Length > at + 6 && !topic.Name.AsSpan(at + 6).ContainsAnyExceptInRange('0', '9') ? topic.Name[..at] : null;
    }
}
