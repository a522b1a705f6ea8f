using System.Diagnostics;
using System.Globalization;

namespace Danube.Dapr.Cli.Up;

/// <summary>The etcd of a run with <c>--state etcd</c>.</summary>
internal static class Etcd
{
    private static readonly TimeSpan StartTimeout = TimeSpan.FromSeconds(20);

    /// <summary>host:port of the given etcd, or of one that is started here.</summary>
    /// <exception cref="CliException">None is given and none is installed, or it does not start.</exception>
    public static async Task<string> ProvideAsync(UpSettings settings, Supervisor supervisor, Ports ports, string stateFolder, CancellationToken cancellation)
    {
        if (settings.EtcdEndpoint is { } given)
            return given;
        var program = Programs.OnPath("etcd")
            ?? throw new CliException("--state etcd: no etcd on PATH. Install it (Debian: apt-get install etcd-server), or name a running one with --etcd host:port.");
        var client = $"127.0.0.1:{ports.Free().ToString(CultureInfo.InvariantCulture)}";
        var peer = $"127.0.0.1:{ports.Free().ToString(CultureInfo.InvariantCulture)}";
        var start = new ProcessStartInfo(program);
        string[] arguments =
        [
            "--data-dir", Path.Combine(stateFolder, "etcd"),
            "--listen-client-urls", $"http://{client}", "--advertise-client-urls", $"http://{client}",
            "--listen-peer-urls", $"http://{peer}", "--initial-advertise-peer-urls", $"http://{peer}", "--initial-cluster", $"default=http://{peer}",
            "--auto-compaction-mode", "periodic", "--auto-compaction-retention", "5m",
        ];
        foreach (var argument in arguments)
            start.ArgumentList.Add(argument);
        // etcd 3.4 makes so much garbage in each read that its collector runs every 45 ms under load, and some reads wait for it.
        start.Environment.TryAdd("GOGC", "400");
        var etcd = supervisor.Start("etcd", start);
        using var http = new HttpClient { Timeout = TimeSpan.FromSeconds(1) };
        var probe = new ControlPlaneClient(http);
        var clock = Stopwatch.StartNew();
        while (!await probe.IsHealthyAsync(new Uri($"http://{client}/health"), cancellation))
        {
            if (etcd.HasExited || clock.Elapsed > StartTimeout)
                throw new CliException($"etcd did not start: {etcd.LastLine()}");
            await Task.Delay(100, cancellation);
        }
        return client;
    }
}
