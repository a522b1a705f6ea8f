using Danube.Dapr.ServiceDefaults;

namespace Danube.Dapr.Rebalancer.Apis;

/// <summary>Refuses a path whose broker id can be none before anything is asked.</summary>
internal sealed class BrokerIdCheck : IEndpointFilter
{
    public ValueTask<object?> InvokeAsync(EndpointFilterInvocationContext context, EndpointFilterDelegate next)
    {
        var id = context.HttpContext.Request.RouteValues["id"] as string;
        return PinRequestValidator.IsBrokerId(id)
            ? next(context)
            : ValueTask.FromResult<object?>(ApiProblem.Invalid(new Dictionary<string, string[]> { ["id"] = [$"id is '{id}', allowed: a broker's decimal id."] }));
    }
}
