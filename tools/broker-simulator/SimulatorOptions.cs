namespace Danube.Dapr.BrokerSimulator;

/// <summary>How Danube's leader ranks brokers.</summary>
public enum AssignmentStrategy
{
    /// <summary>By number of topics.</summary>
    Fair,

    /// <summary>By a blend of topic load, CPU and memory.</summary>
    Balanced,

    /// <summary>By figures relative to the busiest broker.</summary>
    WeightedLoad,
}

/// <summary>What to simulate, and where. Null leaves a figure to the case.</summary>
public sealed record SimulatorOptions
{
    /// <summary>Name of the case, see <see cref="Cases.CaseCatalog"/>.</summary>
    public string Case { get; init; } = "skew";

    /// <summary>Brokers at the start, 1 to 100.</summary>
    public int? Brokers { get; init; }

    /// <summary>Topics at the start, 0 to 100,000.</summary>
    public int? Topics { get; init; }

    /// <summary>Seed of everything that is random.</summary>
    public int? Seed { get; init; }

    /// <summary>Admin port of the first broker; broker i has admin P+i, client P+100+i, metrics P+200+i. 0 takes free ports.</summary>
    public int AdminPortBase { get; init; }

    /// <summary>Port of the control endpoint; 0 takes a free one, null opens none.</summary>
    public int? ControlPort { get; init; }

    /// <summary>File for the event log, one JSON object a line; null keeps events in memory only.</summary>
    public string? EventLogPath { get; init; }

    /// <summary>Ranking on the leader.</summary>
    public AssignmentStrategy Strategy { get; init; } = AssignmentStrategy.Fair;

    /// <summary>Registration of a dead broker lasts 26/32 to 32/32 of this. Null takes the case's own; Danube's is 32 s.</summary>
    public TimeSpan? BrokerTtl { get; init; }

    /// <summary>Longest time without a leader; Danube's is 10 s.</summary>
    public TimeSpan ElectionTime { get; init; } = TimeSpan.FromSeconds(10);

    /// <summary>Interval of the brokers' own load reports to their leader.</summary>
    public TimeSpan LoadReportInterval { get; init; } = TimeSpan.FromSeconds(5);

    /// <summary>Watch events that the leader's load manager can fall behind before it loses some (only with <see cref="Fault.LossyBursts"/>). Null takes the case's own; Danube's is 256.</summary>
    public int? LeaderEventCapacity { get; init; }

    /// <summary>Advertise admin and metrics addresses as bind addresses (0.0.0.0), as a broker that listens on every interface does.</summary>
    public bool AdvertiseBindAddress { get; init; }

    /// <summary>Faults that are on from the start, besides the case's own.</summary>
    public IReadOnlyList<Fault> Faults { get; init; } = [];

    /// <summary>The clock.</summary>
    public TimeProvider Time { get; init; } = TimeProvider.System;
}
