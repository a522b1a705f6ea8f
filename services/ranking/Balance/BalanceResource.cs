using Danube.Dapr.Planning;

namespace Danube.Dapr.Ranking.Balance;

/// <summary>The names that resources have on the wire.</summary>
internal static class BalanceResource
{
    private static readonly (string Name, Resource Resource)[] Table =
    [
        ("bytes", Resource.Throughput),
        ("messages", Resource.Messages),
        ("topics", Resource.TopicCount),
        ("cpu", Resource.Cpu),
        ("memory", Resource.Memory),
        ("disk-io", Resource.DiskIo),
        ("network", Resource.NetworkIo),
        ("disk", Resource.DiskUsage),
    ];

    /// <summary>What decides the headline when nothing is configured.</summary>
    internal static IReadOnlyList<string> Default { get; } = ["bytes", "messages"];

    /// <summary>All names.</summary>
    internal static IReadOnlyList<string> Names { get; } = [.. Table.Select(r => r.Name)];

    /// <summary>All resources.</summary>
    internal static IReadOnlyList<Resource> All { get; } = [.. Table.Select(r => r.Resource)];

    /// <summary>The name of a resource.</summary>
    internal static string NameOf(Resource resource) => Array.Find(Table, r => r.Resource == resource).Name;

    /// <summary>True for what is measured at a broker's machine; the others follow from the topics.</summary>
    internal static bool IsMeasured(Resource resource) =>
        resource is not (Resource.Throughput or Resource.Messages or Resource.TopicCount);
}
