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
        app.MapPost("/plans/{id}/approve", Approve);
        app.MapPost("/plans/{id}/cancel", Cancel);
    }

    internal static async Task<Ok<Page<PlanRun>>> List([AsParameters] PageQuery page, PlanReader plans, ActorDirectory actors) =>
        TypedResults.Ok(await plans.PlansAsync(await actors.Control.GetStateAsync(), page.Skip, page.Take(50)));

    internal static async Task<Results<Ok<PlanRun>, ProblemHttpResult>> Get([AsParameters] PlanPath path, PlanReader plans) =>
        await plans.ReadAsync(path.Id) is { } plan ? TypedResults.Ok(plan.Run) : ApiProblem.NotFound("plan", path.Id);

    internal static async Task<Results<Accepted<CommandResponse>, ProblemHttpResult>> Approve([AsParameters] PlanPath path, ApproveRequest request, PlanReader plans, ActorDirectory actors)
    {
        var id = path.Id;
        if (await plans.ReadAsync(id) is null)
            return ApiProblem.NotFound("plan", id);
        var answer = await actors.Control.ApproveAsync(new Approval(id, request.Hash, request.Approver));
        return answer.Reason is { } reason ? Answers.Refused(reason, answer.Detail) : Answers.Started(answer.Detail, id);
    }

    internal static async Task<Results<Accepted<CommandResponse>, ProblemHttpResult>> Cancel([AsParameters] PlanPath path, PlanReader plans, ActorDirectory actors)
    {
        var id = path.Id;
        if (await plans.ReadAsync(id) is null)
            return ApiProblem.NotFound("plan", id);
        var answer = await actors.Control.CancelAsync(id);
        return answer.Reason is { } reason ? Answers.Refused(reason, answer.Detail) : Answers.Started(answer.Detail, id);
    }
}
