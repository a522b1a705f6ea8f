namespace Danube.Dapr.Planning;

/// <summary>What a broker may take part in.</summary>
public enum BrokerState
{
    /// <summary>Serves topics and may receive more.</summary>
    Active,

    /// <summary>Is being emptied: its topics must leave, none may come.</summary>
    Draining,

    /// <summary>Was emptied: receives nothing; a topic still on it must leave.</summary>
    Drained,

    /// <summary>Does not answer: takes no part, its topics cannot be unloaded from it.</summary>
    Down,
}

/// <summary>One broker of a <see cref="Snapshot"/>.</summary>
public sealed record BrokerInfo
{
    /// <summary>The broker's id; unique in the snapshot, not empty.</summary>
    public required string Id { get; init; }

    /// <summary>Default <see cref="BrokerState.Active"/>.</summary>
    public BrokerState State { get; init; }

    /// <summary>Rack or availability zone; null when unknown.</summary>
    public string? Zone { get; init; }

    /// <summary>What the broker has of each resource; 0 = no limit known. Brokers are compared by capacity where all state theirs, else by <see cref="Weight"/>.</summary>
    public ResourceVector Capacity { get; init; }

    /// <summary>Relative size of the broker, above 0; its fair share grows with it. Default 1.</summary>
    public double Weight { get; init; } = 1;

    /// <summary>What is in use of each resource as the broker's host reports it; 0 = not reported.</summary>
    public ResourceVector Measured { get; init; }

    /// <summary>The part of <see cref="Measured"/> that no topic causes, where it is known; null = it is derived by <see cref="LoadAttribution"/>.</summary>
    public ResourceVector? Baseline { get; init; }

    /// <summary>When the figures were taken; null = at the time of the snapshot.</summary>
    public DateTimeOffset? ReportedAt { get; init; }

    /// <summary>Moves away from or onto this broker in the hour before the snapshot, 0 or more.</summary>
    public int MovesInLastHour { get; init; }

    /// <summary>True when a topic could not be unloaded from this broker: it takes no part until an operator clears it.</summary>
    public bool Suspect { get; init; }
}
