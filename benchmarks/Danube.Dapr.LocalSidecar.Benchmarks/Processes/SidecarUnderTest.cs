using System.Globalization;

namespace Danube.Dapr.LocalSidecar.Benchmarks.Processes;

/// <summary>An app with its sidecar's ports.</summary>
internal sealed record AppPorts(string AppId, int AppPort, int HttpPort, int GrpcPort);

/// <summary>The sidecars of a few apps: one local process for all, or a daprd for each.</summary>
internal sealed class SidecarUnderTest : IAsyncDisposable
{
    private readonly List<Supervised> _sidecars = [];
    private readonly List<Supervised> _others = [];

    /// <summary>Memory of all sidecars together, without placement and scheduler.</summary>
    public double ResidentMb => _sidecars.Sum(static s => s.ResidentMb);

    public double CpuSeconds => _sidecars.Sum(static s => s.CpuSeconds);

    public double PeakMb => _sidecars.Sum(static s => s.PeakMb);

    /// <param name="apps">Listening already.</param>
    /// <param name="folder">Holds <c>components</c> and <c>config.yaml</c>; data go there.</param>
    /// <param name="daprd">The path of daprd, with placement and scheduler beside it; null for the local sidecar.</param>
    public static async Task<SidecarUnderTest> StartAsync(IReadOnlyList<AppPorts> apps, string folder, string? daprd)
    {
        var sidecar = new SidecarUnderTest();
        try
        {
            string[] resources = ["--resources-path", Path.Combine(folder, "components"), "--config", Path.Combine(folder, "config.yaml"), "--log-level", "warn"];
            if (daprd is null)
            {
                sidecar._sidecars.Add(new Supervised("dotnet", [Path.Combine(AppContext.BaseDirectory, "local-sidecar.dll"), .. resources,
                    .. apps.SelectMany(static a => (string[])["--app", $"app-id={a.AppId},app-port={a.AppPort},dapr-http-port={a.HttpPort},dapr-grpc-port={a.GrpcPort}"])], folder));
            }
            else
            {
                sidecar.StartDaprd(apps, folder, daprd, resources);
            }
            for (var i = 0; i < apps.Count; i++) await sidecar._sidecars[Math.Min(i, sidecar._sidecars.Count - 1)].ReadyAsync($"http://127.0.0.1:{apps[i].HttpPort}/v1.0/healthz");
            return sidecar;
        }
        catch
        {
            await sidecar.DisposeAsync();
            throw;
        }
    }

    public async ValueTask DisposeAsync()
    {
        foreach (var process in _sidecars.Concat(_others)) await process.DisposeAsync();
    }

    private void StartDaprd(IReadOnlyList<AppPorts> apps, string folder, string daprd, string[] resources)
    {
        var beside = Path.GetDirectoryName(Path.GetFullPath(daprd))!;
        var (placement, scheduler) = ("localhost:50005", "localhost:50006");
        if (File.Exists(Path.Combine(beside, "placement")) && File.Exists(Path.Combine(beside, "scheduler")))
        {
            var (placementPort, schedulerPort, peer) = (Port(), Port(), Port());
            (placement, scheduler) = ("localhost:" + placementPort, "localhost:" + schedulerPort);
            _others.Add(new Supervised(Path.Combine(beside, "placement"), ["--port", placementPort, "--healthz-port", Port(), "--metrics-port", Port()], folder));
            _others.Add(new Supervised(Path.Combine(beside, "scheduler"), ["--port", schedulerPort, "--healthz-port", Port(), "--metrics-port", Port(), "--etcd-data-dir", Path.Combine(folder, "scheduler"),
                "--etcd-client-port", Port(), "--etcd-initial-cluster", $"dapr-scheduler-server-0=http://localhost:{peer}", "--override-broadcast-host-port", scheduler], folder));
        }
        foreach (var app in apps)
        {
            _sidecars.Add(new Supervised(daprd, ["--app-id", app.AppId, "--app-port", Text(app.AppPort), "--app-protocol", "http", "--dapr-http-port", Text(app.HttpPort), "--dapr-grpc-port", Text(app.GrpcPort),
                "--dapr-internal-grpc-port", Port(), "--metrics-port", Port(), "--dapr-listen-addresses", "127.0.0.1", "--dapr-internal-grpc-listen-address", "127.0.0.1",
                "--placement-host-address", placement, "--scheduler-host-address", scheduler, .. resources], folder));
        }
    }

    private static string Port() => Text(Supervised.FreePort());

    private static string Text(int number) => number.ToString(CultureInfo.InvariantCulture);
}
