using System.Collections.Concurrent;
using System.Net;
using System.Net.Http.Headers;
using System.Net.Http.Json;
using System.Text;
using System.Text.Json;
using Dapr.Client.Autogen.Grpc.v1;
using Google.Protobuf;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace Danube.Dapr.Testing;

/// <summary>Just as much of a sidecar as one service needs to be tested in process: actors with state, publish, and the state store. What the service sees is Dapr's wire form.</summary>
public sealed class TestSidecar : IAsyncDisposable
{
    private readonly WebApplication _host;
    private readonly HttpClient _http = new();
    private readonly ConcurrentDictionary<string, SemaphoreSlim> _turns = new();

    private TestSidecar(WebApplication host) => _host = host;

    /// <summary>Base address of the service, to be set once it listens.</summary>
    public Uri App { get; set; } = new("http://localhost/");

    public int HttpPort => new Uri(_host.Urls.First()).Port;

    public int GrpcPort => new Uri(_host.Urls.Last()).Port;

    /// <summary>State of actors, by <c>type||id||key</c>, as JSON text.</summary>
    public ConcurrentDictionary<string, string> ActorState { get; } = new();

    /// <summary>The state store.</summary>
    public ConcurrentDictionary<string, byte[]> State { get; } = new();

    /// <summary>Everything published: topic and JSON.</summary>
    public ConcurrentQueue<(string Topic, string Json)> Published { get; } = new();

    /// <summary>Calls of actor methods.</summary>
    public ConcurrentQueue<string> ActorCalls { get; } = new();

    /// <summary>Answers of other services, by <c>METHOD app/path</c> without the query: status and JSON.</summary>
    public ConcurrentDictionary<string, (int Status, string Json)> Answers { get; } = new();

    /// <summary>Service invocations that came: method and path with the query, and the body.</summary>
    public ConcurrentQueue<(string Call, string Body)> Invocations { get; } = new();

    /// <summary>While true, publishing and writing state fail.</summary>
    public bool Broken { get; set; }

    public static async Task<TestSidecar> StartAsync()
    {
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.ConfigureKestrel(kestrel =>
        {
            kestrel.Listen(IPAddress.Loopback, 0, o => o.Protocols = HttpProtocols.Http1);
            kestrel.Listen(IPAddress.Loopback, 0, o => o.Protocols = HttpProtocols.Http2);
        });
        builder.Services.Configure<HostOptions>(o => o.ShutdownTimeout = TimeSpan.FromSeconds(1));
        var sidecar = new TestSidecar(builder.Build());
        sidecar._host.Run(sidecar.AnswerAsync);
        await sidecar._host.StartAsync();
        return sidecar;
    }

    /// <summary>Delivers an event to the service as the sidecar does; the route is the one the service subscribed with.</summary>
    public async Task<HttpResponseMessage> DeliverAsync<T>(string topic, T data, JsonSerializerOptions json)
    {
        var subscriptions = await _http.GetFromJsonAsync<JsonElement>(new Uri(App, "dapr/subscribe"));
        var route = subscriptions.EnumerateArray().Single(s => s.GetProperty("topic").GetString() == topic).GetProperty("route").GetString()!;
        var envelope = JsonSerializer.Serialize(new { id = Guid.NewGuid(), specversion = "1.0", type = "com.dapr.event.sent", source = "test", topic, datacontenttype = "application/json", data }, json);
        var content = new StringContent(envelope, Encoding.UTF8);
        content.Headers.ContentType = new MediaTypeHeaderValue("application/cloudevents+json");
        return await _http.PostAsync(new Uri(App, route.TrimStart('/')), content);
    }

    /// <summary>Takes an actor out of the service's memory, as a restart or a move does.</summary>
    public async Task DeactivateAsync(string type, string id) => (await _http.DeleteAsync(new Uri(App, $"actors/{type}/{id}"))).EnsureSuccessStatusCode();

    public async ValueTask DisposeAsync()
    {
        await _host.DisposeAsync();
        _http.Dispose();
    }

    private async Task AnswerAsync(HttpContext context)
    {
        var path = context.Request.Path.Value!.Split('/', StringSplitOptions.RemoveEmptyEntries);
        switch (path)
        {
            case ["v1.0", "healthz", ..]:
                context.Response.StatusCode = 204;
                break;
            case ["v1.0", "actors", var type, var id, "method", var method]:
                await InvokeAsync(context, type, id, method);
                break;
            case ["v1.0", "actors", var type, var id, "state", var key] when HttpMethods.IsGet(context.Request.Method):
                if (ActorState.TryGetValue($"{type}||{id}||{key}", out var value))
                    await context.Response.WriteAsync(value);
                else
                    context.Response.StatusCode = 204;
                break;
            case ["v1.0", "actors", var type, var id, "state"]:
                await SaveActorStateAsync(context, $"{type}||{id}||");
                break;
            case ["v1.0", "invoke", var app, "method", .. var rest]:
                await AnswerInvocationAsync(context, $"{context.Request.Method} {app}/{string.Join('/', rest)}");
                break;
            case ["dapr.proto.runtime.v1.Dapr", var rpc]:
                await GrpcAsync(context, rpc);
                break;
            default:
                context.Response.StatusCode = 404;
                break;
        }
    }

