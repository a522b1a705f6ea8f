using System.Diagnostics;
using System.Globalization;

namespace Danube.Dapr.Cli.Up;

/// <summary>The processes that give each service its sidecar.</summary>
internal sealed record SidecarCommand(string Name, ProcessStartInfo Start);

/// <summary>Works out which sidecar processes to start, and with which flags.</summary>
internal static class Sidecars
{
    /// <summary>One process for all services.</summary>
    public static IReadOnlyList<SidecarCommand> Local(Topology topology, string resources, string configuration, string workingDirectory)
    {
        List<string> arguments = ["--resources-path", resources, "--config", configuration];
        foreach (var s in topology.Services)
            arguments.AddRange(["--app", $"app-id={s.AppId},app-port={s.AppPort},dapr-http-port={s.DaprHttpPort},dapr-grpc-port={s.DaprGrpcPort}"]);
        var start = Programs.StartInfo(Programs.LocalSidecar, arguments);
        start.WorkingDirectory = workingDirectory;
        return [new SidecarCommand("local-sidecar", start)];
    }

    /// <summary>One daprd for each service; placement and scheduler too, when they are installed as programs (otherwise those of <c>dapr init</c> are expected on their usual ports).</summary>
    public static IReadOnlyList<SidecarCommand> Daprd(DaprInstallation dapr, Topology topology, Ports ports, string resources, string configuration, string workingDirectory)
    {
        List<SidecarCommand> commands = [];
        var placement = "localhost:50005";
        var scheduler = "localhost:50006";
        if (dapr.Placement is not null && dapr.Scheduler is not null)
        {
            placement = $"localhost:{Number(ports.Free())}";
            scheduler = $"localhost:{Number(ports.Free())}";
            commands.Add(Command("placement", dapr.Placement, workingDirectory,
            [
                "--port", PortOf(placement), "--healthz-port", Number(ports.Free()), "--metrics-port", Number(ports.Free()),
            ]));
            var peer = Number(ports.Free());
            commands.Add(Command("scheduler", dapr.Scheduler, workingDirectory,
            [
                "--port", PortOf(scheduler), "--healthz-port", Number(ports.Free()), "--metrics-port", Number(ports.Free()),
                "--etcd-data-dir", Path.Combine(workingDirectory, "scheduler"), "--etcd-client-port", Number(ports.Free()),
                "--etcd-initial-cluster", $"dapr-scheduler-server-0=http://localhost:{peer}", "--override-broadcast-host-port", scheduler,
            ]));
        }
        commands.AddRange(topology.Services.Select(s => Command($"daprd-{s.AppId}", dapr.Daprd, workingDirectory,
        [
            "--app-id", s.AppId, "--app-port", Number(s.AppPort), "--app-protocol", "http",
            "--dapr-http-port", Number(s.DaprHttpPort), "--dapr-grpc-port", Number(s.DaprGrpcPort),
            "--dapr-internal-grpc-port", Number(ports.Free()), "--metrics-port", Number(ports.Free()),
            "--dapr-listen-addresses", "127.0.0.1", "--dapr-internal-grpc-listen-address", "127.0.0.1",
            "--placement-host-address", placement, "--scheduler-host-address", scheduler,
            "--resources-path", resources, "--config", configuration, "--log-level", "info",
        ])));
        return commands;
    }

    private static SidecarCommand Command(string name, string program, string workingDirectory, IReadOnlyList<string> arguments)
    {
        var start = new ProcessStartInfo(program) { WorkingDirectory = workingDirectory };
        foreach (var argument in arguments)
            start.ArgumentList.Add(argument);
        return new SidecarCommand(name, start);
    }

    private static string PortOf(string address) => address[(address.IndexOf(':', StringComparison.Ordinal) + 1)..];

    private static string Number(int value) => value.ToString(CultureInfo.InvariantCulture);
}
