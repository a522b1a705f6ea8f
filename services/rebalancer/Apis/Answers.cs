using Danube.Dapr.Contracts;
using Danube.Dapr.ServiceDefaults;
using Microsoft.AspNetCore.Http.HttpResults;

namespace Danube.Dapr.Rebalancer.Apis;

/// <summary>Answers that several endpoints give.</summary>
internal static class Answers
{
    /// <summary>A refusal: 503 when the cluster's state cannot be had, else 409. The code is the reason's own word.</summary>
    public static ProblemHttpResult Refused(ReasonCode reason, string detail) => ApiProblem.Of(
        reason is ReasonCode.StaleReports or ReasonCode.InvalidSnapshot or ReasonCode.LeaderChanged ? StatusCodes.Status503ServiceUnavailable : StatusCodes.Status409Conflict,
        reason.ToString(), detail);

    /// <summary>202 with the place to look.</summary>
    public static Accepted<CommandResponse> Started(string detail, string planId) => TypedResults.Accepted($"/plans/{planId}", new CommandResponse(true, detail, planId));
}
