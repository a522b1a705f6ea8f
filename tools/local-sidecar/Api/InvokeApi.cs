using System.Globalization;
using System.Text;
using Danube.Dapr.LocalSidecar.Hosting;
using Danube.Dapr.LocalSidecar.Names;
using Danube.Dapr.LocalSidecar.Resiliency;
using Danube.Dapr.LocalSidecar.Tracing;
using Dapr.Client.Autogen.Grpc.v1;
using Google.Protobuf;
using Google.Protobuf.WellKnownTypes;
using Google.Rpc;
using Grpc.Core;
using Microsoft.AspNetCore.Http.Features;

namespace Danube.Dapr.LocalSidecar.Api;

/// <summary>Service invocation: over HTTP, and <c>InvokeService</c> over gRPC; the app may speak either.</summary>
internal sealed class InvokeApi(Sidecar sidecar, long maxBodyBytes)
{
    private const string NoHost = "no host found with the given ID";

    // Of one connection only, and those that each sidecar sets itself.
    private static readonly HashSet<string> OfOneHop = new(StringComparer.OrdinalIgnoreCase)
    {
        "Connection", "Keep-Alive", "Proxy-Authenticate", "Proxy-Authorization", "Proxy-Connection", "TE", "Trailer", "Transfer-Encoding", "Upgrade", "Host", "Content-Length",
        "traceparent", "tracestate", "grpc-trace-bin", "dapr-api-token", "Expect",
    };

    // Also those that only the first sidecar may set.
    private static readonly HashSet<string> HopByHop = new(OfOneHop, StringComparer.OrdinalIgnoreCase) { "dapr-app-id", "dapr-callee-app-id", "dapr-caller-app-id", "dapr-caller-namespace", Actors.ActorRelay.OperationHeader };

    private static readonly HashSet<string> Verbs = new(StringComparer.Ordinal) { "GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS", "TRACE", "CONNECT" };

    /// <summary>Passes an HTTP request on and its answer back.</summary>
    /// <param name="path">The app's path, not escaped.</param>
    public async Task InvokeAsync(HttpContext http, AppInstance caller, string appId, string path, Tracing.Span span)
    {
        var (id, space) = NameOf(appId, caller);
        var target = Find(id, space);
        if (target is null && sidecar.Neighbours is null) throw Failed(appId, NoHost);
        var verb = Verbs.Contains(http.Request.Method) ? http.Request.Method : "POST";
        var body = Body(http.Request, appId);
        var policy = caller.Components.AppPolicy(id);
        byte[]? buffered = null;
        var url = http.Request.Path.Value ?? "";
        // The answer of the last try, which is the caller's when no better one follows.
        HttpResponseMessage? refused = null;

        HttpRequestMessage Compose(AppChannel channel, TraceContext trace)
        {
            var request = channel.Request(new HttpMethod(verb), Escape(path) + http.Request.QueryString.Value, trace);
            request.Content = buffered is not null ? Copy(body!, buffered) : body;
            CopyHeaders(http.Request, request, HopByHop);
            return request;
        }

        async ValueTask<HttpResponseMessage> Once(CancellationToken token)
        {
            refused?.Dispose();
            refused = null;
            if (target is null) return Checked(await ElsewhereAsync(appId, id, space, caller, channel => Compose(channel, span.Context), token));
            var instance = target.Next() ?? throw Failed(appId, "no app channel: the app has no port");
            var channel = instance.Channel!;
            url = channel.BaseAddress + path;
            // A call to another app passes its sidecar, too.
            using var server = instance.App == caller.App ? default : instance.Tracer.Start("CallLocal/" + id + path, span.Context, System.Diagnostics.ActivityKind.Server);
            using var request = Compose(channel, instance.App == caller.App ? span.Context : server.Context);
            if (instance.App != caller.App) AddCaller(request, caller, id);
            try
            {
                return Checked(await channel.SendAsync(request, token));
            }
            catch (HttpRequestException e) when (AppChannel.WasRefused(e))
            {
                instance.Suspect();
                throw;
            }
        }

        HttpResponseMessage Checked(HttpResponseMessage response) =>
            policy is null || response.StatusCode < System.Net.HttpStatusCode.InternalServerError ? response : throw new AnsweredException(refused = response);

        HttpResponseMessage? answer = null;
        try
        {
            // With a policy the body may have to be sent again.
            if (policy is not null && body is not null) buffered = await body.ReadAsByteArrayAsync(http.RequestAborted);
            answer = policy is null ? await Once(http.RequestAborted) : await policy.RunAsync(Once, http.RequestAborted);
        }
        catch (AnsweredException e)
        {
            answer = e.Response;
        }
        catch (Exception e) when (e is not (DaprError or OperationCanceledException))
        {
            if (e is BodyTooLargeException || e.InnerException is BodyTooLargeException)
            {
                http.Response.Headers.Connection = "close";
                throw Failed(appId, $"{GoVerb(verb)} \"{url}\": stream too large");
            }
            throw Failed(appId, e is NeighbourException ? e.Message : $"{GoVerb(verb)} \"{url}\": {e.Message}");
        }
        finally
        {
            // For example when the circuit breaker, or a time-out, followed.
            if (refused != answer) refused?.Dispose();
        }
        using (answer) await CopyBackAsync(http, answer, span.Context);
    }

