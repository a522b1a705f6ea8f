using Danube.Dapr.Contracts;

namespace Danube.Dapr.Rebalancer.Execution;

/// <summary>Something is not as a repair needs it.</summary>
internal sealed class RepairException(ReasonCode reason, string message, string? owner = null) : Exception(message)
{
    public ReasonCode Reason => reason;

    /// <summary>The broker that owns the topic and does not serve it rightly; null when nobody owns it.</summary>
    public string? Owner { get; } = owner;

    /// <summary>The broker on which it went wrong, or null.</summary>
    public string? FailedOn { get; init; } = owner;
}
