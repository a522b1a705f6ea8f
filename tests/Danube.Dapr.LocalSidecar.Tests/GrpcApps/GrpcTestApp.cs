using System.Collections.Concurrent;
using System.Net;
using Dapr.AppCallback.Autogen.Grpc.v1;
using Dapr.Client.Autogen.Grpc.v1;
using Google.Protobuf;
using Google.Protobuf.WellKnownTypes;
using Grpc.AspNetCore.Server.Model;
using Grpc.Core;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;

namespace Danube.Dapr.LocalSidecar.Tests.GrpcApps;

/// <summary>An app that speaks gRPC, in this process: Dapr's callbacks, and a service of its own.</summary>
internal sealed class GrpcTestApp : IAsyncDisposable
{
    private WebApplication? _web;

    public int Port { get; } = TestApp.FreePort();

    public ConcurrentQueue<(InvokeRequest Request, Metadata Headers)> Invocations { get; } = new();

    public ConcurrentQueue<(TopicEventRequest Event, Metadata Headers)> Events { get; } = new();

    public ConcurrentQueue<TopicEventBulkRequest> Batches { get; } = new();

    public ListTopicSubscriptionsResponse Subscriptions { get; init; } = new();

    public Func<InvokeRequest, ServerCallContext, InvokeResponse> Invoke { get; set; } = static (_, _) => new InvokeResponse();

    public Func<TopicEventRequest, TopicEventResponse> Receive { get; set; } = static _ => new TopicEventResponse();

    public Func<TopicEventBulkRequest, TopicEventBulkResponse> ReceiveBatch { get; set; } = static _ => new TopicEventBulkResponse();

    public volatile bool Healthy = true;

    public static async Task<GrpcTestApp> StartAsync(GrpcTestApp? app = null)
    {
        app ??= new GrpcTestApp();
        var builder = WebApplication.CreateEmptyBuilder(new WebApplicationOptions());
        builder.Logging.ClearProviders();
        builder.WebHost.UseKestrelCore().ConfigureKestrel(k => k.Listen(IPAddress.Loopback, app.Port, static o => o.Protocols = HttpProtocols.Http2));
        builder.Services.AddRoutingCore();
        builder.Services.AddGrpc();
        builder.Services.AddSingleton(app).AddSingleton<Callbacks>().AddSingleton<AlphaCallbacks>().AddSingleton<Health>().AddSingleton<Echo>();
        builder.Services.AddSingleton<IServiceMethodProvider<Echo>, EchoMethods>();
        app._web = builder.Build();
        app._web.UseRouting();
        app._web.MapGrpcService<Callbacks>();
        app._web.MapGrpcService<AlphaCallbacks>();
        app._web.MapGrpcService<Health>();
        app._web.MapGrpcService<Echo>();
        await app._web.StartAsync();
        return app;
    }

    public async ValueTask DisposeAsync()
    {
        if (_web is not null) await _web.DisposeAsync();
    }

    private sealed class Callbacks(GrpcTestApp app) : AppCallback.AppCallbackBase
    {
        public override Task<InvokeResponse> OnInvoke(InvokeRequest request, ServerCallContext context)
        {
            app.Invocations.Enqueue((request, context.RequestHeaders));
            return Task.FromResult(app.Invoke(request, context));
        }

        public override Task<ListTopicSubscriptionsResponse> ListTopicSubscriptions(Empty request, ServerCallContext context) => Task.FromResult(app.Subscriptions);

        public override Task<TopicEventResponse> OnTopicEvent(TopicEventRequest request, ServerCallContext context)
        {
            app.Events.Enqueue((request, context.RequestHeaders));
            return Task.FromResult(app.Receive(request));
        }
    }

#pragma warning disable CS0672 // The name that daprd 1.18 calls.
    private sealed class AlphaCallbacks(GrpcTestApp app) : AppCallbackAlpha.AppCallbackAlphaBase
    {
        public override Task<TopicEventBulkResponse> OnBulkTopicEventAlpha1(TopicEventBulkRequest request, ServerCallContext context)
        {
            app.Batches.Enqueue(request);
            return Task.FromResult(app.ReceiveBatch(request));
        }
    }
#pragma warning restore CS0672

    private sealed class Health(GrpcTestApp app) : AppCallbackHealthCheck.AppCallbackHealthCheckBase
    {
        public override Task<HealthCheckResponse> HealthCheck(Empty request, ServerCallContext context) =>
            app.Healthy ? Task.FromResult(new HealthCheckResponse()) : throw new RpcException(new Status(StatusCode.Unavailable, "not now"));
    }

    /// <summary>A service that Dapr knows nothing of.</summary>
    internal sealed class Echo
    {
        public static readonly Method<StringValue, StringValue> Once = Method(MethodType.Unary, "Once");
        public static readonly Method<StringValue, StringValue> Stream = Method(MethodType.DuplexStreaming, "Stream");

        private static Method<StringValue, StringValue> Method(MethodType type, string name)
        {
            var marshaller = Marshallers.Create(static (StringValue m) => m.ToByteArray(), StringValue.Parser.ParseFrom);
            return new Method<StringValue, StringValue>(type, "tests.Echo", name, marshaller, marshaller);
        }
    }

    private sealed class EchoMethods : IServiceMethodProvider<Echo>
    {
        public void OnServiceMethodDiscovery(ServiceMethodProviderContext<Echo> context)
        {
            context.AddUnaryMethod(Echo.Once, [], static (_, request, call) =>
            {
                if (request.Value == "fail") throw new RpcException(new Status(StatusCode.FailedPrecondition, "no, \u00fc"), new Metadata { { "why", "because" } });
                call.ResponseTrailers.Add("who", call.RequestHeaders.GetValue("dapr-caller-app-id") ?? "nobody");
                return Task.FromResult(new StringValue { Value = "once " + request.Value });
            });
            context.AddDuplexStreamingMethod(Echo.Stream, [], static async (_, requests, responses, call) =>
            {
                var count = 0;
                await foreach (var request in requests.ReadAllAsync(call.CancellationToken))
                {
                    count++;
                    await responses.WriteAsync(new StringValue { Value = "echo " + request.Value });
                }
                call.ResponseTrailers.Add("count", count.ToString(System.Globalization.CultureInfo.InvariantCulture));
            });
        }
    }
}
