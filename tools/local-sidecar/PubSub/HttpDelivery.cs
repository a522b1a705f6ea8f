using System.Buffers;
using System.Globalization;
using System.Text.Json;
using Danube.Dapr.LocalSidecar.Hosting;
using Danube.Dapr.LocalSidecar.Resiliency;
using Danube.Dapr.LocalSidecar.Tracing;

namespace Danube.Dapr.LocalSidecar.PubSub;

/// <summary>Events as requests to a path of the app.</summary>
internal static class HttpDelivery
{
    // Those that the sidecar sets itself: a second value would spoil the first.
    private static readonly HashSet<string> OwnHeaders = new(StringComparer.OrdinalIgnoreCase) { "dapr-api-token", "traceparent", "tracestate" };

    private static readonly SearchValues<char> TokenCharacters = SearchValues.Create("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789!#$%&'*+-.^_`|~");

    public static async Task<DeliveryOutcome> SendAsync(AppChannel channel, OutgoingEvent outgoing, TraceContext trace, CancellationToken cancellationToken)
    {
        using var request = channel.Request(HttpMethod.Post, "/" + outgoing.Path.TrimStart('/'), trace);
        foreach (var (name, value) in outgoing.Message.Metadata)
            // What is no header is left out: the request as a whole would fail for it.
            if (!OwnHeaders.Contains(name) && !value.AsSpan().ContainsAny('\r', '\n', '\0')) request.Headers.TryAddWithoutValidation(Canonical(name), value);
        request.Headers.TryAddWithoutValidation("Pubsubname", outgoing.Subscription.PubSubName);
        request.Content = AppChannel.Content(outgoing.Body, CloudEvents.ContentType);
        using var response = await channel.SendAsync(request, cancellationToken);
        var code = (int)response.StatusCode;
        if (code == 404) return DeliveryOutcome.Drop;
        if (code is < 200 or > 299) throw Answered(code);
        return Status(await response.Content.ReadAsByteArrayAsync(cancellationToken)) switch
        {
            "" or "SUCCESS" => DeliveryOutcome.Done,
            "DROP" => DeliveryOutcome.Drop,
            _ => DeliveryOutcome.Retry,
        };
    }

    public static async Task<IReadOnlyDictionary<string, DeliveryOutcome>> SendAsync(AppChannel channel, OutgoingBatch batch, TraceContext trace, CancellationToken cancellationToken)
    {
        using var request = channel.Request(HttpMethod.Post, "/" + batch.Path.TrimStart('/'), trace);
        request.Headers.TryAddWithoutValidation("Pubsubname", batch.Subscription.PubSubName);
        request.Content = AppChannel.Content(BulkBody(batch), "application/json");
        using var response = await channel.SendAsync(request, cancellationToken);
        if ((int)response.StatusCode == 404) return batch.Entries.ToDictionary(static e => e.Id, static _ => DeliveryOutcome.Drop, StringComparer.Ordinal);
        if (!response.IsSuccessStatusCode) throw Answered((int)response.StatusCode);
        return BulkStatuses(await response.Content.ReadAsByteArrayAsync(cancellationToken));
    }

    // Go writes header names so: the first letter and every letter after a hyphen as a capital.
    public static string Canonical(string name)
    {
        if (IsCanonical(name) || name.AsSpan().ContainsAnyExcept(TokenCharacters)) return name;
        return string.Create(name.Length, name, static (span, source) =>
        {
            for (var i = 0; i < source.Length; i++)
                span[i] = i == 0 || source[i - 1] == '-' ? char.ToUpperInvariant(source[i]) : char.ToLowerInvariant(source[i]);
        });
    }

    // Most names come so already.
    private static bool IsCanonical(string name)
    {
        var first = true;
        foreach (var c in name)
        {
            if (first ? char.IsAsciiLetterLower(c) : char.IsAsciiLetterUpper(c)) return false;
            first = c == '-';
        }
        return true;
    }

    private static CallFailedException Answered(int code) => new($"the app answered {code.ToString(CultureInfo.InvariantCulture)}", code);

    private static string Status(byte[] body)
    {
        if (body.Length == 0) return "";
        try
        {
            using var document = JsonDocument.Parse(body);
            return Field(document.RootElement, "status") ?? "";
        }
        catch (JsonException)
        {
            return "";
        }
    }

    private static byte[] BulkBody(OutgoingBatch batch)
    {
        var buffer = new ArrayBufferWriter<byte>();
        using (var writer = new Utf8JsonWriter(buffer, new JsonWriterOptions { SkipValidation = true }))
        {
            writer.WriteStartObject();
            writer.WriteStartArray("entries");
            foreach (var (id, message) in batch.Entries)
            {
                writer.WriteStartObject();
                writer.WriteString("entryId", id);
                var raw = batch.IsRaw(message);
                if (raw) writer.WriteBase64String("event", message.Body);
                else
                {
                    writer.WritePropertyName("event");
                    writer.WriteRawValue(message.Body);
                }
                writer.WriteNull("metadata");
                writer.WriteString("contentType", raw ? "application/octet-stream" : CloudEvents.ContentType);
                writer.WriteEndObject();
            }
            writer.WriteEndArray();
            writer.WriteString("id", Guid.NewGuid().ToString());
            writer.WriteStartObject("metadata");
            writer.WriteString("pubsubName", batch.Subscription.PubSubName);
            writer.WriteEndObject();
            writer.WriteString("pubsubname", batch.Subscription.PubSubName);
            writer.WriteString("topic", batch.Subscription.Topic);
            writer.WriteString("type", "com.dapr.event.sent.bulk");
            writer.WriteEndObject();
        }
        return buffer.WrittenSpan.ToArray();
    }

    private static Dictionary<string, DeliveryOutcome> BulkStatuses(byte[] body)
    {
        var statuses = new Dictionary<string, DeliveryOutcome>(StringComparer.Ordinal);
        try
        {
            using var document = JsonDocument.Parse(body);
            if (document.RootElement.ValueKind == JsonValueKind.Object && document.RootElement.TryGetProperty("statuses", out var list) && list.ValueKind == JsonValueKind.Array)
                foreach (var item in list.EnumerateArray())
                    if (Field(item, "entryId") is { } id && Field(item, "status") is { } status)
                        statuses[id] = status switch { "SUCCESS" => DeliveryOutcome.Done, "DROP" => DeliveryOutcome.Drop, _ => DeliveryOutcome.Retry };
        }
        catch (JsonException)
        {
            // No answer for any entry: each is to be tried again.
        }
        return statuses;
    }

    private static string? Field(JsonElement root, string name) => root.ValueKind == JsonValueKind.Object && root.TryGetProperty(name, out var value) && value.ValueKind == JsonValueKind.String ? value.GetString() : null;
}
