using Dapr;
using Danube.Dapr.Contracts;
using Danube.Dapr.History.Record;

namespace Danube.Dapr.History.Api;

/// <summary>Takes what happened from pub/sub. A message is acknowledged when it is stored.</summary>
internal static class HistorySubscriptions
{
    internal static void MapHistorySubscriptions(this IEndpointRouteBuilder app)
    {
        app.MapPost("/events/cycles", (CycleRecord cycle, HistoryWriter writer, CancellationToken cancel) => writer.AppendAsync(Entries.Of(cycle), cancel))
            .WithTopic(Subscribe(DaprNames.Topics.Cycles));
        app.MapPost("/events/plans", (RebalancePlan plan, HistoryWriter writer, CancellationToken cancel) => writer.AppendAsync(Entries.Of(plan), cancel))
            .WithTopic(Subscribe(DaprNames.Topics.Plans));
        app.MapPost("/events/moves", (MoveRecord move, HistoryWriter writer, CancellationToken cancel) => writer.AppendAsync(Entries.Of(move), cancel))
            .WithTopic(Subscribe(DaprNames.Topics.Moves));
        app.MapPost("/events/broker-events", (BrokerEvent e, HistoryWriter writer, CancellationToken cancel) => writer.AppendAsync(Entries.Of(e), cancel))
            .WithTopic(Subscribe(DaprNames.Topics.BrokerEvents));
    }

    private static TopicOptions Subscribe(string topic) =>
        new() { PubsubName = DaprNames.PubSub, Name = topic, DeadLetterTopic = DaprNames.Topics.DeadLetter(topic) };
}
