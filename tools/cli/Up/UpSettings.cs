namespace Danube.Dapr.Cli.Up;

/// <summary>Which sidecar stands beside each service.</summary>
internal enum SidecarKind
{
    /// <summary>An installed Dapr if there is one, else the embedded one.</summary>
    Auto,

    /// <summary>The real daprd.</summary>
    Daprd,

    /// <summary>The embedded local-sidecar.</summary>
    Local,
}

/// <summary>Where the state of actors, workflows and history is kept.</summary>
internal enum StateKind
{
    /// <summary>One SQLite file.</summary>
    Sqlite,

    /// <summary>Memory: gone when the run ends.</summary>
    Memory,

    /// <summary>etcd: the one at <c>--etcd</c>, else one that is started for the run.</summary>
    Etcd,
}

/// <summary>What the user asked <c>danube-lb up</c> for.</summary>
internal sealed record UpSettings
{
    public string Case { get; init; } = "skew";

    /// <summary>Seeds of a real cluster; empty: the simulator.</summary>
    public IReadOnlyList<Uri> Seeds { get; init; } = [];

    /// <summary>With seeds: move topics, not only advise.</summary>
    public bool Move { get; init; }

    /// <summary>With seeds: how the brokers store topics, which only their operator knows.</summary>
    public string StorageMode { get; init; } = "unknown";

    public bool UntilBalanced { get; init; }

    public TimeSpan Timeout { get; init; } = TimeSpan.FromSeconds(120);

    /// <summary>Run this long whatever happens; null: until stopped.</summary>
    public TimeSpan? For { get; init; }

    public bool Json { get; init; }

    public SidecarKind Dapr { get; init; }

    public StateKind State { get; init; }

    public string? EtcdEndpoint { get; init; }

    public Uri? Zipkin { get; init; }

    /// <summary>Services listen from this port on; 0: on free ports.</summary>
    public int PortBase { get; init; } = 5100;

    public string? LogDirectory { get; init; }

    public string? StateDirectory { get; init; }

    public int? Seed { get; init; }

    public bool Simulated => Seeds.Count == 0;

    /// <summary>True when a person watches: the live view is drawn.</summary>
    public bool Interactive => !Json && !UntilBalanced && !Console.IsOutputRedirected;
}
