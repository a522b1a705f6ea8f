using System.Collections.Frozen;
using Danube.Dapr.LocalSidecar.Actors;
using Danube.Dapr.LocalSidecar.CommandLine;
using Danube.Dapr.LocalSidecar.Components;
using Danube.Dapr.LocalSidecar.Names;
using Danube.Dapr.LocalSidecar.PubSub;
using Danube.Dapr.LocalSidecar.Tracing;

namespace Danube.Dapr.LocalSidecar.Hosting;

/// <summary>Everything that the apps of this process share, and what belongs to each.</summary>
internal sealed class Sidecar : IAsyncDisposable
{
    private readonly SidecarOptions _options;
    private readonly ILoggerFactory _loggers;
    private readonly List<StateComponent> _stores = [];
    private readonly List<(ComponentResource Resource, InMemoryBroker Broker)> _brokers = [];
    private readonly ZipkinExporter? _zipkin;
    private readonly FrozenDictionary<string, AppGroup> _groups;
    private readonly FrozenDictionary<int, AppInstance> _byPort;
    private readonly FrozenDictionary<string, ReminderService> _reminders;
    private readonly CancellationTokenSource _stopping = new();
    private readonly List<Task> _monitors = [];

    /// <exception cref="ResourceException">A resource file cannot be used.</exception>
    public Sidecar(SidecarOptions options, TimeProvider time, ILoggerFactory loggers)
    {
        (_options, Time, _loggers) = (options, time, loggers);
        var logger = loggers.CreateLogger<Sidecar>();
        var configuration = Configuration = ConfigurationResource.Load(options.ConfigPaths);
        var resources = ResourceLoader.Load(options.ResourcePaths, logger);
        if (configuration.ZipkinEndpoint is { } endpoint) _zipkin = new ZipkinExporter(endpoint, time, loggers.CreateLogger<ZipkinExporter>());
        try
        {
            foreach (var resource in resources.Components) Create(resource, logger);
            (Neighbours, Members) = FindNeighbours(configuration.Names, logger);
            var groups = new Dictionary<string, AppGroup>(StringComparer.Ordinal);
            foreach (var apps in options.Apps.GroupBy(static a => a.AppId, StringComparer.Ordinal))
            {
                var components = ComponentsOf(apps.Key, resources, configuration);
                var tracer = new Tracer(apps.Key, configuration.SamplingRate, _zipkin, time);
                var store = components.ActorStore?.Store;
                if (store is not null && Members is not null && components.ActorStore!.SharedAs is not null) store = new GuardedStore(store, Members);
                var runtime = new AppRuntime(apps.Key, store, time, options.Namespace) { Tracer = tracer };
                groups[apps.Key] = new AppGroup(runtime, [.. apps.Select(a => new AppInstance(a, runtime, components, a.AppPort is null ? null : new AppChannel(a, options.AppToken), tracer))]);
            }
            _groups = groups.ToFrozenDictionary(StringComparer.Ordinal);
        }
        catch
        {
            // A SQLite store has a thread and a file open already: the process ends, but a test goes on.
            foreach (var store in _stores) store.Store.DisposeAsync().AsTask().GetAwaiter().GetResult();
            _zipkin?.DisposeAsync().AsTask().GetAwaiter().GetResult();
            Neighbours?.DisposeAsync().AsTask().GetAwaiter().GetResult();
            Members?.DisposeAsync().AsTask().GetAwaiter().GetResult();
            throw;
        }
        Instances = [.. _groups.Values.SelectMany(static g => g.Instances)];
        _byPort = Instances.SelectMany(static i => (KeyValuePair<int, AppInstance>[])[new(i.Options.DaprHttpPort, i), new(i.Options.DaprGrpcPort, i)]).ToFrozenDictionary();
        Registry = new AppRegistry(_byPort.Select(static p => new KeyValuePair<int, AppRuntime>(p.Key, p.Value.App)));
        Actors = new ActorSystem(time, loggers.CreateLogger<ActorSystem>(), Members);
        Timers = new TimerService(Actors, time, loggers.CreateLogger<TimerService>());
        _reminders = _groups.Values.Where(static g => g.Runtime.ActorStateStore is not null)
            .ToFrozenDictionary(static g => g.Runtime.AppId, g => new ReminderService(g.Runtime.AppId, g.Runtime.ActorStateStore!, Actors, time, loggers.CreateLogger<ReminderService>()), StringComparer.Ordinal);
    }

