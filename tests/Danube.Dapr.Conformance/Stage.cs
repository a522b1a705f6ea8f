using System.Diagnostics;
using System.Text;
using System.Text.Json.Nodes;
using Dapr.Actors.Client;
using Dapr.Client;
using Danube.Dapr.Conformance.App;
using Danube.Dapr.Workflow;
using Google.Protobuf.WellKnownTypes;
using Grpc.Core;
using Grpc.Net.Client;
using Rpc = Dapr.Client.Autogen.Grpc.v1;

namespace Danube.Dapr.Conformance;

/// <summary>Where a sidecar listens, and the names of what stands behind it.</summary>
internal sealed record StageOptions(string AppId, int HttpPort, int GrpcPort, int AppPort, string Store = "statestore", string PubSub = "pubsub", string? ApiToken = null, bool ActorsAndWorkflows = true, bool AllTopics = true);

/// <summary>The test app with a sidecar beside it, and every kind of client for that sidecar.</summary>
internal sealed class Stage : IAsyncDisposable
{
    /// <summary>For anything that must come: generous, since the machine may be busy.</summary>
    public static readonly TimeSpan Patience = TimeSpan.FromSeconds(40);

    private static int s_ids;

    private readonly HttpClient _http = new(new SocketsHttpHandler { AllowAutoRedirect = false, UseProxy = false }) { Timeout = TimeSpan.FromSeconds(60) };
    private readonly GrpcChannel _channel;
    private readonly ConformanceApp _app;

    private Stage(StageOptions options, ConformanceApp app, Target target, Lab lab)
    {
        Options = options;
        _app = app;
        Target = target;
        Lab = lab;
        HttpAddress = new Uri($"http://127.0.0.1:{options.HttpPort}");
        var grpc = $"http://127.0.0.1:{options.GrpcPort}";
        _channel = GrpcChannel.ForAddress(grpc, new GrpcChannelOptions { MaxReceiveMessageSize = null, MaxSendMessageSize = null });
        var builder = new DaprClientBuilder().UseHttpEndpoint(HttpAddress.ToString()).UseGrpcEndpoint(grpc);
        if (options.ApiToken is { } token)
            builder.UseDaprApiToken(token);
        Dapr = builder.Build();
        Grpc = new Rpc.Dapr.DaprClient(_channel);
        Actors = new ActorProxyFactory(new ActorProxyOptions { HttpEndpoint = HttpAddress.ToString(), DaprApiToken = options.ApiToken });
    }

    public StageOptions Options { get; }

    public Target Target { get; }

    public Lab Lab { get; }

    public string AppId => Options.AppId;

    public string Store => Options.Store;

    public string PubSub => Options.PubSub;

    public StoreKind Kind => Target.Store;

    public bool IsEtcd => Kind is StoreKind.EtcdV1 or StoreKind.EtcdV2;

    public Uri HttpAddress { get; }

    /// <summary>The official client.</summary>
    public DaprClient Dapr { get; }

    /// <summary>The sidecar's gRPC API, bare.</summary>
    public Rpc.Dapr.DaprClient Grpc { get; }

    public CallInvoker Invoker => _channel.CreateCallInvoker();

    /// <summary>The official actor proxies.</summary>
    public IActorProxyFactory Actors { get; }

    public DaprWorkflowClient Workflows => _app.Services.GetRequiredService<DaprWorkflowClient>();

    /// <summary>What the sidecar sent to the app.</summary>
    public Inbox Inbox => _app.Inbox;

    /// <summary>The type of the actor that is not deactivated during a run.</summary>
    public string ActorType => _app.ActorType;

    /// <summary>The type of the actor that is deactivated after three seconds.</summary>
    public string IdleActorType => _app.IdleActorType;

    /// <summary>Starts the app. Its sidecar may run already or be started next.</summary>
    public static async Task<Stage> StartAsync(StageOptions options, Target target, Lab lab) => new(options, await ConformanceApp.StartAsync(options), target, lab);