    public async Task<InvokeResponse> InvokeServiceAsync(GrpcCall call, InvokeServiceRequest request)
    {
        var message = request.Message ?? throw new DaprError("ERR_DIRECT_INVOKE", 400, StatusCode.InvalidArgument, "invalid request: message is missing");
        var (id, space) = NameOf(request.Id, call.App);
        var target = Find(id, space);
        var instance = target is null ? null : target.Next() ?? throw Failed(request.Id, "no app channel: the app has no port");
        if (instance?.Channel!.Grpc is { } grpc) return await InvokeGrpcAsync(call, instance, grpc, id, message);
        var verb = message.HttpExtension is { Verb: not HTTPExtension.Types.Verb.None } extension ? extension.Verb.ToString().ToUpperInvariant() : "POST";
        var query = message.HttpExtension?.Querystring is { Length: > 0 } text ? "?" + text : "";
        var path = Clean("/" + message.Method);
        var data = message.Data?.Value.ToByteArray() ?? [];

        HttpRequestMessage Compose(AppChannel channel)
        {
            var sent = channel.Request(new HttpMethod(verb), Escape(path) + query, call.Trace);
            if (data.Length > 0) sent.Content = AppChannel.Content(data, message.ContentType.Length > 0 ? message.ContentType : "application/json");
            foreach (var header in call.Context.RequestHeaders)
            {
                if (header.IsBinary || HopByHop.Contains(header.Key) || header.Key.StartsWith(':') || header.Key is "content-type" or "grpc-timeout") continue;
                var name = header.Key.StartsWith("grpc-", StringComparison.Ordinal) ? "Dapr-" + PubSub.HttpDelivery.Canonical(header.Key) : PubSub.HttpDelivery.Canonical(header.Key);
                sent.Headers.TryAddWithoutValidation(name, header.Value);
            }
            sent.Headers.TryAddWithoutValidation("Dapr-Authority", call.Context.Host);
            return sent;
        }

        async Task<HttpResponseMessage> HereAsync()
        {
            using var sent = Compose(instance.Channel!);
            if (instance.App != call.App.App) AddCaller(sent, call.App, id);
            return await instance.Channel!.SendAsync(sent, call.Cancelled);
        }

        try
        {
            using var response = instance is null ? await ElsewhereAsync(request.Id, id, space, call.App, Compose, call.Cancelled) : await HereAsync();
            var body = await response.Content.ReadAsByteArrayAsync(call.Cancelled);
            var code = (int)response.StatusCode;
            await call.Context.WriteResponseHeadersAsync(ResponseHeaders(response, call.Trace));
            if (code is >= 200 and < 300)
                return new InvokeResponse { ContentType = response.Content.Headers.ContentType?.ToString() ?? "application/json", Data = new Any { Value = UnsafeByteOperations.UnsafeWrap(body) } };
            throw Status(code, body);
        }
        catch (HttpRequestException e)
        {
            if (AppChannel.WasRefused(e)) instance?.Suspect();
            throw Failed(request.Id, e.Message);
        }
    }

