using System.Collections.Concurrent;
using Danube.Dapr.LocalSidecar.Actors;
using Danube.Dapr.LocalSidecar.CommandLine;
using Danube.Dapr.LocalSidecar.Components;
using Danube.Dapr.LocalSidecar.PubSub;
using Danube.Dapr.LocalSidecar.Resiliency;
using Danube.Dapr.LocalSidecar.Tracing;

namespace Danube.Dapr.LocalSidecar.Hosting;

/// <summary>One instance of an app: its ports, its connection, and what it said of itself.</summary>
internal sealed class AppInstance(AppOptions options, AppRuntime app, AppComponents components, AppChannel? channel, Tracer tracer) : IDisposable
{
    private CancellationTokenSource _gone = new();

    public AppOptions Options { get; } = options;

    public AppRuntime App { get; } = app;

    public string AppId => App.AppId;

    public AppComponents Components { get; } = components;

    /// <summary>The way to the app, or null when it has no port.</summary>
    public AppChannel? Channel { get; } = channel;

    public Tracer Tracer { get; } = tracer;

    /// <summary>True when the app accepts connections (or has no port) and its configuration and subscriptions were read.</summary>
    public bool IsReady { get; set; } = channel is null;

    /// <summary>Its actors, if it has any, are placed; what is called from here on stays where it is.</summary>
    public bool IsPlaced { get; set; } = channel is null;

    /// <summary>What <c>/dapr/config</c> said, while the app is up.</summary>
    public ActorConfig Actors { get; set; } = ActorConfig.None;

    public IReadOnlyList<Subscription> Subscriptions { get; set; } = [];

    /// <summary>The streams of events that the app has open, with what they subscribe to.</summary>
    public ConcurrentDictionary<object, Subscription> Streams { get; } = new();

    /// <summary>Everything that the app is subscribed to now; what several streams share stands there once.</summary>
    public IEnumerable<Subscription> AllSubscriptions() => Subscriptions.Concat(Streams.Values.DistinctBy(static s => (s.PubSubName, s.Topic)).OrderBy(static s => s.Topic, StringComparer.Ordinal));

    /// <summary>What was set over the metadata API.</summary>
    public ConcurrentDictionary<string, string> ExtendedMetadata { get; } = new(StringComparer.Ordinal) { ["daprRuntimeVersion"] = CommandLineParser.RuntimeVersion };

    /// <summary>Set when a call met a closed port, so that the monitor looks at once.</summary>
    public SemaphoreSlim Suspected { get; } = new(0);

    /// <summary>Is cancelled when the app is found to be gone, by a closed port or its health check: nothing that was sent to it is waited for.</summary>
    public CancellationToken Gone => Volatile.Read(ref _gone).Token;

    /// <summary>The app is gone; when it comes back it is another one.</summary>
    public void Leave()
    {
        (IsReady, IsPlaced, Actors) = (false, false, ActorConfig.None);
        _ = Interlocked.Exchange(ref _gone, new CancellationTokenSource()).CancelAsync();
    }

    /// <summary>The app cannot be reached: nothing more is sent until the monitor has seen it again.</summary>
    public void Suspect()
    {
        if (!IsReady || Channel is null) return;
        IsReady = false;
        Suspected.Release();
    }

    public void Dispose()
    {
        Channel?.Dispose();
        Suspected.Dispose();
        _gone.Dispose();
    }
}

/// <summary>The components, policies and limits that one app-id sees.</summary>
internal sealed class AppComponents(
    IReadOnlyDictionary<string, StateComponent> stateStores,
    IReadOnlyDictionary<string, InMemoryBroker> pubSubs,
    IReadOnlyList<Subscription> declared,
    IReadOnlyList<ResiliencyResource> resiliencies,
    ConfigurationResource configuration,
    TimeProvider time)
{
    // The levels of default policies, the most specific first.
    private static readonly string[] ForApps = ["App", ""];
    private static readonly string[] ForActors = ["Actor", ""];
    private static readonly string[] ForDeliveries = ["PubsubComponentInbound", "ComponentInbound", "Component", ""];
    private static readonly string[] ForStores = ["StatestoreComponentOutbound", "ComponentOutbound", "Component", ""];

    private readonly ConcurrentDictionary<(string Kind, string Name), Policy?> _policies = new();

    public IReadOnlyDictionary<string, StateComponent> StateStores { get; } = stateStores;

    public IReadOnlyDictionary<string, InMemoryBroker> PubSubs { get; } = pubSubs;

    /// <summary>Subscriptions from files.</summary>
    public IReadOnlyList<Subscription> DeclaredSubscriptions { get; } = declared;

    public ConfigurationResource Configuration { get; } = configuration;

    public StateComponent? ActorStore { get; } = stateStores.Values.FirstOrDefault(static s => s.IsActorStore);

    public Policy? AppPolicy(string appId) => Find("app", appId, static r => r.Apps, ForApps);

    public Policy? ActorPolicy(string actorType) => Find("actor", actorType, static r => r.Actors, ForActors);

    /// <summary>For deliveries of a pub/sub.</summary>
    public Policy? InboundPolicy(string component) => Find("inbound", component, static r => r.ComponentsInbound, ForDeliveries);

    /// <summary>For calls to a state store.</summary>
    public Policy? OutboundPolicy(string component) => Find("outbound", component, static r => r.ComponentsOutbound, ForStores);

    private Policy? Find(string kind, string name, Func<ResiliencyResource, IReadOnlyDictionary<string, PolicySet>> targets, string[] defaults) =>
        resiliencies.Count == 0 ? null : _policies.TryGetValue((kind, name), out var found) ? found : _policies.GetOrAdd((kind, name), Build(name, targets, defaults));

    private Policy? Build(string name, Func<ResiliencyResource, IReadOnlyDictionary<string, PolicySet>> targets, string[] defaults)
    {
        var set = resiliencies.Select(r => targets(r).GetValueOrDefault(name)).FirstOrDefault(static s => s is not null)
            ?? resiliencies.Select(r => r.Policies.Defaults(defaults)).FirstOrDefault(static s => s is not { Timeout: null, Retry: null, Breaker: null });
        return set is null || set is { Timeout: null, Retry: null, Breaker: null } ? null : new Policy(set, time);
    }
}