    /// <summary>Waits until the sidecar is ready, has read the app's settings and, where there are any, runs its actors and workflows.</summary>
    public async Task<Stage> ReadyAsync(Func<string?> failure)
    {
        var state = "no answer";
        await UntilAsync(
            async () =>
            {
                if (failure() is { } why)
                    throw new InvalidOperationException(why);
                try
                {
                    var health = await SendAsync("GET", "/v1.0/healthz");
                    state = $"GET /v1.0/healthz: {health}";
                    if (health.Status != 204)
                        return false;
                    if (!Options.ActorsAndWorkflows)
                        return true;
                    var metadata = await MetadataAsync();
                    state = metadata.ToJsonString();
                    return (bool?)metadata["actorRuntime"]?["hostReady"] == true && (int?)metadata["workflows"]?["connectedWorkers"] >= 1;
                }
                catch (HttpRequestException e)
                {
                    state = e.Message;
                    return false;
                }
            },
            () => $"the sidecar of '{AppId}' to be ready: {state}",
            TimeSpan.FromSeconds(90));
        return this;
    }

    /// <summary>A name that no other behaviour and no earlier run has used.</summary>
    public static string Id(string name) => $"{name}-{Environment.ProcessId:x}{DateTime.UtcNow.Ticks & 0xffffff:x}{Interlocked.Increment(ref s_ids)}";

    public ICounterActor Actor(string id) => Actors.CreateActorProxy<ICounterActor>(new(id), ActorType);

    public ICounterActor IdleActor(string id) => Actors.CreateActorProxy<ICounterActor>(new(id), IdleActorType);

    public Task<Answer> SendAsync(string method, string path, string? json = null, params (string Name, string Value)[] headers) =>
        SendAsync(method, path, json is null ? null : Encoding.UTF8.GetBytes(json), json is null ? null : "application/json", headers);

    /// <summary>One HTTP request to the sidecar, its path as it is.</summary>
    public async Task<Answer> SendAsync(string method, string path, byte[]? body, string? contentType, params (string Name, string Value)[] headers)
    {
        var address = new Uri(HttpAddress.ToString().TrimEnd('/') + path, new UriCreationOptions { DangerousDisablePathAndQueryCanonicalization = true });
        using var request = new HttpRequestMessage(new HttpMethod(method), address);
        if (body is not null)
        {
            request.Content = new ByteArrayContent(body);
            if (contentType is not null)
                request.Content.Headers.TryAddWithoutValidation("Content-Type", contentType);
        }
        foreach (var (name, value) in headers)
            request.Headers.TryAddWithoutValidation(name, value);
        if (Options.ApiToken is { } token && !request.Headers.Contains("dapr-api-token"))
            request.Headers.Add("dapr-api-token", token);
        using var response = await _http.SendAsync(request);
        var all = response.Headers.Concat(response.Content.Headers).ToDictionary(h => h.Key, h => (IReadOnlyList<string>)[.. h.Value], StringComparer.OrdinalIgnoreCase);
        return new Answer((int)response.StatusCode, all, await response.Content.ReadAsByteArrayAsync());
    }

    public async Task<JsonObject> MetadataAsync() => JsonNode.Parse((await SendAsync("GET", "/v1.0/metadata")).Body)!.AsObject();

    /// <summary>Path of a key in the state store's HTTP API.</summary>
    public string StatePath(string key) => $"/v1.0/state/{Store}/{Uri.EscapeDataString(key)}";

    public string ActorPath(string id) => $"/v1.0/actors/{ActorType}/{id}";

    /// <summary>Waits for something that must come.</summary>
    public static async Task UntilAsync(Func<Task<bool>> condition, Func<string> expected, TimeSpan? patience = null)
    {
        var clock = Stopwatch.StartNew();
        while (!await condition())
        {
            if (clock.Elapsed > (patience ?? Patience))
                throw new MismatchException(expected(), $"nothing of it within {clock.Elapsed.TotalSeconds:0} s");
            await Task.Delay(25);
        }
    }

    /// <summary>The value of a gRPC Any with plain bytes, as InvokeService takes it.</summary>
    public static Any Raw(string text) => new() { Value = global::Google.Protobuf.ByteString.CopyFromUtf8(text) };

    /// <summary>The app ends at once, in the middle of what it does.</summary>
    public Task KillAppAsync() => _app.KillAsync();

    public async ValueTask DisposeAsync()
    {
        await _app.DisposeAsync();
        Dapr.Dispose();
        _channel.Dispose();
        _http.Dispose();
    }
}