    public ConfigurationResource Configuration { get; }

    public TimeProvider Time { get; }

    public IReadOnlyList<AppInstance> Instances { get; }

    public AppRegistry Registry { get; }

    public ActorSystem Actors { get; }

    public TimerService Timers { get; }

    /// <summary>Other sidecars of the machine, or null when this one is alone.</summary>
    public Neighbours? Neighbours { get; }

    /// <summary>The processes that share actors and workflows, or null when this one is alone.</summary>
    public Membership? Members { get; }

    public AppInstance FromPort(int localPort) => _byPort[localPort];

    public AppGroup? GroupOf(string appId) => _groups.GetValueOrDefault(appId);

    public ReminderService RemindersOf(string appId) => _reminders[appId];

    public IEnumerable<ReminderService> Reminders => _reminders.Values;

    /// <summary>Begins to watch the apps and to deliver reminders and events.</summary>
    /// <param name="sharing">What this process does with the others, or null when it is alone.</param>
    public void Start(Sharing? sharing)
    {
        if (sharing is null)
            foreach (var reminders in _reminders.Values) _monitors.Add(LoadAsync(reminders));
        foreach (var instance in Instances.Where(static i => i.Channel is not null))
        {
            var monitor = new AppMonitor(instance, (_, cancellationToken) => PlaceAsync(sharing, cancellationToken), Subscribe, Time, _loggers.CreateLogger<AppMonitor>());
            _monitors.Add(Task.Run(() => monitor.RunAsync(_stopping.Token)));
        }
    }

    /// <summary>Deactivates actors and ends every loop.</summary>
    public async Task StopAsync()
    {
        if (Neighbours is not null) await Neighbours.DisposeAsync();
        if (Members is not null) await Members.ResignAsync();
        await Actors.StopAsync(TimeSpan.FromMilliseconds(Math.Min(500, _options.ShutdownTimeout.TotalMilliseconds)));
        await _stopping.CancelAsync();
        await Task.WhenAll(_monitors);
        foreach (var (_, broker) in _brokers) await broker.DisposeAsync();
    }

    public async ValueTask DisposeAsync()
    {
        if (!_stopping.IsCancellationRequested) await StopAsync();
        await Actors.DisposeAsync();
        if (Members is not null) await Members.DisposeAsync();
        foreach (var instance in Instances) instance.Dispose();
        foreach (var store in _stores) await store.Store.DisposeAsync();
        if (_zipkin is not null) await _zipkin.DisposeAsync();
        _stopping.Dispose();
    }

    private async Task PlaceAsync(Sharing? sharing, CancellationToken cancellationToken)
    {
        Actors.Place(Instances);
        if (sharing is not null) await sharing.PublishAsync(cancellationToken);
    }

    private (Neighbours?, Membership?) FindNeighbours(NameResolution? configured, ILogger logger)
    {
        if ((configured ?? (_options.NamesFile is { } file ? new NameResolution(file) : null)) is not { } names) return default;
        try
        {
            if (names.Source is null) OwnFolder(Path.GetDirectoryName(names.Path)!);
            return (new Neighbours(names, Time, _loggers.CreateLogger<Neighbours>()), new Membership(names, _options.Namespace, Time, _loggers.CreateLogger<Membership>()));
        }
        catch (Exception e) when (e is Microsoft.Data.Sqlite.SqliteException or IOException or UnauthorizedAccessException)
        {
            if (names.Source is { } source) throw new ResourceException(source.File, source.Field, $"'{names.Path}' cannot be opened: {e.Message}");
            logger.LogWarning("sidecars of other processes are not found: {File}: {Problem}", names.Path, e.Message);
            return default;
        }
    }

    // The temporary folder belongs to all users: nobody else may say where the apps are.
    private static void OwnFolder(string folder)
    {
        if (OperatingSystem.IsWindows())
        {
            Directory.CreateDirectory(folder);
            return;
        }
        const UnixFileMode Own = UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute;
        Directory.CreateDirectory(folder, Own);
        if (File.GetUnixFileMode(folder) != Own) throw new IOException("the folder may be used by others, too; its mode must be 700");
    }

