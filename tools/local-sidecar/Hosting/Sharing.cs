using System.Net;
using Danube.Dapr.LocalSidecar.Names;
using Danube.Dapr.LocalSidecar.State;
using Danube.Dapr.LocalSidecar.Workflows;

namespace Danube.Dapr.LocalSidecar.Hosting;

/// <summary>Where other sidecars call one instance of an app.</summary>
/// <param name="Calls">HTTP/1.1, for invocations and actors.</param>
/// <param name="Streams">HTTP/2, for workflows.</param>
internal sealed record InternalPorts(AppInstance App, IPEndPoint Calls, IPEndPoint Streams);

/// <summary>Actors and workflows that this process shares with other sidecars of the machine: what it hosts, and what it does when that changes.</summary>
internal sealed class Sharing(Sidecar sidecar, WorkflowEngines workflows, IReadOnlyList<InternalPorts> ports)
{
    // An app that is up is not held back by others for longer.
    private static readonly TimeSpan SettleTime = TimeSpan.FromSeconds(10);

    // Of a store in memory: its data are of this process alone.
    private readonly string _own = "memory:" + Guid.NewGuid().ToString("N");

    public void Start()
    {
        sidecar.Members!.Publish(Hosts());
        sidecar.Members.Start(ports[0].Calls, new PlacementActions(LeaveAsync, sidecar.Actors.BreakOff, Settled));
    }

    /// <summary>Says what the apps host now; returns when it holds for all.</summary>
    public Task PublishAsync(CancellationToken cancellationToken)
    {
        sidecar.Members!.Publish(Hosts());
        return sidecar.Members.SettleAsync(SettleTime, cancellationToken);
    }

    /// <summary>What tells the actor state store of an app from others, or null without one.</summary>
    public string? StoreOf(AppInstance app) => app.Components.ActorStore is { } store ? store.SharedAs ?? _own : null;

    private List<HostEntry> Hosts() =>
        [.. ports.Select(p => new HostEntry(p.App.AppId, p.App.Options.DaprHttpPort, p.Calls.ToString(), p.Streams.ToString(), StoreOf(p.App), p.App.IsReady ? [.. p.App.Actors.Types.Keys] : []))];

    private async Task LeaveAsync(IReadOnlyCollection<string> gone)
    {
        // First, so that they cannot write what this process is about to read.
        foreach (var store in Stores())
            foreach (var registration in gone) await GuardedStore.BarAsync(store, registration);
        await Task.WhenAll(sidecar.Actors.LeaveAsync(), workflows.LeaveAsync(IsHere));
        foreach (var reminders in sidecar.Reminders) await reminders.LeaveAsync();
    }

    private void Settled(Placement placement)
    {
        foreach (var reminders in sidecar.Reminders) reminders.Reload(actor => placement.Here(actor) is not null);
        workflows.Take(app => IsHere(app, placement));
    }

    private IEnumerable<IStateStore> Stores() => sidecar.Instances.Select(static i => i.Components.ActorStore).Where(static s => s?.SharedAs is not null).Select(static s => s!.Store).Distinct();

    private bool IsHere(AppRuntime app) => IsHere(app, sidecar.Members!.Placement);

    private bool IsHere(AppRuntime app, Placement placement) => StoreOf(sidecar.GroupOf(app.AppId)!.Instances[0]) is { } store && placement.HasWorkflowsHere(app.AppId, store);
}
