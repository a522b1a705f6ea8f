using System.Net;
using Danube.Dapr.LocalSidecar.Hosting;
using Danube.Dapr.LocalSidecar.Tracing;
using Grpc.Core;

namespace Danube.Dapr.LocalSidecar.Api;

/// <summary>Passes calls of any gRPC service on to the app that their metadata name, unary ones and streams, without a look at the messages.</summary>
internal sealed class GrpcProxy(Sidecar sidecar)
{
    private static readonly HashSet<string> OfOneHop = new(StringComparer.OrdinalIgnoreCase)
    {
        "Host", "Connection", "TE", "Content-Length", "Transfer-Encoding", "Keep-Alive", "Proxy-Connection", "Upgrade", "dapr-app-id", "dapr-callee-app-id", "dapr-api-token", "grpc-trace-bin", "traceparent",
    };

    /// <summary>Whether the call names an app.</summary>
    public static string? CalleeOf(HttpRequest request) =>
        request.Headers["dapr-callee-app-id"].ToString() is { Length: > 0 } callee ? callee : request.Headers["dapr-app-id"].ToString() is { Length: > 0 } app ? app : null;

    public async Task ForwardAsync(HttpContext http, string callee)
    {
        var caller = sidecar.FromPort(http.Connection.LocalPort);
        var dot = callee.IndexOf('.', StringComparison.Ordinal);
        var (id, space) = dot > 0 ? (callee[..dot], callee[(dot + 1)..]) : (callee, caller.App.Namespace);
        if (sidecar.GroupOf(id) is not { } group || group.Runtime.Namespace != space)
        {
            await ApiGuard.RefuseAsync(http.Response, StatusCode.Unknown, "no host found with the given ID");
            return;
        }
        if (group.Next()?.Channel is not { Grpc: { } grpc } channel)
        {
            await ApiGuard.RefuseAsync(http.Response, StatusCode.Unavailable, $"app {id} has no port that speaks gRPC");
            return;
        }
        using var span = caller.Tracer.Start(http.Request.Path, Parent(http.Request));
        using var request = Request(http, channel.BaseAddress);
        foreach (var header in grpc.Headers(span.Context)) request.Headers.TryAddWithoutValidation(header.Key, header.IsBinary ? Convert.ToBase64String(header.ValueBytes).TrimEnd('=') : header.Value);
        if (group.Runtime != caller.App)
        {
            request.Headers.TryAddWithoutValidation("dapr-caller-app-id", caller.AppId);
            request.Headers.TryAddWithoutValidation("dapr-caller-namespace", caller.App.Namespace);
            request.Headers.TryAddWithoutValidation("dapr-callee-app-id", id);
        }
        try
        {
            using var answer = await grpc.Connection.SendAsync(request, http.RequestAborted);
            await CopyBackAsync(http, answer, span.Context);
        }
        catch (HttpRequestException e) when (!http.Response.HasStarted)
        {
            span.Failed(e.Message);
            await ApiGuard.RefuseAsync(http.Response, StatusCode.Unavailable, Uri.EscapeDataString($"app {id} cannot be reached: {e.Message}"));
        }
        catch (Exception e) when (e is HttpRequestException or IOException or OperationCanceledException)
        {
            // One side broke off: the other learns it the same way.
            span.Failed(e.Message);
            http.Abort();
        }
    }

    private static TraceContext Parent(HttpRequest request)
    {
        var binary = new byte[64];
        var text = request.Headers["grpc-trace-bin"].ToString();
        if (text.Length is > 0 and <= 80 && Convert.TryFromBase64String(text.PadRight((text.Length + 3) / 4 * 4, '='), binary, out var length) && TraceContext.Parse(binary.AsSpan(0, length)) is { IsValid: true } context) return context;
        return TraceContext.Parse(request.Headers.TraceParent, request.Headers.TraceState);
    }

    private static HttpRequestMessage Request(HttpContext http, string address)
    {
        var request = new HttpRequestMessage(HttpMethod.Post, address + http.Request.Path)
        {
            Version = HttpVersion.Version20, VersionPolicy = HttpVersionPolicy.RequestVersionExact, Content = new Passing(http.Request.Body, http.RequestAborted),
        };
        foreach (var (name, values) in http.Request.Headers)
        {
            if (OfOneHop.Contains(name) || name.StartsWith(':')) continue;
            if (!request.Headers.TryAddWithoutValidation(name, (IEnumerable<string?>)values)) request.Content.Headers.TryAddWithoutValidation(name, (IEnumerable<string?>)values);
        }
        request.Headers.TryAddWithoutValidation("TE", "trailers");
        return request;
    }

    private static async Task CopyBackAsync(HttpContext http, HttpResponseMessage answer, TraceContext trace)
    {
        var response = http.Response;
        response.StatusCode = (int)answer.StatusCode;
        foreach (var (name, values) in answer.Headers.NonValidated.Concat(answer.Content.Headers.NonValidated))
            if (!OfOneHop.Contains(name)) response.Headers[name] = values.ToArray();
        if (trace.IsValid) response.Headers["grpc-trace-bin"] = Convert.ToBase64String(trace.ToBinary()).TrimEnd('=');
        // The caller of a stream waits for the headers before anything is said.
        await response.StartAsync(http.RequestAborted);
        await using (var body = await answer.Content.ReadAsStreamAsync(http.RequestAborted)) await PassAsync(body, response.Body, http.RequestAborted);
        foreach (var (name, values) in answer.TrailingHeaders.NonValidated) response.AppendTrailer(name, values.ToArray());
    }

    private static async Task PassAsync(Stream from, Stream to, CancellationToken cancellationToken)
    {
        var buffer = System.Buffers.ArrayPool<byte>.Shared.Rent(16 * 1024);
        try
        {
            while (await from.ReadAsync(buffer, cancellationToken) is > 0 and var read)
            {
                await to.WriteAsync(buffer.AsMemory(0, read), cancellationToken);
                await to.FlushAsync(cancellationToken);
            }
        }
        finally
        {
            System.Buffers.ArrayPool<byte>.Shared.Return(buffer);
        }
    }

    // What comes in goes out at once: a stream may wait for an answer before its next message.
    private sealed class Passing(Stream source, CancellationToken aborted) : HttpContent
    {
        protected override Task SerializeToStreamAsync(Stream stream, TransportContext? context) => SerializeToStreamAsync(stream, context, default);

        protected override async Task SerializeToStreamAsync(Stream stream, TransportContext? context, CancellationToken cancellationToken)
        {
            using var either = CancellationTokenSource.CreateLinkedTokenSource(aborted, cancellationToken);
            await stream.FlushAsync(either.Token);
            await PassAsync(source, stream, either.Token);
        }

        protected override bool TryComputeLength(out long length)
        {
            length = 0;
            return false;
        }
    }
}
