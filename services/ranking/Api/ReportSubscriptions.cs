using Dapr;
using Dapr.Actors;
using Dapr.Actors.Client;
using Dapr.Client;
using Danube.Dapr.Contracts;
using Danube.Dapr.Ranking.Actors;
using Danube.Dapr.Ranking.View;

namespace Danube.Dapr.Ranking.Api;

/// <summary>Takes reports from pub/sub to the actor and publishes the events that follow.</summary>
internal static partial class ReportSubscriptions
{
    internal static void MapReportSubscriptions(this IEndpointRouteBuilder app)
    {
        app.MapPost("/events/load-reports", LoadReport).WithTopic(Subscribe(DaprNames.Topics.LoadReports));
        app.MapPost("/events/cluster-reports", ClusterReport).WithTopic(Subscribe(DaprNames.Topics.ClusterReports));
    }

    internal static async Task<IResult> LoadReport(
        LoadReportMessage message, IActorProxyFactory actors, DaprClient dapr, ILoggerFactory logs, CancellationToken cancel) =>
        await HandleAsync(actor => actor.TakeLoadReportAsync(message), actors, dapr, logs, cancel);

    internal static async Task<IResult> ClusterReport(
        ClusterReport report, MaskReader masks, IActorProxyFactory actors, DaprClient dapr, ILoggerFactory logs, CancellationToken cancel)
    {
        var seen = await masks.UnmaskAsync(report, cancel);
        return await HandleAsync(actor => actor.TakeClusterReportAsync(seen), actors, dapr, logs, cancel);
    }

    private static TopicOptions Subscribe(string topic) =>
        new() { PubsubName = DaprNames.PubSub, Name = topic, DeadLetterTopic = DaprNames.Topics.DeadLetter(topic) };

    private static async Task<IResult> HandleAsync(
        Func<IClusterActor, Task<TakenReport>> take, IActorProxyFactory actors, DaprClient dapr, ILoggerFactory logs, CancellationToken cancel)
    {
        var actor = actors.CreateActorProxy<IClusterActor>(new ActorId(DaprNames.ClusterActorId), DaprNames.Actors.Cluster);
        var taken = await take(actor);
        if (taken.Events.Count > 0)
            await PublishAsync(taken.Events, actor, dapr, cancel);
        if (taken.Intake != nameof(Intake.Invalid))
            return Results.Ok();

        // What cannot be read now cannot be read later: it goes to the dead letter topic.
        LogInvalid(logs.CreateLogger(typeof(ReportSubscriptions)), taken.Detail);
        return Results.Ok(new { status = "DROP" });
    }

    /// <summary>The events are stored with the actor; one that is published but not yet forgotten is published again later under the same id.</summary>
    private static async Task PublishAsync(IReadOnlyList<BrokerEvent> events, IClusterActor actor, DaprClient dapr, CancellationToken cancel)
    {
        foreach (var e in events)
            await dapr.PublishEventAsync(DaprNames.PubSub, DaprNames.Topics.BrokerEvents, e, new Dictionary<string, string> { ["cloudevent.id"] = e.Id }, cancel);
        await actor.ForgetEventsAsync([.. events.Select(e => e.Id)]);
    }

    [LoggerMessage(LogLevel.Warning, "A report cannot be read and goes to the dead letter topic: {Fault}")]
    private static partial void LogInvalid(ILogger log, string fault);
}
