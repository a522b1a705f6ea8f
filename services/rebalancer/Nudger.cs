using System.Threading.Channels;
using Danube.Dapr.Contracts;
using Danube.Dapr.Rebalancer.Actors;
using Danube.Dapr.Rebalancer.Options;
using Dapr;
using Microsoft.Extensions.Options;

namespace Danube.Dapr.Rebalancer;

/// <summary>
/// Asks for a cycle soon after something happened that a cycle should look at, and after a plan that has drifted. A burst of events asks for one cycle. A topic that nobody owns is looked at again when it counts as
/// stranded; should the process die before, the next ordinary cycle does it.
/// </summary>
internal sealed partial class Nudger(ActorDirectory actors, IOptionsMonitor<RebalancerOptions> options, TimeProvider time, ILogger<Nudger> logger) : BackgroundService
{
    private static readonly TimeSpan Gather = TimeSpan.FromSeconds(1);

    // True for what is to be looked at once more when it counts as stranded.
    private readonly Channel<bool> _waiting = Channel.CreateBounded<bool>(new BoundedChannelOptions(100) { FullMode = BoundedChannelFullMode.DropWrite });

    /// <summary>Asks for a cycle.</summary>
    public void Nudge() => _waiting.Writer.TryWrite(false);

    /// <summary>Takes an event in.</summary>
    public void Take(BrokerEvent happened)
    {
        if (happened.Kind is BrokerEventKind.BrokerGone or BrokerEventKind.BrokerJoined or BrokerEventKind.BrokerUnreachable or BrokerEventKind.LeaderChanged
            or BrokerEventKind.TopicStranded or BrokerEventKind.TopicLoadedTwice)
            _waiting.Writer.TryWrite(happened.Kind == BrokerEventKind.TopicStranded);
    }

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        // By the stop-watch, which nobody sets.
        long? again = null;
        while (!stoppingToken.IsCancellationRequested)
        {
            await WaitAsync(again, stoppingToken);
            await Task.Delay(Gather, time, stoppingToken);
            var stranded = false;
            while (_waiting.Reader.TryRead(out var isStranded))
                stranded |= isStranded;
            again = stranded ? time.GetTimestamp() + (long)(options.CurrentValue.StrandedAfterSeconds * time.TimestampFrequency) : again > time.GetTimestamp() ? again : null;
            try
            {
                await actors.Control.NudgeAsync();
            }
            catch (Exception error) when (error is not OperationCanceledException || !stoppingToken.IsCancellationRequested)
            {
                // The reminder brings the next cycle anyway. A call that nobody answers ends as cancelled as well: that is no end of the service.
                NotNudged(error.Message);
            }
        }
    }

    /// <summary>Until something happened, or the time to look again has come.</summary>
    private async Task WaitAsync(long? again, CancellationToken stoppingToken)
    {
        if (again is not { } at)
        {
            await _waiting.Reader.WaitToReadAsync(stoppingToken);
            return;
        }

        var left = time.GetElapsedTime(time.GetTimestamp(), at);
        using var happened = CancellationTokenSource.CreateLinkedTokenSource(stoppingToken);
        var read = _waiting.Reader.WaitToReadAsync(happened.Token).AsTask();
        await Task.WhenAny(read, Task.Delay(left > TimeSpan.Zero ? left : TimeSpan.Zero, time, stoppingToken));
        await happened.CancelAsync();
        stoppingToken.ThrowIfCancellationRequested();
    }

    [LoggerMessage(Level = LogLevel.Warning, Message = "No cycle when something happened: {Why}")]
    private partial void NotNudged(string why);
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
