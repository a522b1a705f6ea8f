using Danube.Dapr.Contracts;
using Dapr.Actors;

namespace Danube.Dapr.Rebalancer.Actors;

/// <summary>The one mask window of the cluster and its journal. Public because Dapr implements it at run time.</summary>
public interface IMaskActor : IActor
{
    /// <summary>The open window; null when there is none.</summary>
    Task<MaskWindow?> GetAsync();

    /// <summary>Makes the target the only broker that takes topics. Asking again for the same batch renews the window and masks what came back.</summary>
    Task<MaskAnswer> OpenAsync(MaskRequest request);

    /// <summary>Undoes what the batch's window masked. Nothing happens when another window, or none, is open.</summary>
    Task CloseAsync(string batchId);

    /// <summary>Undoes what the batch's window masked, and lets no late run of one of its steps mask anything again.</summary>
    Task EndAsync(string batchId);

    /// <summary>Which brokers are masked, or were in the last minute.</summary>
    Task<IReadOnlyList<MaskSpan>> GetSpansAsync();

    /// <summary>Undoes whatever is masked for a plan that no longer runs.</summary>
    Task CloseUnlessAsync(string runningPlanId);
}

/// <summary>A batch asks for its window.</summary>
/// <param name="PlanId">The plan.</param>
/// <param name="BatchId">The batch.</param>
/// <param name="Target">The broker that shall take the topics.</param>
/// <param name="Moves">How many.</param>
/// <param name="MovesFrom">How many from each broker; null when not known, and then all may be from any.</param>
public sealed record MaskRequest(string PlanId, string BatchId, string Target, int Moves, IReadOnlyDictionary<string, int>? MovesFrom = null);

/// <summary>Answer to a request.</summary>
/// <param name="Masked">Brokers masked by us; empty when refused or when there was nobody to mask.</param>
/// <param name="Reason">Why not; null when the window is open.</param>
/// <param name="Detail">One sentence.</param>
public sealed record MaskAnswer(IReadOnlyList<string> Masked, ReasonCode? Reason = null, string Detail = "");

/// <summary>An open window, as it is journaled before the first broker is masked.</summary>
public sealed record MaskWindow
{
    public required string PlanId { get; init; }

    public required string BatchId { get; init; }

    public required string Target { get; init; }

    /// <summary>Moves that are to land in it.</summary>
    public required int Moves { get; init; }

    /// <summary>How many of them from each broker; null when not known.</summary>
    public IReadOnlyDictionary<string, int>? MovesFrom { get; init; }

    public required DateTimeOffset OpenedAt { get; init; }

    /// <summary>When it closes by itself.</summary>
    public required DateTimeOffset ExpiresAt { get; init; }

    /// <summary>What we masked, and nothing that an operator drained.</summary>
    public IReadOnlyList<MaskedBroker> Masked { get; init; } = [];
}

/// <summary>A broker that we masked.</summary>
/// <param name="Id">The broker.</param>
/// <param name="Topics">Topics that it owned then.</param>
public sealed record MaskedBroker(string Id, int Topics);
