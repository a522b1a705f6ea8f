using System.Text.Json;
using Danube.Dapr.ServiceDefaults;
using FluentValidation;

namespace Danube.Dapr.Rebalancer.Apis;

/// <summary>Validates the body of a request before its handler runs and answers all faults at once.</summary>
internal sealed class Validation<T>(IValidator<T> validator) : IEndpointFilter where T : class
{
    public async ValueTask<object?> InvokeAsync(EndpointFilterInvocationContext context, EndpointFilterDelegate next)
    {
        if (context.Arguments.OfType<T>().FirstOrDefault() is { } body)
        {
            var result = await validator.ValidateAsync(body, context.HttpContext.RequestAborted);
            if (!result.IsValid)
            {
                return ApiProblem.Invalid(result.Errors
                    .GroupBy(e => JsonNamingPolicy.CamelCase.ConvertName(e.PropertyName))
                    .ToDictionary(g => g.Key, g => g.Select(e => e.ErrorMessage).ToArray()));
            }
        }

        return await next(context);
    }
}
