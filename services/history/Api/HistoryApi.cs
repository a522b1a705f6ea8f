using Danube.Dapr.Contracts;
using Danube.Dapr.ServiceDefaults;
using Microsoft.AspNetCore.Http.HttpResults;

namespace Danube.Dapr.History.Api;

/// <summary>What history answers.</summary>
internal static class HistoryApi
{
    internal static void MapHistoryApi(this IEndpointRouteBuilder app)
    {
        var api = app.MapValidated();
        api.MapGet("/history", List);
        api.MapGet("/history/statistics", GetStatistics);
        api.MapGet("/history/plans/{id}", Plan);
        api.MapGet("/history/moves/{**moveId}", Move);
    }

    internal static async Task<Ok<Page<HistoryEntry>>> List([AsParameters] HistoryQuery query, HistoryReader reader, CancellationToken cancel) =>
        TypedResults.Ok(await reader.PageAsync(query.ToFilter(), cancel));

    internal static async Task<Results<Ok<PlanRun>, ProblemHttpResult>> Plan([AsParameters] PlanPath path, HistoryReader reader, CancellationToken cancel) =>
        await reader.PlanAsync(path.Id, cancel) is { } plan ? TypedResults.Ok(plan) : ApiProblem.NotFound("plan", path.Id);

    internal static async Task<Results<Ok<Page<MoveRecord>>, ProblemHttpResult>> Move([AsParameters] MovePath path, HistoryReader reader, CancellationToken cancel)
    {
        var steps = MoveRecord.TryParseId(path.MoveId, out var plan, out var topic) ? await reader.MoveAsync(plan, topic, cancel) : [];
        return steps.Count == 0 ? ApiProblem.NotFound("move", path.MoveId) : TypedResults.Ok(new Page<MoveRecord>(steps.Count, 0, steps));
    }

    internal static async Task<Ok<HistoryStatistics>> GetStatistics([AsParameters] StatisticsQuery query, HistoryReader reader, TimeProvider clock, CancellationToken cancel)
    {
        var to = clock.GetUtcNow();
        return TypedResults.Ok(await reader.StatisticsAsync(to.AddHours(-(query.Hours?.Value ?? 24)), to, cancel));
    }
}
