using Danube.Dapr.Contracts;
using Danube.Dapr.ServiceDefaults;
using Microsoft.AspNetCore.Http.HttpResults;

namespace Danube.Dapr.Rebalancer.Apis;

/// <summary>Answers that several endpoints give.</summary>
internal static class Answers
{
    public const string IdempotencyKey = "Idempotency-Key";

    private const int MaxLimit = 1000;

    /// <summary>A refusal: 503 when the cluster's state cannot be had, else 409. The code is the reason's own word.</summary>
    public static ProblemHttpResult Refused(ReasonCode reason, string detail) => ApiProblem.Of(
        reason is ReasonCode.StaleReports or ReasonCode.InvalidSnapshot or ReasonCode.LeaderChanged ? StatusCodes.Status503ServiceUnavailable : StatusCodes.Status409Conflict,
        reason.ToString(), detail);

    /// <summary>202 with the place to look.</summary>
    public static Accepted<CommandResponse> Started(string detail, string planId) => TypedResults.Accepted($"/plans/{planId}", new CommandResponse(true, detail, planId));

    /// <summary>Checks a page; null when it is right.</summary>
    public static ProblemHttpResult? WrongPage(int offset, int limit)
    {
        var errors = new Dictionary<string, string[]>();
        if (offset < 0)
            errors["offset"] = [$"offset is {offset}, allowed: 0 or more."];
        if (limit is < 1 or > MaxLimit)
            errors["limit"] = [$"limit is {limit}, allowed: 1 to {MaxLimit}."];
        return errors.Count == 0 ? null : ApiProblem.Invalid(errors);
    }
}
