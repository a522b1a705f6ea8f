using Dapr.Actors.Runtime;

namespace Danube.Dapr.Rebalancer.Actors;

/// <summary>
/// An actor that reads its state anew for each call, and takes one call at a time by itself. A sidecar that was started again knows nothing of the actors that are active in its app: one of them may act in
/// another process and come back later, and nobody told the object that stayed here, whose state is by then an old one; and a call that the sidecar before it gave may still be under way here.
/// </summary>
#pragma warning disable CA1001 // A call may outlive the actor's end; a semaphore without a wait handle needs no disposal.
internal abstract class FreshActor(ActorHost host) : Actor(host)
#pragma warning restore CA1001
{
    /// <summary>Longer than any call may take that is not lost.</summary>
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(30);

    private readonly SemaphoreSlim _turn = new(1, 1);

    protected override async Task OnPreActorMethodAsync(ActorMethodContext actorMethodContext)
    {
        if (!await _turn.WaitAsync(Patience))
            throw new TurnBusyException($"Actor {Id} is still busy with an earlier call.");
        await StateManager.ClearCacheAsync();
    }

    protected override Task OnPostActorMethodAsync(ActorMethodContext actorMethodContext)
    {
        _turn.Release();
        return Task.CompletedTask;
    }

    protected override Task OnActorMethodFailedAsync(ActorMethodContext actorMethodContext, Exception e)
    {
        if (e is not TurnBusyException)
            _turn.Release();
        return Task.CompletedTask;
    }

    private sealed class TurnBusyException(string message) : Exception(message);
}