    private async Task InvokeAsync(HttpContext context, string type, string id, string method)
    {
        ActorCalls.Enqueue(method);
        var turn = _turns.GetOrAdd($"{type}||{id}", _ => new SemaphoreSlim(1, 1));
        await turn.WaitAsync();
        try
        {
            using var request = new HttpRequestMessage(HttpMethod.Put, new Uri(App, $"actors/{type}/{id}/method/{method}")) { Content = new StreamContent(context.Request.Body) };
            foreach (var header in context.Request.Headers.Where(h => h.Key.StartsWith("X-Dapr", StringComparison.OrdinalIgnoreCase)))
                request.Headers.TryAddWithoutValidation(header.Key, header.Value.ToArray());
            using var response = await _http.SendAsync(request);
            context.Response.StatusCode = (int)response.StatusCode;
            foreach (var header in response.Headers.Where(h => h.Key.StartsWith("X-Dapr", StringComparison.OrdinalIgnoreCase)))
                context.Response.Headers[header.Key] = header.Value.ToArray();
            await response.Content.CopyToAsync(context.Response.Body);
        }
        finally
        {
            turn.Release();
        }
    }

    private async Task AnswerInvocationAsync(HttpContext context, string call)
    {
        using var reader = new StreamReader(context.Request.Body);
        Invocations.Enqueue((call + context.Request.QueryString, await reader.ReadToEndAsync()));
        var (status, json) = Answers.TryGetValue(call + context.Request.QueryString, out var whole) ? whole : Answers.GetValueOrDefault(call, (500, """{"errorCode":"ERR_DIRECT_INVOKE","message":"failed to invoke"}"""));
        context.Response.StatusCode = status;
        context.Response.ContentType = "application/json";
        await context.Response.WriteAsync(json);
    }

    private async Task SaveActorStateAsync(HttpContext context, string prefix)
    {
        if (Broken)
        {
            context.Response.StatusCode = 500;
            await context.Response.WriteAsync("""{"errorCode":"ERR_ACTOR_STATE_TRANSACTION_SAVE","message":"broken"}""");
            return;
        }

        using var operations = await JsonDocument.ParseAsync(context.Request.Body);
        foreach (var operation in operations.RootElement.EnumerateArray())
        {
            var request = operation.GetProperty("request");
            var key = prefix + request.GetProperty("key").GetString();
            if (operation.GetProperty("operation").GetString() == "delete")
                ActorState.TryRemove(key, out _);
            else
                ActorState[key] = request.GetProperty("value").GetRawText();
        }

        context.Response.StatusCode = 204;
    }

    private async Task GrpcAsync(HttpContext context, string rpc)
    {
        using var frame = new MemoryStream();
        await context.Request.Body.CopyToAsync(frame);
        var (answer, status) = Answer(rpc, frame.ToArray()[5..]);
        context.Response.ContentType = "application/grpc";
        context.Response.AppendTrailer("grpc-status", status);
        if (status != "0")
            context.Response.AppendTrailer("grpc-message", "broken");
        if (answer is null)
        {
            await context.Response.Body.FlushAsync();
            return;
        }

        var body = answer.ToByteArray();
        await context.Response.Body.WriteAsync(new byte[] { 0, (byte)(body.Length >> 24), (byte)(body.Length >> 16), (byte)(body.Length >> 8), (byte)body.Length }.Concat(body).ToArray());
    }

    private (IMessage? Answer, string Status) Answer(string rpc, byte[] request)
    {
        const string internalError = "13";
        switch (rpc)
        {
            case "PublishEvent" when !Broken:
                var published = PublishEventRequest.Parser.ParseFrom(request);
                Published.Enqueue((published.Topic, published.Data.ToStringUtf8()));
                return (new Google.Protobuf.WellKnownTypes.Empty(), "0");
            case "GetState":
                return (State.TryGetValue(GetStateRequest.Parser.ParseFrom(request).Key, out var value)
                    ? new GetStateResponse { Data = ByteString.CopyFrom(value), Etag = "1" }
                    : new GetStateResponse(), "0");
            case "GetBulkState":
                var answer = new GetBulkStateResponse();
                foreach (var key in GetBulkStateRequest.Parser.ParseFrom(request).Keys)
                    answer.Items.Add(State.TryGetValue(key, out var item) ? new BulkStateItem { Key = key, Data = ByteString.CopyFrom(item), Etag = "1" } : new BulkStateItem { Key = key });
                return (answer, "0");
            case "ExecuteStateTransaction" when !Broken:
                foreach (var operation in ExecuteStateTransactionRequest.Parser.ParseFrom(request).Operations)
                {
                    if (operation.OperationType == "delete")
                        State.TryRemove(operation.Request.Key, out _);
                    else
                        State[operation.Request.Key] = operation.Request.Value.ToByteArray();
                }

                return (new Google.Protobuf.WellKnownTypes.Empty(), "0");
            default:
                return (null, internalError);
        }
    }
}
