using System.Text;
using System.Text.Json;

namespace Danube.Dapr.LocalSidecar.Api;

/// <summary>Publishing over HTTP.</summary>
internal static class PublishHttpApi
{
    public static async Task PublishAsync(HttpCall call, TimeProvider time)
    {
        var topic = string.Join('/', call.Parts.Skip(3).Select(HttpCall.Unescape));
        await PublishApi.PublishAsync(call.App, call.Part(2), topic, await call.BodyAsync(), call.Http.Request.ContentType ?? "", call.Metadata(), call.Span.Context, false, time, call.Cancelled);
        call.NoContent();
    }

    public static async Task BulkAsync(HttpCall call, TimeProvider time)
    {
        var pubSub = call.Part(3);
        var topic = string.Join('/', call.Parts.Skip(4).Select(HttpCall.Unescape));
        PublishApi.Broker(call.App, pubSub);
        var body = await call.BodyAsync();
        var entries = new List<BulkEntry>();
        try
        {
            using var document = JsonDocument.Parse(body);
            foreach (var item in document.RootElement.EnumerateArray()) entries.Add(Entry(item));
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException or KeyNotFoundException)
        {
            throw PublishApi.Marshalling(call.App, pubSub, topic, e.Message);
        }
        var failed = await PublishApi.PublishBulkAsync(call.App, pubSub, topic, entries, call.Metadata(), call.Span.Context, false, time, call.Cancelled);
        if (failed.Count == 0)
        {
            call.NoContent();
            return;
        }
        await call.JsonAsync(json =>
        {
            json.WriteStartObject();
            json.WriteStartArray("failedEntries");
            foreach (var (id, error) in failed)
            {
                json.WriteStartObject();
                json.WriteString("entryId", id);
                json.WriteString("error", error);
                json.WriteEndObject();
            }
            json.WriteEndArray();
            json.WriteEndObject();
        });
    }

    // The event is JSON where its type says so, else text (or base64 for bytes).
    private static BulkEntry Entry(JsonElement item)
    {
        var type = item.TryGetProperty("contentType", out var given) ? given.ToString() : "";
        var value = item.GetProperty("event");
        var isJson = type.Contains("json", StringComparison.OrdinalIgnoreCase);
        var data = !isJson && value.ValueKind == JsonValueKind.String
            ? type.StartsWith("application/octet-stream", StringComparison.OrdinalIgnoreCase) && value.TryGetBytesFromBase64(out var bytes) ? bytes : Encoding.UTF8.GetBytes(value.GetString()!)
            : Encoding.UTF8.GetBytes(value.GetRawText());
        return new BulkEntry(item.TryGetProperty("entryId", out var id) ? id.ToString() : "", data, type, StateHttpApi.TextMap(item, "metadata"));
    }
}
