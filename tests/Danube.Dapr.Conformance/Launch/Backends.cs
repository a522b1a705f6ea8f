using System.Globalization;

namespace Danube.Dapr.Conformance.Launch;

/// <summary>Services that the sidecars need and the suite starts: etcd, Dapr's placement and scheduler.</summary>
internal static class Backends
{
    /// <summary>The etcd program, when it is installed.</summary>
    public static string? EtcdProgram => OnPath("etcd");

    /// <summary>Starts an etcd with its data in the folder and waits until it is healthy.</summary>
    /// <returns>The process and host:port of its client side.</returns>
    public static async Task<(ChildProgram Process, string Endpoint)> StartEtcdAsync(string folder)
    {
        var program = EtcdProgram ?? throw new InvalidOperationException("no etcd on PATH; install it (Debian: apt-get install etcd-server)");
        var client = $"127.0.0.1:{Number(FreePorts.Next())}";
        var peer = $"127.0.0.1:{Number(FreePorts.Next())}";
        var process = ChildProgram.Start("etcd", program,
        [
            "--data-dir", Path.Combine(folder, "etcd"), "--listen-client-urls", $"http://{client}", "--advertise-client-urls", $"http://{client}",
            "--listen-peer-urls", $"http://{peer}", "--initial-advertise-peer-urls", $"http://{peer}", "--initial-cluster", $"default=http://{peer}",
            "--log-level", "error",
        ]);
        using var http = new HttpClient { Timeout = TimeSpan.FromSeconds(2) };
        await Stage.UntilAsync(
            async () =>
            {
                if (process.Ended is { } why)
                    throw new InvalidOperationException(why);
                try
                {
                    return (await http.GetAsync(new Uri($"http://{client}/health"))).IsSuccessStatusCode;
                }
                catch (Exception e) when (e is HttpRequestException or TaskCanceledException)
                {
                    return false;
                }
            },
            () => $"etcd on {client} to be healthy");
        return (process, client);
    }

    /// <summary>Starts the placement and scheduler programs that stand beside daprd.</summary>
    /// <returns>The processes and both addresses; no process and the ports of <c>dapr init</c> when they do not stand there.</returns>
    public static (IReadOnlyList<ChildProgram> Processes, string Placement, string Scheduler) StartControlPlane(string daprd, string folder)
    {
        var bin = Path.GetDirectoryName(Path.GetFullPath(daprd))!;
        var (placement, scheduler) = (Path.Combine(bin, "placement"), Path.Combine(bin, "scheduler"));
        if (!File.Exists(placement) || !File.Exists(scheduler))
            return ([], "localhost:50005", "localhost:50006");
        var (placementPort, schedulerPort, peer) = (Number(FreePorts.Next()), Number(FreePorts.Next()), Number(FreePorts.Next()));
        return (
        [
            ChildProgram.Start("placement", placement, ["--port", placementPort, "--healthz-port", Number(FreePorts.Next()), "--metrics-port", Number(FreePorts.Next())]),
            ChildProgram.Start("scheduler", scheduler,
            [
                "--port", schedulerPort, "--healthz-port", Number(FreePorts.Next()), "--metrics-port", Number(FreePorts.Next()),
                "--etcd-data-dir", Path.Combine(folder, "scheduler"), "--etcd-client-port", Number(FreePorts.Next()),
                "--etcd-initial-cluster", $"dapr-scheduler-server-0=http://localhost:{peer}", "--override-broadcast-host-port", $"localhost:{schedulerPort}",
            ]),
        ], $"localhost:{placementPort}", $"localhost:{schedulerPort}");
    }

    private static string? OnPath(string program) => (Environment.GetEnvironmentVariable("PATH") ?? "").Split(Path.PathSeparator, StringSplitOptions.RemoveEmptyEntries)
        .Select(folder => Path.Combine(folder, program)).FirstOrDefault(File.Exists);

    private static string Number(int value) => value.ToString(CultureInfo.InvariantCulture);
}
