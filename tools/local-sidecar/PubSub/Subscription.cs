namespace Danube.Dapr.LocalSidecar.PubSub;

/// <summary>What an app wants to receive, and where.</summary>
/// <param name="Routes">Rules in order; the first that matches wins.</param>
/// <param name="DeadLetterTopic">Where an event goes that could not be processed, or empty.</param>
/// <param name="Bulk">How events are gathered, or null for one call per event.</param>
internal sealed record Subscription(
    string PubSubName,
    string Topic,
    IReadOnlyList<RoutingRule> Routes,
    string DeadLetterTopic,
    IReadOnlyDictionary<string, string> Metadata,
    BulkOptions? Bulk,
    SubscriptionSource Source)
{
    /// <summary>True when payloads come without an envelope and are to be wrapped in one.</summary>
    public bool IsRaw { get; } = Metadata.TryGetValue("rawPayload", out var raw) && string.Equals(raw, "true", StringComparison.OrdinalIgnoreCase);
}

/// <summary>Where a subscription comes from: a file, the app's answer, or a stream that the app opened.</summary>
internal enum SubscriptionSource { Declarative, Programmatic, Streaming }

/// <summary>A rule of a subscription.</summary>
/// <param name="Match">The expression as it was written; empty matches always.</param>
/// <param name="Expression">The parsed expression, or null when it matches always.</param>
/// <param name="Path">The app's path, as it was written.</param>
internal sealed record RoutingRule(string Match, RouteExpression? Expression, string Path);

/// <summary>How events of a bulk subscription are gathered.</summary>
internal sealed record BulkOptions(int MaxMessagesCount, int MaxAwaitDurationMs);
