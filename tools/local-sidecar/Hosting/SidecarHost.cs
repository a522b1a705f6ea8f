using System.Net;
using Danube.Dapr.LocalSidecar.Api;
using Danube.Dapr.LocalSidecar.CommandLine;
using Danube.Dapr.LocalSidecar.Names;
using Danube.Dapr.LocalSidecar.Workflows;
using Grpc.AspNetCore.Server.Model;
using Grpc.Core;
using Microsoft.AspNetCore.Server.Kestrel.Core;

namespace Danube.Dapr.LocalSidecar.Hosting;

/// <summary>A running sidecar: as the process, or inside a test.</summary>
public sealed class SidecarHost : IAsyncDisposable
{
    private readonly WebApplication _web;
    private readonly Sidecar _sidecar;
    private readonly WorkflowEngines _workflows;
    private readonly WorkflowRouter? _router;

    private SidecarHost(WebApplication web, Sidecar sidecar, WorkflowEngines workflows, WorkflowRouter? router) => (_web, _sidecar, _workflows, _router) = (web, sidecar, workflows, router);

    /// <summary>Reads the resources, opens every port and begins to watch the apps.</summary>
    /// <exception cref="Components.ResourceException">A resource file cannot be used.</exception>
    /// <exception cref="IOException">A port is taken.</exception>
    public static async Task<SidecarHost> StartAsync(SidecarOptions options, TimeProvider? time = null, CancellationToken cancellationToken = default)
    {
        var builder = WebApplication.CreateEmptyBuilder(new WebApplicationOptions());
        builder.Logging.SetMinimumLevel(options.LogLevel).AddFilter("Microsoft", LogLevel.Warning).AddFilter("Grpc", LogLevel.Warning)
            .AddFilter("Microsoft.AspNetCore.Server.Kestrel", LogLevel.Error).AddFilter("Microsoft.Hosting.Lifetime", LogLevel.Warning).AddFilter("Microsoft.Extensions.Hosting", LogLevel.Critical)
            // A logger that is on, at whatever level, costs each request an activity and a log scope, and each call to etcd a trace header.
            .AddFilter("Microsoft.AspNetCore.Hosting.Diagnostics", LogLevel.None);
        if (options.LogAsJson) builder.Logging.AddJsonConsole(static o => o.UseUtcTimestamp = true);
        else builder.Logging.AddSimpleConsole(static o => (o.SingleLine, o.TimestampFormat, o.UseUtcTimestamp) = (true, "yyyy-MM-ddTHH:mm:ss.fffZ ", true));
        builder.Services.Configure<HostOptions>(o => o.ShutdownTimeout = options.ShutdownTimeout);
        var internals = new List<(AppInstance App, ListenOptions Calls, ListenOptions Streams)>();
        builder.WebHost.UseKestrelCore().ConfigureKestrel(kestrel => Listen(kestrel, options, internals));
        builder.Services.AddRoutingCore();
        builder.Services.AddGrpc(grpc =>
        {
            grpc.MaxReceiveMessageSize = (int)Math.Min(int.MaxValue, options.MaxBodyBytes);
            grpc.MaxSendMessageSize = null;
            grpc.IgnoreUnknownServices = true;
        }).AddServiceOptions<DaprGrpcService>(grpc => grpc.MaxReceiveMessageSize = DaprGrpcService.ReadLimit(options.MaxBodyBytes));
        builder.Services.AddSingleton<DaprGrpcService>();
        builder.Services.AddSingleton(time ?? TimeProvider.System);
        builder.Services.AddSingleton(services => new Sidecar(options, services.GetRequiredService<TimeProvider>(), services.GetRequiredService<ILoggerFactory>()));
        builder.Services.AddSingleton(static services => services.GetRequiredService<Sidecar>().Registry);
        builder.Services.AddSingleton<ActorApi>();
        builder.Services.AddSingleton<ActorHttpApi>();
        builder.Services.AddSingleton<NeighbourActorApi>();
        builder.Services.AddSingleton<MetadataApi>();
        builder.Services.AddSingleton<TopicStreams>();
        builder.Services.AddSingleton<GrpcProxy>();
        builder.Services.AddSingleton(services => new InvokeApi(services.GetRequiredService<Sidecar>(), options.MaxBodyBytes));
        builder.Services.AddSingleton<IServiceMethodProvider<DaprGrpcService>, GrpcMethods>();
        builder.Services.AddSingleton(new ApiSettings(options.ApiToken, options.MaxBodyBytes));
        builder.Services.AddSingleton<HttpApi>();

        WorkflowEngines? workflows = null;
        WorkflowRouter? router = null;
        builder.Services.AddWorkflows(port => workflows?.FromPort(port));

        var web = builder.Build();
        try
        {
            var sidecar = web.Services.GetRequiredService<Sidecar>();
            Map(web, options, () => workflows is not null, () => router);
            await web.StartAsync(cancellationToken);
            // Only now: a second process on the same ports must not touch the stores of the first.
            workflows = new WorkflowEngines(sidecar.Registry, web.Services.GetRequiredService<ILoggerFactory>(), sidecar.Configuration.Retention, sidecar.Members);
            var sharing = sidecar.Members is null ? null : new Sharing(sidecar, workflows, [.. internals.Select(static i => new InternalPorts(i.App, i.Calls.IPEndPoint!, i.Streams.IPEndPoint!))]);
            if (sharing is not null) router = new WorkflowRouter(sidecar.Members!, sharing, workflows, sidecar.Time);
            sidecar.Start(sharing);
            sharing?.Start();
            sidecar.Neighbours?.Announce(internals.Select(static i => (i.App.App, i.Calls.IPEndPoint!)));
            return new SidecarHost(web, sidecar, workflows, router);
        }
        catch
        {
            await web.DisposeAsync();
            throw;
        }
    }

