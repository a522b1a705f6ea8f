using System.Net;
using System.Text.Json.Nodes;
using Dapr.Actors.Runtime;
using Danube.Dapr.Workflow;
using Microsoft.AspNetCore.Server.Kestrel.Core;

namespace Danube.Dapr.Conformance.App;

/// <summary>The app beside the sidecar: it subscribes, answers invocations, hosts actors and workflows, and keeps what arrived.</summary>
internal sealed class ConformanceApp : IAsyncDisposable
{
    private static readonly string[] Verbs = ["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "HEAD", "QUERY"];

    private readonly WebApplication _web;
    private bool _isKilled;

    private ConformanceApp(WebApplication web, Inbox inbox, string appId)
    {
        _web = web;
        Inbox = inbox;
        (ActorType, IdleActorType) = TypesOf(appId);
    }

    public IServiceProvider Services => _web.Services;

    public Inbox Inbox { get; }

    public string ActorType { get; }

    public string IdleActorType { get; }

    public static async Task<ConformanceApp> StartAsync(StageOptions options)
    {
        var inbox = new Inbox();
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.ConfigureKestrel(k =>
        {
            k.Limits.MaxRequestBodySize = 64 * 1024 * 1024;
            k.Listen(IPAddress.Loopback, options.AppPort, o => o.Protocols = HttpProtocols.Http1);
        });
        builder.Services.Configure<HostOptions>(o => o.ShutdownTimeout = TimeSpan.FromSeconds(2));
        builder.Services.AddSingleton(inbox);
        builder.Configuration["DAPR_HTTP_ENDPOINT"] = $"http://127.0.0.1:{options.HttpPort}";
        builder.Configuration["DAPR_GRPC_ENDPOINT"] = $"http://127.0.0.1:{options.GrpcPort}";
        if (options.ApiToken is { } token)
            builder.Configuration["DAPR_API_TOKEN"] = token;
        var (type, idleType) = TypesOf(options.AppId);
        builder.Services.AddActors(o =>
        {
            o.HttpEndpoint = builder.Configuration["DAPR_HTTP_ENDPOINT"];
            o.DaprApiToken = options.ApiToken ?? "";
            o.ActorIdleTimeout = TimeSpan.FromMinutes(10);
            o.ActorScanInterval = TimeSpan.FromSeconds(1);
            o.DrainOngoingCallTimeout = TimeSpan.FromSeconds(5);
            o.DrainRebalancedActors = true;
            if (!options.ActorsAndWorkflows)
                return;
            o.Actors.RegisterActor<CounterActor>(type);
            o.Actors.RegisterActor<CounterActor>(idleType, new ActorRuntimeOptions
            {
                ActorIdleTimeout = TimeSpan.FromSeconds(3),
                ActorScanInterval = TimeSpan.FromSeconds(1),
                DrainOngoingCallTimeout = TimeSpan.FromSeconds(5),
                DrainRebalancedActors = true,
            });
        });
        if (options.ActorsAndWorkflows)
            builder.Services.AddDaprWorkflow(o =>
            {
                o.UseGrpcChannelOptions(new global::Grpc.Net.Client.GrpcChannelOptions { MaxReceiveMessageSize = null, MaxSendMessageSize = null });
                TestWorkflows.Register(o);
            });

        var app = builder.Build();
        app.Use(async (context, next) =>
        {
            await inbox.RecordAsync(context);
            await next(context);
        });
        app.UseRouting();
        app.MapSubscribeHandler();
        app.MapActorsHandlers();
        Topics.Map(app, inbox, options.PubSub, options.AllTopics);
        MapInvocation(app);
        await app.StartAsync();
        return new ConformanceApp(app, inbox, options.AppId);
    }

    /// <summary>Ends without a word to anybody.</summary>
    public async Task KillAsync()
    {
        _isKilled = true;
        await StopAsync(TimeSpan.Zero);
        await _web.DisposeAsync();
    }

    public async ValueTask DisposeAsync()
    {
        if (_isKilled)
            return;
        await StopAsync(TimeSpan.FromSeconds(3));
        await _web.DisposeAsync();
    }

    private async Task StopAsync(TimeSpan patience)
    {
        using var soon = new CancellationTokenSource(patience);
        try
        {
            await _web.StopAsync(soon.Token);
        }
        catch (OperationCanceledException)
        {
            // What still hangs shall not keep the suite.
        }
    }

    // Types are the app's own: a placement service spreads the actors of a type over all apps that have it.
    private static (string Type, string IdleType) TypesOf(string appId) => (appId + "Counter", appId + "IdleCounter");

    private static void MapInvocation(WebApplication app)
    {
        app.MapMethods("/echo/{**rest}", Verbs, (Delegate)EchoAsync);
        app.MapGet("/boom", () => Results.Problem("this endpoint always answers 500", statusCode: 500));
        app.MapGet("/teapot", () => Results.Text("short and stout", "text/plain", statusCode: 418));
        app.MapGet("/empty", () => Results.NoContent());
        app.MapGet("/untyped", (HttpContext context) => context.Response.Body.WriteAsync("plain"u8.ToArray()).AsTask());
        app.MapGet("/redirect", () => Results.Redirect("/echo/redirected"));
        app.MapGet("/slow/{ms:int}", async (int ms, Inbox inbox, HttpContext context) =>
        {
            try
            {
                await Task.Delay(ms, context.RequestAborted);
                return Results.Text("slept");
            }
            catch (OperationCanceledException)
            {
                inbox.Add("app", "aborted", context.Request.Query["mark"].ToString());
                return Results.StatusCode(499);
            }
        });
        app.MapPost("/bytes", async (HttpRequest request) =>
        {
            using var body = new MemoryStream();
            await request.Body.CopyToAsync(body);
            var bytes = body.ToArray();
            Array.Reverse(bytes);
            return Results.Bytes(bytes, "application/octet-stream");
        });
    }

    private static async Task<IResult> EchoAsync(HttpContext context)
    {
        using var reader = new StreamReader(context.Request.Body);
        context.Response.Headers["x-echo"] = "yes";
        context.Response.Headers.Append("x-multi", "one");
        context.Response.Headers.Append("x-multi", "two");
        var headers = new JsonObject();
        foreach (var (name, values) in context.Request.Headers)
            headers[name] = values.ToString();
        return Results.Text(
            new JsonObject
            {
                ["method"] = context.Request.Method,
                ["path"] = context.Request.Path.Value,
                ["query"] = context.Request.QueryString.Value,
                ["headers"] = headers,
                ["body"] = await reader.ReadToEndAsync(),
            }.ToJsonString(),
            "application/json");
    }
}
