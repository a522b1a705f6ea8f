namespace Danube.Dapr.LocalSidecar.Workflows;

/// <summary>The workflow engines of a process: one for each app that has an actor state store, however many instances the app has.</summary>
internal sealed class WorkflowEngines : IAsyncDisposable
{
    private readonly AppRegistry _registry;
    private readonly Dictionary<AppRuntime, WorkflowEngine> _engines = [];

    /// <summary>Starts the engines: unfinished workflows go on from here. Dispose them before the stores.</summary>
    public WorkflowEngines(AppRegistry registry, ILoggerFactory loggers, WorkflowRetention? retention = null)
    {
        _registry = registry;
        foreach (var app in registry.Apps)
        {
            if (app.ActorStateStore is null) continue;
            var options = new WorkflowEngineOptions { Namespace = app.Namespace, Retention = retention ?? new WorkflowRetention() };
            var engine = new WorkflowEngine(app.AppId, app.ActorStateStore, app.Time, loggers, options, app.Tracer);
            _engines.Add(app, engine);
            app.ConnectedWorkflowWorkers = () => engine.ConnectedWorkers;
        }
    }

    /// <summary>The engine of the app that is served on a port, or null when it has no actor state store.</summary>
    public WorkflowEngine? FromPort(int localPort) => _engines.GetValueOrDefault(_registry.FromPort(localPort));

    public async ValueTask DisposeAsync()
    {
        foreach (var engine in _engines.Values) await engine.DisposeAsync();
    }
}
