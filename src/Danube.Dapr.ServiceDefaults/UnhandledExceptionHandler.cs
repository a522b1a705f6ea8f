using Microsoft.AspNetCore.Diagnostics;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Mvc;

namespace Danube.Dapr.ServiceDefaults;

/// <summary>Answers what no endpoint handled with problem details of code <c>fault</c> and the exception's message; bad requests that the framework refused keep their status.</summary>
internal sealed class UnhandledExceptionHandler(IProblemDetailsService problems) : IExceptionHandler
{
    public async ValueTask<bool> TryHandleAsync(HttpContext httpContext, Exception exception, CancellationToken cancellationToken)
    {
        var status = exception is BadHttpRequestException bad ? bad.StatusCode : StatusCodes.Status500InternalServerError;
        httpContext.Response.StatusCode = status;
        return await problems.TryWriteAsync(new ProblemDetailsContext
        {
            HttpContext = httpContext,
            Exception = exception,
            ProblemDetails = new ProblemDetails
            {
                Status = status,
                Title = status < 500 ? "The request cannot be read" : "Unexpected error",
                Detail = exception.InnerException is null ? exception.Message : $"{exception.Message} {exception.InnerException.Message}",
                Extensions = { ["code"] = status < 500 ? "bad-request" : "fault" },
            },
        });
    }
}
