using Danube.Dapr.Contracts;

namespace Danube.Dapr.WebConsole.Feed;

/// <summary>What the page shows. A part that could not be had anew keeps its last value and says why.</summary>
internal sealed record Dashboard
{
    /// <summary>When the services were last looked at; null before the first time.</summary>
    public DateTimeOffset? Time { get; init; }

    public Part<IReadOnlyList<BrokerView>> Brokers { get; init; } = new();

    public Part<BalanceReport> Balance { get; init; } = new();

    public Part<IReadOnlyList<BalanceSample>> Curve { get; init; } = new();

    public Part<IReadOnlyList<UnownedTopic>> Unowned { get; init; } = new();

    public Part<RebalancerStatus> Status { get; init; } = new();

    public Part<Page<HistoryEntry>> Cycles { get; init; } = new();

    public Part<Page<HistoryEntry>> Moves { get; init; } = new();

    public Part<Page<HistoryEntry>> Events { get; init; } = new();

    /// <summary>What is wrong, each once.</summary>
    public IReadOnlyList<string> Errors =>
        [.. new[] { Brokers.Error, Balance.Error, Curve.Error, Unowned.Error, Status.Error, Cycles.Error, Moves.Error, Events.Error }.OfType<string>().Distinct()];
}

/// <summary>One part of the page.</summary>
/// <param name="Value">The last value that came; null before the first.</param>
/// <param name="Error">Why there is no newer one; null when there is.</param>
/// <param name="Time">When the value came; null before the first.</param>
/// <typeparam name="T">What it is.</typeparam>
internal sealed record Part<T>(T? Value = null, string? Error = null, DateTimeOffset? Time = null) where T : class
{
    /// <summary>The part once this answer has come, or has not.</summary>
    internal async Task<Part<T>> ThenAsync(Task<T> answer, TimeProvider clock)
    {
        try
        {
            return new Part<T>(await answer, null, clock.GetUtcNow());
        }
        catch (ServiceException e)
        {
            return this with { Error = e.Message };
        }
    }
}
