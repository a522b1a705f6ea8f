using System.Security.Cryptography;
using System.Text;
using Danube.Dapr.LocalSidecar.Hosting;
using Danube.Dapr.LocalSidecar.Tracing;
using Google.Protobuf;
using Grpc.AspNetCore.Server.Model;
using Grpc.Core;

namespace Danube.Dapr.LocalSidecar.Api;

/// <summary>One rpc: the app that was called, and the span of the call.</summary>
internal sealed record GrpcCall(AppInstance App, TraceContext Trace, ServerCallContext Context)
{
    public CancellationToken Cancelled => Context.CancellationToken;
}

/// <summary>The service class that Kestrel's gRPC binds <c>dapr.proto.runtime.v1.Dapr</c> to; the rpcs are added by <see cref="GrpcMethods"/>.</summary>
internal sealed class DaprGrpcService
{
    /// <summary>How many bytes are read of a message before the answer is that it is too large.</summary>
    public static int ReadLimit(long maxBodyBytes) => (int)Math.Min(int.MaxValue, maxBodyBytes * 4);
}

/// <summary>
/// Binds rpcs of the public message types to handlers. <c>Dapr.Protos</c> has no server base class, so that methods are made by hand.
/// </summary>
internal sealed class GrpcBinder(ServiceMethodProviderContext<DaprGrpcService> context, Sidecar sidecar, long maxBodyBytes)
{
    private const string Service = "dapr.proto.runtime.v1.Dapr";

    public void Unary<TRequest, TResponse>(string name, Func<GrpcCall, TRequest, Task<TResponse>> handler)
        where TRequest : class, IMessage<TRequest>, new()
        where TResponse : class, IMessage<TResponse>, new()
    {
        var method = new Method<TRequest, TResponse>(MethodType.Unary, Service, name, Marshaller<TRequest>(), Marshaller<TResponse>());
        var spanName = $"/{Service}/{name}";
        context.AddUnaryMethod(method, [], async (_, request, call) =>
        {
            var app = sidecar.FromPort(call.GetHttpContext().Connection.LocalPort);
            using var span = app.Tracer.Start(spanName, GrpcTrace.Parent(call));
            GrpcTrace.Answer(call, span.Context);
            try
            {
                return await handler(new GrpcCall(app, span.Context, call), request);
            }
            catch (DaprError e)
            {
                span.Failed(e.Message);
                throw e.ToRpcException();
            }
        });
    }

    /// <summary>A stream both ways. It has no span: it may last as long as the app.</summary>
    public void Duplex<TRequest, TResponse>(string name, Func<GrpcCall, IAsyncStreamReader<TRequest>, IServerStreamWriter<TResponse>, Task> handler)
        where TRequest : class, IMessage<TRequest>, new()
        where TResponse : class, IMessage<TResponse>, new()
    {
        var method = new Method<TRequest, TResponse>(MethodType.DuplexStreaming, Service, name, Marshaller<TRequest>(), Marshaller<TResponse>());
        context.AddDuplexStreamingMethod(method, [], async (_, requests, responses, call) =>
        {
            var app = sidecar.FromPort(call.GetHttpContext().Connection.LocalPort);
            try
            {
                await handler(new GrpcCall(app, GrpcTrace.Parent(call), call), requests, responses);
            }
            catch (DaprError e)
            {
                throw e.ToRpcException();
            }
        });
    }

    private Marshaller<T> Marshaller<T>() where T : IMessage<T>, new()
    {
        var parser = new MessageParser<T>(static () => new T());
        return Marshallers.Create<T>((message, output) =>
        {
            output.SetPayloadLength(message.CalculateSize());
            message.WriteTo(output.GetBufferWriter());
            output.Complete();
        }, input =>
        {
            // Kestrel's own limit, far above, answers in other words.
            if (input.PayloadLength > maxBodyBytes)
                throw new RpcException(new Status(StatusCode.ResourceExhausted, $"grpc: received message larger than max ({input.PayloadLength} vs. {maxBodyBytes})"));
            return parser.ParseFrom(input.PayloadAsReadOnlySequence());
        });
    }
}

/// <summary>What every call to a Dapr port passes first: the API token, and the answers to what is unknown.</summary>
internal static class ApiGuard
{
    /// <summary>Whether the token that was sent is the one that is asked for.</summary>
    public static bool IsAllowed(string expected, string? sent) =>
        sent is not null && CryptographicOperations.FixedTimeEquals(Encoding.UTF8.GetBytes(expected), Encoding.UTF8.GetBytes(sent));

    /// <summary>Answers an rpc that fails before it reaches a handler.</summary>
    public static Task RefuseAsync(HttpResponse response, StatusCode code, string message)
    {
        response.StatusCode = 200;
        response.ContentType = "application/grpc";
        response.Headers["grpc-status"] = ((int)code).ToString(System.Globalization.CultureInfo.InvariantCulture);
        response.Headers["grpc-message"] = message;
        return Task.CompletedTask;
    }

    /// <summary>daprd takes an rpc that it does not know for one to be proxied, and misses the app-id.</summary>
    public static string UnknownRpc(string path) => path.StartsWith("/dapr.proto.runtime.v1.Dapr/", StringComparison.Ordinal)
        ? "failed to proxy request: required metadata dapr-callee-app-id or dapr-app-id not found"
        : "cannot proxy request: missing dapr-callee-app-id or dapr-app-id metadata";
}
