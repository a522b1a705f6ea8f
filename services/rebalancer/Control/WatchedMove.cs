using Danube.Dapr.Contracts;

namespace Danube.Dapr.Rebalancer.Control;

/// <summary>A move that landed, as long as its topic is not known to be as well off as before.</summary>
public sealed record WatchedMove
{
    /// <summary>The topic.</summary>
    public required string Topic { get; init; }

    /// <summary>The plan.</summary>
    public required string PlanId { get; init; }

    /// <summary>Its owner since the move.</summary>
    public required string BrokerId { get; init; }

    /// <summary>When its plan ended; looks and reports count from there.</summary>
    public required DateTimeOffset At { get; init; }

    /// <summary>Messages in and out per second when it was planned.</summary>
    public double MessagesBefore { get; init; }

    /// <summary>Messages out per second among these; null when not known.</summary>
    public double? OutBefore { get; init; }

    /// <summary>Messages not acknowledged when it was planned; null when not known.</summary>
    public long? BacklogBefore { get; init; }

    /// <summary>Looks at reports of its new owner so far.</summary>
    public int Looks { get; init; }

    /// <summary>Time of the report that was looked at last.</summary>
    public DateTimeOffset? Report { get; init; }

    /// <summary>Messages in per second at the last look.</summary>
    public double In { get; init; }

    /// <summary>Messages out per second at the last look.</summary>
    public double Out { get; init; }

    /// <summary>Messages not acknowledged at the last look; null when not known.</summary>
    public long? Backlog { get; init; }

    /// <summary>What the last look showed; unknown before the first.</summary>
    public MoveVerdict Sign { get; init; } = MoveVerdict.Unknown;

    /// <summary>Since when it counts as not come back; null while that is open.</summary>
    public DateTimeOffset? JudgedAt { get; init; }

    /// <summary>True when an operator has closed the circuit breaker since: it does not help to open it again.</summary>
    public bool Excused { get; init; }
}
