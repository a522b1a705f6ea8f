using System.Reflection;
using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.Json.Schema;
using System.Text.RegularExpressions;
using System.Xml.Linq;
using Danube.Dapr.Contracts;

namespace Danube.Dapr.Planning.Tests;

/// <summary>JSON Schemas of wire types, with the XML documentation of their members as descriptions.</summary>
internal static partial class JsonSchemaOf
{
    private static readonly Dictionary<string, string> Summaries = Read();

    public static string Type(Type type, string title)
    {
        var schema = ContractsJson.Wire.GetJsonSchemaAsNode(type, new JsonSchemaExporterOptions { TreatNullObliviousAsNonNullable = true, TransformSchemaNode = Transform }).AsObject();
        var root = new JsonObject { ["$schema"] = "https://json-schema.org/draft/2020-12/schema", ["title"] = title };
        foreach (var (name, value) in schema.ToArray())
        {
            schema.Remove(name);
            root[name] = value;
        }

        return root.ToJsonString(new JsonSerializerOptions { WriteIndented = true, NewLine = "\n", Encoder = System.Text.Encodings.Web.JavaScriptEncoder.UnsafeRelaxedJsonEscaping }) + "\n";
    }

    private static JsonNode Transform(JsonSchemaExporterContext context, JsonNode schema)
    {
        if (schema is not JsonObject node) return schema;
        // The readers take numbers as numbers alone.
        if (node["pattern"] is not null && node["type"] is JsonArray types && types.Any(t => t!.GetValue<string>() is "number" or "integer"))
        {
            node.Remove("pattern");
            var left = types.Select(t => t!.GetValue<string>()).Where(t => t != "string").ToArray();
            node["type"] = left.Length == 1 ? left[0] : new JsonArray([.. left.Select(t => JsonValue.Create(t))]);
        }

        // The readers refuse what they do not know.
        if (node.ContainsKey("properties") && !node.ContainsKey("additionalProperties")) node["additionalProperties"] = false;
        // Members that are null are left out.
        if (node["required"] is JsonArray required)
        {
            var nullable = context.TypeInfo.Properties.Where(p => p.AssociatedParameter?.IsNullable == true).Select(p => p.Name).ToHashSet();
            foreach (var name in required.Where(r => nullable.Contains(r!.GetValue<string>())).ToArray()) required.Remove(name);
            if (required.Count == 0) node.Remove("required");
        }

        if (context.PropertyInfo is { } property)
        {
            var declaring = property.DeclaringType.FullName!.Replace('+', '.');
            var member = property.AttributeProvider as MemberInfo;
            var name = member?.Name ?? char.ToUpperInvariant(property.Name[0]) + property.Name[1..];
            var text = Summaries.GetValueOrDefault($"P:{declaring}.{name}") ?? Summaries.GetValueOrDefault($"param:{declaring}.{name}");
            if (text is not null) node.Insert(0, "description", text);
        }
        else if (context.Path.IsEmpty && Summaries.GetValueOrDefault("T:" + context.TypeInfo.Type.FullName) is { } about)
        {
            node.Insert(0, "description", about);
        }

        return node;
    }

    private static Dictionary<string, string> Read()
    {
        var result = new Dictionary<string, string>(StringComparer.Ordinal);
        foreach (var file in (string[])["Danube.Dapr.Contracts.xml", "Danube.Dapr.Planning.Mapping.xml", "Danube.Dapr.Planning.xml"])
        {
            foreach (var member in XDocument.Load(Path.Combine(AppContext.BaseDirectory, file)).Descendants("member"))
            {
                var name = member.Attribute("name")!.Value;
                if (member.Element("summary") is { } summary) result[name] = Text(summary);
                // Members of positional records are documented as parameters of the record.
                foreach (var parameter in member.Elements("param")) result[$"param:{name[2..]}.{parameter.Attribute("name")!.Value}"] = Text(parameter);
            }
        }

        // "See Type.Member" is of no use in a schema: the text itself goes in.
        foreach (var (name, text) in result.ToArray())
        {
            if (See().Match(text) is { Success: true } see && result.TryGetValue($"P:Danube.Dapr.Planning.{see.Groups[1].Value}", out var target)) result[name] = target + (see.Groups[2].Value.Length > 0 ? " In seconds." : "");
        }

        return result;
    }

    private static string Text(XElement element)
    {
        var copy = new XElement(element);
        foreach (var see in copy.Descendants().Where(e => e.Attribute("cref") is not null).ToArray())
        {
            var parts = see.Attribute("cref")!.Value[2..].Split('.');
            see.ReplaceWith(see.Attribute("cref")!.Value[0] == 'T' ? parts[^1] : $"{parts[^2]}.{parts[^1]}");
        }

        return Spaces().Replace(copy.Value, " ").Trim();
    }

    [GeneratedRegex(@"\s+")]
    private static partial Regex Spaces();

    [GeneratedRegex(@"^See (\w+\.\w+)(, in seconds)?\.$")]
    private static partial Regex See();
}
