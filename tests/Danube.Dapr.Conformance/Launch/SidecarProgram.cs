using System.Globalization;

namespace Danube.Dapr.Conformance.Launch;

/// <summary>An app for which a sidecar is started.</summary>
internal sealed record LaunchedApp(string AppId, int AppPort, int HttpPort, int GrpcPort)
{
    public static LaunchedApp WithFreePorts(string appId) => new(appId, FreePorts.Next(), FreePorts.Next(), FreePorts.Next());
}

/// <summary>The program that is tried: local-sidecar or daprd.</summary>
internal abstract record SidecarProgram
{
    /// <summary>Starts the sidecars of some apps that can reach each other.</summary>
    public abstract IReadOnlyList<ChildProgram> Start(IReadOnlyList<LaunchedApp> apps, string resources, string configuration, IReadOnlyDictionary<string, string> environment);

    /// <summary>Members of the Configuration that only this program needs.</summary>
    public virtual string ConfigurationOf(string folder) => "";

    protected static string Number(int value) => value.ToString(CultureInfo.InvariantCulture);
}

/// <summary>This repository's sidecar; one process serves all apps.</summary>
/// <param name="Path">local-sidecar.dll.</param>
internal sealed record LocalSidecarProgram(string Path) : SidecarProgram
{
    public override IReadOnlyList<ChildProgram> Start(IReadOnlyList<LaunchedApp> apps, string resources, string configuration, IReadOnlyDictionary<string, string> environment)
    {
        List<string> arguments = [Path, "--resources-path", resources, "--config", configuration, "--log-level", "info"];
        foreach (var app in apps)
            arguments.AddRange(["--app", $"app-id={app.AppId},app-port={app.AppPort},dapr-http-port={app.HttpPort},dapr-grpc-port={app.GrpcPort}"]);
        return [ChildProgram.Start("local-sidecar", "dotnet", arguments, environment)];
    }

    /// <summary>Where it is built or published; null when it is in neither place.</summary>
    public static string? Find()
    {
        var here = AppContext.BaseDirectory;
        var configuration = System.IO.Path.GetFileName(System.IO.Path.TrimEndingDirectorySeparator(here));
        string[] places =
        [
            System.IO.Path.Combine(here, "local-sidecar", "local-sidecar.dll"),
            System.IO.Path.GetFullPath(System.IO.Path.Combine(here, "..", "..", "Danube.Dapr.LocalSidecar", configuration, "local-sidecar.dll")),
            System.IO.Path.GetFullPath(System.IO.Path.Combine(here, "..", "local-sidecar", "local-sidecar.dll")),
        ];
        return places.FirstOrDefault(File.Exists);
    }
}

/// <summary>A real daprd; one process for each app.</summary>
/// <param name="Path">The daprd program.</param>
/// <param name="Placement">host:port of the placement service.</param>
/// <param name="Scheduler">host:port of the scheduler service.</param>
internal sealed record DaprdProgram(string Path, string Placement, string Scheduler) : SidecarProgram
{
    public override IReadOnlyList<ChildProgram> Start(IReadOnlyList<LaunchedApp> apps, string resources, string configuration, IReadOnlyDictionary<string, string> environment) =>
        [.. apps.Select(app => ChildProgram.Start($"daprd {app.AppId}", Path, Arguments(app, resources, configuration), environment))];

    // Without multicast, as in most containers, sidecars find each other in a shared file.
    public override string ConfigurationOf(string folder) =>
        $$"""

          nameResolution:
            component: sqlite
            configuration: { connectionString: "{{System.IO.Path.Combine(folder, "names.db")}}" }
        """;

    private string[] Arguments(LaunchedApp app, string resources, string configuration) =>
    [
        "--app-id", app.AppId, "--app-port", Number(app.AppPort), "--app-protocol", "http",
        "--dapr-http-port", Number(app.HttpPort), "--dapr-grpc-port", Number(app.GrpcPort),
        "--dapr-internal-grpc-port", Number(FreePorts.Next()), "--metrics-port", Number(FreePorts.Next()),
        "--dapr-listen-addresses", "127.0.0.1", "--dapr-internal-grpc-listen-address", "127.0.0.1",
        "--placement-host-address", Placement, "--scheduler-host-address", Scheduler,
        "--resources-path", resources, "--config", configuration, "--log-level", "info",
    ];
}
