namespace Danube.Dapr.Planning.Mapping;

/// <summary>The names of resources on the wire.</summary>
public static class ResourceNames
{
    /// <summary>The name of a resource: <c>cpu</c>, <c>memory</c>, <c>diskIo</c>, <c>networkIo</c>, <c>bytes</c>, <c>topics</c>, <c>diskUsage</c> or <c>messages</c>.</summary>
    /// <exception cref="ArgumentOutOfRangeException">The resource is not one of the enum.</exception>
    public static string Of(Resource resource) => resource switch
    {
        Resource.Cpu => "cpu",
        Resource.Memory => "memory",
        Resource.DiskIo => "diskIo",
        Resource.NetworkIo => "networkIo",
        Resource.Throughput => "bytes",
        Resource.TopicCount => "topics",
        Resource.DiskUsage => "diskUsage",
        Resource.Messages => "messages",
        _ => throw new ArgumentOutOfRangeException(nameof(resource), resource, "Unknown resource."),
    };

    /// <summary>The resource of a name, or null when there is none of that name.</summary>
    public static Resource? Parse(string name)
    {
        foreach (var resource in Enum.GetValues<Resource>()) if (Of(resource) == name) return resource;
        return null;
    }

    internal static IReadOnlyDictionary<string, double> Dictionary(ResourceVector vector)
    {
        var result = new Dictionary<string, double>();
        foreach (var resource in Enum.GetValues<Resource>()) if (vector[resource] > 0) result[Of(resource)] = vector[resource];
        return result;
    }
}
