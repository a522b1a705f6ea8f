using Danube.Dapr.Contracts;
using Dapr.Client;

namespace Danube.Dapr.Rebalancer;

/// <summary>Announces what happened. Every event carries an id of its own, so that a subscriber knows one that comes twice.</summary>
internal class EventPublisher(DaprClient dapr)
{
    public virtual Task PublishAsync(CycleRecord cycle) => PublishAsync(DaprNames.Topics.Cycles, cycle.Id, cycle);

    public virtual Task PublishAsync(RebalancePlan plan) => PublishAsync(DaprNames.Topics.Plans, plan.Id, plan);

    public virtual Task PublishAsync(MoveRecord move) => PublishAsync(DaprNames.Topics.Moves, $"{move.MoveId}:{move.State}:{move.Attempt}{(move.Effect is { } effect ? $":{effect.Verdict}" : "")}", move);

    public virtual Task PublishAsync(BrokerEvent happened) => PublishAsync(DaprNames.Topics.BrokerEvents, happened.Id, happened);

    private Task PublishAsync<T>(string topic, string id, T data) =>
        dapr.PublishEventAsync(DaprNames.PubSub, topic, data, new Dictionary<string, string> { ["cloudevent.id"] = id });
}
