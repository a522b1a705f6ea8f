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
using Microsoft.AspNetCore.Mvc;
using Microsoft.Extensions.Options;

namespace Danube.Dapr.Rebalancer.Apis;

/// <summary>Moves, planned and by hand.</summary>
internal static class MovesApi
{
    public static void MapMovesApi(this IEndpointRouteBuilder app)
    {
        app.MapGet("/moves", List);
        app.MapGet("/moves/{**id}", Get);
        app.MapPost("/moves", Start).AddEndpointFilter<Validation<MoveRequest>>().AddEndpointFilter<IdempotencyKeyCheck>();
        app.MapDelete("/moves/{**id}", Cancel);
    }

    /// <summary>Moves, those of the newest plan first; with <paramref name="plan"/> those of one plan, in its order.</summary>
    internal static async Task<Results<Ok<Page<MoveRecord>>, ProblemHttpResult>> List(PlanReader plans, ActorDirectory actors, string? plan = null, int offset = 0, int limit = 100)
    {
        if (Answers.WrongPage(offset, limit) is { } wrong)
            return wrong;
        if (plan is not null)
        {
            return await plans.ReadAsync(plan) is { } run
                ? TypedResults.Ok(new Page<MoveRecord>(run.Moves.Count, offset, [.. run.Moves.Skip(offset).Take(limit)]))
                : ApiProblem.NotFound("plan", plan);
        }

        return TypedResults.Ok(await plans.MovesAsync(await actors.Control.GetStateAsync(), offset, limit));
    }

    internal static async Task<Results<Ok<MoveRecord>, ProblemHttpResult>> Get(string id, PlanReader plans) =>
        await FindAsync(id, plans) is { } move ? TypedResults.Ok(move) : ApiProblem.NotFound("move", id);

    internal static async Task<Results<Ok<CommandResponse>, Accepted<CommandResponse>, ProblemHttpResult>> Start(
        MoveRequest request, CycleRunner runner, ActorDirectory actors, IOptionsMonitor<RebalancerOptions> options, TimeProvider time,
        CancellationToken cancellationToken, [FromHeader(Name = Answers.IdempotencyKey)] string? key = null)
    {
        var command = $"move {request.Topic} to {request.To}{(request.Force ? " by force" : "")}";
        if (!request.DryRun && key is not null && await actors.Control.FindCommandAsync(new CommandKey(key, command)) is { } known)
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
        return Answer(await actors.Control.SubmitAsync(new PlanSubmission(plan, request.Reason ?? "operator", key, Activity.Current?.Id, command)), topic.Name);
    }

    private static Results<Ok<CommandResponse>, Accepted<CommandResponse>, ProblemHttpResult> Answer(CommandResult answer, string topic) => answer.Reason is { } reason
        ? Answers.Refused(reason, answer.Detail)
        : TypedResults.Accepted($"/moves/{MoveRecord.IdOf(answer.PlanId!, topic)}", new CommandResponse(true, answer.Detail, answer.PlanId));

    /// <summary>Cancels the plan of the move: moves that have not begun are not made, one in flight ends well first.</summary>
    internal static async Task<Results<Accepted<CommandResponse>, ProblemHttpResult>> Cancel(string id, PlanReader plans, ActorDirectory actors)
    {
        if (await FindAsync(id, plans) is not { } move)
            return ApiProblem.NotFound("move", id);
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

    /// <summary>The slashes of a topic's name may come as they are, encoded, or cleaned away by the sidecar.</summary>
    private static async Task<MoveRecord?> FindAsync(string id, PlanReader plans)
    {
        var text = id.Replace("%2F", "/", StringComparison.OrdinalIgnoreCase);
        var colon = text.IndexOf(':', StringComparison.Ordinal);
        if (colon < 0 || await plans.ReadAsync(text[..colon]) is not { } plan)
            return null;
        var topic = "/" + text[(colon + 1)..].TrimStart('/');
        return plan.Moves.FirstOrDefault(m => m.Topic == topic);
    }
}
