using System.Net;
using System.Text.Json;
using Grpc.Core;
using Grpc.Core.Interceptors;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.AspNetCore.Server.Kestrel.Core;

namespace Danube.Dapr.BrokerSimulator;

/// <summary>The three listeners of one broker. Stopping them is what its death looks like from outside.</summary>
internal sealed class BrokerHost : IAsyncDisposable
{
    private readonly WebApplication _app;

    private BrokerHost(WebApplication app) => _app = app;

    /// <summary>Listens on the slot's ports; where they are 0, on free ones, which the slot then holds.</summary>
    public static async Task<BrokerHost> StartAsync(Cluster cluster, BrokerInstance broker, CancellationToken cancellationToken)
    {
        var slot = broker.Slot;
        var builder = WebApplication.CreateEmptyBuilder(new WebApplicationOptions());
        builder.WebHost.UseKestrelCore().ConfigureKestrel(kestrel =>
        {
            kestrel.Listen(IPAddress.Loopback, slot.AdminPort, listen => listen.Protocols = HttpProtocols.Http2);
            kestrel.Listen(IPAddress.Loopback, slot.ClientPort, listen => listen.Protocols = HttpProtocols.Http2);
            kestrel.Listen(IPAddress.Loopback, slot.MetricsPort, listen => listen.Protocols = HttpProtocols.Http1);
        });
        builder.Services.AddRouting();
        builder.Services.AddGrpc(grpc => grpc.Interceptors.Add<AdminFaults>(cluster));
        builder.Services.AddSingleton(cluster).AddSingleton(broker);

        var app = builder.Build();
        app.Use((context, next) => RouteByPort(context, next, cluster, broker));
        app.UseRouting();
        app.MapGrpcService<BrokerAdminService>();
        app.MapGrpcService<ClusterAdminService>();
        app.MapGrpcService<NamespaceAdminService>();
        app.MapGrpcService<TopicAdminService>();
        app.MapGrpcService<DiscoveryService>();
        app.MapGrpcService<ProducerGrpcService>();
        app.MapGrpcService<ConsumerGrpcService>();
        app.MapGrpcService<HealthCheckGrpcService>();
        try
        {
            await app.StartAsync(cancellationToken);
        }
        catch
        {
            await app.DisposeAsync();
            throw;
        }

        var ports = app.Services.GetRequiredService<IServer>().Features.Get<IServerAddressesFeature>()!.Addresses
            .Select(address => BindingAddress.Parse(address).Port).ToList();
        (slot.AdminPort, slot.ClientPort, slot.MetricsPort) = (ports[0], ports[1], ports[2]);
        return new BrokerHost(app);
    }

    /// <summary>Cuts every connection and refuses new ones, at once.</summary>
    public async ValueTask DisposeAsync()
    {
        await _app.StopAsync(new CancellationToken(canceled: true));
        await _app.DisposeAsync();
    }

    private static Task RouteByPort(HttpContext context, RequestDelegate next, Cluster cluster, BrokerInstance broker)
    {
        var port = context.Connection.LocalPort;
        if (port == broker.Slot.MetricsPort)
            return ServeMetricsAsync(context, cluster, broker);
        var belongs = context.Request.Path.Value!.StartsWith("/danube_admin.", StringComparison.Ordinal) ? broker.Slot.AdminPort : broker.Slot.ClientPort;
        if (port == belongs)
            return next(context);
        context.Response.StatusCode = StatusCodes.Status404NotFound;
        return Task.CompletedTask;
    }

    /// <summary>Any path but two is the metrics text, as with Danube. <c>/simulated-host</c> stands in for a node agent on that broker's host, which Danube does not have.</summary>
    private static async Task ServeMetricsAsync(HttpContext context, Cluster cluster, BrokerInstance broker)
    {
        var slow = cluster.Faults.Value(Fault.SlowMetrics, broker.Id);
        if (slow > 0)
            await Task.Delay(TimeSpan.FromMilliseconds(slow), cluster.Time, context.RequestAborted);
        switch (context.Request.Path.Value)
        {
            case "/health":
                await context.Response.WriteAsync("OK", context.RequestAborted);
                return;
            case "/simulated-host":
                BrokerUsage usage;
                lock (cluster.Gate)
                    usage = BrokerUsage.Of(broker, cluster.Now, cluster.CapacityPerBroker);
                context.Response.ContentType = "application/json";
                await JsonSerializer.SerializeAsync(context.Response.Body, usage, SimulatorJson.Default.BrokerUsage, context.RequestAborted);
                return;
        }

        if (cluster.Faults.IsOn(Fault.GarbledMetrics, broker.Id))
        {
            await context.Response.WriteAsync("danube_topic_messages_in_total{broker=\"\n\0\u0001 NaN NaN\n<html>", context.RequestAborted);
            return;
        }

        ReadOnlyMemory<byte> text;
        lock (cluster.Gate)
            text = MetricsWriter.Write(cluster, broker);
        context.Response.ContentType = "text/plain; charset=utf-8";
        context.Response.ContentLength = text.Length;
        await context.Response.Body.WriteAsync(text, context.RequestAborted);
    }

    /// <summary>Slow and dropped admin calls.</summary>
    private sealed class AdminFaults(Cluster cluster) : Interceptor
    {
        public override async Task<TResponse> UnaryServerHandler<TRequest, TResponse>(
            TRequest request, ServerCallContext context, UnaryServerMethod<TRequest, TResponse> continuation)
        {
            if (!context.Method.StartsWith("/danube_admin.", StringComparison.Ordinal))
                return await continuation(request, context);
            var slow = cluster.Faults.Value(Fault.SlowAdmin);
            if (slow > 0)
                await Task.Delay(TimeSpan.FromMilliseconds(slow), cluster.Time, context.CancellationToken);
            var dropped = cluster.Faults.Value(Fault.DroppedAdmin);
            // One draw: the first half of the share loses the request, the second the answer to what was done.
            var draw = dropped > 0 ? cluster.Between(0, 1).TotalMilliseconds : 1;
            if (draw < dropped / 2)
                throw new RpcException(new Status(StatusCode.Unavailable, "dropped before it was done"));
            var answer = await continuation(request, context);
            return draw < dropped ? throw new RpcException(new Status(StatusCode.Unavailable, "dropped after it was done")) : answer;
        }
    }
}
