using System.Threading.Channels;
using Danube.Dapr.Contracts;
using Danube.Dapr.Rebalancer.Actors;
using Dapr;

namespace Danube.Dapr.Rebalancer;

/// <summary>Asks for a cycle soon after something happened that a cycle should look at. A burst of events asks for one cycle.</summary>
internal sealed partial class Nudger(ActorDirectory actors, TimeProvider time, ILogger<Nudger> logger) : BackgroundService
{
    private static readonly TimeSpan Gather = TimeSpan.FromSeconds(1);

    private readonly Channel<BrokerEventKind> _waiting = Channel.CreateBounded<BrokerEventKind>(new BoundedChannelOptions(1) { FullMode = BoundedChannelFullMode.DropWrite });

    /// <summary>Takes an event in.</summary>
    public void Take(BrokerEvent happened)
    {
        if (happened.Kind is BrokerEventKind.BrokerGone or BrokerEventKind.BrokerJoined or BrokerEventKind.BrokerUnreachable
            or BrokerEventKind.TopicStranded or BrokerEventKind.TopicLoadedTwice)
            _waiting.Writer.TryWrite(happened.Kind);
    }

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        await foreach (var kind in _waiting.Reader.ReadAllAsync(stoppingToken))
        {
            await Task.Delay(Gather, time, stoppingToken);
            while (_waiting.Reader.TryRead(out _))
            {
            }

            try
            {
                await actors.Control.NudgeAsync();
            }
            catch (Exception error) when (error is not OperationCanceledException)
            {
                // The reminder brings the next cycle anyway.
                NotNudged(kind, error.Message);
            }
        }
    }

    [LoggerMessage(Level = LogLevel.Warning, Message = "No cycle after {Kind}: {Why}")]
    private partial void NotNudged(BrokerEventKind kind, string why);
}

/// <summary>What happened to brokers and topics, as ranking tells it.</summary>
internal static class BrokerEventSubscription
{
    public static void MapBrokerEvents(this IEndpointRouteBuilder app) =>
        app.MapPost("/events/broker-events", Take).WithTopic(new TopicOptions
        {
            PubsubName = DaprNames.PubSub,
            Name = DaprNames.Topics.BrokerEvents,
            DeadLetterTopic = DaprNames.Topics.DeadLetter(DaprNames.Topics.BrokerEvents),
        });

    internal static IResult Take(BrokerEvent happened, Nudger nudger)
    {
        nudger.Take(happened);
        return Results.Ok();
    }
}
