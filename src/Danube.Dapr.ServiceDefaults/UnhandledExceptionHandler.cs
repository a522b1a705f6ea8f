using Microsoft.AspNetCore.Diagnostics;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Mvc;
using Microsoft.Extensions.DependencyInjection;

namespace Danube.Dapr.ServiceDefaults;

/// <summary>
/// Answers what no endpoint handled with problem details: with the state store's code when that does not answer, else with <c>fault</c> and the exception's message; bad requests that the framework
/// refused keep their status.
/// </summary>
internal sealed class UnhandledExceptionHandler(IProblemDetailsService problems, IServiceProvider services) : IExceptionHandler
{
    public async ValueTask<bool> TryHandleAsync(HttpContext httpContext, Exception exception, CancellationToken cancellationToken)
    {
        var problem = exception is BadHttpRequestException bad
            ? Problem(bad.StatusCode, "The request cannot be read", "bad-request", Message(exception))
            : services.GetService<StoreProbe>() is { } probe && await probe.WhyDownAsync() is { } why
                ? StoreDown(httpContext, probe.Code, why)
                : Problem(StatusCodes.Status500InternalServerError, "Unexpected error", "fault", Message(exception));
        httpContext.Response.StatusCode = problem.Status!.Value;
        return await problems.TryWriteAsync(new ProblemDetailsContext { HttpContext = httpContext, Exception = exception, ProblemDetails = problem });
    }

    private ProblemDetails StoreDown(HttpContext httpContext, string code, string why)
    {
        services.GetRequiredService<StoreMetrics>().Refused();
        httpContext.Response.Headers.RetryAfter = StoreExtensions.RetryAfterSeconds;
        return Problem(StatusCodes.Status503ServiceUnavailable, "The state store does not answer", code, why);
    }

    private static string Message(Exception exception) => exception.InnerException is null ? exception.Message : $"{exception.Message} {exception.InnerException.Message}";

    private static ProblemDetails Problem(int status, string title, string code, string detail) =>
        new() { Status = status, Title = title, Detail = detail, Extensions = { ["code"] = code } };
}
