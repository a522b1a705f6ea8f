using System.Globalization;
using Danube.Dapr.Contracts;
using Danube.Dapr.Ranking.Balance;
using Danube.Dapr.ServiceDefaults;
using Microsoft.AspNetCore.Http.HttpResults;

namespace Danube.Dapr.Ranking.Api;

/// <summary>What ranking answers.</summary>
internal static class RankingApi
{
    internal static void MapRankingApi(this IEndpointRouteBuilder app)
    {
        app.MapGet("/rankings", Rankings);
        app.MapGet("/balance", Balance);
        app.MapGet("/balance/history", Curve);
        app.MapGet("/brokers", Brokers);
        app.MapGet("/topics", Topics);
        app.MapGet("/topics/{**name}", Topic);
        app.MapGet("/unowned", Unowned);
        app.MapGet("/snapshot", Snapshot);
    }

    internal static async Task<Ok<RankingReport>> Rankings(ClusterReader reader, CancellationToken cancel) =>
        TypedResults.Ok((await reader.GetAsync(cancel)).Ranked.Ranking);

    internal static async Task<Ok<BalanceReport>> Balance(ClusterReader reader, CancellationToken cancel) =>
        TypedResults.Ok((await reader.GetAsync(cancel)).Ranked.Balance);

    internal static async Task<Ok<IReadOnlyList<BalanceSample>>> Curve(ClusterReader reader, CancellationToken cancel) =>
        TypedResults.Ok((await reader.GetAsync(cancel)).Curve);

    internal static async Task<Ok<IReadOnlyList<BrokerView>>> Brokers(ClusterReader reader, TimeProvider clock, CancellationToken cancel) =>
        TypedResults.Ok(BrokerViews.Of((await reader.GetAsync(cancel)).Ranked, clock.GetUtcNow()));

    internal static async Task<Results<Ok<Page<TopicSnapshot>>, ProblemHttpResult>> Topics(
        ClusterReader reader, CancellationToken cancel, int? offset = null, int? limit = null, string? broker = null, string? @namespace = null, string? sort = null)
    {
        var (query, faults) = TopicQuery.Parse(offset, limit, broker, @namespace, sort);
        return query is null
            ? ApiProblem.Invalid(faults)
            : TypedResults.Ok(query.Apply((await reader.GetAsync(cancel)).Ranked.Snapshot.Topics));
    }

    internal static async Task<Results<Ok<TopicSnapshot>, ProblemHttpResult>> Topic(string name, ClusterReader reader, CancellationToken cancel)
    {
        // The slashes of a topic's name may come as they are, encoded, or cleaned away by the sidecar.
        var full = "/" + name.Replace("%2F", "/", StringComparison.OrdinalIgnoreCase).TrimStart('/');
        var topic = (await reader.GetAsync(cancel)).Ranked.Snapshot.Topics.FirstOrDefault(t => t.Name == full);
        return topic is null ? ApiProblem.NotFound("topic", full) : TypedResults.Ok(topic);
    }

    internal static async Task<Ok<IReadOnlyList<UnownedTopic>>> Unowned(ClusterReader reader, CancellationToken cancel) =>
        TypedResults.Ok((await reader.GetAsync(cancel)).Unowned);

    internal static async Task<FileContentHttpResult> Snapshot(ClusterReader reader, HttpContext http, CancellationToken cancel)
    {
        var answer = await reader.GetAsync(cancel);
        var body = answer.Body.Value;
        var gzip = http.Request.Headers.AcceptEncoding.Any(e => e?.Contains("gzip", StringComparison.OrdinalIgnoreCase) == true);
        if (gzip)
            http.Response.Headers.ContentEncoding = "gzip";
        http.Response.Headers.Vary = "Accept-Encoding";
        http.Response.Headers["X-Generation"] = answer.Ranked.Snapshot.Generation.ToString(CultureInfo.InvariantCulture);
        return TypedResults.Bytes(gzip ? body.Gzip : body.Json, "application/json");
    }
}
