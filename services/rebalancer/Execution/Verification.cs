using System.Globalization;
using Danube.Dapr.Contracts;
using Danube.Dapr.Rebalancer.Workflows;

namespace Danube.Dapr.Rebalancer.Execution;

/// <summary>How a move that landed is judged.</summary>
internal sealed record Judgement(MoveState State, ReasonCode? Reason, string Detail, double? DurationMs, string? Owner, string? FailedOn);

/// <summary>
/// A landed move is done when the target and only the target owns it, the target has loaded no more than it owns, and it refuses no publishes.
/// </summary>
internal static class Verification
{
    /// <summary>How often a target that looks wrong is looked at before it counts as wrong.</summary>
    public const int Looks = 4;

    /// <summary>A broker counts a topic a moment before or after it lists it, and clients come back to it within a moment; only a difference that stays means something.</summary>
    public static readonly TimeSpan BetweenLooks = TimeSpan.FromMilliseconds(400);

    /// <summary>True when the target has loaded more than it should, or refuses publishes of a landed topic: look again, it may be a moment only.</summary>
    public static bool LooksWrong(TargetBaseline before, TargetBaseline after, IReadOnlyList<LandedMove> landed) =>
        LoadedTooMuch(before, after) || landed.Any(l => NewlyRefused(before, after, l.Move.Topic) > 0);

    public static Judgement Judge(LandedMove landed, string target, IReadOnlyList<string> owners, TargetBaseline before, TargetBaseline after)
    {
        if (owners.Count > 1)
        {
            return new Judgement(MoveState.Failed, ReasonCode.LoadedTwice, $"Brokers {string.Join(" and ", owners)} list it.", landed.DurationMs, target, null);
        }

        if (owners.Count == 0 || owners[0] != target)
        {
            var owner = owners.Count == 0 ? null : owners[0];
            return new Judgement(MoveState.LandedElsewhere, ReasonCode.LandedElsewhere,
                $"It was on {target}, but {(owner is null ? "nobody lists it" : $"{owner} owns it")} now.", landed.DurationMs, owner, null);
        }

        if (NewlyRefused(before, after, landed.Move.Topic) is > 0 and var refused)
        {
            return new Judgement(MoveState.Failed, ReasonCode.DeadCopy, string.Create(CultureInfo.InvariantCulture,
                $"Broker {target} owns it but refused {refused:0} publishes: it holds a dead copy."), landed.DurationMs, target, target);
        }

        if (LoadedTooMuch(before, after))
        {
            return new Judgement(MoveState.Failed, ReasonCode.LoadedTwice, string.Create(CultureInfo.InvariantCulture,
                $"Broker {target} has loaded {after.Excess - before.Excess:0} more topics than it was given: one of this batch is loaded twice."), landed.DurationMs, target, null);
        }

        return new Judgement(MoveState.Done, null, string.Create(CultureInfo.InvariantCulture, $"Owned and served after {landed.DurationMs:0} ms."), landed.DurationMs, target, null);
    }

    private static bool LoadedTooMuch(TargetBaseline before, TargetBaseline after) =>
        before.Excess is { } was && after.Excess is { } now && now > Math.Max(was, 0);

    private static double NewlyRefused(TargetBaseline before, TargetBaseline after, string topic) =>
        after.Refused.GetValueOrDefault(topic) - before.Refused.GetValueOrDefault(topic);
}
