namespace Danube.Dapr.Rebalancer.Control;

/// <summary>What a topic's name tells.</summary>
internal static class TopicNames
{
    /// <summary>The namespace, without slashes.</summary>
    public static string Namespace(string topic)
    {
        var end = topic.IndexOf('/', 1);
        return end < 0 ? "" : topic[1..end];
    }

    /// <summary>True for a partition of a partitioned topic: Danube refuses to delete one alone.</summary>
    public static bool IsPartition(string topic) => topic.Contains("-part-", StringComparison.Ordinal);
}
