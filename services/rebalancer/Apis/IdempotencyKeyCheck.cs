using Danube.Dapr.ServiceDefaults;

namespace Danube.Dapr.Rebalancer.Apis;

/// <summary>Refuses an idempotency key that is empty or too long before anything is done.</summary>
internal sealed class IdempotencyKeyCheck : IEndpointFilter
{
    private const int MaxLength = 100;

    public ValueTask<object?> InvokeAsync(EndpointFilterInvocationContext context, EndpointFilterDelegate next)
    {
        var given = context.HttpContext.Request.Headers[Answers.IdempotencyKey];
        if (given.Count > 1 || (given.Count == 1 && (string.IsNullOrWhiteSpace(given[0]) || given[0]!.Length > MaxLength)))
        {
            return ValueTask.FromResult<object?>(ApiProblem.Invalid(new Dictionary<string, string[]>
            {
                [Answers.IdempotencyKey] = [$"{Answers.IdempotencyKey} is '{given}', allowed: one key of 1 to {MaxLength} characters, or none."],
            }));
        }

        return next(context);
    }
}
