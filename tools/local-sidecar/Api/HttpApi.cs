using Danube.Dapr.LocalSidecar.Hosting;
using Danube.Dapr.LocalSidecar.Tracing;
using Microsoft.AspNetCore.Http.Features;

namespace Danube.Dapr.LocalSidecar.Api;

/// <summary>The Dapr HTTP API, except workflows: those go on to the endpoints.</summary>
internal sealed class HttpApi(Sidecar sidecar, ActorHttpApi actors, InvokeApi invoke, MetadataApi metadata, IHostApplicationLifetime lifetime, ApiSettings settings)
{
    private static readonly HashSet<string> NotFromCaller = new(StringComparer.OrdinalIgnoreCase)
    {
        "Host", "Connection", "Keep-Alive", "Transfer-Encoding", "TE", "Trailer", "Upgrade", "Proxy-Connection", "Content-Length", "Content-Type", "traceparent", "tracestate", "dapr-api-token",
        "Expect",
    };

    public async Task HandleAsync(HttpContext http, RequestDelegate next)
    {
        var app = sidecar.FromPort(http.Connection.LocalPort);
        var parts = Split(http.Features.GetRequiredFeature<IHttpRequestFeature>().RawTarget);
        var isHealth = parts is ["v1.0", "healthz"] or ["v1.0", "healthz", "outbound"] && http.Request.Method == "GET";
        if (settings.ApiToken is not null && !isHealth && !ApiGuard.IsAllowed(settings.ApiToken, http.Request.Headers["dapr-api-token"]))
        {
            http.Response.StatusCode = 401;
            await http.Response.WriteAsync("invalid api token");
            return;
        }
        if (isHealth)
        {
            await HealthAsync(new HttpCall(http, app, parts, default, settings.MaxBodyBytes));
            return;
        }
        using var span = app.Tracer.Start(parts, SpanName, TraceContext.Parse(http.Request.Headers["traceparent"], http.Request.Headers["tracestate"]));
        if (parts is ["v1.0" or "v1.0-alpha1" or "v1.0-beta1", "workflows", ..])
        {
            if (span.Context.IsValid)
            {
                http.Response.Headers["Traceparent"] = span.Context.TraceParent;
                // What is started here is part of this call.
                http.Request.Headers.TraceParent = span.Context.TraceParent;
            }
            http.Request.Path = Joined(parts);
            await next(http);
            return;
        }
        var call = new HttpCall(http, app, parts, span, settings.MaxBodyBytes);
        try
        {
            // An invoked app may set the header itself.
            if (span.Context.IsValid && !IsInvoke(parts)) http.Response.Headers["Traceparent"] = span.Context.TraceParent;
            await RouteAsync(call);
        }
        catch (DaprError e)
        {
            if (http.Response.HasStarted)
            {
                http.Abort();
                return;
            }
            if (span.Context.IsValid) http.Response.Headers["Traceparent"] = span.Context.TraceParent;
            await call.ErrorAsync(e);
        }
        catch (OperationCanceledException) when (http.RequestAborted.IsCancellationRequested)
        {
            // The caller gave up.
        }
    }

    // Without slices of what no arm uses: each of them is a copy.
    private Task RouteAsync(HttpCall call) => call.Parts switch
    {
        ["v1.0", "state", _, ..] => StateHttpApi.HandleAsync(call),
        ["v1.0-alpha1", "state", _, "query"] when call.IsWrite => throw StateApi.QueryUnsupported(StateApi.Store(call.App, call.Part(2))),
        ["v1.0" or "v1.0-alpha1", "publish", "bulk", _, _, ..] when call.IsWrite => PublishHttpApi.BulkAsync(call, sidecar.Time),
        ["v1.0", "publish", _, _, ..] when call.IsWrite => PublishHttpApi.PublishAsync(call, sidecar.Time),
        ["v1.0", "invoke", _, "method", .. var rest] => invoke.InvokeAsync(call.Http, call.App, call.Part(2), InvokeApi.Clean("/" + string.Join('/', rest)), call.Span),
        ["v1.0", "actors", _, _, _, ..] => actors.HandleAsync(call, CallerHeaders(call)),
        ["v1.0", "metadata"] when call.Method == "GET" => call.JsonAsync(json => metadata.ToJson(call.App, json)),
        ["v1.0", "metadata", _] when call.Method == "PUT" => SetMetadataAsync(call),
        ["v1.0", "shutdown"] when call.Method == "POST" => Shutdown(call),
        ["v1.0", "secrets", _, ..] when call.Method == "GET" => throw Unconfigured.Secrets(),
        ["v1.0", "bindings", _] when call.IsWrite => throw Unconfigured.Binding(call.Part(2)),
        ["v1.0" or "v1.0-alpha1", "configuration", _, ..] when call.Method == "GET" => throw Unconfigured.Configuration(),
        ["v1.0-alpha1", "crypto", _, "encrypt" or "decrypt"] when call.Method == "PUT" => throw Unconfigured.Cryptography(),
        ["v1.0-alpha1", "lock" or "unlock", _] when call.Method == "POST" => throw Unconfigured.Lock(),
        _ => Elsewhere(call),
    };

