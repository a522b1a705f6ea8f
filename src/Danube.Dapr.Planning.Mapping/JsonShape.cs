using System.Globalization;
using System.Text.Json;
using System.Text.Json.Serialization.Metadata;

namespace Danube.Dapr.Planning.Mapping;

/// <summary>Compares a JSON text with the shape of a record and lists every difference with its path, where a deserializer stops at the first.</summary>
internal static class JsonShape
{
    /// <summary>Reads a record.</summary>
    /// <exception cref="SnapshotException">The text is no JSON or not of that shape; carries every fault.</exception>
    public static T Read<T>(ReadOnlyMemory<byte> utf8, JsonTypeInfo<T> type)
    {
        var faults = new List<SnapshotFault>();
        var read = Read(utf8, type, faults);
        return faults.Count == 0 ? read! : throw new SnapshotException(faults);
    }

    /// <summary>
    /// Reads as much of a record as possible, so that more can be checked: members of a wrong kind keep their default. Null when the text is no JSON, or when a member that
    /// has no default or an element of an array cannot be read.
    /// </summary>
    public static T? Read<T>(ReadOnlyMemory<byte> utf8, JsonTypeInfo<T> type, List<SnapshotFault> faults)
    {
        JsonDocument document;
        try
        {
            document = JsonDocument.Parse(utf8);
        }
        catch (JsonException e)
        {
            faults.Add(new("$", string.Create(CultureInfo.InvariantCulture, $"is no JSON: line {e.LineNumber + 1}, byte {e.BytePositionInLine + 1}: {FirstSentence(e.Message)}")));
            return default;
        }

        using (document)
        {
            Check(document.RootElement, type, type.Type, true, "$", faults);
            try
            {
                if (faults.Count == 0) return document.Deserialize(type);
                var left = faults.Select(f => f.Path).ToHashSet(StringComparer.Ordinal);
                using var rest = new MemoryStream();
                using (var writer = new Utf8JsonWriter(rest))
                {
                    if (!CopyWithout(document.RootElement, "$", left, writer)) return default;
                }

                return JsonSerializer.Deserialize(rest.ToArray(), type);
            }
            catch (Exception e) when (e is JsonException or NotSupportedException or InvalidOperationException)
            {
                // After another fault this one is its consequence: what is left has no default.
                if (faults.Count == 0) faults.Add(new((e as JsonException)?.Path ?? "$", FirstSentence(e.Message)));
                return default;
            }
        }
    }

    /// <summary>Copies a value without the members at these paths; false when an array element is among them, for those after it would change their paths.</summary>
    private static bool CopyWithout(JsonElement value, string path, HashSet<string> left, Utf8JsonWriter to)
    {
        if (left.Contains(path)) return false;
        switch (value.ValueKind)
        {
            case JsonValueKind.Object:
                to.WriteStartObject();
                foreach (var property in value.EnumerateObject())
                {
                    var at = $"{path}.{property.Name}";
                    if (left.Contains(at)) continue;
                    to.WritePropertyName(property.Name);
                    if (!CopyWithout(property.Value, at, left, to)) return false;
                }

                to.WriteEndObject();
                return true;
            case JsonValueKind.Array:
                to.WriteStartArray();
                var index = 0;
                foreach (var item in value.EnumerateArray()) if (!CopyWithout(item, $"{path}[{index++}]", left, to)) return false;
                to.WriteEndArray();
                return true;
            default:
                value.WriteTo(to);
                return true;
        }
    }

    /// <summary>True when the text is a JSON object with a member of that name.</summary>
    public static bool HasMember(ReadOnlyMemory<byte> utf8, string name)
    {
        try
        {
            using var document = JsonDocument.Parse(utf8);
            return document.RootElement.ValueKind == JsonValueKind.Object && document.RootElement.TryGetProperty(name, out _);
        }
        catch (JsonException)
        {
            // Not JSON: whoever reads it says so, with the line.
            return false;
        }
    }

    private static string FirstSentence(string message)
    {
        var end = message.IndexOf(" LineNumber:", StringComparison.Ordinal);
        return end < 0 ? message : message[..end].TrimEnd();
    }

