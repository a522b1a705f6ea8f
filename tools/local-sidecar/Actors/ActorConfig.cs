using System.Text.Json;
using Danube.Dapr.LocalSidecar.Scheduling;

namespace Danube.Dapr.LocalSidecar.Actors;

/// <summary>What an app says about its actors at <c>/dapr/config</c>.</summary>
internal sealed record ActorConfig(IReadOnlyDictionary<string, ActorTypeConfig> Types)
{
    public static readonly ActorConfig None = new(new Dictionary<string, ActorTypeConfig>());

    public static ActorConfig Parse(ReadOnlyMemory<byte> json)
    {
        using var document = JsonDocument.Parse(json);
        var root = document.RootElement;
        if (root.ValueKind != JsonValueKind.Object) throw new FormatException($"/dapr/config must answer a JSON object, not {root.ValueKind switch { JsonValueKind.Array => "an array", JsonValueKind.Null => "null", _ => "a single value" }}");
        var defaults = ActorTypeConfig.Parse(root, ActorTypeConfig.Default);
        var types = new Dictionary<string, ActorTypeConfig>(StringComparer.Ordinal);
        foreach (var type in Entities(root)) types[type] = defaults;
        if (root.TryGetProperty("entitiesConfig", out var configs) && configs.ValueKind == JsonValueKind.Array)
        {
            foreach (var config in configs.EnumerateArray())
                foreach (var type in Entities(config))
                    if (types.ContainsKey(type)) types[type] = ActorTypeConfig.Parse(config, defaults);
        }
        return new ActorConfig(types);
    }

    private static IEnumerable<string> Entities(JsonElement element) =>
        element.ValueKind == JsonValueKind.Object && element.TryGetProperty("entities", out var list) && list.ValueKind == JsonValueKind.Array
            ? list.EnumerateArray().Where(static e => e.ValueKind == JsonValueKind.String).Select(static e => e.GetString()!) : [];
}

/// <summary>The settings of one actor type.</summary>
/// <param name="IdleTimeout">An actor that did nothing for so long is deactivated.</param>
/// <param name="DrainTimeout">How long a call may go on when its actor moves.</param>
internal sealed record ActorTypeConfig(TimeSpan IdleTimeout, TimeSpan DrainTimeout, bool Reentrant, int MaxStackDepth)
{
    public static readonly ActorTypeConfig Default = new(TimeSpan.FromMinutes(60), TimeSpan.FromSeconds(2), false, 32);

    public static ActorTypeConfig Parse(JsonElement element, ActorTypeConfig defaults)
    {
        var reentrancy = element.TryGetProperty("reentrancy", out var r) && r.ValueKind == JsonValueKind.Object ? r : default;
        return new ActorTypeConfig(
            Duration(element, "actorIdleTimeout") ?? defaults.IdleTimeout,
            Duration(element, "drainOngoingCallTimeout") ?? defaults.DrainTimeout,
            reentrancy.ValueKind == JsonValueKind.Object ? reentrancy.TryGetProperty("enabled", out var enabled) && enabled.ValueKind == JsonValueKind.True : defaults.Reentrant,
            reentrancy.ValueKind == JsonValueKind.Object && reentrancy.TryGetProperty("maxStackDepth", out var depth) && depth.TryGetInt32(out var most) ? most : defaults.MaxStackDepth);
    }

    private static TimeSpan? Duration(JsonElement element, string name) =>
        element.TryGetProperty(name, out var text) && text.ValueKind == JsonValueKind.String && Durations.TryParseGo(text.GetString()!, out var value) && value > TimeSpan.Zero ? value : null;
}
