namespace Danube.Dapr.LocalSidecar.CommandLine;

/// <summary>What the sidecar is to serve.</summary>
public sealed record SidecarOptions
{
    /// <summary>The apps, in the order given; an app-id that stands here twice has two instances.</summary>
    public required IReadOnlyList<AppOptions> Apps { get; init; }

    /// <summary>Folders of component, resiliency and subscription files.</summary>
    public IReadOnlyList<string> ResourcePaths { get; init; } = [];

    /// <summary>Configuration files; later ones win.</summary>
    public IReadOnlyList<string> ConfigPaths { get; init; } = [];

    /// <summary>The addresses to listen on; empty for the loopback addresses.</summary>
    public IReadOnlyList<string> ListenAddresses { get; init; } = [];

    /// <summary>What callers must send as <c>dapr-api-token</c>, or null for no check.</summary>
    public string? ApiToken { get; init; }

    /// <summary>What the apps get as <c>dapr-api-token</c>, or null for none.</summary>
    public string? AppToken { get; init; }

    /// <summary>The largest body of a request, in bytes.</summary>
    public long MaxBodyBytes { get; init; } = 4 * 1024 * 1024;

    /// <summary>The namespace of the apps.</summary>
    public string Namespace { get; init; } = "default";

    /// <summary>The least severe level that is logged.</summary>
    public LogLevel LogLevel { get; init; } = LogLevel.Information;

    /// <summary>The SQLite file in which this sidecar and others of the machine find each other when no Configuration names one; null for none.</summary>
    public string? NamesFile { get; init; }

    /// <summary>Log lines as JSON.</summary>
    public bool LogAsJson { get; init; }

    /// <summary>How long a stop waits for calls that are under way.</summary>
    public TimeSpan ShutdownTimeout { get; init; } = TimeSpan.FromSeconds(1);
}

/// <summary>One instance of an app and the Dapr ports it is served on.</summary>
public sealed record AppOptions
{
    /// <summary>The Dapr app-id.</summary>
    public required string AppId { get; init; }

    /// <summary>The port the app listens on, or null when it has none.</summary>
    public int? AppPort { get; init; }

    /// <summary>The port of the Dapr HTTP API.</summary>
    public required int DaprHttpPort { get; init; }

    /// <summary>The port of the Dapr gRPC API.</summary>
    public required int DaprGrpcPort { get; init; }

    /// <summary>The port on which other sidecars call this one, or null for a free one.</summary>
    public int? DaprInternalPort { get; init; }

    /// <summary>What the app speaks on its port.</summary>
    public AppProtocol AppProtocol { get; init; }

    /// <summary>The address the app listens on.</summary>
    public string AppChannelAddress { get; init; } = "127.0.0.1";

    /// <summary>How many requests the app gets at once, or null without a limit.</summary>
    public int? AppMaxConcurrency { get; init; }

    /// <summary>The path of the app's health check, or null to look only whether its port accepts connections.</summary>
    public string? HealthCheckPath { get; init; }

    /// <summary>How often the app's health is looked at.</summary>
    public TimeSpan HealthProbeInterval { get; init; } = TimeSpan.FromSeconds(1);

    /// <summary>How long one look may take.</summary>
    public TimeSpan HealthProbeTimeout { get; init; } = TimeSpan.FromMilliseconds(500);

    /// <summary>After how many failed checks in a row the app counts as unhealthy.</summary>
    public int HealthThreshold { get; init; } = 1;
}

/// <summary>What an app speaks.</summary>
public enum AppProtocol
{
    /// <summary>HTTP/1.1.</summary>
    Http,

    /// <summary>gRPC without TLS: the services <c>AppCallback</c> and those of its own.</summary>
    Grpc,
}
