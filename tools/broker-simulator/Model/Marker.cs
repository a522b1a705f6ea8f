namespace Danube.Dapr.BrokerSimulator;

/// <summary>Why a topic waits for an owner.</summary>
internal enum MarkerReason
{
    /// <summary>New, or its broker was lost.</summary>
    None,

    /// <summary>Unloaded: wait until the source is ready, then anywhere but there.</summary>
    Unload,

    /// <summary>The built-in rebalancer's move: at once, to a hint.</summary>
    Rebalance,

    /// <summary>The chosen broker had stopped taking topics.</summary>
    DrainRedirect,
}

/// <summary>The value of a topic's key among the unassigned.</summary>
internal sealed class Marker(MarkerReason reason, string? fromBroker = null, string? toBroker = null)
{
    public MarkerReason Reason { get; } = reason;

    public string? FromBroker { get; } = fromBroker;

    public string? ToBroker { get; } = toBroker;

    public bool Ready { get; set; }
}
