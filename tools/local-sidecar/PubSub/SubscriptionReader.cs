using System.Text.Json;

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

    private static Subscription Read(Item item)
    {
        var rules = new List<RoutingRule>();
        foreach (var rule in item.Routes?.Rules ?? [])
        {
            if (!RouteExpression.TryParse(rule.Match, out var expression, out var problem)) throw new FormatException($"topic {item.Topic}: {problem}");
            rules.Add(new RoutingRule(rule.Match, expression, rule.Path));
        }
        if (item.Routes?.Default is { Length: > 0 } fallback) rules.Add(new RoutingRule("", null, fallback));
        if (rules.Count == 0 && item.Route is { Length: > 0 } route) rules.Add(new RoutingRule("", null, route));
        return new Subscription(item.PubsubName, item.Topic, rules, item.DeadLetterTopic ?? "", item.Metadata ?? [],
            item.BulkSubscribe is { Enabled: true } bulk ? new BulkOptions(bulk.MaxMessagesCount > 0 ? bulk.MaxMessagesCount : 100, bulk.MaxAwaitDurationMs > 0 ? bulk.MaxAwaitDurationMs : 1000) : null, IsDeclarative: false);
    }

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