    // A path that is none of ours is an invocation when a header names the app.
    private Task Elsewhere(HttpCall call)
    {
        var appId = call.Http.Request.Headers["dapr-app-id"].ToString();
        if (appId.Length == 0 && call.Http.Request.Headers.Authorization.ToString() is ['B', 'a', 's', 'i', 'c', ' ', .. var encoded]) appId = FromBasic(encoded);
        return appId.Length == 0 ? throw DaprError.UnknownPath() : invoke.InvokeAsync(call.Http, call.App, appId, InvokeApi.Clean(Joined(call.Parts)), call.Span);
    }

    private static string FromBasic(string encoded)
    {
        var bytes = new byte[encoded.Length];
        if (!Convert.TryFromBase64String(encoded, bytes, out var length)) return "";
        var text = System.Text.Encoding.UTF8.GetString(bytes, 0, length);
        return text.StartsWith("dapr-app-id:", StringComparison.Ordinal) ? text["dapr-app-id:".Length..] : "";
    }

    private static Task HealthAsync(HttpCall call)
    {
        if (call.Http.Request.Query["appid"].ToString() is { Length: > 0 } asked && asked != call.App.AppId)
            return call.ErrorAsync(new DaprError("ERR_HEALTH_APPID_NOT_MATCH", 500, global::Grpc.Core.StatusCode.Internal, "dapr app-id does not match"));
        // Outbound calls work as soon as the port listens.
        if (call.Parts.Length == 3 || call.App is { IsReady: true, IsPlaced: true })
        {
            call.NoContent();
            return Task.CompletedTask;
        }
        return call.ErrorAsync(new DaprError("ERR_HEALTH_NOT_READY", 500, global::Grpc.Core.StatusCode.Internal, "dapr is not ready: [runtime]"));
    }

    private static async Task SetMetadataAsync(HttpCall call)
    {
        call.App.ExtendedMetadata[call.Part(2)] = System.Text.Encoding.UTF8.GetString(await call.BodyAsync());
        call.NoContent();
    }

    private Task Shutdown(HttpCall call)
    {
        call.NoContent();
        lifetime.StopApplication();
        return Task.CompletedTask;
    }

    private static IEnumerable<KeyValuePair<string, string>> CallerHeaders(HttpCall call)
    {
        foreach (var (name, values) in call.Http.Request.Headers)
            if (!NotFromCaller.Contains(name)) yield return new(PubSub.HttpDelivery.Canonical(name), values.ToString());
    }

    private static bool IsInvoke(string[] parts) => parts is not ["v1.0" or "v1.0-alpha1", "state" or "publish" or "actors" or "metadata" or "shutdown" or "secrets" or "bindings" or "configuration" or "crypto" or "lock" or "unlock", ..];

    private static string SpanName(string[] parts) => "/" + string.Join('/', parts.Length > 4 ? parts[..4] : parts);

    private static string Joined(string[] parts) => "/" + string.Join('/', parts);

    // The path without its query, double slashes made one and the last one cut, as daprd cleans it.
    private static string[] Split(string target)
    {
        if (!target.StartsWith('/') && Uri.TryCreate(target, UriKind.Absolute, out var uri)) target = uri.AbsolutePath;
        var query = target.IndexOf('?', StringComparison.Ordinal);
        if (query >= 0) target = target[..query];
        return target.Split('/', StringSplitOptions.RemoveEmptyEntries);
    }
}

/// <summary>What the APIs ask of requests.</summary>
/// <param name="ApiToken">The token that callers must send, or null.</param>
internal sealed record ApiSettings(string? ApiToken, long MaxBodyBytes);
