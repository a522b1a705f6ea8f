using System.Net;
using System.Net.Sockets;
using System.Text;
using Danube.Dapr.LocalSidecar.CommandLine;
using Danube.Dapr.LocalSidecar.Tracing;
using Grpc.Core;

namespace Danube.Dapr.LocalSidecar.Hosting;

/// <summary>HTTP/1.1 to one instance of an app, or to another sidecar that has it. An app that speaks gRPC gets what is sent here as <c>OnInvoke</c>.</summary>
internal sealed class AppChannel : IDisposable
{
    private static readonly TimeSpan ConnectTimeout = TimeSpan.FromSeconds(5);
    private static readonly UriCreationOptions AsWritten = new() { DangerousDisablePathAndQueryCanonicalization = true };

    private readonly HttpMessageInvoker _client;
    private readonly SemaphoreSlim? _concurrency;
    private readonly string? _appToken;
    private readonly string _host;
    private readonly int _port;

    public AppChannel(AppOptions app, string? appToken) : this(app.AppChannelAddress, app.AppPort!.Value, appToken, app.AppMaxConcurrency)
    {
        if (app.AppProtocol == AppProtocol.Grpc) Grpc = new GrpcAppChannel(BaseAddress, appToken, _concurrency);
    }

    public AppChannel(string host, int port, string? appToken = null, int? maxConcurrency = null)
    {
        (_host, _port) = (host, port);
        BaseAddress = $"http://{(_host.Contains(':', StringComparison.Ordinal) ? $"[{_host}]" : _host)}:{_port}";
        _appToken = appToken;
        _concurrency = maxConcurrency is { } limit ? new SemaphoreSlim(limit) : null;
        _client = new HttpMessageInvoker(new SocketsHttpHandler
        {
            AllowAutoRedirect = false, UseCookies = false, UseProxy = false, AutomaticDecompression = DecompressionMethods.None,
            ActivityHeadersPropagator = null,
            ConnectTimeout = ConnectTimeout, PooledConnectionIdleTimeout = TimeSpan.FromMinutes(1),
            // Without it a header that is not ASCII fails the request.
            RequestHeaderEncodingSelector = static (_, _) => Encoding.UTF8,
            // Only another sidecar is asked, and it says so in any case: a body that went too early is lost.
            Expect100ContinueTimeout = TimeSpan.FromSeconds(30),
        });
    }

    public string BaseAddress { get; }

    /// <summary>The way to an app that speaks gRPC; null for HTTP.</summary>
    public GrpcAppChannel? Grpc { get; }

    /// <summary>A request to a path that is escaped already.</summary>
    public HttpRequestMessage Request(HttpMethod method, string pathAndQuery, TraceContext trace)
    {
        var request = new HttpRequestMessage(method, new Uri(BaseAddress + pathAndQuery, AsWritten));
        if (trace.IsValid)
        {
            request.Headers.TryAddWithoutValidation("traceparent", trace.TraceParent);
            if (trace.TraceState.Length > 0) request.Headers.TryAddWithoutValidation("tracestate", trace.TraceState);
        }
        if (_appToken is not null)
        {
            request.Headers.Remove("dapr-api-token");
            request.Headers.TryAddWithoutValidation("dapr-api-token", _appToken);
        }
        return request;
    }

    /// <exception cref="HttpRequestException">The app cannot be reached or broke off.</exception>
    public Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, CancellationToken cancellationToken) =>
        Grpc is not null ? GrpcInvocation.SendAsync(Grpc, request, cancellationToken)
        : _concurrency is null ? AskAsync(request, cancellationToken) : SendInTurnAsync(_concurrency, request, cancellationToken);

    /// <summary>A question of the sidecar itself to an app that speaks HTTP: it does not wait while the app has all the requests that it may get at once.</summary>
    /// <exception cref="HttpRequestException">The app cannot be reached or broke off.</exception>
    public async Task<HttpResponseMessage> AskAsync(HttpRequestMessage request, CancellationToken cancellationToken)
    {
        // What daprd calls itself; an invocation keeps its caller's.
        if (!request.Headers.NonValidated.Contains("User-Agent")) request.Headers.TryAddWithoutValidation("User-Agent", "Go-http-client/1.1");
        try
        {
            return await _client.SendAsync(request, cancellationToken);
        }
        catch (OperationCanceledException e) when (e.InnerException is TimeoutException && !cancellationToken.IsCancellationRequested)
        {
            // Nobody gave up: no connection was taken within its time.
            throw new HttpRequestException(HttpRequestError.ConnectionError, $"no connection to {BaseAddress} within {ConnectTimeout.TotalSeconds} s", e);
        }
    }

    /// <summary>Whether the app's port accepts a connection; null when no answer came in time, which a busy machine may be the reason of.</summary>
    public async Task<bool?> AcceptsAsync(TimeSpan timeout, CancellationToken cancellationToken)
    {
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        limit.CancelAfter(timeout);
        try
        {
            using var socket = new TcpClient();
            await socket.ConnectAsync(_host, _port, limit.Token);
            return true;
        }
        catch (SocketException)
        {
            return false;
        }
        catch (OperationCanceledException) when (!cancellationToken.IsCancellationRequested)
        {
            return null;
        }
    }

    /// <summary>Whether the app was not there at all, so that the request never reached it.</summary>
    public static bool WasRefused(Exception e) =>
        e is HttpRequestException { HttpRequestError: HttpRequestError.ConnectionError or HttpRequestError.NameResolutionError } || (e is RpcException { Status.DebugException: { } inner } && WasRefused(inner));

    /// <summary>A body of bytes with its type.</summary>
    public static ByteArrayContent Content(byte[] body, string? contentType)
    {
        var content = new ByteArrayContent(body);
        if (contentType is not null) content.Headers.TryAddWithoutValidation("Content-Type", contentType);
        return content;
    }

    private async Task<HttpResponseMessage> SendInTurnAsync(SemaphoreSlim concurrency, HttpRequestMessage request, CancellationToken cancellationToken)
    {
        await concurrency.WaitAsync(cancellationToken);
        try
        {
            return await AskAsync(request, cancellationToken);
        }
        finally
        {
            concurrency.Release();
        }
    }

    public void Dispose()
    {
        Grpc?.Dispose();
        _client.Dispose();
        _concurrency?.Dispose();
    }
}
