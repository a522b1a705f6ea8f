using Danube.Dapr.Contracts;
using Danube.Dapr.Rebalancer.Control;

namespace Danube.Dapr.Rebalancer.Topics;

/// <summary>What a topic's actor remembers. Immutable.</summary>
public sealed record TopicState
{
    public required string Topic { get; init; }

    /// <summary>Owner when it was last looked at.</summary>
    public string? Owner { get; init; }

    /// <summary>When this service saw it first.</summary>
    public DateTimeOffset? FirstSeen { get; init; }

    public DateTimeOffset? LastMoved { get; init; }

    /// <summary>Where it came from with that move.</summary>
    public string? LastMovedFrom { get; init; }

    /// <summary>Set while an operator bound it to a broker.</summary>
    public string? Pin { get; init; }

    /// <summary>When a move deleted it, or was about to, to create it again; null once it is known to exist.</summary>
    public DateTimeOffset? DeletedAt { get; init; }

    /// <summary>The move that holds it.</summary>
    public Lease? Lease { get; init; }

    /// <summary>True when it was found loaded on two brokers: its next unload is the dangerous one.</summary>
    public bool LoadedTwice { get; init; }

    /// <summary>The broker on which a repair loaded it, or was about to, to have it given away from there; null when none did since it was given away last.</summary>
    public string? LoadedOn { get; init; }

    /// <summary>What went wrong, by broker; the newest of each.</summary>
    public IReadOnlyList<BrokerFailure> Failures { get; init; } = [];

    /// <summary>Outcome of the last move, so that a repeated step finds it.</summary>
    public MoveEnd? LastEnd { get; init; }

    /// <summary>The clocks when this was written; null in what an older version stored.</summary>
    public ClockReading? Clock { get; init; }
}

/// <summary>A move holds the topic.</summary>
/// <param name="MoveId">The move.</param>
/// <param name="From">Owner at the start.</param>
/// <param name="To">Target.</param>
/// <param name="Step">How far it is.</param>
/// <param name="ExpiresAt">When the holder counts as dead.</param>
/// <param name="UnloadSentAt">When the unload was sent first; null before.</param>
/// <param name="Seconds">For how long it was given; 0 when not known.</param>
/// <param name="Sends">How often the unload was sent, or was about to be.</param>
/// <param name="LastSentAt">When it was sent last; null before.</param>
/// <param name="Asks">How often the move asked for the topic again; what an earlier ask began must not go on beside a later one.</param>
public sealed record Lease(
    string MoveId, string From, string To, LeaseStep Step, DateTimeOffset ExpiresAt, DateTimeOffset? UnloadSentAt = null, double Seconds = 0, int Sends = 0, DateTimeOffset? LastSentAt = null,
    int Asks = 0);

/// <summary>Steps of a lease.</summary>
public enum LeaseStep
{
    /// <summary>Held, nothing done.</summary>
    Reserved,

    /// <summary>The unload was sent, or was about to be: look where the topic is before anything else.</summary>
    Unloading,
}

/// <summary>Something went wrong with this topic on a broker.</summary>
/// <param name="BrokerId">The broker.</param>
/// <param name="Reason">What went wrong.</param>
/// <param name="At">When.</param>
/// <param name="Suspected">True when nobody saw it: the move that sent the unload did not come back to look.</param>
public sealed record BrokerFailure(string BrokerId, ReasonCode Reason, DateTimeOffset At, bool Suspected = false);

/// <summary>How a move ended.</summary>
public sealed record MoveEnd(string MoveId, MoveState State, ReasonCode? Reason, string Detail, DateTimeOffset At, double? DurationMs);
