using System.Collections.Concurrent;
using System.Diagnostics;
using System.Text;
using System.Text.Json.Nodes;

namespace Danube.Dapr.Conformance.App;

/// <summary>A request that the sidecar sent to the app; its time is in milliseconds since the app started.</summary>
internal sealed record Received(string Method, string Path, IReadOnlyDictionary<string, string> Headers, string Body, double AtMs)
{
    public JsonNode Json => JsonNode.Parse(Body)!;

    public string? Header(string name) => Headers.GetValueOrDefault(name);
}

/// <summary>Something that happened in an actor.</summary>
internal sealed record ActorEvent(string Id, string Kind, string Name, string Data, double AtMs);

/// <summary>Everything that arrived at the app.</summary>
internal sealed class Inbox
{
    private readonly ConcurrentQueue<Received> _requests = new();
    private readonly ConcurrentQueue<ActorEvent> _actorEvents = new();
    private readonly ConcurrentDictionary<string, int> _counts = new();
    private readonly Stopwatch _clock = Stopwatch.StartNew();

    public double NowMs => _clock.Elapsed.TotalMilliseconds;

    public IReadOnlyList<Received> Requests => [.. _requests];

    /// <summary>How often this has been counted, this time included.</summary>
    public int Count(string what) => _counts.AddOrUpdate(what, 1, static (_, n) => n + 1);

    public void Add(Received request) => _requests.Enqueue(request);

    public void Add(string actorId, string kind, string name = "", string data = "") => _actorEvents.Enqueue(new ActorEvent(actorId, kind, name, data, NowMs));

    /// <summary>Reads the body so that the app can still read it.</summary>
    public async Task RecordAsync(HttpContext context)
    {
        var at = NowMs;
        context.Request.EnableBuffering();
        using var reader = new StreamReader(context.Request.Body, Encoding.UTF8, leaveOpen: true);
        var body = await reader.ReadToEndAsync();
        context.Request.Body.Position = 0;
        Add(new Received(context.Request.Method, context.Request.Path, context.Request.Headers.ToDictionary(h => h.Key, h => h.Value.ToString(), StringComparer.OrdinalIgnoreCase), body, at));
    }

    /// <summary>The requests to a path whose body has the text.</summary>
    public IReadOnlyList<Received> To(string path, string text = "") => [.. _requests.Where(r => r.Path == path && r.Body.Contains(text, StringComparison.Ordinal))];

    public IReadOnlyList<ActorEvent> Of(string actorId, string kind, string name = "") =>
        [.. _actorEvents.Where(e => e.Id == actorId && e.Kind == kind && (name.Length == 0 || e.Name == name))];

    /// <summary>Waits for an event on a route.</summary>
    public async Task<Received> EventAsync(string route, string text) => (await EventsAsync(route, text, 1))[0];

    public async Task<IReadOnlyList<Received>> EventsAsync(string route, string text, int count)
    {
        await Stage.UntilAsync(() => Task.FromResult(To("/events/" + route, text).Count >= count), () => $"{count} events on {route}, there are {To("/events/" + route, text).Count}");
        return To("/events/" + route, text);
    }

    public async Task<IReadOnlyList<ActorEvent>> ActorEventsAsync(string actorId, string kind, string name, int count)
    {
        await Stage.UntilAsync(() => Task.FromResult(Of(actorId, kind, name).Count >= count), () => $"{count} × {kind} {name} of {actorId}, there are {Of(actorId, kind, name).Count}");
        return Of(actorId, kind, name);
    }
}
