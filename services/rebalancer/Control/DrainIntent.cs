using Danube.Dapr.Contracts;

namespace Danube.Dapr.Rebalancer.Control;

/// <summary>An operator took a broker out. Kept until it is activated again, so that the drain goes on after a crash and the broker stays drained.</summary>
public sealed record DrainIntent
{
    private const int MaxNamed = 50;
    private const double FirstPauseSeconds = 30;
    private const double LongestPauseSeconds = 600;

    public required string BrokerId { get; init; }

    public required DateTimeOffset Since { get; init; }

    /// <summary>Why, in the operator's words.</summary>
    public string? Reason { get; init; }

    /// <summary>True once Danube gives it no more topics.</summary>
    public bool Closed { get; init; }

    /// <summary>The plan that moved its topics last; null before the first.</summary>
    public string? PlanId { get; init; }

    /// <summary>True after an operator cancelled its plan: it does not go on by itself.</summary>
    public bool Held { get; init; }

    /// <summary>Plans in a row that moved nothing.</summary>
    public int Vain { get; init; }

    /// <summary>Before this no further plan is made for it.</summary>
    public DateTimeOffset? NotBefore { get; init; }

    /// <summary>Topics that it owned when the loop looked last.</summary>
    public int TopicsLeft { get; init; }

    /// <summary>What cannot be moved safely; the first of them.</summary>
    public IReadOnlyList<Refusal> Refusals { get; init; } = [];

    /// <summary>With what a look at the cluster showed.</summary>
    public DrainIntent Looked(int topicsLeft, IReadOnlyList<Refusal> refusals) => this with { TopicsLeft = topicsLeft, Refusals = [.. refusals.Take(MaxNamed)] };

    /// <summary>
    /// After one of its plans ended. A cancelled one is not followed by another until the operator asks again; one that the kill switch or the circuit breaker stopped goes on when
    /// that is over; one that moved nothing is followed by a pause that doubles.
    /// </summary>
    public DrainIntent Ended(ReasonCode? reason, bool moved, DateTimeOffset now) => reason switch
    {
        ReasonCode.Cancelled => this with { Held = true },
        ReasonCode.KillSwitch or ReasonCode.CircuitOpen => this,
        _ when moved => this with { Vain = 0, NotBefore = null },
        _ => this with { Vain = Vain + 1, NotBefore = now.AddSeconds(Math.Min(LongestPauseSeconds, FirstPauseSeconds * Math.Pow(2, Math.Min(Vain, 10)))) },
    };
}