    // From gRPC to gRPC nothing is lost: the type of the data, the status with its details, binary metadata.
    private static async Task<InvokeResponse> InvokeGrpcAsync(GrpcCall call, AppInstance instance, GrpcAppChannel grpc, string id, InvokeRequest message)
    {
        var headers = grpc.Headers(call.Trace, call.Context.RequestHeaders.Where(static h => !h.IsBinary && !HopByHop.Contains(h.Key) && h.Key is not ("content-type" or "grpc-timeout" or "grpc-accept-encoding"))
            .Select(static h => new KeyValuePair<string, string>(h.Key, h.Value)));
        foreach (var header in call.Context.RequestHeaders)
            if (header.IsBinary && header.Key != "grpc-trace-bin") headers.Add(header);
        if (instance.App != call.App.App)
        {
            headers.Add("dapr-callee-app-id", id);
            headers.Add("dapr-caller-app-id", call.App.AppId);
            headers.Add("dapr-caller-namespace", call.App.App.Namespace);
        }
        try
        {
            var (response, answered) = await grpc.CallWithHeadersAsync(GrpcAppChannel.OnInvoke, message, headers, call.Cancelled);
            await call.Context.WriteResponseHeadersAsync(Own(answered));
            return response;
        }
        catch (RpcException e)
        {
            if (AppChannel.WasRefused(e)) instance.Suspect();
            throw new RpcException(new Grpc.Core.Status(e.StatusCode, e.Status.Detail), Own(e.Trailers));
        }
    }

    private static Metadata Own(Metadata answered)
    {
        var own = new Metadata();
        foreach (var entry in answered)
            if (entry.Key is not ("content-type" or "date" or "server" or "grpc-trace-bin" or "grpc-status" or "grpc-message" or "grpc-encoding" or "grpc-accept-encoding")) own.Add(entry);
        return own;
    }

    /// <summary>Answers another sidecar that has a call for this app: as the app answers, or with what went wrong on the way to it.</summary>
    public async Task AnswerNeighbourAsync(HttpContext http, AppInstance app)
    {
        var target = http.Features.GetRequiredFeature<IHttpRequestFeature>().RawTarget;
        var path = Uri.UnescapeDataString(target.Split('?')[0]);
        using var server = app.Tracer.Start("CallLocal/" + app.AppId + path, TraceContext.Parse(http.Request.Headers.TraceParent, http.Request.Headers.TraceState), System.Diagnostics.ActivityKind.Server);
        try
        {
            // A line of a process that died may name a port that is this one's now.
            if (http.Request.Headers["Dapr-Callee-App-Id"] is [{ } callee] && callee != app.AppId)
            {
                http.Response.StatusCode = StatusCodes.Status421MisdirectedRequest;
                http.Response.Headers[Neighbours.ProblemHeader] = Uri.EscapeDataString($"no app {callee} here: this address is app {app.AppId}'s now");
                return;
            }
            var channel = app.Channel ?? throw new NeighbourException("no app channel: the app has no port");
            using var request = channel.Request(new HttpMethod(http.Request.Method), target, server.Context);
            request.Content = Body(http.Request, app.AppId);
            CopyHeaders(http.Request, request, OfOneHop);
            using var answer = await channel.SendAsync(request, http.RequestAborted);
            await CopyBackAsync(http, answer, default);
        }
        catch (Exception e) when (e is not OperationCanceledException && !http.Response.HasStarted)
        {
            if (AppChannel.WasRefused(e)) app.Suspect();
            var problem = e is NeighbourException or DaprError ? e.Message : $"{GoVerb(http.Request.Method)} \"{app.Channel!.BaseAddress}{path}\": {e.Message}";
            server.Failed(problem);
            http.Response.Headers.Clear();
            http.Response.StatusCode = 502;
            http.Response.Headers[Neighbours.ProblemHeader] = Uri.EscapeDataString(problem);
        }
        catch (OperationCanceledException) when (http.RequestAborted.IsCancellationRequested)
        {
            // The other sidecar's caller gave up.
        }
    }

