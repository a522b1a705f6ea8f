using Danube.Dapr.Contracts;
using Danube.Dapr.Rebalancer.Control;

namespace Danube.Dapr.Rebalancer.Cycle;

/// <summary>What kind of plan is wanted.</summary>
internal sealed record PlanRequest
{
    public required string Policy { get; init; }

    /// <summary>Most moves; 0 still evaluates the balance.</summary>
    public required int MaxMoves { get; init; }

    /// <summary>True: plan until the target band is reached (the control loop: until it has settled there), also when the trigger is not exceeded (any more).</summary>
    public bool UntilTarget { get; init; }

    public required PlanTrigger Trigger { get; init; }

    /// <summary>True: as if no move had been made in the last hour, for a dry run that shows all moves.</summary>
    public bool WithoutHourlyLimit { get; init; }

    /// <summary>The broker to empty, for a drain.</summary>
    public string? DrainBroker { get; init; }

    /// <summary>Topics that have not come back since their last move: only a drain moves them.</summary>
    public IReadOnlySet<string> Resting { get; init; } = new HashSet<string>();

    /// <summary>Moves already made in the last hour.</summary>
    public required MoveLedger Ledger { get; init; }

    public required DateTimeOffset Now { get; init; }
}

/// <summary>What the planner made of it.</summary>
/// <param name="Plan">The plan, perhaps without moves; null when none could be made.</param>
/// <param name="Reason">Why there are no moves; null when there are.</param>
/// <param name="Detail">One sentence.</param>
/// <param name="Balance">Balance now; null when the snapshot is unusable.</param>
/// <param name="OutOfBand">True when the trigger is exceeded, or the target is not reached although it once was exceeded.</param>
/// <param name="Refusals">What was considered and left alone.</param>
internal sealed record PlanMade(
    RebalancePlan? Plan, ReasonCode? Reason, string Detail, BalanceReport? Balance, bool OutOfBand, IReadOnlyList<Refusal> Refusals);
