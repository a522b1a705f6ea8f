using System.Net;
using Danube.Dapr.LocalSidecar.Tracing;
using Dapr.AppCallback.Autogen.Grpc.v1;
using Dapr.Client.Autogen.Grpc.v1;
using Google.Protobuf;
using Google.Protobuf.WellKnownTypes;
using Grpc.Core;
using Grpc.Net.Client;

namespace Danube.Dapr.LocalSidecar.Hosting;

/// <summary>gRPC to one instance of an app: its <c>AppCallback</c> services, and the connection that other calls go through.</summary>
internal sealed class GrpcAppChannel : IDisposable
{
    // Dapr.Protos has the messages and no client of these services.
    public static readonly Method<InvokeRequest, InvokeResponse> OnInvoke = Unary<InvokeRequest, InvokeResponse>("AppCallback", "OnInvoke");
    public static readonly Method<Empty, ListTopicSubscriptionsResponse> ListTopicSubscriptions = Unary<Empty, ListTopicSubscriptionsResponse>("AppCallback", "ListTopicSubscriptions");
    public static readonly Method<TopicEventRequest, TopicEventResponse> OnTopicEvent = Unary<TopicEventRequest, TopicEventResponse>("AppCallback", "OnTopicEvent");
    public static readonly Method<TopicEventBulkRequest, TopicEventBulkResponse> OnBulkTopicEvent = Unary<TopicEventBulkRequest, TopicEventBulkResponse>("AppCallbackAlpha", "OnBulkTopicEventAlpha1");
    public static readonly Method<Empty, HealthCheckResponse> HealthCheck = Unary<Empty, HealthCheckResponse>("AppCallbackHealthCheck", "HealthCheck");

    private readonly GrpcChannel _channel;
    private readonly CallInvoker _calls;
    private readonly SemaphoreSlim? _concurrency;
    private readonly string? _appToken;

    public GrpcAppChannel(string address, string? appToken, SemaphoreSlim? concurrency)
    {
        (_appToken, _concurrency) = (appToken, concurrency);
        Connection = new HttpMessageInvoker(new SocketsHttpHandler
        {
            AllowAutoRedirect = false, UseCookies = false, UseProxy = false, AutomaticDecompression = DecompressionMethods.None, EnableMultipleHttp2Connections = true,
            ActivityHeadersPropagator = null,
            ConnectTimeout = TimeSpan.FromSeconds(5), PooledConnectionIdleTimeout = TimeSpan.FromMinutes(1),
        });
        _channel = GrpcChannel.ForAddress(address, new GrpcChannelOptions { HttpClient = new HttpClient(new Through(Connection)), DisposeHttpClient = true, MaxReceiveMessageSize = null, MaxSendMessageSize = null, ThrowOperationCanceledOnCancellation = true });
        _calls = _channel.CreateCallInvoker();
    }

    /// <summary>HTTP/2 to the app.</summary>
    public HttpMessageInvoker Connection { get; }

    /// <exception cref="RpcException">The app refused or cannot be reached.</exception>
    public async Task<TResponse> CallAsync<TRequest, TResponse>(Method<TRequest, TResponse> method, TRequest request, Metadata headers, CancellationToken cancellationToken)
        where TRequest : class where TResponse : class => (await CallWithHeadersAsync(method, request, headers, cancellationToken)).Response;

    /// <summary>A question of the sidecar itself: it does not wait while the app has all the requests that it may get at once.</summary>
    /// <exception cref="RpcException">The app refused or cannot be reached.</exception>
    public async Task<TResponse> AskAsync<TRequest, TResponse>(Method<TRequest, TResponse> method, TRequest request, CancellationToken cancellationToken)
        where TRequest : class where TResponse : class
    {
        using var call = _calls.AsyncUnaryCall(method, null, new CallOptions(Headers(TraceContext.None), cancellationToken: cancellationToken), request);
        return await call.ResponseAsync;
    }

    /// <returns>The answer with its headers.</returns>
    /// <exception cref="RpcException">The app refused or cannot be reached.</exception>
    public async Task<(TResponse Response, Metadata Headers)> CallWithHeadersAsync<TRequest, TResponse>(Method<TRequest, TResponse> method, TRequest request, Metadata headers, CancellationToken cancellationToken)
        where TRequest : class where TResponse : class
    {
        if (_concurrency is not null) await _concurrency.WaitAsync(cancellationToken);
        try
        {
            using var call = _calls.AsyncUnaryCall(method, null, new CallOptions(headers, cancellationToken: cancellationToken), request);
            var response = await call.ResponseAsync;
            return (response, await call.ResponseHeadersAsync);
        }
        finally
        {
            _concurrency?.Release();
        }
    }

    /// <summary>The headers of a callback: the trace, the app's token and <paramref name="metadata"/>.</summary>
    public Metadata Headers(TraceContext trace, IEnumerable<KeyValuePair<string, string>>? metadata = null)
    {
        var headers = new Metadata();
        foreach (var (name, value) in metadata ?? [])
        {
            // What gRPC has no way to send is left out; the payload's own type and length say nothing of the envelope.
            var key = name.ToLowerInvariant();
            if (key is "content-type" or "content-length" or "dapr-api-token" or "traceparent" or "tracestate" || key.EndsWith("-bin", StringComparison.Ordinal) || !IsKey(key) || !System.Text.Ascii.IsValid(value)) continue;
            headers.Add(key, value);
        }
        if (trace.IsValid)
        {
            headers.Add("grpc-trace-bin", trace.ToBinary());
            headers.Add("traceparent", trace.TraceParent);
            if (trace.TraceState.Length > 0) headers.Add("tracestate", trace.TraceState);
        }
        if (_appToken is not null) headers.Add("dapr-api-token", _appToken);
        return headers;
    }

    public void Dispose()
    {
        _channel.Dispose();
        Connection.Dispose();
    }

    private static bool IsKey(string key) => key.Length > 0 && key.All(static c => char.IsAsciiLetterLower(c) || char.IsAsciiDigit(c) || c is '-' or '_' or '.');

    private static Method<TRequest, TResponse> Unary<TRequest, TResponse>(string service, string name) where TRequest : IMessage<TRequest>, new() where TResponse : IMessage<TResponse>, new() =>
        new(MethodType.Unary, "dapr.proto.runtime.v1." + service, name, Marshaller<TRequest>(), Marshaller<TResponse>());

    private static Marshaller<T> Marshaller<T>() where T : IMessage<T>, new()
    {
        var parser = new MessageParser<T>(static () => new T());
        return Marshallers.Create(static message => message.ToByteArray(), parser.ParseFrom);
    }

    // Callbacks and proxied calls share the connections.
    private sealed class Through(HttpMessageInvoker connection) : HttpMessageHandler
    {
        protected override Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, CancellationToken cancellationToken) => connection.SendAsync(request, cancellationToken);
    }
}