    private async Task<HttpResponseMessage> ElsewhereAsync(string appId, string id, string space, AppInstance caller, Func<AppChannel, HttpRequestMessage> compose, CancellationToken cancellationToken)
    {
        HttpRequestMessage Compose(AppChannel channel)
        {
            var request = compose(channel);
            AddCaller(request, caller, id);
            return request;
        }

        var answer = sidecar.Neighbours is { } neighbours ? await neighbours.SendAsync(id, space, Compose, cancellationToken) : null;
        return answer ?? throw Failed(appId, NoHost);
    }

    // The app's headers go back as metadata; those that have a meaning of their own in HTTP get a prefix, as in daprd.
    private static Metadata ResponseHeaders(HttpResponseMessage response, TraceContext trace)
    {
        var headers = new Metadata();
        foreach (var (name, values) in response.Headers.NonValidated.Concat(response.Content.Headers.NonValidated))
        {
            if (HopByHop.Contains(name)) continue;
            var key = (GrpcInvocation.HttpOnly.Contains(name) ? "dapr-" : "") + name.ToLowerInvariant();
            // A binary key needs base64 values, which HTTP headers of that name need not have.
            if (key.EndsWith("-bin", StringComparison.Ordinal)) continue;
            foreach (var value in values) headers.Add(key, value);
        }
        headers.Add("dapr-http-status", ((int)response.StatusCode).ToString(CultureInfo.InvariantCulture));
        if (trace.IsValid) headers.Add("traceparent", trace.TraceParent);
        return headers;
    }

    /// <summary>The path as daprd passes it on: unescaped, without double slashes and dots.</summary>
    public static string Clean(string path)
    {
        var parts = new List<string>();
        foreach (var part in Uri.UnescapeDataString(path).Split('/', StringSplitOptions.RemoveEmptyEntries))
        {
            if (part == "..")
            {
                if (parts.Count > 0) parts.RemoveAt(parts.Count - 1);
            }
            else if (part != ".")
            {
                parts.Add(part);
            }
        }
        return "/" + string.Join('/', parts);
    }

    private static string Escape(string path) => string.Join('/', path.Split('/').Select(Uri.EscapeDataString));

    // An app-id may name its namespace.
    private static (string Id, string Namespace) NameOf(string appId, AppInstance caller)
    {
        var dot = appId.IndexOf('.', StringComparison.Ordinal);
        return dot > 0 ? (appId[..dot], appId[(dot + 1)..]) : (appId, caller.App.Namespace);
    }

    private AppGroup? Find(string id, string space) => sidecar.GroupOf(id) is { } group && group.Runtime.Namespace == space ? group : null;

    private static void CopyHeaders(Microsoft.AspNetCore.Http.HttpRequest from, HttpRequestMessage to, HashSet<string> without)
    {
        foreach (var (name, values) in from.Headers)
        {
            if (without.Contains(name) || name.StartsWith("Content-", StringComparison.OrdinalIgnoreCase)) continue;
            to.Headers.TryAddWithoutValidation(PubSub.HttpDelivery.Canonical(name), (IEnumerable<string?>)values);
        }
    }

    private static void AddCaller(HttpRequestMessage request, AppInstance caller, string callee)
    {
        var host = Environment.MachineName;
        request.Headers.TryAddWithoutValidation("Dapr-Callee-App-Id", callee);
        request.Headers.TryAddWithoutValidation("Dapr-Caller-App-Id", caller.AppId);
        request.Headers.TryAddWithoutValidation("Dapr-Caller-Namespace", caller.App.Namespace);
        request.Headers.TryAddWithoutValidation("Forwarded", $"for=127.0.0.1;by=127.0.0.1;host={host}");
        request.Headers.TryAddWithoutValidation("X-Forwarded-For", "127.0.0.1");
        request.Headers.TryAddWithoutValidation("X-Forwarded-Host", host);
    }

