using System.Collections.Concurrent;
using Danube.Dapr.LocalSidecar.Names;

namespace Danube.Dapr.LocalSidecar.Workflows;

/// <summary>The workflow engines of a process: one for each app that has an actor state store, however many instances the app has.</summary>
internal sealed class WorkflowEngines : IAsyncDisposable
{
    private readonly AppRegistry _registry;
    private readonly ILoggerFactory _loggers;
    private readonly WorkflowRetention _retention;
    private readonly Membership? _members;
    private readonly ConcurrentDictionary<AppRuntime, (WorkflowEngine Engine, ClosingStore? Store)> _engines = new();
    private readonly ConcurrentDictionary<AppRuntime, int> _passedOn = new();

    /// <summary>Starts the engines: unfinished workflows go on from here. Dispose them before the stores.</summary>
    /// <param name="members">The processes with which the workflows are shared: then each engine starts when it is <see cref="Take">taken</see>.</param>
    public WorkflowEngines(AppRegistry registry, ILoggerFactory loggers, WorkflowRetention? retention = null, Membership? members = null)
    {
        (_registry, _loggers, _retention, _members) = (registry, loggers, retention ?? new WorkflowRetention(), members);
        foreach (var app in registry.Apps) app.ConnectedWorkflowWorkers = () => Of(app)?.ConnectedWorkers ?? _passedOn.GetValueOrDefault(app);
        if (members is null) Take(static _ => true);
    }

    /// <summary>The engine of the app that is served on a port, or null when it is not here or the app has no actor state store.</summary>
    public WorkflowEngine? FromPort(int localPort) => _engines.TryGetValue(_registry.FromPort(localPort), out var found) ? found.Engine : null;

    public WorkflowEngine? Of(AppRuntime app) => _engines.TryGetValue(app, out var found) ? found.Engine : null;

    /// <summary>Counts the workers that are connected here while another process has the engine.</summary>
    public void PassOnWorkers(AppRuntime app, int change) => _passedOn.AddOrUpdate(app, change, (_, n) => n + change);

    /// <summary>Starts the engines of the apps whose workflows are here.</summary>
    public void Take(Func<AppRuntime, bool> isHere)
    {
        foreach (var app in _registry.Apps)
        {
            if (app.ActorStateStore is null || _engines.ContainsKey(app) || !isHere(app)) continue;
            var store = _members is null ? null : new ClosingStore(app.ActorStateStore);
            var options = new WorkflowEngineOptions { Namespace = app.Namespace, Retention = _retention };
            _engines[app] = (new WorkflowEngine(app.AppId, store ?? app.ActorStateStore, app.Time, _loggers, options, app.Tracer), store);
        }
    }

    /// <summary>Stops the engines of the apps whose workflows are not here any more; returns when they have written for the last time.</summary>
    public async Task LeaveAsync(Func<AppRuntime, bool> isHere)
    {
        foreach (var (app, _) in _engines)
        {
            if (isHere(app) || !_engines.TryRemove(app, out var left)) continue;
            await left.Engine.DisposeAsync();
            if (left.Store is not null) await left.Store.DisposeAsync();
        }
    }

    public async ValueTask DisposeAsync() => await LeaveAsync(static _ => false);
}
