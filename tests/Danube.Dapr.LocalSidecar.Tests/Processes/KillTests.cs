using System.Globalization;

namespace Danube.Dapr.LocalSidecar.Tests.Processes;

/// <summary>SIGKILL at seeded random moments, also while the sidecar starts: nothing that it acknowledged may be lost, and no step run out of order.</summary>
public sealed class KillTests
{
    [Fact]
    public async Task KilledAgainAndAgain_OnSqlite_LosesNothingThatItAcknowledged()
    {
        using var folder = new TempFolder();
        await RunAsync(folder, $"type: state.sqlite, metadata: [ {{ name: connectionString, value: '{Path.Combine(folder.Path, "state.db")}' }}, {{ name: actorStateStore, value: 'true' }} ]", kills: 20, seed: 1);
    }

    [EtcdFact]
    public async Task KilledAgainAndAgain_OnEtcd_LosesNothingThatItAcknowledged()
    {
        using var folder = new TempFolder();
        await using var etcd = await EtcdServer.StartAsync();
        await RunAsync(folder, $"type: state.etcd, version: v1, metadata: [ {{ name: endpoints, value: '{etcd.Endpoint}' }}, {{ name: actorStateStore, value: 'true' }} ]", kills: 8, seed: 2);
    }

    [Fact]
    public async Task TwoProcessesOfOneApp_KilledInTurn_LoseNothingThatTheyAcknowledged()
    {
        using var folder = new TempFolder();
        var resources = Directory.CreateDirectory(Path.Combine(folder.Path, "components")).FullName;
        await File.WriteAllTextAsync(Path.Combine(resources, "statestore.yaml"),
            $"kind: Component\nmetadata: {{ name: statestore }}\nspec: {{ type: state.sqlite, metadata: [ {{ name: connectionString, value: '{Path.Combine(folder.Path, "state.db")}' }}, {{ name: actorStateStore, value: 'true' }} ] }}");
        await using var app = await new TestApp().StartAsync();
        await using var other = await new TestApp().StartAsync();
        (TestApp App, int Http, int Grpc)[] ports = [(app, TestApp.FreePort(), TestApp.FreePort()), (other, TestApp.FreePort(), TestApp.FreePort())];
        var clients = ports.Select(static p => new HttpClient { BaseAddress = new Uri($"http://127.0.0.1:{p.Http}"), Timeout = TimeSpan.FromSeconds(30) }).ToList();
        // Its clients and its worker are at the second one; the first, being older, has the workflows.
        await using var ledger = new Ledger(clients[1], ports[1].Grpc);
        SidecarProcess Start(int which) => SidecarProcess.Start(["--app-id", "a", "--app-port", $"{ports[which].App.Port}", "--dapr-http-port", $"{ports[which].Http}", "--dapr-grpc-port", $"{ports[which].Grpc}",
            "--resources-path", resources, "--log-level", "warn"], folder.Path);
        var sidecars = new List<SidecarProcess>();
        try
        {
            for (var i = 0; i < 2; i++)
            {
                sidecars.Add(Start(i));
                await sidecars[i].ReadyAsync(clients[i]);
            }
            ledger.Begin(writers: 1, reminders: 1, workflows: 4);
            for (var kill = 0; kill < 4; kill++)
            {
                var finished = ledger.FinishedWorkflows;
                await Workflows.Eventually.TrueAsync(() => ledger.FinishedWorkflows > finished + 3, $"workflows go on after {kill} kills: {sidecars[1].Output}");
                await sidecars[kill % 2].KillAsync();
                ledger.NextSidecar();
                await sidecars[kill % 2].DisposeAsync();
                sidecars[kill % 2] = Start(kill % 2);
            }
            await sidecars[1].ReadyAsync(clients[1]);
            await ledger.FinishAsync();
            await AssertNothingIsLostAsync(ledger, app, other);
        }
        finally
        {
            foreach (var sidecar in sidecars) await sidecar.DisposeAsync();
            foreach (var client in clients) client.Dispose();
        }
    }

    private static async Task RunAsync(TempFolder folder, string store, int kills, int seed)
    {
        var resources = new DirectoryInfo(Path.Combine(folder.Path, "components"));
        resources.Create();
        await File.WriteAllTextAsync(Path.Combine(resources.FullName, "statestore.yaml"), $"kind: Component\nmetadata: {{ name: statestore }}\nspec: {{ {store} }}");
        await using var app = await new TestApp().StartAsync();
        var (httpPort, grpcPort) = (TestApp.FreePort(), TestApp.FreePort());
        using var http = new HttpClient { BaseAddress = new Uri($"http://127.0.0.1:{httpPort}"), Timeout = TimeSpan.FromSeconds(30) };
        await using var ledger = new Ledger(http, grpcPort);
        var random = new Random(seed);

        SidecarProcess Start() => SidecarProcess.Start(resources.FullName, ("a", app.Port, httpPort, grpcPort));
        var sidecar = Start();
        try
        {
            await sidecar.ReadyAsync(http);
            ledger.Begin(writers: 3, reminders: 1, workflows: 4);
            for (var kill = 1; kill <= kills; kill++)
            {
                // Now and then it does not even come up.
                if (random.Next(5) > 0)
                {
                    await sidecar.ReadyAsync(http);
                    foreach (var (writer, n) in ledger.Writers.ToArray()) Assert.True(Number(await ledger.StateAsync($"n{writer}")) >= n, $"after kill {kill - 1} (seed {seed}) writer {writer} has less than the acknowledged {n}");
                }
                await Task.Delay(random.Next(50, 800));
                await sidecar.KillAsync();
                ledger.NextSidecar();
                await sidecar.DisposeAsync();
                sidecar = Start();
            }
            await sidecar.ReadyAsync(http);
            // On a busy machine little got done between the kills; what is checked must have begun.
            await TestSidecar.Eventually(() => ledger.FinishedWorkflows > 0 && !ledger.Reminders.IsEmpty);
            await ledger.FinishAsync();
            await AssertNothingIsLostAsync(ledger, app);
        }
        finally
        {
            await sidecar.DisposeAsync();
        }
    }

    private static async Task AssertNothingIsLostAsync(Ledger ledger, params TestApp[] apps)
    {
        Assert.Empty(ledger.Violations);
        Assert.True(ledger.FinishedWorkflows > 0 && !ledger.Reminders.IsEmpty);
        foreach (var (writer, last) in ledger.Writers)
        {
            var stored = Number(await ledger.StateAsync($"n{writer}"));
            Assert.True(stored == last || stored == last + 1, $"writer {writer}: {last} was acknowledged, {stored} is stored");
            for (var n = 1; n <= stored; n++) Assert.Equal(n, Number(await ledger.StateAsync($"row{writer}-{n}")));
        }
        await TestSidecar.Eventually(() =>
        {
            var fired = apps.SelectMany(static a => a.Calls).Select(static c => c.Path).Where(static p => p.Contains("/method/remind/", StringComparison.Ordinal)).Select(static p => p[(p.LastIndexOf('/') + 1)..]).ToHashSet();
            return ledger.Reminders.Keys.All(fired.Contains);
        });
    }

    private static int Number(string? text) => text is null ? 0 : int.Parse(text, CultureInfo.InvariantCulture);
}