    private StreamContent? Body(Microsoft.AspNetCore.Http.HttpRequest request, string appId)
    {
        if (request.ContentLength is null && !request.Headers.TransferEncoding.ToString().Contains("chunked", StringComparison.OrdinalIgnoreCase) && request.Protocol != "HTTP/2") return null;
        if (request.ContentLength > maxBodyBytes)
        {
            request.HttpContext.Response.Headers.Connection = "close";
            throw Failed(appId, $"{GoVerb(request.Method)} \"{request.Path}\": stream too large");
        }
        var content = new StreamContent(new LimitedStream(request.Body, maxBodyBytes));
        content.Headers.ContentLength = request.ContentLength;
        foreach (var (name, values) in request.Headers)
            if (name.StartsWith("Content-", StringComparison.OrdinalIgnoreCase) && !name.Equals("Content-Length", StringComparison.OrdinalIgnoreCase))
                content.Headers.TryAddWithoutValidation(name, (IEnumerable<string?>)values);
        return content;
    }

    private static ByteArrayContent Copy(HttpContent original, byte[] body)
    {
        var content = new ByteArrayContent(body);
        foreach (var (name, values) in original.Headers.NonValidated) if (name != "Content-Length") content.Headers.TryAddWithoutValidation(name, values);
        return content;
    }

    private static async Task CopyBackAsync(HttpContext http, HttpResponseMessage answer, TraceContext trace)
    {
        var response = http.Response;
        response.StatusCode = (int)answer.StatusCode;
        foreach (var (name, values) in answer.Headers.NonValidated) if (!HopByHop.Contains(name)) response.Headers[PubSub.HttpDelivery.Canonical(name)] = values.ToArray();
        foreach (var (name, values) in answer.Content.Headers.NonValidated) if (name != "Content-Length") response.Headers[PubSub.HttpDelivery.Canonical(name)] = values.ToArray();
        if (trace.IsValid && !response.Headers.ContainsKey("traceparent")) response.Headers["Traceparent"] = trace.TraceParent;
        var hasBody = response.StatusCode is not (204 or 304) && http.Request.Method != "HEAD";
        if (!hasBody) return;
        if (!response.Headers.ContainsKey("Content-Type")) response.Headers.ContentType = "application/json";
        if (answer.Content.Headers.ContentLength is { } length && response.StatusCode is < 200 or > 299) response.ContentLength = length;
        await answer.Content.CopyToAsync(response.Body, http.RequestAborted);
    }

    private static RpcException Status(int http, byte[] body)
    {
        var code = http switch
        {
            400 => StatusCode.Internal, 401 => StatusCode.Unauthenticated, 403 => StatusCode.PermissionDenied, 404 => StatusCode.NotFound, 408 or 504 => StatusCode.DeadlineExceeded,
            409 => StatusCode.AlreadyExists, 429 => StatusCode.ResourceExhausted, 501 => StatusCode.Unimplemented, 503 => StatusCode.Unavailable, _ => StatusCode.Unknown,
        };
        var text = Microsoft.AspNetCore.WebUtilities.ReasonPhrases.GetReasonPhrase(http);
        var info = new ErrorInfo { Reason = text, Domain = "dapr.io", Metadata = { ["http.code"] = http.ToString(CultureInfo.InvariantCulture), ["http.error_message"] = Encoding.UTF8.GetString(body) } };
        var status = new Google.Rpc.Status { Code = (int)code, Message = text, Details = { Any.Pack(info) } };
        return new RpcException(new Grpc.Core.Status(code, text), new Metadata { { "grpc-status-details-bin", status.ToByteArray() } });
    }

    private static DaprError Failed(string appId, string problem) => new("ERR_DIRECT_INVOKE", 500, StatusCode.Internal, $"failed to invoke, id: {appId}, err: {problem}");

    private static string GoVerb(string verb) => verb.Length < 2 ? verb : char.ToUpperInvariant(verb[0]) + verb[1..].ToLowerInvariant();

    private sealed class AnsweredException(HttpResponseMessage response) : CallFailedException($"the app answered {(int)response.StatusCode}", (int)response.StatusCode)
    {
        public HttpResponseMessage Response { get; } = response;
    }
}
