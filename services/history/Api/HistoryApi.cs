using Danube.Dapr.Contracts;
using Danube.Dapr.History.Record;
using Danube.Dapr.ServiceDefaults;
using Microsoft.AspNetCore.Http.HttpResults;

namespace Danube.Dapr.History.Api;

/// <summary>What history answers.</summary>
internal static class HistoryApi
{
    internal const int MaxHours = 24 * 365;

    internal static void MapHistoryApi(this IEndpointRouteBuilder app)
    {
        app.MapGet("/history", List);
        app.MapGet("/history/statistics", GetStatistics);
        app.MapGet("/history/plans/{id}", Plan);
        app.MapGet("/history/moves/{**moveId}", Move);
    }

    internal static async Task<Results<Ok<Page<HistoryEntry>>, ProblemHttpResult>> List(
        HistoryReader reader, CancellationToken cancel,
        string? kind = null, string? topic = null, string? broker = null, string? plan = null, string? before = null, int? limit = null)
    {
        var (filter, faults) = HistoryFilter.Parse(kind, topic, broker, plan, before, limit);
        return filter is null ? ApiProblem.Invalid(faults) : TypedResults.Ok(await reader.PageAsync(filter, cancel));
    }

    internal static async Task<Results<Ok<PlanRun>, ProblemHttpResult>> Plan(string id, HistoryReader reader, CancellationToken cancel) =>
        await reader.PlanAsync(id, cancel) is { } plan ? TypedResults.Ok(plan) : ApiProblem.NotFound("plan", id);

    internal static async Task<Results<Ok<Page<MoveRecord>>, ProblemHttpResult>> Move(string moveId, HistoryReader reader, CancellationToken cancel)
    {
        // A move's id ends in the topic's name, whose slashes may come encoded; a sidecar may have cleaned the first one away.
        var id = moveId.Replace("%2F", "/", StringComparison.OrdinalIgnoreCase);
        var steps = await reader.MoveAsync(id, cancel);
        return steps.Count == 0 ? ApiProblem.NotFound("move", id) : TypedResults.Ok(new Page<MoveRecord>(steps.Count, 0, steps));
    }

    internal static async Task<Results<Ok<HistoryStatistics>, ProblemHttpResult>> GetStatistics(
        HistoryReader reader, TimeProvider clock, CancellationToken cancel, double hours = 24)
    {
        if (hours is not (> 0 and <= MaxHours))
            return ApiProblem.Invalid(new Dictionary<string, string[]> { ["hours"] = [FormattableString.Invariant($"hours is {hours}; allowed is above 0 to {MaxHours}.")] });
        var to = clock.GetUtcNow();
        return TypedResults.Ok(await reader.StatisticsAsync(to.AddHours(-hours), to, cancel));
    }
}
