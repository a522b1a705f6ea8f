using System.Text.RegularExpressions;

namespace Danube.Dapr.Rebalancer.Control;

/// <summary>Danube's topic names: <c>/namespace/topic</c>, each part of letters, digits, <c>_</c> and <c>-</c>.</summary>
internal static partial class TopicNames
{
    public static bool IsValid(string? topic) => topic is not null && Pattern().IsMatch(topic);

    /// <summary>The namespace, without slashes.</summary>
    public static string Namespace(string topic)
    {
        var end = topic.IndexOf('/', 1);
        return end < 0 ? "" : topic[1..end];
    }

    /// <summary>True for a partition of a partitioned topic: Danube refuses to delete one alone.</summary>
    public static bool IsPartition(string topic) => topic.Contains("-part-", StringComparison.Ordinal);

    [GeneratedRegex(@"^/[\p{L}\p{N}_-]+/[\p{L}\p{N}_-]+$", RegexOptions.CultureInvariant)]
    private static partial Regex Pattern();
}
