using System.Diagnostics;
using Danube.Dapr.BrokerClient;
using Danube.Dapr.Contracts;
using Danube.Dapr.Rebalancer.Actors;
using Danube.Dapr.Rebalancer.Control;
using Danube.Dapr.Rebalancer.Cycle;
using Danube.Dapr.ServiceDefaults;
using Microsoft.AspNetCore.Http.HttpResults;

namespace Danube.Dapr.Rebalancer.Apis;

/// <summary>Taking brokers out and in.</summary>
internal static class BrokersApi
{
    public static void MapBrokersApi(this IEndpointRouteBuilder app)
    {
        app.MapGet("/brokers/{id}/drain", Get);
        app.MapPost("/brokers/{id}/drain", Drain);
        app.MapPost("/brokers/{id}/activate", Activate);
        app.MapGet("/masks", Masks);
    }

    /// <summary>How far the drain of a broker is.</summary>
    internal static async Task<Results<Ok<DrainStatus>, ProblemHttpResult>> Get([AsParameters] BrokerPath path, CycleRunner runner, ActorDirectory actors, CancellationToken cancellationToken)
    {
        var id = path.Id;
        var state = await actors.Control.GetStateAsync();
        var intent = state.Drains.FirstOrDefault(d => d.BrokerId == id);
        ClusterSnapshot snapshot;
        try
        {
            snapshot = await runner.EnrichedSnapshotAsync(state, cancellationToken);
        }
        catch (SnapshotUnavailableException error)
        {
            return Answers.Refused(ReasonCode.StaleReports, error.Message);
        }

        var broker = snapshot.Brokers.FirstOrDefault(b => b.Id == id);
        if (broker is null && intent is null)
            return ApiProblem.NotFound("broker", id);
        var left = snapshot.Topics.Count(t => t.BrokerId == id);
        return TypedResults.Ok(new DrainStatus
        {
            BrokerId = id,
            State = State(intent, state, left),
            Since = intent?.Since,
            Reason = intent?.Reason,
            Broker = broker?.State ?? BrokerState.Gone,
            TopicsLeft = left,
            PlanId = intent?.PlanId,
            Refusals = intent?.Refusals ?? [],
        });
    }

    /// <summary>Takes a broker out: it gets no more topics, and those that can be moved safely are. The rest is listed.</summary>
    internal static async Task<Results<Ok<CommandResponse>, Accepted<CommandResponse>, ProblemHttpResult>> Drain(
        [AsParameters] BrokerPath path, DrainRequest? request, IdempotencyHeader header, CycleRunner runner, Drains drains, ActorDirectory actors,
        TimeProvider time, CancellationToken cancellationToken)
    {
        var id = path.Id;
        var state = await actors.Control.GetStateAsync();
        ClusterSnapshot snapshot;
        try
        {
            snapshot = await runner.EnrichedSnapshotAsync(state, cancellationToken);
        }
        catch (SnapshotUnavailableException error)
        {
            return Answers.Refused(ReasonCode.StaleReports, error.Message);
        }

        if (snapshot.Brokers.All(b => b.Id != id))
            return ApiProblem.NotFound("broker", id);
        if (request is { DryRun: true })
        {
            var look = drains.Look(snapshot, state, id, time.GetUtcNow());
            return look.Made.Plan is { } plan
                ? TypedResults.Ok(new CommandResponse(false, plan.Summary, null, plan, look.Refusals))
                : Answers.Refused(look.Made.Reason ?? ReasonCode.InvalidSnapshot, look.Made.Detail);
        }

        var answer = await actors.Control.DrainAsync(new DrainCommand(id, request?.Reason, header.Key, Activity.Current?.Id));
        if (answer.Result.Reason is { } reason)
            return Answers.Refused(reason, answer.Result.Detail);
        return TypedResults.Accepted($"/brokers/{id}/drain", new CommandResponse(true, answer.Result.Detail, answer.Result.PlanId, null, answer.Refusals));
    }

    /// <summary>Lets a broker take topics again. It is done when this is answered, and doing it again changes nothing: no place to look, no idempotency key.</summary>
    internal static async Task<Results<Ok<CommandResponse>, ProblemHttpResult>> Activate([AsParameters] BrokerPath path, ActorDirectory actors, DanubeCluster danube, CancellationToken cancellationToken)
    {
        var id = path.Id;
        // Danube takes any id and remembers it, so it is looked up first.
        try
        {
            if ((await danube.DiscoverAsync(cancellationToken)).Find(id) is null)
                return ApiProblem.NotFound("broker", id);
        }
        catch (DanubeException error)
        {
            return Answers.Refused(ReasonCode.BrokerUnreachable, $"Danube does not answer: {error.Message}");
        }

        var answer = await actors.Control.ActivateAsync(id);
        return answer.Reason is { } reason ? Answers.Refused(reason, answer.Detail) : TypedResults.Ok(new CommandResponse(true, answer.Detail));
    }

    /// <summary>Brokers that are masked, or were a moment ago, so that nobody takes them for drained.</summary>
    internal static async Task<Ok<IReadOnlyList<MaskSpan>>> Masks(ActorDirectory actors) => TypedResults.Ok(await actors.Mask.GetSpansAsync());

    private static DrainState State(DrainIntent? intent, ControlState state, int left) =>
        intent is null ? DrainState.None
        : left == 0 ? DrainState.Drained
        : state.Active?.PlanId != intent.PlanId && (intent.Held || intent.Refusals.Count >= left) ? DrainState.Remainder
        : DrainState.Draining;
}
