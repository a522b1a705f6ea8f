using Danube.Dapr.Contracts;
using Danube.Dapr.Rebalancer.Topics;
using Dapr.Actors;
using Dapr.Actors.Client;

namespace Danube.Dapr.Rebalancer.Actors;

/// <summary>Where to find the actors.</summary>
internal sealed class ActorDirectory(IActorProxyFactory proxies)
{
    public IControlLoopActor Control => proxies.CreateActorProxy<IControlLoopActor>(new ActorId(DaprNames.ClusterActorId), DaprNames.Actors.ControlLoop);

    public IMaskActor Mask => proxies.CreateActorProxy<IMaskActor>(new ActorId(DaprNames.ClusterActorId), DaprNames.Actors.Mask);

    public ITopicActor Topic(string topic) => proxies.CreateActorProxy<ITopicActor>(new ActorId(TopicActorId.Encode(topic)), DaprNames.Actors.Topic);

    public IPlanActor Plan(string planId) => proxies.CreateActorProxy<IPlanActor>(new ActorId(planId), DaprNames.Actors.Plan);
}
