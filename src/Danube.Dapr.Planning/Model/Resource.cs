namespace Danube.Dapr.Planning;

/// <summary>What a broker has a limited amount of. The order is the order of every per-resource array.</summary>
public enum Resource
{
    /// <summary>Processor cores in use.</summary>
    Cpu,

    /// <summary>Memory in use, bytes.</summary>
    Memory,

    /// <summary>Disk reads and writes, bytes per second.</summary>
    DiskIo,

    /// <summary>Network traffic of the host, both directions, bytes per second.</summary>
    NetworkIo,

    /// <summary>Payload in and out of topics, bytes per second.</summary>
    Throughput,

    /// <summary>Number of topics.</summary>
    TopicCount,

    /// <summary>Disk space in use, bytes.</summary>
    DiskUsage,

    /// <summary>Messages in and out of topics, per second.</summary>
    Messages,
}

/// <summary>One value per <see cref="Resource"/>, each in the unit that <see cref="Resource"/> documents. Immutable.</summary>
/// <param name="Cpu">Cores.</param>
/// <param name="Memory">Bytes.</param>
/// <param name="DiskIo">Bytes per second.</param>
/// <param name="NetworkIo">Bytes per second.</param>
/// <param name="Throughput">Bytes per second.</param>
/// <param name="TopicCount">Topics.</param>
/// <param name="DiskUsage">Bytes.</param>
/// <param name="Messages">Messages per second.</param>
public readonly record struct ResourceVector(
    double Cpu = 0, double Memory = 0, double DiskIo = 0, double NetworkIo = 0, double Throughput = 0, double TopicCount = 0,
    double DiskUsage = 0, double Messages = 0)
{
    /// <summary>How many resources there are.</summary>
    public const int Length = 8;

    /// <summary>The value of one resource.</summary>
    /// <exception cref="ArgumentOutOfRangeException">The resource is not one of the enum.</exception>
    public double this[Resource resource] => resource switch
    {
        Resource.Cpu => Cpu,
        Resource.Memory => Memory,
        Resource.DiskIo => DiskIo,
        Resource.NetworkIo => NetworkIo,
        Resource.Throughput => Throughput,
        Resource.TopicCount => TopicCount,
        Resource.DiskUsage => DiskUsage,
        Resource.Messages => Messages,
        _ => throw new ArgumentOutOfRangeException(nameof(resource), resource, "Unknown resource."),
    };

    /// <summary>The same vector with one value replaced.</summary>
    public ResourceVector With(Resource resource, double value) => resource switch
    {
        Resource.Cpu => this with { Cpu = value },
        Resource.Memory => this with { Memory = value },
        Resource.DiskIo => this with { DiskIo = value },
        Resource.NetworkIo => this with { NetworkIo = value },
        Resource.Throughput => this with { Throughput = value },
        Resource.TopicCount => this with { TopicCount = value },
        Resource.DiskUsage => this with { DiskUsage = value },
        Resource.Messages => this with { Messages = value },
        _ => throw new ArgumentOutOfRangeException(nameof(resource), resource, "Unknown resource."),
    };

    /// <summary>A vector from eight values in the order of <see cref="Resource"/>.</summary>
    /// <exception cref="ArgumentException">There are not exactly eight values.</exception>
    public static ResourceVector From(ReadOnlySpan<double> values) => values.Length == Length
        ? new(values[0], values[1], values[2], values[3], values[4], values[5], values[6], values[7])
        : throw new ArgumentException($"Needs {Length} values, got {values.Length}.", nameof(values));
}
