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
        await using var pair = await Pair.StartAsync();
        var ledger = pair.Ledger;
        ledger.Begin(writers: 1, reminders: 1, workflows: 4);
        for (var kill = 0; kill < 4; kill++)
        {
            await pair.GoOnAsync(3, $"after {kill} kills");
            await pair.Sidecars[kill % 2].KillAsync();
            ledger.NextSidecar();
            await pair.StartAgainAsync(kill % 2);
        }
        await pair.Sidecars[1].ReadyAsync(pair.Clients[1]);
        await ledger.FinishAsync();
        await AssertNothingIsLostAsync(ledger, [.. pair.Apps]);
    }

    [Fact]
    public async Task TwoProcessesOfOneApp_OwnerOfWorkflowsSleeps_TheyGoOnInTheOtherAndStayAsTheyAreWhenItWakes()
    {
        await using var pair = await Pair.StartAsync();
        var ledger = pair.Ledger;
        ledger.Begin(writers: 0, reminders: 0, workflows: 4);
        await pair.GoOnAsync(3, "with both");

        // It falls asleep while it has nothing to write: one that has SQLite's lock keeps it from everybody.
        var (held, goOn) = (0, new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously));
        ledger.BeforeStep = () =>
        {
            Interlocked.Increment(ref held);
            return goOn.Task;
        };
        await Workflows.Eventually.TrueAsync(() => held == 4, "each workflow waits for a step");
        await pair.Sidecars[0].SleepAsync();
        ledger.NextSidecar();

        // The answers go to the one that sleeps, and are what it reads first when it wakes.
        ledger.BeforeStep = static () => Task.CompletedTask;
        goOn.SetResult();
        await pair.GoOnAsync(8, "while the first sleeps");
        await pair.Sidecars[0].WakeAsync();
        await pair.Sidecars[0].ReadyAsync(pair.Clients[0]);
        await pair.GoOnAsync(8, "when it is awake again");
        await ledger.FinishAsync();
        await ledger.AssertWorkflowsEndedAsync();
        Assert.Empty(ledger.Violations);
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
        await ledger.AssertWorkflowsEndedAsync();
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
