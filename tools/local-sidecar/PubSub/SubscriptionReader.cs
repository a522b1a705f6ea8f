using System.Text.Json;
using Dapr.AppCallback.Autogen.Grpc.v1;

namespace Danube.Dapr.LocalSidecar.PubSub;

/// <summary>Reads an app's answer to <c>/dapr/subscribe</c>; names are not case-sensitive.</summary>
internal static class SubscriptionReader
{
    /// <exception cref="FormatException">A rule cannot be used.</exception>
    /// <exception cref="JsonException">The answer is no JSON array of subscriptions.</exception>
    public static IReadOnlyList<Subscription> Parse(ReadOnlySpan<byte> json)
    {
        var items = JsonSerializer.Deserialize(json, SubscriptionJson.Default.ListItem) ?? [];
        return [.. items.Where(static i => i.PubsubName.Length > 0 && i.Topic.Length > 0).Select(Read)];
    }

    /// <summary>The answer of an app that speaks gRPC.</summary>
    /// <exception cref="FormatException">A rule cannot be used.</exception>
    public static IReadOnlyList<Subscription> Read(ListTopicSubscriptionsResponse answer) => [.. answer.Subscriptions.Where(static s => s.PubsubName.Length > 0 && s.Topic.Length > 0).Select(static s =>
    {
        var rules = Rules(s.Topic, s.Routes?.Rules.Select(static r => (r.Match, r.Path)) ?? [], s.Routes?.Default);
        // A gRPC app has one method for all events, so that no rule at all means all of them.
        if (rules.Count == 0) rules.Add(new RoutingRule("", null, ""));
        return new Subscription(s.PubsubName, s.Topic, rules, s.DeadLetterTopic, s.Metadata, s.BulkSubscribe is { Enabled: true } bulk ? Bulk(bulk.MaxMessagesCount, bulk.MaxAwaitDurationMs) : null, SubscriptionSource.Programmatic);
    })];

    private static Subscription Read(Item item)
    {
        var rules = Rules(item.Topic, item.Routes?.Rules?.Select(static r => (r.Match, r.Path)) ?? [], item.Routes?.Default);
        if (rules.Count == 0 && item.Route is { Length: > 0 } route) rules.Add(new RoutingRule("", null, route));
        return new Subscription(item.PubsubName, item.Topic, rules, item.DeadLetterTopic ?? "", item.Metadata ?? [],
            item.BulkSubscribe is { Enabled: true } bulk ? Bulk(bulk.MaxMessagesCount, bulk.MaxAwaitDurationMs) : null, SubscriptionSource.Programmatic);
    }

    private static List<RoutingRule> Rules(string topic, IEnumerable<(string Match, string Path)> conditions, string? fallback)
    {
        var rules = new List<RoutingRule>();
        foreach (var (match, path) in conditions)
        {
            if (!RouteExpression.TryParse(match, out var expression, out var problem)) throw new FormatException($"topic {topic}: {problem}");
            rules.Add(new RoutingRule(match, expression, path));
        }
        if (fallback is { Length: > 0 }) rules.Add(new RoutingRule("", null, fallback));
        return rules;
    }

    private static BulkOptions Bulk(int messages, int milliseconds) => new(messages > 0 ? messages : 100, milliseconds > 0 ? milliseconds : 1000);

    internal sealed class Item
    {
        public string Topic { get; set; } = "";

        public string PubsubName { get; set; } = "";

        public string? Route { get; set; }

        public RouteList? Routes { get; set; }

        public Dictionary<string, string>? Metadata { get; set; }

        public string? DeadLetterTopic { get; set; }

        public BulkItem? BulkSubscribe { get; set; }
    }

    internal sealed class RouteList
    {
        public List<Rule>? Rules { get; set; }

        public string? Default { get; set; }
    }

    internal sealed class Rule
    {
        public string Match { get; set; } = "";

        public string Path { get; set; } = "";
    }

    internal sealed class BulkItem
    {
        public bool Enabled { get; set; }

        public int MaxMessagesCount { get; set; }

        public int MaxAwaitDurationMs { get; set; }
    }
}

[System.Text.Json.Serialization.JsonSourceGenerationOptions(PropertyNameCaseInsensitive = true)]
[System.Text.Json.Serialization.JsonSerializable(typeof(List<SubscriptionReader.Item>))]
internal sealed partial class SubscriptionJson : System.Text.Json.Serialization.JsonSerializerContext;
