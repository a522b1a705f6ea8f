namespace Danube.Dapr.LocalSidecar.Resiliency;

/// <summary>A <c>Resiliency</c> file: which policies hold for which targets.</summary>
internal sealed record ResiliencyResource(
    IReadOnlyList<string> Scopes,
    IReadOnlyDictionary<string, PolicySet> Apps,
    IReadOnlyDictionary<string, PolicySet> Actors,
    IReadOnlyDictionary<string, PolicySet> ComponentsInbound,
    IReadOnlyDictionary<string, PolicySet> ComponentsOutbound,
    PolicyNames Policies)
{
    public bool MayBeUsedBy(string appId) => Scopes.Count == 0 || Scopes.Contains(appId, StringComparer.Ordinal);
}

/// <summary>All policies of a file by their names.</summary>
internal sealed record PolicyNames(IReadOnlyDictionary<string, TimeSpan> Timeouts, IReadOnlyDictionary<string, RetrySettings> Retries, IReadOnlyDictionary<string, BreakerSettings> Breakers)
{
    /// <summary>What a target has that the file does not list: the policies with the names that Dapr keeps for this; of several levels the first that is there.</summary>
    public PolicySet Defaults(IReadOnlyList<string> levels) => new(
        First(levels, "Timeout", Timeouts, static t => (TimeSpan?)t), First(levels, "Retry", Retries, static r => r), First(levels, "CircuitBreaker", Breakers, static b => b));

    private static TResult? First<TPolicy, TResult>(IReadOnlyList<string> levels, string kind, IReadOnlyDictionary<string, TPolicy> policies, Func<TPolicy, TResult> use)
    {
        foreach (var level in levels)
            if (policies.TryGetValue($"Default{level}{kind}Policy", out var policy)) return use(policy);
        return default;
    }
}

/// <summary>What one target has; each part may be missing.</summary>
internal sealed record PolicySet(TimeSpan? Timeout, RetrySettings? Retry, BreakerSettings? Breaker);

/// <summary>A retry policy.</summary>
/// <param name="MaxRetries">How many repetitions, or −1 without a limit.</param>
/// <param name="HttpStatusCodes">The status codes that are tried again, or null for every failure.</param>
internal sealed record RetrySettings(bool Exponential, TimeSpan Duration, TimeSpan MaxInterval, int MaxRetries, IReadOnlyList<(int From, int To)>? HttpStatusCodes)
{
    public bool Covers(int? httpStatus) => HttpStatusCodes is null || httpStatus is null || HttpStatusCodes.Any(r => httpStatus >= r.From && httpStatus <= r.To);
}

/// <summary>A circuit breaker.</summary>
/// <param name="ConsecutiveFailures">It opens when more failures than this come in a row.</param>
/// <param name="Timeout">How long it stays open.</param>
/// <param name="Interval">How often a closed one forgets its failures; zero for never.</param>
/// <param name="MaxRequests">After the time-out so many calls are let through; when all went well it closes.</param>
internal sealed record BreakerSettings(int ConsecutiveFailures, TimeSpan Timeout, TimeSpan Interval, int MaxRequests);
