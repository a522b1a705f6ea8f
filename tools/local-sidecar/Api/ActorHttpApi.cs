using System.Text;
using System.Text.Json;
using Danube.Dapr.LocalSidecar.Actors;
using Danube.Dapr.LocalSidecar.Hosting;
using Danube.Dapr.LocalSidecar.Scheduling;

namespace Danube.Dapr.LocalSidecar.Api;

/// <summary>Actors over HTTP.</summary>
internal sealed class ActorHttpApi(Sidecar sidecar, ActorApi actors)
{
    public Task HandleAsync(HttpCall call, IEnumerable<KeyValuePair<string, string>> callerHeaders)
    {
        var actor = new ActorAddress(call.Part(2), call.Part(3));
        return (call.Method, call.Parts) switch
        {
            ("PUT" or "POST" or "GET" or "DELETE", [_, _, _, _, "method", _]) => InvokeAsync(call, actor, callerHeaders),
            ("GET", [_, _, _, _, "state", _]) => GetStateAsync(call, actor),
            ("PUT" or "POST", [_, _, _, _, "state"]) => SaveStateAsync(call, actor),
            ("PUT" or "POST", [_, _, _, _, "reminders", _]) => RegisterReminderAsync(call, actor),
            ("GET", [_, _, _, _, "reminders", _]) => GetReminderAsync(call, actor),
            ("DELETE", [_, _, _, _, "reminders", _]) => UnregisterReminderAsync(call, actor),
            ("PUT" or "POST", [_, _, _, _, "timers", _]) => RegisterTimerAsync(call, actor),
            ("DELETE", [_, _, _, _, "timers", _]) => UnregisterTimer(call, actor),
            _ => throw DaprError.UnknownPath(),
        };
    }

    private async Task InvokeAsync(HttpCall call, ActorAddress actor, IEnumerable<KeyValuePair<string, string>> callerHeaders)
    {
        var answer = await sidecar.Actors.InvokeAsync(call.App, actor, call.Part(5), callerHeaders, await call.BodyAsync(), call.Http.Request.ContentType, call.Span.Context, call.Cancelled);
        var headers = call.Http.Response.Headers;
        foreach (var (name, values) in answer.Headers)
        {
            if (name is "Transfer-Encoding" or "Content-Length" or "Connection" or "Keep-Alive") continue;
            headers[PubSub.HttpDelivery.Canonical(name)] = values.ToArray();
        }
        if (headers.ContentType.Count == 0) headers.ContentType = "application/json";
        call.Http.Response.StatusCode = 200;
        call.Http.Response.ContentLength = answer.Body.Length;
        await call.Http.Response.Body.WriteAsync(answer.Body, call.Cancelled);
    }

    private static async Task GetStateAsync(HttpCall call, ActorAddress actor)
    {
        var entry = await ActorApi.GetStateAsync(call.App, actor, call.Part(5), call.Cancelled);
        if (entry is null || entry.Value.Length == 0)
        {
            call.NoContent();
            return;
        }
        if (StateApi.ExpiryText(call.App.Components.ActorStore!, entry) is { } expiry) call.Http.Response.Headers["Metadata.ttlexpiretime"] = expiry;
        await call.JsonAsync(200, entry.Value);
    }

    private async Task SaveStateAsync(HttpCall call, ActorAddress actor)
    {
        using var document = HttpCall.Parse(await call.BodyAsync(), JsonValueKind.Array, "[]api.TransactionalOperation", "failed deserializing HTTP body: ");
        var writes = document.RootElement.EnumerateArray().Select(static o =>
        {
            if (o.ValueKind != JsonValueKind.Object) throw DaprError.Malformed("failed deserializing HTTP body: an operation is no object");
            var operation = o.TryGetProperty("operation", out var name) ? name.ToString() : "";
            var request = o.TryGetProperty("request", out var r) && r.ValueKind == JsonValueKind.Object ? r : throw DaprError.Malformed("failed deserializing HTTP body: an operation has no request");
            return new ActorStateWrite(operation, request.TryGetProperty("key", out var key) ? key.ToString() : "",
                request.TryGetProperty("value", out var value) ? Encoding.UTF8.GetBytes(value.GetRawText()) : null, StateHttpApi.TextMap(request, "metadata"));
        }).ToList();
        await actors.SaveStateAsync(call.App, actor, writes);
        call.NoContent();
    }

    private async Task RegisterReminderAsync(HttpCall call, ActorAddress actor)
    {
        using var document = HttpCall.Parse(await call.BodyAsync(), JsonValueKind.Object, "api.CreateReminderRequest");
        var root = document.RootElement;
        var overwrite = !(root.TryGetProperty("overwrite", out var o) && o.ValueKind == JsonValueKind.False);
        await actors.RegisterReminderAsync(call.App, actor, call.Part(5), Text(root, "dueTime"), Text(root, "period"), Text(root, "ttl"), Data(root), overwrite, call.Cancelled);
        call.NoContent();
    }

    private async Task GetReminderAsync(HttpCall call, ActorAddress actor)
    {
        var reminder = await actors.GetReminderAsync(call.App, actor, call.Part(5), call.Cancelled);
        await call.JsonAsync(json =>
        {
            json.WriteStartObject();
            json.WriteString("actorID", actor.Id);
            json.WriteString("actorType", actor.Type);
            if (reminder.Data is not null)
            {
                json.WritePropertyName("data");
                json.WriteRawValue(reminder.Data);
            }
            json.WriteString("dueTime", reminder.DueTime);
            if (reminder.Ticks.Period is { } period) json.WriteString("period", "@every " + Durations.ToGo(period));
            json.WriteEndObject();
        }, newLine: true);
    }

    private async Task UnregisterReminderAsync(HttpCall call, ActorAddress actor)
    {
        await actors.UnregisterReminderAsync(call.App, actor, call.Part(5), call.Cancelled);
        call.NoContent();
    }

    private async Task RegisterTimerAsync(HttpCall call, ActorAddress actor)
    {
        using var document = HttpCall.Parse(await call.BodyAsync(), JsonValueKind.Object, "api.CreateTimerRequest");
        var root = document.RootElement;
        actors.RegisterTimer(call.App, actor, call.Part(5), Text(root, "dueTime"), Text(root, "period"), Text(root, "ttl"), Text(root, "callback"), Data(root));
        call.NoContent();
    }

    private Task UnregisterTimer(HttpCall call, ActorAddress actor)
    {
        actors.UnregisterTimer(call.App, actor, call.Part(5));
        call.NoContent();
        return Task.CompletedTask;
    }

    private static string Text(JsonElement root, string name) => root.TryGetProperty(name, out var value) && value.ValueKind == JsonValueKind.String ? value.GetString()! : "";

    private static string? Data(JsonElement root) => root.TryGetProperty("data", out var data) && data.ValueKind != JsonValueKind.Null ? data.GetRawText() : null;
}