    private static void Check(JsonElement value, JsonTypeInfo info, Type type, bool required, string path, List<SnapshotFault> faults)
    {
        if (value.ValueKind == JsonValueKind.Null)
        {
            if (required) faults.Add(new(path, "must not be null."));
            return;
        }

        type = Nullable.GetUnderlyingType(type) ?? type;
        switch (info.Kind)
        {
            case JsonTypeInfoKind.Object:
                CheckObject(value, info, path, faults);
                break;
            case JsonTypeInfoKind.Enumerable when type != typeof(byte[]):
                if (value.ValueKind != JsonValueKind.Array)
                {
                    faults.Add(new(path, $"must be an array, is {Kind(value)}."));
                    break;
                }

                var element = info.Options.GetTypeInfo(info.ElementType!);
                var at = 0;
                foreach (var item in value.EnumerateArray()) Check(item, element, info.ElementType!, true, $"{path}[{at++}]", faults);
                break;
            case JsonTypeInfoKind.Dictionary:
                if (value.ValueKind != JsonValueKind.Object)
                {
                    faults.Add(new(path, $"must be an object, is {Kind(value)}."));
                    break;
                }

                var member = info.Options.GetTypeInfo(info.ElementType!);
                foreach (var property in value.EnumerateObject()) Check(property.Value, member, info.ElementType!, true, $"{path}.{property.Name}", faults);
                break;
            default:
                if (Expected(value, type) is { } expected) faults.Add(new(path, $"must be {expected}, is {Shown(value)}."));
                break;
        }
    }

    private static void CheckObject(JsonElement value, JsonTypeInfo info, string path, List<SnapshotFault> faults)
    {
        if (value.ValueKind != JsonValueKind.Object)
        {
            faults.Add(new(path, $"must be an object, is {Kind(value)}."));
            return;
        }

        var known = info.Properties.ToDictionary(p => p.Name, StringComparer.OrdinalIgnoreCase);
        var seen = new HashSet<string>(StringComparer.OrdinalIgnoreCase);
        foreach (var property in value.EnumerateObject())
        {
            var at = $"{path}.{property.Name}";
            if (!seen.Add(property.Name)) faults.Add(new(at, "is given twice."));
            if (!known.TryGetValue(property.Name, out var member))
                faults.Add(new(at, $"is not known; known are {string.Join(", ", info.Properties.Select(p => p.Name))}."));
            else if (member.Set is not null || member.AssociatedParameter is not null)
                Check(property.Value, info.Options.GetTypeInfo(member.PropertyType), member.PropertyType, !MayBeNull(member), at, faults);
        }

        foreach (var member in info.Properties.Where(p => !seen.Contains(p.Name) && (p.IsRequired || p.AssociatedParameter is { HasDefaultValue: false, IsNullable: false, IsMemberInitializer: false }))) faults.Add(new($"{path}.{member.Name}", "is missing."));
    }

    private static bool MayBeNull(JsonPropertyInfo member) =>
        Nullable.GetUnderlyingType(member.PropertyType) is not null || (!member.PropertyType.IsValueType && member.IsSetNullable);

    private static string? Expected(JsonElement value, Type type)
    {
        if (type == typeof(string)) return value.ValueKind == JsonValueKind.String ? null : "a string";
        if (type == typeof(bool)) return value.ValueKind is JsonValueKind.True or JsonValueKind.False ? null : "true or false";
        if (type == typeof(DateTimeOffset)) return value.ValueKind == JsonValueKind.String && value.TryGetDateTimeOffset(out _) ? null : "a time such as \"2026-01-01T00:00:00Z\"";
        if (type == typeof(TimeOnly)) return value.ValueKind == JsonValueKind.String && TimeOnly.TryParse(value.GetString(), CultureInfo.InvariantCulture, out _) ? null : "a time of day such as \"22:00:00\"";
        if (type.IsEnum) return value.ValueKind == JsonValueKind.String && Enum.TryParse(type, value.GetString(), true, out var parsed) && Enum.IsDefined(type, parsed!) ? null : "one of " + string.Join(", ", Enum.GetNames(type));
        if (type == typeof(byte[])) return value.ValueKind == JsonValueKind.String ? null : "a Base64 string";
        if (type == typeof(double)) return value.ValueKind == JsonValueKind.Number && double.IsFinite(value.GetDouble()) ? null : "a number";
        if (type == typeof(int)) return value.ValueKind == JsonValueKind.Number && value.TryGetInt32(out _) ? null : "a whole number from -2^31 to 2^31 - 1";
        if (type == typeof(long)) return value.ValueKind == JsonValueKind.Number && value.TryGetInt64(out _) ? null : "a whole number from -2^63 to 2^63 - 1";
        if (type == typeof(ulong)) return value.ValueKind == JsonValueKind.Number && value.TryGetUInt64(out _) ? null : "a whole number from 0 to 2^64 - 1";
        return null;
    }

    private static string Kind(JsonElement value) => value.ValueKind switch
    {
        JsonValueKind.True or JsonValueKind.False => "a truth value",
        JsonValueKind.Number => "a number",
        JsonValueKind.String => "a string",
        JsonValueKind.Array => "an array",
        _ => "an object",
    };

    private static string Shown(JsonElement value)
    {
        if (value.ValueKind is JsonValueKind.Object or JsonValueKind.Array) return Kind(value);
        var text = value.GetRawText();
        return text.Length <= 60 ? text : string.Concat(text.AsSpan(0, 57), "...");
    }
}