    private async Task LoadAsync(ReminderService reminders)
    {
        try
        {
            await reminders.LoadAsync(_stopping.Token);
        }
        catch (OperationCanceledException)
        {
            // The sidecar stops.
        }
    }

    private void Create(ComponentResource resource, ILogger logger)
    {
        try
        {
            if (resource.Type == "pubsub.in-memory")
            {
                if (resource.Version != "v1") throw resource.Spec.Wrong("version", $"'{resource.Version}' of {resource.Type} is not available; v1 is");
                _brokers.Add((resource, new InMemoryBroker(resource.Name, Time, _loggers.CreateLogger<InMemoryBroker>())));
                return;
            }
            _stores.Add(StateComponent.Create(resource, Time, logger));
        }
        catch (ResourceException e) when (resource.IgnoreErrors)
        {
            logger.LogWarning("the component {Name} is left out: {Problem}", resource.Name, e.Message);
        }
    }

    private AppComponents ComponentsOf(string appId, Resources resources, ConfigurationResource configuration)
    {
        var stores = _stores.Where(s => s.Resource.MayBeUsedBy(appId)).ToFrozenDictionary(static s => s.Name, StringComparer.Ordinal);
        if (stores.Values.Where(static s => s.IsActorStore).Skip(1).FirstOrDefault() is { } second)
            throw new ResourceException(second.Resource.Spec.File, "spec.metadata.actorStateStore", $"app {appId} would have two actor state stores; exactly one component may have it");
        return new AppComponents(stores,
            _brokers.Where(b => b.Resource.MayBeUsedBy(appId)).ToFrozenDictionary(static b => b.Resource.Name, static b => b.Broker, StringComparer.Ordinal),
            [.. resources.Subscriptions.Where(s => s.MayBeUsedBy(appId)).Select(static s => s.Subscription)],
            [.. resources.Resiliencies.Where(r => r.MayBeUsedBy(appId))], configuration, Time);
    }

    // Takes what an instance says now. What it does not list any more ends, unless another instance of the app lists it.
    private void Subscribe(AppInstance instance)
    {
        var group = _groups[instance.AppId];
        lock (group.Subscribers)
        {
            // Of two for one topic the first holds.
            foreach (var subscription in instance.Subscriptions.DistinctBy(static s => (s.PubSubName, s.Topic)))
            {
                if (group.Subscribers.TryGetValue((subscription.PubSubName, subscription.Topic), out var known)) known.Subscription = subscription;
                else if (instance.Components.PubSubs.TryGetValue(subscription.PubSubName, out var broker)) Subscribe(instance, group, subscription, broker);
                else _loggers.CreateLogger<Sidecar>().LogError("{App}: the subscription to {Topic} names the pub/sub {PubSub}, which does not exist", instance.AppId, subscription.Topic, subscription.PubSubName);
            }
            var listed = group.Instances.SelectMany(static i => i.Subscriptions).Select(static s => (s.PubSubName, s.Topic)).ToHashSet();
            foreach (var (pubSub, topic) in group.Subscribers.Keys.Where(k => !listed.Contains(k)).ToList())
            {
                group.Subscribers.Remove((pubSub, topic));
                instance.Components.PubSubs[pubSub].Unsubscribe(topic, instance.AppId);
            }
        }
    }

    private void Subscribe(AppInstance instance, AppGroup group, Subscription subscription, InMemoryBroker broker)
    {
        var subscriber = SubscriberOf(instance, subscription, new AppDelivery(group, instance.Tracer, Time), broker);
        group.Subscribers.Add((subscription.PubSubName, subscription.Topic), subscriber);
        broker.Subscribe(subscription.Topic, instance.AppId, () => group.HasReadyInstance, subscriber.RunAsync);
    }

    /// <summary>What handles the events of a subscription.</summary>
    public Subscriber SubscriberOf(AppInstance instance, Subscription subscription, IDelivery delivery, InMemoryBroker broker) =>
        new(instance.AppId, subscription, delivery, instance.Components.InboundPolicy(subscription.PubSubName), broker, Time, _loggers.CreateLogger<Subscriber>());
}
