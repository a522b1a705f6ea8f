using Danube.Dapr.LocalSidecar.State;

namespace Danube.Dapr.LocalSidecar;

/// <summary>One app-id of this process: what all its instances share.</summary>
/// <param name="appId">The Dapr app-id.</param>
/// <param name="actorStateStore">The store of actors, reminders and workflows, or null when no component that this app may use is marked <c>actorStateStore</c>.</param>
/// <param name="time">The clock of timers and time-outs.</param>
/// <param name="namespace">The namespace of the app.</param>
public sealed class AppRuntime(string appId, IStateStore? actorStateStore, TimeProvider time, string @namespace = "default")
{
    /// <summary>The Dapr app-id.</summary>
    public string AppId { get; } = appId;

    /// <summary>The namespace of the app.</summary>
    public string Namespace { get; } = @namespace;

    /// <summary>The store of actors, reminders and workflows, or null when none is configured.</summary>
    public IStateStore? ActorStateStore { get; } = actorStateStore;

    /// <summary>The clock of timers and time-outs.</summary>
    public TimeProvider Time { get; } = time;

    /// <summary>Makes the spans of this app's sidecar, or null for none.</summary>
    internal Tracing.Tracer? Tracer { get; init; }

    /// <summary>How many workflow workers are connected now; shown in the metadata as <c>workflows.connectedWorkers</c>.</summary>
    public Func<int> ConnectedWorkflowWorkers { get; set; } = static () => 0;
}
