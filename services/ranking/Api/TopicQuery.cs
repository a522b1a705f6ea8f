using Danube.Dapr.Contracts;

namespace Danube.Dapr.Ranking.Api;

/// <summary>A checked question for topics.</summary>
/// <param name="Offset">Topics to pass over.</param>
/// <param name="Limit">Topics to answer.</param>
/// <param name="Broker">Only those of this owner; empty string for those without one.</param>
/// <param name="Namespace">Only those of this namespace.</param>
/// <param name="Sort">Order: by name, or heaviest first.</param>
internal sealed record TopicQuery(int Offset, int Limit, string? Broker, string? Namespace, string Sort)
{
    internal const int MaxLimit = 1_000;

    private const string ByName = "name";

    private static readonly Dictionary<string, Func<TopicSnapshot, double>> Orders = new(StringComparer.Ordinal)
    {
        ["bytes"] = t => t.BytesInPerSecond + t.BytesOutPerSecond,
        ["messages"] = t => t.MessagesInPerSecond + t.MessagesOutPerSecond,
        ["clients"] = t => t.Producers + t.Consumers,
        ["backlog"] = t => t.BacklogMessages ?? -1,
        ["latency"] = t => t.PublishLatencyP99Ms ?? -1,
    };

    /// <summary>Checks the parameters; all faults are named.</summary>
    internal static (TopicQuery? Query, Dictionary<string, string[]> Faults) Parse(int? offset, int? limit, string? broker, string? ns, string? sort)
    {
        var faults = new Dictionary<string, string[]>();
        if (offset is < 0)
            faults["offset"] = [$"offset is {offset}; allowed is 0 or more."];
        if (limit is < 1 or > MaxLimit)
            faults["limit"] = [$"limit is {limit}; allowed are 1 to {MaxLimit}."];
        if (sort is not null && sort != ByName && !Orders.ContainsKey(sort))
            faults["sort"] = [$"sort is '{sort}'; allowed are {ByName}, {string.Join(", ", Orders.Keys)}."];
        return (faults.Count > 0 ? null : new TopicQuery(offset ?? 0, limit ?? 100, broker, ns?.Trim('/'), sort ?? ByName), faults);
    }

    /// <summary>The page of <paramref name="topics"/>, which are ordered by name.</summary>
    internal Page<TopicSnapshot> Apply(IReadOnlyList<TopicSnapshot> topics)
    {
        var prefix = $"/{Namespace}/";
        var found = topics.Where(t =>
            (Broker is null || (t.BrokerId ?? "") == Broker) && (Namespace is null || t.Name.StartsWith(prefix, StringComparison.Ordinal)));
        var ordered = Sort == ByName ? found.ToArray() : [.. found.OrderByDescending(Orders[Sort])];
        return new Page<TopicSnapshot>(ordered.Length, Offset, [.. ordered.Skip(Offset).Take(Limit)]);
    }
}
