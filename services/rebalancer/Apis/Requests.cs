using Danube.Dapr.Contracts;
using Danube.Dapr.ServiceDefaults;
using Microsoft.Extensions.Primitives;

namespace Danube.Dapr.Rebalancer.Apis;

// What callers send in paths, queries and headers; bodies are in Contracts. The validators say what is allowed.

/// <summary>A broker in a path.</summary>
internal sealed record BrokerPath(string Id);

/// <summary>A topic in a path.</summary>
internal sealed record TopicPath(string Ns, string Name)
{
    public string Topic => $"/{Ns}/{Name}";
}

/// <summary>A plan in a path.</summary>
internal sealed record PlanPath(string Id);

/// <summary>A move at the end of a path, in one of the forms that <see cref="Contracts.MoveRecord.TryParseId"/> takes.</summary>
internal sealed record MovePath(string Id = "");

/// <summary>Which plan a list is about; null for all.</summary>
internal sealed record PlanFilter(string? Plan = null);

/// <summary>Which part of a list is answered.</summary>
internal sealed record PageQuery(Asked<int>? Offset = null, Asked<int>? Limit = null)
{
    public int Skip => Offset?.Value ?? 0;

    public int Take(int otherwise) => Limit?.Value ?? otherwise;
}

/// <summary>The header that makes a repetition of a command known as one.</summary>
internal sealed record IdempotencyHeader(StringValues Keys)
{
    public string? Key => Keys.Count == 0 ? null : Keys[0];

    public static ValueTask<IdempotencyHeader?> BindAsync(HttpContext context) => ValueTask.FromResult<IdempotencyHeader?>(new(context.Request.Headers[HttpNames.IdempotencyKey]));
}
