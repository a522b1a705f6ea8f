using System.Buffers;
using System.Globalization;
using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;
using Danube.Dapr.LocalSidecar.Tracing;

namespace Danube.Dapr.LocalSidecar.PubSub;

/// <summary>Builds the envelopes of published events: CloudEvents 1.0 with their fields in alphabetical order.</summary>
internal static class CloudEvents
{
    public const string ContentType = "application/cloudevents+json";
    private static readonly JsonWriterOptions Writing = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    /// <summary>Wraps a payload, or completes a CloudEvent that the publisher made.</summary>
    /// <exception cref="JsonException">The payload claims to be a CloudEvent and is none.</exception>
    public static byte[] Wrap(string appId, string pubSub, string topic, ReadOnlyMemory<byte> data, string contentType, IReadOnlyDictionary<string, string> metadata, TraceContext trace, DateTimeOffset now)
    {
        var fields = new SortedDictionary<string, Action<Utf8JsonWriter>>(StringComparer.Ordinal);
        var isCloudEvent = Media(contentType) == ContentType;
        using var document = isCloudEvent ? JsonDocument.Parse(data) : null;
        if (document is not null)
        {
            if (document.RootElement.ValueKind != JsonValueKind.Object) throw new JsonException("the event is not a JSON object");
            foreach (var property in document.RootElement.EnumerateObject()) fields[property.Name] = Raw(property.Value.Clone());
            foreach (var (name, value) in ((string, string)[])[("specversion", "1.0"), ("source", appId), ("type", "com.dapr.event.sent"), ("time", Time(now))])
                if (!HasText(document.RootElement, name)) fields[name] = Text(value);
        }
        else
        {
            fields["id"] = Text(Guid.NewGuid().ToString());
            fields["specversion"] = Text("1.0");
            fields["source"] = Text(appId);
            fields["type"] = Text("com.dapr.event.sent");
            fields["time"] = Text(Time(now));
            fields["datacontenttype"] = Text(contentType.Length == 0 ? "text/plain" : contentType);
            AddData(fields, data, contentType);
        }
        fields["topic"] = Text(topic);
        fields["pubsubname"] = Text(pubSub);
        if (document is null || !HasText(document.RootElement, "traceid"))
        {
            fields["traceid"] = Text(trace.TraceParent);
            fields["traceparent"] = Text(trace.TraceParent);
            fields["tracestate"] = Text(trace.TraceState);
        }
        foreach (var (name, value) in metadata)
        {
            if (!name.StartsWith("cloudevent.", StringComparison.OrdinalIgnoreCase) || value.Length == 0) continue;
            var field = name["cloudevent.".Length..].ToLowerInvariant();
            if (field is "data" or "data_base64") continue;
            fields[field] = Text(value);
            // Both fields name the same span: an override of one is an override of both.
            if (field == "traceparent") fields["traceid"] = Text(value);
            if (field == "traceid") fields["traceparent"] = Text(value);
        }
        if (TimeToLive(metadata) is { } ttl) fields["expiration"] = Text(Time(now + ttl));
        return Write(fields);
    }

    /// <summary>The envelope of a payload that arrives without one at a raw subscription.</summary>
    public static byte[] WrapRaw(string pubSub, string topic, ReadOnlyMemory<byte> data, IReadOnlyDictionary<string, string> metadata)
    {
        var fields = new SortedDictionary<string, Action<Utf8JsonWriter>>(StringComparer.Ordinal)
        {
            ["data_base64"] = w => w.WriteStringValue(Convert.ToBase64String(data.Span)),
            ["datacontenttype"] = Text("application/octet-stream"),
            ["id"] = Text(Guid.NewGuid().ToString()),
            ["pubsubname"] = Text(pubSub),
            ["source"] = Text("Dapr"),
            ["specversion"] = Text("1.0"),
            ["topic"] = Text(topic),
            ["type"] = Text("com.dapr.event.sent"),
        };
        if (metadata.TryGetValue("traceid", out var traceId))
        {
            fields["traceid"] = Text(traceId);
            fields["tracestate"] = Text(metadata.GetValueOrDefault("tracestate", ""));
        }
        return Write(fields);
    }

    public static TimeSpan? TimeToLive(IReadOnlyDictionary<string, string> metadata) =>
        metadata.TryGetValue("ttlInSeconds", out var text) && int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var seconds) && seconds > 0 ? TimeSpan.FromSeconds(seconds) : null;

    public static bool IsRaw(IReadOnlyDictionary<string, string> metadata) =>
        metadata.TryGetValue("rawPayload", out var raw) && string.Equals(raw, "true", StringComparison.OrdinalIgnoreCase);

    private static void AddData(SortedDictionary<string, Action<Utf8JsonWriter>> fields, ReadOnlyMemory<byte> data, string contentType)
    {
        var media = Media(contentType);
        if (media is "application/octet-stream" or "application/cloudevents+protobuf")
        {
            fields["data_base64"] = w => w.WriteStringValue(Convert.ToBase64String(data.Span));
            return;
        }
        if ((media == "application/json" || media.EndsWith("+json", StringComparison.Ordinal)) && !data.IsEmpty)
        {
            try
            {
                using var document = JsonDocument.Parse(data);
                fields["data"] = Raw(document.RootElement.Clone());
                return;
            }
            catch (JsonException)
            {
                // What does not parse goes as text, as in daprd.
            }
        }
        fields["data"] = Text(Encoding.UTF8.GetString(data.Span));
    }

    private static byte[] Write(SortedDictionary<string, Action<Utf8JsonWriter>> fields)
    {
        var buffer = new ArrayBufferWriter<byte>(512);
        using (var writer = new Utf8JsonWriter(buffer, Writing))
        {
            writer.WriteStartObject();
            foreach (var (name, write) in fields)
            {
                writer.WritePropertyName(name);
                write(writer);
            }
            writer.WriteEndObject();
        }
        return buffer.WrittenSpan.ToArray();
    }

    private static bool HasText(JsonElement root, string name) => root.TryGetProperty(name, out var value) && !(value.ValueKind is JsonValueKind.Null or JsonValueKind.Undefined) && !(value.ValueKind == JsonValueKind.String && value.ValueEquals(""));

    private static Action<Utf8JsonWriter> Text(string value) => w => w.WriteStringValue(value);

    private static Action<Utf8JsonWriter> Raw(JsonElement value) => value.WriteTo;

    private static string Media(string contentType)
    {
        var semicolon = contentType.IndexOf(';', StringComparison.Ordinal);
        return (semicolon < 0 ? contentType : contentType[..semicolon]).Trim().ToLowerInvariant();
    }

    private static string Time(DateTimeOffset moment) => moment.UtcDateTime.ToString("yyyy-MM-dd'T'HH:mm:ss'Z'", CultureInfo.InvariantCulture);
}
