using Danube.Dapr.Contracts;

namespace Danube.Dapr.Cli.Up;

/// <summary>One service with its ports. The offsets are those of <c>dapr.yaml</c> and <c>tye.yaml</c>; a test compares them.</summary>
/// <param name="AppId">App-id.</param>
/// <param name="AppPort">Where the service listens.</param>
/// <param name="DaprHttpPort">Its sidecar's HTTP port.</param>
/// <param name="DaprGrpcPort">Its sidecar's gRPC port.</param>
internal sealed record ServiceEndpoint(string AppId, int AppPort, int DaprHttpPort, int DaprGrpcPort)
{
    public Uri Address => new($"http://127.0.0.1:{AppPort}");
}

/// <summary>Which services run where.</summary>
internal sealed record Topology(IReadOnlyList<ServiceEndpoint> Services)
{
    /// <summary>The services with their place: app port = base + place, Dapr HTTP = base + 10 + place, Dapr gRPC = base + 20 + place.</summary>
    private static readonly (string AppId, int Place)[] Places =
    [
        (DaprNames.Apps.MetricsCollector, 1),
        (DaprNames.Apps.Ranking, 2),
        (DaprNames.Apps.Rebalancer, 3),
        (DaprNames.Apps.History, 4),
        (DaprNames.Apps.Console, 5),
    ];

    public ServiceEndpoint this[string appId] => Services.Single(s => s.AppId == appId);

    /// <summary>Takes the ports; each must be free.</summary>
    /// <exception cref="CliException">A port is taken.</exception>
    public static Topology Create(Ports ports) => Of(ports.Take);

    /// <summary>The ports above a base, whether they are free or not.</summary>
    public static Topology WithoutCheck(int portBase) => Of((offset, _) => portBase + offset);

    private static Topology Of(Func<int, string, int> take) => new(
        [.. Places.Select(p => new ServiceEndpoint(
            p.AppId,
            take(p.Place, p.AppId),
            take(10 + p.Place, $"Dapr HTTP of {p.AppId}"),
            take(20 + p.Place, $"Dapr gRPC of {p.AppId}")))]);
}
