using System.Globalization;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace Danube.Dapr.Planning.Tests;

/// <summary>Checks a document against the parts of JSON Schema that our schemas use: type, properties, required, additionalProperties, items, enum and local $ref.</summary>
internal static class JsonSchemaCheck
{
    public static IReadOnlyList<string> Faults(JsonNode schema, JsonNode? document)
    {
        var faults = new List<string>();
        Check(schema, schema, document, "$", faults);
        return faults;
    }

    private static void Check(JsonNode root, JsonNode? schema, JsonNode? value, string path, List<string> faults)
    {
        if (schema is not JsonObject node) return;
        if (node["$ref"] is { } reference)
        {
            Check(root, Resolve(root, reference.GetValue<string>()), value, path, faults);
            return;
        }

        if (node["enum"] is JsonArray allowed && !allowed.Any(a => JsonNode.DeepEquals(a, value))) faults.Add($"{path}: is not one of {allowed.ToJsonString()}");
        if (node["type"] is { } type)
        {
            var names = type is JsonArray several ? several.Select(s => s!.GetValue<string>()).ToArray() : [type.GetValue<string>()];
            if (!names.Any(n => Is(n, value)))
            {
                faults.Add($"{path}: is not {string.Join(" or ", names)}");
                return;
            }
        }

        if (value is JsonArray items)
        {
            for (var i = 0; i < items.Count; i++) Check(root, node["items"], items[i], string.Create(CultureInfo.InvariantCulture, $"{path}[{i}]"), faults);
        }

        if (value is not JsonObject members) return;
        var properties = node["properties"] as JsonObject;
        foreach (var required in (node["required"] as JsonArray ?? []).Select(r => r!.GetValue<string>()).Where(r => !members.ContainsKey(r))) faults.Add($"{path}: {required} is missing");
        foreach (var (name, member) in members)
        {
            if (properties?[name] is { } known) Check(root, known, member, $"{path}.{name}", faults);
            else if (node["additionalProperties"] is JsonValue no && !no.GetValue<bool>()) faults.Add($"{path}: {name} is not known");
            else Check(root, node["additionalProperties"], member, $"{path}.{name}", faults);
        }
    }

    private static JsonNode? Resolve(JsonNode root, string reference)
    {
        JsonNode? at = root;
        foreach (var part in reference.TrimStart('#').Split('/', StringSplitOptions.RemoveEmptyEntries))
            at = at is JsonArray array ? array[int.Parse(part, CultureInfo.InvariantCulture)] : at?[part.Replace("~1", "/", StringComparison.Ordinal)];
        return at ?? throw new InvalidOperationException($"{reference} leads nowhere.");
    }

    private static bool Is(string type, JsonNode? value) => type switch
    {
        "null" => value is null,
        "object" => value is JsonObject,
        "array" => value is JsonArray,
        "string" => value?.GetValueKind() == JsonValueKind.String,
        "boolean" => value?.GetValueKind() is JsonValueKind.True or JsonValueKind.False,
        "number" => value?.GetValueKind() == JsonValueKind.Number,
        "integer" => value?.GetValueKind() == JsonValueKind.Number && value.AsValue().TryGetValue<decimal>(out var number) && number == decimal.Truncate(number),
        _ => false,
    };
}
