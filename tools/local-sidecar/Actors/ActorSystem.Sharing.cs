using Danube.Dapr.LocalSidecar.Names;

namespace Danube.Dapr.LocalSidecar.Actors;

/// <summary>Actors that are placed over several processes.</summary>
internal sealed partial class ActorSystem
{
    /// <summary>The way to actors of other processes, or null when this one is alone.</summary>
    public ActorRelay? Relay => _relay;

    /// <summary>Whether an actor may act in this process now.</summary>
    public bool IsHere(ActorAddress address) => _members is null || PortOf(address, _members.Placement) is not null;

    /// <summary>A write for an actor begins; others wait for its end before they take the actor.</summary>
    public IDisposable BeginSave() => _saves.Enter();

    /// <summary>Deactivates the actors that are not here any more; returns when nothing of them is under way.</summary>
    public async Task LeaveAsync()
    {
        await Task.WhenAll(_active.Values.Where(e => !IsHere(e.Address)).Select(MoveAsync));
        await _saves.EndAsync();
    }

    /// <summary>Breaks off every turn.</summary>
    public void BreakOff()
    {
        foreach (var entry in _active.Values) BreakOff(entry);
    }

    private static void BreakOff(ActorEntry entry)
    {
        try
        {
            entry.Running?.Cancel();
        }
        catch (ObjectDisposedException)
        {
            // It ended just now.
        }
    }

    // The port of the instance that has it.
    private int? PortOf(ActorAddress address, Placement placement) => _members!.IsFenced ? null : placement.Here(address)?.Host.Port;
}
