using System.Collections.Concurrent;
using System.Globalization;
using System.Net;
using Danube.Dapr.LocalSidecar.Benchmarks.Processes;
using Danube.Dapr.Workflow;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace Danube.Dapr.LocalSidecar.Benchmarks;

/// <summary>The apps behind the sidecars: they do as little as an app can.</summary>
internal sealed class BenchApps : IAsyncDisposable
{
    private readonly WebApplication _web;
    private readonly List<IHost> _workers = [];
    private readonly ConcurrentDictionary<string, TaskCompletionSource> _awaited = new(StringComparer.Ordinal);

    private BenchApps(WebApplication web, IReadOnlyList<AppPorts> ports) => (_web, Ports) = (web, ports);

    public IReadOnlyList<AppPorts> Ports { get; }

    public IReadOnlyList<DaprWorkflowClient> Workflows => [.. _workers.Select(static w => w.Services.GetRequiredService<DaprWorkflowClient>())];

    public static async Task<BenchApps> StartAsync(int count)
    {
        var ports = Enumerable.Range(0, count).Select(static i => new AppPorts($"bench{i}", Supervised.FreePort(), Supervised.FreePort(), Supervised.FreePort())).ToList();
        var builder = WebApplication.CreateEmptyBuilder(new WebApplicationOptions());
        builder.Logging.ClearProviders();
        builder.WebHost.UseKestrelCore().ConfigureKestrel(k =>
        {
            foreach (var app in ports) k.Listen(IPAddress.Loopback, app.AppPort);
        });
        var apps = new BenchApps(builder.Build(), ports);
        apps._web.Run(apps.AnswerAsync);
        await apps._web.StartAsync();
        return apps;
    }

    /// <summary>Connects each app's workflows; its sidecar must be there.</summary>
    public async Task ConnectWorkflowsAsync()
    {
        foreach (var app in Ports)
        {
            var builder = Host.CreateEmptyApplicationBuilder(null);
            builder.Logging.ClearProviders();
            builder.Configuration["DAPR_GRPC_ENDPOINT"] = string.Create(CultureInfo.InvariantCulture, $"http://127.0.0.1:{app.GrpcPort}");
            builder.Services.AddDaprWorkflow(static o =>
            {
                o.RegisterWorkflow<OneActivity>();
                o.RegisterActivity<Echo>();
            });
            var host = builder.Build();
            await host.StartAsync();
            _workers.Add(host);
        }
    }

    /// <summary>Ends when the event with this id has been delivered.</summary>
    public Task DeliveryOf(string id) => _awaited.GetOrAdd(id, static _ => new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously)).Task;

    public async ValueTask DisposeAsync()
    {
        foreach (var worker in _workers)
        {
            await worker.StopAsync();
            worker.Dispose();
        }
        await _web.DisposeAsync();
    }

    private async Task AnswerAsync(HttpContext context)
    {
        var path = context.Request.Path.Value!;
        if (path == "/dapr/config") await context.Response.WriteAsync($$"""{"entities":["Bench{{Index(context)}}"]}""");
        else if (path == "/dapr/subscribe") await context.Response.WriteAsync($$"""[{"pubsubname":"pubsub","topic":"topic{{Index(context)}}","route":"events"}]""");
        // The id went along as a header of the event.
        else if (path == "/events" && _awaited.TryRemove(context.Request.Headers["Benchid"].ToString(), out var delivered)) delivered.SetResult();
        else if (path == "/x") await context.Response.WriteAsync("\"ok\"");
    }

    private int Index(HttpContext context) => Ports.Select(static (p, i) => (p.AppPort, i)).First(p => p.AppPort == context.Connection.LocalPort).i;

    internal sealed class OneActivity : Workflow<string, string>
    {
        public override Task<string> RunAsync(WorkflowContext context, string input) => context.CallActivityAsync<string>(nameof(Echo), input);
    }

    internal sealed class Echo : WorkflowActivity<string, string>
    {
        public override Task<string> RunAsync(WorkflowActivityContext context, string input) => Task.FromResult(input);
    }
}
