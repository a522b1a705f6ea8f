namespace Danube.Dapr.Chaos.Tests.Harness;

/// <summary>Where the sidecar keeps its state.</summary>
internal enum Store
{
    /// <summary>etcd, a process of its own.</summary>
    Etcd,

    /// <summary>A SQLite file.</summary>
    Sqlite,
}

/// <summary>What a cluster of a fault test looks like.</summary>
internal sealed record ChaosOptions
{
    public required string Name { get; init; }

    public int Seed { get; init; } = 1;

    public int Brokers { get; init; } = 4;

    public int Topics { get; init; } = 80;

    public Store Store { get; init; } = Store.Etcd;

    /// <summary>Size of the disk that the SQLite file is on; null for the machine's.</summary>
    public int? DiskMegabytes { get; init; }

    /// <summary>Whether the services and the sidecar see a clock that the test sets.</summary>
    public bool OwnClock { get; init; }

    /// <summary>Time that a topic rests after a move.</summary>
    public int CoolDownSeconds { get; init; } = 6;

    public int MovesPerHour { get; init; } = 100_000;

    public int MovesPerCycle { get; init; } = 25;

    /// <summary>Time until Danube drops a dead broker.</summary>
    public int BrokerTtlSeconds { get; init; } = 8;

    /// <summary>Settings of services besides, by app-id: environment variables.</summary>
    public IReadOnlyDictionary<string, string> Environment { get; init; } = new Dictionary<string, string>();
}
