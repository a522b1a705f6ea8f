using System.Text.Json;
using Danube.Dapr.LocalSidecar.Actors;
using Danube.Dapr.LocalSidecar.Hosting;
using Danube.Dapr.LocalSidecar.Names;
using Danube.Dapr.LocalSidecar.Tracing;
using Grpc.Core;
using Microsoft.AspNetCore.Http.Features;

namespace Danube.Dapr.LocalSidecar.Api;

/// <summary>Answers other sidecars that have something for an actor of this one.</summary>
internal sealed class NeighbourActorApi(Sidecar sidecar, ActorApi actors)
{
    private static readonly HashSet<string> NotForTheApp = new(StringComparer.OrdinalIgnoreCase)
    {
        "Host", "Connection", "Keep-Alive", "Transfer-Encoding", "TE", "Trailer", "Upgrade", "Content-Length", "Content-Type", "traceparent", "tracestate", "Expect",
        ActorRelay.OperationHeader, ActorRelay.CallerHeader, ActorRelay.CallerNamespaceHeader,
    };

    public static bool IsFor(HttpContext http) => http.Request.Headers.ContainsKey(ActorRelay.OperationHeader);

    public async Task AnswerAsync(HttpContext http, AppInstance app)
    {
        var parts = http.Features.GetRequiredFeature<IHttpRequestFeature>().RawTarget.Split('/', '?');
        var actor = new ActorAddress(Uri.UnescapeDataString(parts[1]), Uri.UnescapeDataString(parts[2]));
        try
        {
            var body = new MemoryStream();
            await http.Request.Body.CopyToAsync(body, http.RequestAborted);
            var operation = http.Request.Headers[ActorRelay.OperationHeader].ToString();
            if (operation == "invoke") await InvokeAsync(http, app, actor, Uri.UnescapeDataString(parts[3]), body.ToArray());
            else await RemindAsync(app, actor, operation, JsonSerializer.Deserialize(body.ToArray(), RelayJson.Default.ReminderCommand)!, http.RequestAborted);
        }
        catch (NotHereException e)
        {
            await ProblemAsync(http, StatusCodes.Status421MisdirectedRequest, e.Message, null);
        }
        catch (DaprError e)
        {
            await ProblemAsync(http, 502, e.Message, new RelayedError(e.ErrorCode, e.HttpStatus, (int)e.GrpcCode, e.Message));
        }
        catch (Exception e) when (e is HttpRequestException or IOException or NoHostException or JsonException || (e is OperationCanceledException && !http.RequestAborted.IsCancellationRequested))
        {
            await ProblemAsync(http, 502, e.Message, null);
        }
        catch (OperationCanceledException)
        {
            // The other sidecar's caller gave up.
        }
    }

    private async Task InvokeAsync(HttpContext http, AppInstance app, ActorAddress actor, string method, byte[] body)
    {
        var from = http.Request.Headers;
        List<KeyValuePair<string, string>> headers = [];
        foreach (var (name, values) in from)
            if (!NotForTheApp.Contains(name)) headers.Add(new(PubSub.HttpDelivery.Canonical(name), values.ToString()));
        using var span = app.Tracer.Start($"CallLocal/{app.AppId}/{actor}", TraceContext.Parse(from.TraceParent, from.TraceState), System.Diagnostics.ActivityKind.Server);
        var call = new ActorCall(actor, method, headers, body, http.Request.ContentType, span.Context, from[ActorRelay.CallerHeader].ToString(), from[ActorRelay.CallerNamespaceHeader].ToString());
        var answer = await sidecar.Actors.InvokeHereAsync(call, http.RequestAborted);
        http.Response.StatusCode = answer.Status;
        foreach (var (name, values) in answer.Headers)
            if (name is not ("Transfer-Encoding" or "Content-Length" or "Connection" or "Keep-Alive" or Neighbours.ProblemHeader)) http.Response.Headers[name] = values.ToArray();
        if (answer.Status is 204 or 304) return;
        http.Response.ContentLength = answer.Body.Length;
        await http.Response.Body.WriteAsync(answer.Body, http.RequestAborted);
    }

    private Task RemindAsync(AppInstance app, ActorAddress actor, string operation, ReminderCommand command, CancellationToken cancellationToken) => operation switch
    {
        "register" => actors.RegisterReminderHereAsync(app, actor, command, cancellationToken),
        "unregister" => actors.UnregisterReminderHereAsync(app, actor, command.Name, cancellationToken),
        _ => throw new DaprError("ERR_INTERNAL", 500, StatusCode.Unimplemented, $"another sidecar asks for '{operation}', which this one does not know"),
    };

    private static async Task ProblemAsync(HttpContext http, int status, string problem, RelayedError? error)
    {
        if (http.Response.HasStarted)
        {
            http.Abort();
            return;
        }
        http.Response.Headers.Clear();
        http.Response.StatusCode = status;
        http.Response.Headers[Neighbours.ProblemHeader] = Uri.EscapeDataString(problem);
        if (error is not null) await http.Response.Body.WriteAsync(JsonSerializer.SerializeToUtf8Bytes(error, RelayJson.Default.RelayedError));
    }
}
