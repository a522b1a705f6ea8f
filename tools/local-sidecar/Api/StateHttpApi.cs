using System.Text;
using System.Text.Json;
using Grpc.Core;

namespace Danube.Dapr.LocalSidecar.Api;

/// <summary>State over HTTP.</summary>
internal static class StateHttpApi
{
    private static readonly IReadOnlyDictionary<string, string> None = new Dictionary<string, string>();

    public static Task HandleAsync(HttpCall call) => (call.Method, call.Parts) switch
    {
        ("POST" or "PUT", [_, _, _]) => SaveAsync(call),
        ("POST" or "PUT", [_, _, _, "bulk"]) => GetBulkAsync(call),
        ("POST" or "PUT", [_, _, _, "transaction"]) => TransactAsync(call),
        ("GET", [_, _, _, _]) => GetAsync(call),
        ("DELETE", [_, _, _, _]) => DeleteAsync(call),
        _ => throw DaprError.UnknownPath(),
    };

    private static async Task GetAsync(HttpCall call)
    {
        var store = StateApi.Store(call.App, call.Part(2));
        var entry = await StateApi.GetAsync(call.App, store, call.Part(3), call.Cancelled);
        // An empty value is a missing one, except where the store keeps the row.
        if (entry is null || (entry.Value.Length == 0 && store.Resource.Type != "state.sqlite"))
        {
            call.NoContent();
            return;
        }
        call.Http.Response.Headers.ETag = entry.ETag;
        if (StateApi.ExpiryText(store, entry) is { } expiry) call.Http.Response.Headers["Metadata.ttlexpiretime"] = expiry;
        await call.JsonAsync(200, entry.Value);
    }

    private static async Task SaveAsync(HttpCall call)
    {
        var store = StateApi.Store(call.App, call.Part(2));
        using var document = HttpCall.Parse(await call.BodyAsync(), JsonValueKind.Array, "[]state.SetRequest");
        var writes = document.RootElement.EnumerateArray().Select(static item => Write(item, false)).ToList();
        await StateApi.SaveAsync(call.App, store, writes, call.Cancelled);
        call.NoContent();
    }

    private static async Task DeleteAsync(HttpCall call)
    {
        var store = StateApi.Store(call.App, call.Part(2));
        var etag = call.Http.Request.Headers.IfMatch.ToString();
        await StateApi.DeleteAsync(call.App, store, [new StateWrite(call.Part(3), null, etag.Length == 0 ? null : etag, false, call.Metadata())], call.Cancelled);
        call.NoContent();
    }

    private static async Task GetBulkAsync(HttpCall call)
    {
        var store = StateApi.Store(call.App, call.Part(2));
        using var document = HttpCall.Parse(await call.BodyAsync(), JsonValueKind.Object, "http.BulkGetRequest");
        var keys = document.RootElement.TryGetProperty("keys", out var list) && list.ValueKind == JsonValueKind.Array ? list.EnumerateArray().Select(static k => k.ToString()).ToList() : [];
        var items = await Task.WhenAll(keys.Select(async key =>
        {
            try
            {
                return (Key: key, Entry: await StateApi.GetAsync(call.App, store, key, call.Cancelled), Error: (string?)null);
            }
            catch (DaprError e)
            {
                return (key, null, e.Message);
            }
        }));
        await call.JsonAsync(json =>
        {
            json.WriteStartArray();
            foreach (var (key, entry, error) in StateApi.BulkOrder(store, items, static i => i.Entry is not null, static i => i.Key))
            {
                json.WriteStartObject();
                json.WriteString("key", key);
                if (entry is { Value.Length: > 0 })
                {
                    json.WritePropertyName("data");
                    WriteValue(json, entry.Value);
                }
                if (entry is not null) json.WriteString("etag", entry.ETag);
                if (entry is not null && StateApi.ExpiryText(store, entry) is { } expiry)
                {
                    json.WriteStartObject("metadata");
                    json.WriteString("ttlExpireTime", expiry);
                    json.WriteEndObject();
                }
                if (error is not null) json.WriteString("error", error);
                json.WriteEndObject();
            }
            json.WriteEndArray();
        }, newLine: true);
    }

    // Bytes that are no JSON were saved over gRPC: they go as text.
    private static void WriteValue(Utf8JsonWriter json, byte[] value)
    {
        try
        {
            using var document = JsonDocument.Parse(value);
            document.RootElement.WriteTo(json);
        }
        catch (JsonException)
        {
            json.WriteStringValue(Convert.ToBase64String(value));
        }
    }

    private static async Task TransactAsync(HttpCall call)
    {
        var store = StateApi.Store(call.App, call.Part(2));
        using var document = HttpCall.Parse(await call.BodyAsync(), JsonValueKind.Object, "state.TransactionalStateRequest");
        var writes = new List<StateWrite>();
        if (document.RootElement.TryGetProperty("operations", out var operations) && operations.ValueKind == JsonValueKind.Array)
        {
            foreach (var operation in operations.EnumerateArray())
            {
                if (operation.ValueKind != JsonValueKind.Object) throw DaprError.Malformed("an operation is no object");
                var type = operation.TryGetProperty("operation", out var name) ? name.ToString() : "";
                if (type is not ("upsert" or "delete")) throw new DaprError("ERR_NOT_SUPPORTED_STATE_OPERATION", 400, StatusCode.InvalidArgument, $"operation type {type} not supported");
                if (!operation.TryGetProperty("request", out var request) || request.ValueKind != JsonValueKind.Object) throw DaprError.Malformed("an operation has no request");
                writes.Add(Write(request, type == "delete"));
            }
        }
        await StateApi.TransactAsync(call.App, store, writes, call.Cancelled);
        call.NoContent();
    }

    private static StateWrite Write(JsonElement item, bool delete)
    {
        if (item.ValueKind != JsonValueKind.Object) throw DaprError.Malformed("json: cannot unmarshal an item into Go value of type state.SetRequest");
        var etag = item.TryGetProperty("etag", out var e) && e.ValueKind == JsonValueKind.String ? e.GetString() : null;
        var firstWrite = item.TryGetProperty("options", out var options) && options.ValueKind == JsonValueKind.Object && options.TryGetProperty("concurrency", out var concurrency)
            && concurrency.ValueKind == JsonValueKind.String && concurrency.ValueEquals("first-write");
        return new StateWrite(item.TryGetProperty("key", out var key) ? key.ToString() : "",
            delete ? null : Encoding.UTF8.GetBytes(item.TryGetProperty("value", out var value) ? value.GetRawText() : "null"), etag, firstWrite, TextMap(item, "metadata"));
    }

    public static IReadOnlyDictionary<string, string> TextMap(JsonElement item, string name) =>
        item.TryGetProperty(name, out var map) && map.ValueKind == JsonValueKind.Object
            ? map.EnumerateObject().ToDictionary(static p => p.Name, static p => p.Value.ToString(), StringComparer.Ordinal) : None;
}