    /// <summary>Completes when the process is asked to stop, or an app asked for a shutdown.</summary>
    public async Task WaitForShutdownAsync()
    {
        // Not the host's own wait: that would close the ports before the actors were deactivated.
        var asked = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        await using var registration = _web.Lifetime.ApplicationStopping.Register(asked.SetResult);
        await asked.Task;
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        await _sidecar.StopAsync();
        await _web.StopAsync();
        await _workflows.DisposeAsync();
        // Only now: nothing is under way any more that others could take over too early.
        if (_sidecar.Members is { } members) await members.DisposeAsync();
        _router?.Dispose();
        await _web.DisposeAsync();
    }

    private static void Map(WebApplication web, SidecarOptions options, Func<bool> hasWorkflows, Func<WorkflowRouter?> router)
    {
        var http = web.Services.GetRequiredService<HttpApi>();
        var httpPorts = options.Apps.Select(static a => a.DaprHttpPort).ToHashSet();
        var invoke = web.Services.GetRequiredService<InvokeApi>();
        var actors = web.Services.GetRequiredService<NeighbourActorApi>();
        web.Use(next => context =>
        {
            if (context.Features.Get<CalledByNeighbour>() is { App: var called })
                return HttpProtocol.IsHttp2(context.Request.Protocol) ? next(context) : NeighbourActorApi.IsFor(context) ? actors.AnswerAsync(context, called) : invoke.AnswerNeighbourAsync(context, called);
            if (httpPorts.Contains(context.Connection.LocalPort)) return http.HandleAsync(context, next);
            var sent = options.ApiToken is null ? null : context.Request.Headers["dapr-api-token"].ToString();
            if (options.ApiToken is null || (sent!.Length > 0 && ApiGuard.IsAllowed(options.ApiToken, sent))) return next(context);
            return ApiGuard.RefuseAsync(context.Response, StatusCode.Unauthenticated, sent!.Length == 0 ? "missing api token in request metadata" : "authentication error: api token mismatch");
        });
        var sidecar = web.Services.GetRequiredService<Sidecar>();
        // The ports are open before the workflows are there.
        web.Use(next => context => hasWorkflows() ? next(context) : RefuseWorkflowAsync(context, sidecar, next));
        if (sidecar.Members is not null) web.Use(next => context => RouteWorkflowAsync(context, sidecar, router(), next));
        web.UseRouting();
        web.MapGrpcService<DaprGrpcService>();
        web.MapWorkflows();
        var proxy = web.Services.GetRequiredService<GrpcProxy>();
        web.MapFallback(context => httpPorts.Contains(context.Connection.LocalPort) ? UnknownPathAsync(context)
            : GrpcProxy.CalleeOf(context.Request) is { } callee ? proxy.ForwardAsync(context, callee)
            : ApiGuard.RefuseAsync(context.Response, StatusCode.Unknown, ApiGuard.UnknownRpc(context.Request.Path)));
    }

