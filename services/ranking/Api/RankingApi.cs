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
        var api = app.MapValidated();
        api.MapGet("/rankings", Rankings);
        api.MapGet("/balance", Balance);
        api.MapGet("/balance/history", Curve);
        api.MapGet("/brokers", Brokers);
        api.MapGet("/topics", Topics);
        api.MapGet("/topics/{**name}", Topic);
        api.MapGet("/unowned", Unowned);
        api.MapGet("/snapshot", Snapshot);
    }

    internal static async Task<Ok<RankingReport>> Rankings(ClusterReader reader, CancellationToken cancel) =>
        TypedResults.Ok((await reader.GetAsync(cancel)).Ranked.Ranking);

    internal static async Task<Ok<BalanceReport>> Balance(ClusterReader reader, CancellationToken cancel) =>
        TypedResults.Ok((await reader.GetAsync(cancel)).Ranked.Balance);

    internal static async Task<Ok<IReadOnlyList<BalanceSample>>> Curve(ClusterReader reader, CancellationToken cancel) =>
        TypedResults.Ok((await reader.GetAsync(cancel)).Curve);

    internal static async Task<Ok<IReadOnlyList<BrokerView>>> Brokers(ClusterReader reader, TimeProvider clock, CancellationToken cancel) =>
        TypedResults.Ok(BrokerViews.Of((await reader.GetAsync(cancel)).Ranked, clock.GetUtcNow()));

    internal static async Task<Ok<Page<TopicSnapshot>>> Topics([AsParameters] TopicQuery query, ClusterReader reader, CancellationToken cancel) =>
        TypedResults.Ok(query.Apply((await reader.GetAsync(cancel)).Ranked.Snapshot.Topics));

    internal static async Task<Results<Ok<TopicSnapshot>, ProblemHttpResult>> Topic([AsParameters] TopicPath path, ClusterReader reader, CancellationToken cancel)
    {
        var topic = (await reader.GetAsync(cancel)).Ranked.Snapshot.Topics.FirstOrDefault(t => t.Name == path.Topic);
        return topic is null ? ApiProblem.NotFound("topic", path.Topic) : TypedResults.Ok(topic);
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
