using System.Collections.Concurrent;
using System.Diagnostics;
using System.Globalization;

namespace Danube.Dapr.EndToEnd.Tests;

/// <summary>The published <c>danube-lb</c> beside an installed Dapr, which scripts stand in for.</summary>
[Collection("end to end")]
public sealed class PublishedDaprdTests : IAsyncLifetime
{
    private const int SigInt = 2;
    private static readonly string[] Services = ["console", "history", "metrics-collector", "ranking", "rebalancer"];
    private readonly DirectoryInfo _published = Directory.CreateTempSubdirectory("published-");

    private string Program => Path.Combine(_published.FullName, "danube-lb.dll");

    public async Task InitializeAsync()
    {
        var root = AppContext.BaseDirectory;
        while (!File.Exists(Path.Combine(root, "Danube.Dapr.sln")))
            root = Path.GetDirectoryName(root)!;
        var start = new ProcessStartInfo("dotnet", ["publish", Path.Combine(root, "tools", "cli"), "--configuration", "Release", "--no-build", "--nologo", "--output", _published.FullName])
        {
            RedirectStandardOutput = true,
        };
        using var publish = Process.Start(start)!;
        var said = await publish.StandardOutput.ReadToEndAsync().WaitAsync(TimeSpan.FromMinutes(3));
        await publish.WaitForExitAsync();
        Assert.True(publish.ExitCode == 0, said);
    }

    public Task DisposeAsync()
    {
        _published.Delete(recursive: true);
        return Task.CompletedTask;
    }

    [Fact]
    public async Task Daprd_OfAnInstalledDapr_IsStartedForEachServiceWithFlagsThatItKnows()
    {
        await using var dapr = new DaprdStandIn();
        var logs = Directory.CreateDirectory(Path.Combine(_published.FullName, "logs"));
        var said = new ConcurrentQueue<string>();
        using var up = Start(dapr.Home, null, "up", "--json", "--for", "3600", "--port-base", "0", "--dapr", "daprd", "--log-dir", logs.FullName);
        var running = new TaskCompletionSource();
        up.ErrorDataReceived += (_, line) =>
        {
            said.Enqueue(line.Data ?? "");
            // Said once every service and every sidecar is healthy.
            if (line.Data?.StartsWith("console ", StringComparison.Ordinal) == true)
                running.TrySetResult();
        };
        up.BeginErrorReadLine();
        up.BeginOutputReadLine();
        IReadOnlyList<int> children = [];
        try
        {
            await Task.WhenAny(running.Task, up.WaitForExitAsync()).WaitAsync(TimeSpan.FromMinutes(3));
            Assert.True(running.Task.IsCompleted, string.Join('\n', said));
            children = DanubeLb.ChildrenOf(up.Id);
            Assert.Equal(13, children.Count); // simulator, five services, placement, scheduler, five daprd

            DanubeLb.Signal(up.Id, SigInt);
            await up.WaitForExitAsync().WaitAsync(TimeSpan.FromSeconds(60));
            Assert.Equal(0, up.ExitCode);
        }
        finally
        {
            if (!up.HasExited)
                up.Kill(entireProcessTree: true);
        }
        Assert.DoesNotContain(children, id => Directory.Exists($"/proc/{id}"));

        Assert.Contains($"Sidecar: daprd at {Path.Combine(dapr.Home, ".dapr", "bin", "daprd")}.", said);
        AssertCommandLines(dapr.Started, said);
    }

    [Fact]
    public async Task Daprd_ThatIsNotInstalled_IsNamedAndTheWayOutToo()
    {
        // Neither the home folder nor PATH has one.
        using var up = Start(_published.FullName, _published.FullName, "up", "--json", "--port-base", "0", "--dapr", "daprd");
        var errors = await up.StandardError.ReadToEndAsync().WaitAsync(TimeSpan.FromMinutes(1));
        await up.WaitForExitAsync();

        Assert.Equal(1, up.ExitCode);
        Assert.Contains("--dapr daprd: no daprd on PATH", errors, StringComparison.Ordinal);
        Assert.Contains("--dapr local", errors, StringComparison.Ordinal);
    }

    private static void AssertCommandLines(IReadOnlyList<CommandLine> started, IEnumerable<string> said)
    {
        var placement = Assert.Single(started, c => c.Program == "placement");
        var scheduler = Assert.Single(started, c => c.Program == "scheduler");
        var sidecars = started.Where(c => c.Program == "daprd").ToDictionary(c => c["--app-id"]);
        Assert.Equal(Services, sidecars.Keys.Order(StringComparer.Ordinal));

        Assert.Equal($"localhost:{scheduler["--port"]}", scheduler["--override-broadcast-host-port"]);
        Assert.StartsWith("dapr-scheduler-server-0=http://localhost:", scheduler["--etcd-initial-cluster"], StringComparison.Ordinal);
        Assert.NotEqual("", scheduler["--etcd-data-dir"]);

        List<string> ports =
        [
            placement["--port"], placement["--healthz-port"], placement["--metrics-port"],
            scheduler["--port"], scheduler["--healthz-port"], scheduler["--metrics-port"], scheduler["--etcd-client-port"], scheduler["--etcd-initial-cluster"].Split(':')[^1],
        ];
        foreach (var (appId, daprd) in sidecars)
        {
            // danube-lb has reached the service and its sidecar's HTTP port under these numbers: it was up.
            Assert.Contains(said, line => line.StartsWith(appId + " ", StringComparison.Ordinal) && line.EndsWith($":{daprd["--app-port"]}/", StringComparison.Ordinal));
            Assert.Equal($"localhost:{placement["--port"]}", daprd["--placement-host-address"]);
            Assert.Equal($"localhost:{scheduler["--port"]}", daprd["--scheduler-host-address"]);
            Assert.Equal("http", daprd["--app-protocol"]);
            Assert.Equal("127.0.0.1", daprd["--dapr-listen-addresses"]);
            Assert.Equal("127.0.0.1", daprd["--dapr-internal-grpc-listen-address"]);
            Assert.True(Path.IsPathRooted(daprd["--config"]), daprd["--config"]);
            Assert.Equal(["pubsub.yaml", "resiliency.yaml", "statestore.yaml"], daprd.Resources);
            ports.AddRange([daprd["--app-port"], daprd["--dapr-http-port"], daprd["--dapr-grpc-port"], daprd["--dapr-internal-grpc-port"], daprd["--metrics-port"]]);
        }
        Assert.Equal(ports.Count, ports.Distinct().Count());
        Assert.All(ports, port => Assert.InRange(int.Parse(port, CultureInfo.InvariantCulture), 1, 65535));
    }

    private Process Start(string daprHome, string? path, params string[] arguments)
    {
        var start = new ProcessStartInfo("dotnet", [Program, .. arguments]) { RedirectStandardOutput = true, RedirectStandardError = true };
        start.Environment["DAPR_RUNTIME_PATH"] = daprHome;
        if (path is not null)
            start.Environment["PATH"] = path;
        return Process.Start(start)!;
    }
}
