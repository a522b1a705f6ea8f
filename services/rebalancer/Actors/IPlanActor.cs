using Danube.Dapr.Contracts;
using Dapr.Actors;

namespace Danube.Dapr.Rebalancer.Actors;

/// <summary>One plan and what became of it. Public because Dapr implements it at run time.</summary>
public interface IPlanActor : IActor
{
    /// <summary>Stores the plan and announces it. A plan that is known already stays as it is.</summary>
    Task CreateAsync(PlanRun run);

    /// <summary>The plan and what became of it; null when it is not known.</summary>
    Task<PlanRun?> GetAsync();

    /// <summary>Last record of each move, in the order of the plan.</summary>
    Task<IReadOnlyList<MoveRecord>> GetMovesAsync();

    /// <summary>Stores steps of moves and announces those that are new or not yet known to be announced.</summary>
    Task RecordAsync(IReadOnlyList<MoveRecord> steps);

    /// <summary>Stores what the plan did, as it was measured.</summary>
    Task MeasuredAsync(PlanEffect effect);

    /// <summary>Stores what moves did to their topics, with their records, and announces these again.</summary>
    Task JudgedAsync(IReadOnlyList<MoveEffect> effects);

    /// <summary>Removes all that is stored. Afterwards the plan is not known.</summary>
    Task ForgetAsync();

    /// <summary>Changes the state of the plan as a whole.</summary>
    Task ChangeAsync(PlanChange change);

    /// <summary>Shows why a running plan waits, or with null that it goes on. Stores nothing while the reason stays the same.</summary>
    /// <returns>Since when it waits; reasons for which it cannot be compared with the cluster are one wait.</returns>
    Task<DateTimeOffset> WaitsAsync(ReasonCode? reason);
}

/// <summary>A new state of a plan.</summary>
/// <param name="State">The state.</param>
/// <param name="Reason">Why it stopped, or null.</param>
/// <param name="ApprovedBy">Who approved it, or null.</param>
public sealed record PlanChange(PlanRunState State, ReasonCode? Reason = null, string? ApprovedBy = null);
