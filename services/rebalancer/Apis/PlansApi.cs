using Danube.Dapr.Contracts;
using Danube.Dapr.Rebalancer.Actors;
using Danube.Dapr.Rebalancer.Plans;
using Danube.Dapr.ServiceDefaults;
using Microsoft.AspNetCore.Http.HttpResults;

namespace Danube.Dapr.Rebalancer.Apis;

/// <summary>Plans and what became of them.</summary>
internal static class PlansApi
{
    public static void MapPlansApi(this IEndpointRouteBuilder app)
    {
        app.MapGet("/plans", List);
        app.MapGet("/plans/{id}", Get);
        app.MapPost("/plans/{id}/approve", Approve).AddEndpointFilter<Validation<ApproveRequest>>();
        app.MapPost("/plans/{id}/cancel", Cancel);
    }

    internal static async Task<Results<Ok<Page<PlanRun>>, ProblemHttpResult>> List(PlanReader plans, ActorDirectory actors, int offset = 0, int limit = 50)
    {
        if (Answers.WrongPage(offset, limit) is { } wrong)
            return wrong;
        return TypedResults.Ok(await plans.PlansAsync(await actors.Control.GetStateAsync(), offset, limit));
    }

    internal static async Task<Results<Ok<PlanRun>, ProblemHttpResult>> Get(string id, PlanReader plans) =>
        await plans.ReadAsync(id) is { } plan ? TypedResults.Ok(plan.Run) : ApiProblem.NotFound("plan", id);

    internal static async Task<Results<Accepted<CommandResponse>, ProblemHttpResult>> Approve(string id, ApproveRequest request, PlanReader plans, ActorDirectory actors)
    {
        if (await plans.ReadAsync(id) is null)
            return ApiProblem.NotFound("plan", id);
        var answer = await actors.Control.ApproveAsync(new Approval(id, request.Hash, request.Approver));
        return answer.Reason is { } reason ? Answers.Refused(reason, answer.Detail) : Answers.Started(answer.Detail, id);
    }

    internal static async Task<Results<Accepted<CommandResponse>, ProblemHttpResult>> Cancel(string id, PlanReader plans, ActorDirectory actors)
    {
        if (await plans.ReadAsync(id) is null)
            return ApiProblem.NotFound("plan", id);
        var answer = await actors.Control.CancelAsync(id);
        return answer.Reason is { } reason ? Answers.Refused(reason, answer.Detail) : Answers.Started(answer.Detail, id);
    }
}
