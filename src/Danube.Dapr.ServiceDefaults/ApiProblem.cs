using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.AspNetCore.Mvc;

namespace Danube.Dapr.ServiceDefaults;

/// <summary>Problem details with a stable <c>code</c>, the form of every refusal over HTTP.</summary>
public static class ApiProblem
{
    private const string NoSuchThing = "not-found";

    /// <summary>A refusal.</summary>
    /// <param name="status">HTTP status, 400 to 599.</param>
    /// <param name="code">Stable code: a reason of the closed list, or <c>invalid</c>, <c>not-found</c>, <c>bad-request</c>, <c>fault</c>.</param>
    /// <param name="detail">One sentence that names the field, the value and what is allowed.</param>
    public static ProblemHttpResult Of(int status, string code, string detail) =>
        TypedResults.Problem(detail, statusCode: status, extensions: new Dictionary<string, object?> { ["code"] = code });

    /// <summary>Gives a refusal of the framework itself its code.</summary>
    internal static void AddCode(ProblemDetails problem) => problem.Extensions.TryAdd("code", problem.Status switch
    {
        StatusCodes.Status404NotFound => NoSuchThing,
        >= 500 => "fault",
        _ => "bad-request",
    });

    /// <summary>404: there is no such thing.</summary>
    /// <param name="what">What was asked for: <c>plan</c>, <c>topic</c>, …</param>
    /// <param name="id">Its id.</param>
    public static ProblemHttpResult NotFound(string what, string id) => Of(StatusCodes.Status404NotFound, NoSuchThing, $"There is no {what} '{id}'.");

    /// <summary>400: fields are wrong, each with its faults.</summary>
    /// <param name="errors">For each field what is wrong: the value and what is allowed. The detail joins them for callers that read no more.</param>
    public static ProblemHttpResult Invalid(IDictionary<string, string[]> errors)
    {
        ArgumentNullException.ThrowIfNull(errors);
        return TypedResults.Problem(new HttpValidationProblemDetails(errors)
        {
            Status = StatusCodes.Status400BadRequest,
            Detail = string.Join(' ', errors.Values.SelectMany(e => e)),
            Extensions = { ["code"] = "invalid" },
        });
    }
}
