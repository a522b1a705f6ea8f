using Danube.Dapr.Contracts;
using Danube.Dapr.ServiceDefaults;

namespace Danube.Dapr.Ranking.Api;

/// <summary>A question for topics.</summary>
/// <param name="Offset">Topics to pass over; none for 0.</param>
/// <param name="Limit">Topics to answer; none for 100.</param>
/// <param name="Broker">Only those of this owner; empty string for those without one.</param>
/// <param name="Namespace">Only those of this namespace.</param>
/// <param name="Sort">Order: by name, which is the default, or heaviest first.</param>
internal sealed record TopicQuery(Asked<int>? Offset = null, Asked<int>? Limit = null, string? Broker = null, string? Namespace = null, string? Sort = null)
{
    private const string ByName = "name";

    private static readonly Dictionary<string, Func<TopicSnapshot, double>> Orders = new(StringComparer.Ordinal)
    {
        ["bytes"] = t => t.BytesInPerSecond + t.BytesOutPerSecond,
        ["messages"] = t => t.MessagesInPerSecond + t.MessagesOutPerSecond,
        ["clients"] = t => t.Producers + t.Consumers,
        ["backlog"] = t => t.BacklogMessages ?? -1,
        ["latency"] = t => t.PublishLatencyP99Ms ?? -1,
    };

    internal static IReadOnlyList<string> Sorts { get; } = [ByName, .. Orders.Keys];

    /// <summary>The page of <paramref name="topics"/>, which are ordered by name.</summary>
    internal Page<TopicSnapshot> Apply(IReadOnlyList<TopicSnapshot> topics)
    {
        var (offset, sort, prefix) = (Offset?.Value ?? 0, Sort ?? ByName, $"/{Namespace?.Trim('/')}/");
        var found = topics.Where(t =>
            (Broker is null || (t.BrokerId ?? "") == Broker) && (Namespace is null || t.Name.StartsWith(prefix, StringComparison.Ordinal)));
        var ordered = sort == ByName ? found.ToArray() : [.. found.OrderByDescending(Orders[sort])];
        return new Page<TopicSnapshot>(ordered.Length, offset, [.. ordered.Skip(offset).Take(Limit?.Value ?? 100)]);
    }
}
