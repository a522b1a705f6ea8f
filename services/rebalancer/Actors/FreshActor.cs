using Dapr.Actors.Runtime;

namespace Danube.Dapr.Rebalancer.Actors;

/// <summary>
/// An actor that reads its state anew for each call. A sidecar that was started again knows nothing of the actors that are active in its app: one of them may act in another process and come back later,
/// and nobody told the object that stayed here, whose state is by then an old one.
/// </summary>
internal abstract class FreshActor(ActorHost host) : Actor(host)
{
    protected override Task OnPreActorMethodAsync(ActorMethodContext actorMethodContext) => StateManager.ClearCacheAsync();
}