    /// <summary>While the sidecar starts its workflow callers are to try again; that an app has no state store for them is true from the beginning.</summary>
    internal static Task RefuseWorkflowAsync(HttpContext context, Sidecar sidecar, RequestDelegate next)
    {
        if (!WorkflowRouter.IsWorkflow(context.Request.Path.Value ?? "")) return next(context);
        var app = context.Features.Get<CalledByNeighbour>()?.App ?? sidecar.FromPort(context.Connection.LocalPort);
        return app.App.ActorStateStore is null ? next(context) : StreamForwarder.RefuseAsync(context, "the sidecar starts");
    }

    private static Task RouteWorkflowAsync(HttpContext context, Sidecar sidecar, WorkflowRouter? router, RequestDelegate next)
    {
        var caller = context.Features.Get<CalledByNeighbour>();
        if (!WorkflowRouter.IsWorkflow(context.Request.Path.Value ?? "")) return caller is null ? next(context) : StreamForwarder.RefuseAsync(context, "only workflow calls come this way");
        if (router is null) return RefuseWorkflowAsync(context, sidecar, next);
        if (caller is null) return router.RouteAsync(context, sidecar.FromPort(context.Connection.LocalPort), false, next);
        // From here on as if it had come in on the app's own port.
        context.Connection.LocalPort = caller.App.Options.DaprGrpcPort;
        return router.RouteAsync(context, caller.App, true, next);
    }

    private static Task UnknownPathAsync(HttpContext context)
    {
        var app = context.RequestServices.GetRequiredService<Sidecar>().FromPort(context.Connection.LocalPort);
        return new HttpCall(context, app, [], default, 0).ErrorAsync(DaprError.UnknownPath());
    }

    private static void Listen(KestrelServerOptions kestrel, SidecarOptions options, List<(AppInstance App, ListenOptions Calls, ListenOptions Streams)> internals)
    {
        kestrel.AddServerHeader = false;
        // The API answers a body that is too large itself.
        kestrel.Limits.MaxRequestBodySize = null;
        kestrel.Limits.MinRequestBodyDataRate = null;
        kestrel.Limits.MinResponseDataRate = null;
        kestrel.Limits.Http2.MaxStreamsPerConnection = 1000;
        kestrel.Limits.Http2.InitialConnectionWindowSize = 4 * 1024 * 1024;
        kestrel.Limits.Http2.InitialStreamWindowSize = 1024 * 1024;
        foreach (var app in options.Apps)
        {
            Open(kestrel, options, app.DaprHttpPort, HttpProtocols.Http1);
            Open(kestrel, options, app.DaprGrpcPort, HttpProtocols.Http2);
        }
        var sidecar = kestrel.ApplicationServices.GetRequiredService<Sidecar>();
        if (sidecar.Neighbours is null) return;
        foreach (var instance in sidecar.Instances)
        {
            var (calls, streams) = (default(ListenOptions), default(ListenOptions));
            kestrel.Listen(IPAddress.Loopback, instance.Options.DaprInternalPort ?? 0, port => calls = ForNeighbours(port, instance, HttpProtocols.Http1));
            kestrel.Listen(IPAddress.Loopback, 0, port => streams = ForNeighbours(port, instance, HttpProtocols.Http2));
            internals.Add((instance, calls!, streams!));
        }
    }

    private static ListenOptions ForNeighbours(ListenOptions port, AppInstance instance, HttpProtocols protocols)
    {
        port.Protocols = protocols;
        port.Use(next => connection =>
        {
            connection.Features.Set(new CalledByNeighbour(instance));
            return next(connection);
        });
        return port;
    }

    private static void Open(KestrelServerOptions kestrel, SidecarOptions options, int port, HttpProtocols protocols)
    {
        if (options.ListenAddresses.Count == 0)
        {
            kestrel.ListenLocalhost(port, o => o.Protocols = protocols);
            return;
        }
        foreach (var address in options.ListenAddresses)
        {
            if (!IPAddress.TryParse(address.Trim('[', ']'), out var ip)) throw new CommandLineException($"--dapr-listen-addresses '{address}' is not an IP address");
            kestrel.Listen(ip, port, o => o.Protocols = protocols);
        }
    }
}

/// <summary>A connection of another sidecar, for one app of this one.</summary>
internal sealed record CalledByNeighbour(AppInstance App);
