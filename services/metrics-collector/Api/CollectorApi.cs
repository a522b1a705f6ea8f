using Danube.Dapr.Contracts;
using Danube.Dapr.MetricsCollector.Resources;
using Danube.Dapr.MetricsCollector.Rounds;
using Danube.Dapr.ServiceDefaults;
using Microsoft.AspNetCore.Http.HttpResults;

namespace Danube.Dapr.MetricsCollector.Api;

/// <summary>The collector's HTTP interface.</summary>
internal static class CollectorApi
{
    public static IEndpointRouteBuilder MapCollectorApi(this IEndpointRouteBuilder app)
    {
        app.MapGet("/load-reports", GetLoadReports).WithSummary("The last load report of each broker, or of one.");
        app.MapPost("/load-reports/refresh", RefreshAsync).WithSummary("Measures all brokers now and publishes what was seen, with all topic names.");
        app.MapGet("/targets", GetTargets).WithSummary("What is measured for each broker, and what that was chosen from.");
        return app;
    }

    internal static Results<Ok<IReadOnlyList<LoadReport>>, ProblemHttpResult> GetLoadReports(Collector collector, string? broker = null)
    {
        var reports = collector.LastReports;
        if (broker is null)
            return TypedResults.Ok(reports);
        IReadOnlyList<LoadReport> one = [.. reports.Where(r => r.BrokerId == broker)];
        return one.Count > 0 ? TypedResults.Ok(one) : ApiProblem.NotFound("load report of broker", broker);
    }

    internal static async Task<Ok<RoundSummary>> RefreshAsync(Collector collector, CancellationToken cancellationToken) =>
        TypedResults.Ok(await collector.RunRoundAsync(cancellationToken, namesInFull: true));

    internal static Ok<IReadOnlyList<TargetView>> GetTargets(ResourceMonitor resources) => TypedResults.Ok(resources.Targets());
}
