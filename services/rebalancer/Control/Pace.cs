using System.Globalization;
using Danube.Dapr.Rebalancer.Options;

namespace Danube.Dapr.Rebalancer.Control;

/// <summary>How fast moves are made: how many in one mask window, and how long to rest before the next. Immutable.</summary>
/// <param name="MovesPerWindow">Moves of one mask window.</param>
/// <param name="RestSeconds">Rest between two windows.</param>
/// <param name="LastBatch">The batch that was taken in last, so that it counts once.</param>
/// <param name="LastVerdict">How that batch was borne.</param>
/// <param name="Detail">Why, in one sentence.</param>
public sealed record Pace(int MovesPerWindow, double RestSeconds, string? LastBatch = null, ImpactVerdict LastVerdict = ImpactVerdict.Quiet, string Detail = "")
{
    private const double FirstRestSeconds = 1;

    /// <summary>The pace of a cluster that nothing is known of yet.</summary>
    internal static Pace Start(RebalancerOptions options) => new(Math.Min(options.StartMovesPerMask, options.MaxMovesPerMask), 0);

    /// <summary>Additive increase while clients notice nothing, multiplicative decrease when they do, within the caps.</summary>
    internal Pace Next(string batch, ImpactVerdict verdict, string detail, RebalancerOptions options) => verdict == ImpactVerdict.Quiet
        ? new Pace(Math.Min(options.MaxMovesPerMask, MovesPerWindow + options.StartMovesPerMask), RestSeconds / 2 < FirstRestSeconds ? 0 : RestSeconds / 2, batch, verdict, detail)
        : new Pace(Math.Max(1, MovesPerWindow / 2), Math.Min(options.MaxRestSeconds, Math.Max(FirstRestSeconds, RestSeconds * 2)), batch, verdict, detail);
}

/// <summary>How a batch was borne.</summary>
public enum ImpactVerdict
{
    /// <summary>Nobody noticed.</summary>
    Quiet,

    /// <summary>Clients noticed: go slower.</summary>
    Noticed,

    /// <summary>Clients suffered: stop.</summary>
    Harmful,
}

/// <summary>What a batch did to clients.</summary>
/// <param name="PlanId">The plan.</param>
/// <param name="BatchId">The batch.</param>
/// <param name="LatencyBeforeMs">Worst publish latency before it, 99th percentile; null when not known.</param>
/// <param name="LatencyAfterMs">The same after it.</param>
/// <param name="Redirects">Lookups that were sent elsewhere meanwhile; null when not known.</param>
/// <param name="Clients">Producers and consumers of the topics that moved.</param>
/// <param name="WorstMoveMs">Longest time of a move; null without moves.</param>
public sealed record BatchImpact(
    string PlanId, string BatchId, double? LatencyBeforeMs, double? LatencyAfterMs, double? Redirects, int Clients, double? WorstMoveMs);

/// <summary>Judges impacts.</summary>
internal static class ImpactRules
{
    /// <summary>Redirects of clients that move belong to a move: each looks up its topic once or twice.</summary>
    private const int FreeRedirects = 20;

    /// <param name="impact">What was seen.</param>
    /// <param name="latencyBeforeMs">Worst publish latency before the plan; null when not known.</param>
    /// <param name="options">The limits.</param>
    public static (ImpactVerdict Verdict, string Detail) Judge(BatchImpact impact, double? latencyBeforeMs, RebalancerOptions options)
    {
        if (impact.LatencyAfterMs is { } latency && latencyBeforeMs is { } before)
        {
            // Below the floor a multiple of next to nothing is still next to nothing.
            var ratio = latency / Math.Max(before, options.LatencyFloorMs);
            var text = string.Create(CultureInfo.InvariantCulture, $"Publish latency (99th percentile) is {latency:0.#} ms and was {before:0.#} ms before the plan");
            if (ratio > options.MaxLatencyRatio)
                return (ImpactVerdict.Harmful, string.Create(CultureInfo.InvariantCulture, $"{text}: more than {options.MaxLatencyRatio:0.#} times as much."));
            if (ratio > options.SlowLatencyRatio)
                return (ImpactVerdict.Noticed, string.Create(CultureInfo.InvariantCulture, $"{text}: more than {options.SlowLatencyRatio:0.#} times as much."));
        }

        if (impact.Redirects is { } redirects && redirects > FreeRedirects)
        {
            var each = redirects / Math.Max(1, impact.Clients);
            var text = string.Create(CultureInfo.InvariantCulture, $"{redirects:0} lookups were redirected for {impact.Clients} clients that moved");
            if (each > options.MaxRedirectsPerClient)
                return (ImpactVerdict.Harmful, string.Create(CultureInfo.InvariantCulture, $"{text}: more than {options.MaxRedirectsPerClient:0.#} each."));
            if (each > options.SlowRedirectsPerClient)
                return (ImpactVerdict.Noticed, string.Create(CultureInfo.InvariantCulture, $"{text}: more than {options.SlowRedirectsPerClient:0.#} each."));
        }

        return impact.WorstMoveMs / 1000 > options.SlowMoveSeconds
            ? (ImpactVerdict.Noticed, string.Create(CultureInfo.InvariantCulture, $"A move took {impact.WorstMoveMs:0} ms: more than {options.SlowMoveSeconds:0.#} s."))
            : (ImpactVerdict.Quiet, "");
    }

    /// <summary>The state with what a batch taught; the same batch a second time changes nothing.</summary>
    /// <returns>The state, and why the plan must stop, if it must.</returns>
    public static (ControlState State, Denial? Stop) Take(ControlState state, BatchImpact impact, RebalancerOptions options)
    {
        var pace = state.Pace ?? Pace.Start(options);
        if (pace.LastBatch == impact.BatchId)
            return (state, Stop(pace));
        var active = state.Active is { } plan && plan.PlanId == impact.PlanId ? plan with { LatencyBeforeMs = plan.LatencyBeforeMs ?? impact.LatencyBeforeMs } : state.Active;
        var (verdict, detail) = Judge(impact, active?.LatencyBeforeMs ?? impact.LatencyBeforeMs, options);
        pace = pace.Next(impact.BatchId, verdict, detail, options);
        return (state with { Pace = pace, Active = active }, Stop(pace));
    }

    private static Denial? Stop(Pace pace) => pace.LastVerdict == ImpactVerdict.Harmful ? new Denial(Contracts.ReasonCode.ClientImpact, pace.Detail) : null;
}
