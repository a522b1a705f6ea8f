using System.Diagnostics;
using Danube.Dapr.Contracts;
using Danube.Dapr.Planning;
using Danube.Dapr.Rebalancer.Actors;
using Danube.Dapr.Rebalancer.Control;
using Danube.Dapr.Rebalancer.Cycle;
using Danube.Dapr.Rebalancer.Options;
using Danube.Dapr.Rebalancer.Plans;
using Danube.Dapr.ServiceDefaults;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.Extensions.Options;

namespace Danube.Dapr.Rebalancer.Apis;

/// <summary>Moves, planned and by hand.</summary>
internal static class MovesApi
{
    public static void MapMovesApi(this IEndpointRouteBuilder app)
    {
        app.MapGet("/moves", List);
        app.MapGet("/moves/{**id}", Get);
        app.MapPost("/moves", Start);
        app.MapDelete("/moves/{**id}", Cancel);
    }

    /// <summary>Moves, those of the newest plan first; with a plan those of it, in its order.</summary>
    internal static async Task<Results<Ok<Page<MoveRecord>>, ProblemHttpResult>> List([AsParameters] PlanFilter filter, [AsParameters] PageQuery page, PlanReader plans, ActorDirectory actors)
    {
        var (offset, limit) = (page.Skip, page.Take(100));
        if (filter.Plan is { } plan)
        {
            return await plans.ReadAsync(plan) is { } run
                ? TypedResults.Ok(new Page<MoveRecord>(run.Moves.Count, offset, [.. run.Moves.Skip(offset).Take(limit)]))
                : ApiProblem.NotFound("plan", plan);
        }

        return TypedResults.Ok(await plans.MovesAsync(await actors.Control.GetStateAsync(), offset, limit));
    }

    internal static async Task<Results<Ok<MoveRecord>, ProblemHttpResult>> Get([AsParameters] MovePath path, PlanReader plans) =>
        await FindAsync(path, plans) is { } move ? TypedResults.Ok(move) : ApiProblem.NotFound("move", path.Id);

    internal static async Task<Results<Ok<CommandResponse>, Accepted<CommandResponse>, ProblemHttpResult>> Start(
        MoveRequest request, IdempotencyHeader header, CycleRunner runner, ActorDirectory actors, IOptionsMonitor<RebalancerOptions> options, TimeProvider time,
        CancellationToken cancellationToken)
    {
        var command = $"move {request.Topic} to {request.To}{(request.Force ? " by force" : "")}";
        if (!request.DryRun && header.Key is { } key && await actors.Control.FindCommandAsync(new CommandKey(key, command)) is { } known)
            return Answer(known, request.Topic);
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

        if (snapshot.Topics.FirstOrDefault(t => t.Name == request.Topic) is not { } topic)
            return ApiProblem.NotFound("topic", request.Topic);
        if (snapshot.Brokers.All(b => b.Id != request.To))
            return ApiProblem.NotFound("broker", request.To);
        if (ManualMoveRules.WhyNot(snapshot, topic, request, options.CurrentValue, time.GetUtcNow()) is { } denial)
            return Answers.Refused(denial.Reason, denial.Detail);

        RebalancePlan plan;
        try
        {
            plan = PlanMaker.Single(snapshot, topic, request.To, request.Force, request.Reason ?? "asked by an operator", time.GetUtcNow(), options.CurrentValue.Policy);
        }
        catch (SnapshotException error)
        {
            return Answers.Refused(ReasonCode.InvalidSnapshot, error.Message);
        }

        if (request.DryRun)
            return TypedResults.Ok(new CommandResponse(false, plan.Summary, null, plan));
        return Answer(await actors.Control.SubmitAsync(new PlanSubmission(plan, request.Reason ?? "operator", header.Key, Activity.Current?.Id, command)), topic.Name);
    }

    private static Results<Ok<CommandResponse>, Accepted<CommandResponse>, ProblemHttpResult> Answer(CommandResult answer, string topic) => answer.Reason is { } reason
        ? Answers.Refused(reason, answer.Detail)
        : TypedResults.Accepted($"/moves/{MoveRecord.IdOf(answer.PlanId!, topic)}", new CommandResponse(true, answer.Detail, answer.PlanId));

    /// <summary>Cancels the plan of the move: moves that have not begun are not made, one in flight ends well first.</summary>
    internal static async Task<Results<Accepted<CommandResponse>, ProblemHttpResult>> Cancel([AsParameters] MovePath path, PlanReader plans, ActorDirectory actors)
    {
        if (await FindAsync(path, plans) is not { } move)
            return ApiProblem.NotFound("move", path.Id);
        if (PlanProgress.IsEnd(move.State))
            return Answers.Refused(HowItEnded(move), $"The move has ended already: {move.State}.");
        var answer = await actors.Control.CancelAsync(move.PlanId);
        if (answer.Reason is { } reason)
            return Answers.Refused(reason, answer.Detail);
        return Answers.Started(move.State < MoveState.Unloading ? answer.Detail : $"{move.Topic} is between its brokers already: it ends well first. {answer.Detail}", move.PlanId);
    }

    private static ReasonCode HowItEnded(MoveRecord move) => move.State switch
    {
        MoveState.Done => ReasonCode.AlreadyThere,
        MoveState.Cancelled => ReasonCode.Cancelled,
        _ => move.Reason ?? ReasonCode.Fault,
    };

    private static async Task<MoveRecord?> FindAsync(MovePath path, PlanReader plans) =>
        MoveRecord.TryParseId(path.Id, out var planId, out var topic) && await plans.ReadAsync(planId) is { } plan ? plan.Moves.FirstOrDefault(m => m.Topic == topic) : null;
}
