using Danube.Dapr.Contracts;
using Danube.Dapr.MetricsCollector.Resources;
using Danube.Dapr.MetricsCollector.Rounds;
using Danube.Dapr.ServiceDefaults;
using FluentValidation;
using Microsoft.AspNetCore.Http.HttpResults;

namespace Danube.Dapr.MetricsCollector.Api;

/// <summary>The collector's HTTP interface.</summary>
internal static class CollectorApi
{
    public static IEndpointRouteBuilder MapCollectorApi(this IEndpointRouteBuilder app)
    {
        var api = app.MapValidated();
        api.MapGet("/load-reports", GetLoadReports).WithSummary("The last load report of each broker, or of one.");
        api.MapPost("/load-reports/refresh", RefreshAsync).WithSummary("Measures all brokers now and publishes what was seen, with all topic names.");
        api.MapGet("/targets", GetTargets).WithSummary("What is measured for each broker, and what that was chosen from.");
        return app;
    }

    internal static Results<Ok<IReadOnlyList<LoadReport>>, ProblemHttpResult> GetLoadReports([AsParameters] LoadReportQuery query, Collector collector)
    {
        var reports = collector.LastReports;
        if (query.Broker is not { } broker)
            return TypedResults.Ok(reports);
        IReadOnlyList<LoadReport> one = [.. reports.Where(r => r.BrokerId == broker)];
        return one.Count > 0 ? TypedResults.Ok(one) : ApiProblem.NotFound("load report of broker", broker);
    }

    internal static async Task<Ok<RoundSummary>> RefreshAsync(Collector collector, CancellationToken cancellationToken) =>
        TypedResults.Ok(await collector.RunRoundAsync(cancellationToken, namesInFull: true));

    internal static Ok<IReadOnlyList<TargetView>> GetTargets(ResourceMonitor resources) => TypedResults.Ok(resources.Targets());
}

/// <summary>Which broker's report is asked for; null for all.</summary>
internal sealed record LoadReportQuery(string? Broker = null);

internal sealed class LoadReportQueryValidator : AbstractValidator<LoadReportQuery>
{
    public LoadReportQueryValidator() => RuleFor(q => q.Broker).Allow(b => b is null || Identifiers.IsBroker(b), Identifiers.BrokerForm);
}
