using System.Collections.Concurrent;
using System.Globalization;
using System.Text;

namespace Danube.Dapr.LocalSidecar.Tests.Processes;

/// <summary>Several processes with one app-id, as <c>dapr run</c> starts them: they share the app's actors.</summary>
public sealed class SharingTests : IAsyncLifetime, IDisposable
{
    private const int Actors = 24;

    private readonly TempFolder _folder = new();
    private readonly ConcurrentDictionary<string, int> _running = new();
    private readonly ConcurrentDictionary<(string Actor, int Number), byte> _counted = new();
    private readonly ConcurrentQueue<string> _violations = new();
    private readonly List<CountingApp> _apps = [];
    private EtcdServer? _etcd;

    public Task InitializeAsync() => Task.CompletedTask;

    public async Task DisposeAsync()
    {
        foreach (var app in _apps) await app.DisposeAsync();
        if (_etcd is not null) await _etcd.DisposeAsync();
    }

    public void Dispose() => _folder.Dispose();

    [Fact]
    public Task Actors_ProcessesComeAndDie_OnSqlite_EachActsAtOneAndLosesNothing() => ComeAndDieAsync(Sqlite());

    [EtcdFact]
    public async Task Actors_ProcessesComeAndDie_OnEtcd_EachActsAtOneAndLosesNothing() => await ComeAndDieAsync(await EtcdAsync());

    [Fact]
    public Task Actors_OwnerSleeps_OnSqlite_DoesNotActWhenItWakes() => SleepAsync(Sqlite());

    [EtcdFact]
    public async Task Actors_OwnerSleeps_OnEtcd_DoesNotActWhenItWakes() => await SleepAsync(await EtcdAsync());

    [Fact]
    public async Task Actors_StoresInMemory_AreOfEachProcess()
    {
        var resources = Resources("type: state.in-memory, metadata: [ { name: actorStateStore, value: 'true' } ]");
        var (first, second) = (await StartAsync("counting", resources), await StartAsync("counting", resources));

        Assert.Equal((1, 1), (await first.CountAsync("x"), await second.CountAsync("x")));
    }

    private async Task ComeAndDieAsync(string resources)
    {
        var first = await StartAsync("counting", resources);
        var caller = await StartAsync("caller", resources, hostsActors: false);
        using var stop = new CancellationTokenSource();
        List<CountingApp> through = [first, caller];
        var clients = Enumerable.Range(0, 4).Select(client => Task.Run(async () =>
        {
            for (var i = client; !stop.IsCancellationRequested; i++)
            {
                CountingApp via;
                lock (through) via = through[i % through.Count];
                await CountAsync(via, $"a{i % Actors}", stop.Token);
            }
        })).ToList();
        await EveryActorCountsAsync(first, caller);

        // One that comes takes its share, and none is in two places meanwhile.
        var second = await StartAsync("counting", resources);
        lock (through) through.Add(second);
        await TestSidecar.Eventually(() => second.Actors.Any() && _counted.Count > 100);
        Assert.Empty(first.Overlaps.Concat(second.Overlaps));
        Assert.InRange(second.Actors.Count(), 1, Actors - 1);
        Assert.DoesNotContain(caller.App.Calls, static c => c.Path.StartsWith("/actors/", StringComparison.Ordinal));

        // A reminder of each of its actors, registered elsewhere.
        var moved = second.Actors.ToList();
        foreach (var actor in moved) await RemindAsync(first, actor);
        await TestSidecar.Eventually(() => moved.All(a => Reminded(second, a) > 0));
        Assert.DoesNotContain(moved, a => Reminded(first, a) > 0);

        // One that dies is replaced within seconds.
        lock (through) through.Remove(second);
        await second.Sidecar.KillAsync();
        var killed = TimeProvider.System.GetTimestamp();
        await EveryActorCountsAsync(first, caller);
        var taken = TimeProvider.System.GetElapsedTime(killed);
        Assert.True(taken < TimeSpan.FromSeconds(20), $"it took {taken}");
        await TestSidecar.Eventually(() => moved.All(a => Reminded(first, a) > 0));

        // It comes back, and then the app of the other one dies.
        await second.StartSidecarAsync();
        lock (through) through.Add(second);
        await first.App.KillAsync();
        await EveryActorCountsAsync(first, second);
        await stop.CancelAsync();
        await Task.WhenAll(clients);
        Assert.Empty(_violations);
    }

    private async Task SleepAsync(string resources)
    {
        var (first, second) = (await StartAsync("counting", resources), await StartAsync("counting", resources));
        string? actor = null;
        for (var i = 0; actor is null; i++)
        {
            Assert.True(i < 100, "no actor came to the second");
            await CountAsync(first, $"a{i}");
            if (second.Actors.Contains($"a{i}")) actor = $"a{i}";
        }

        // In the midst of a turn its sidecar falls asleep; the app is ready to write when it wakes.
        var (began, goOn) = (new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously), new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously));
        second.BeforeWrite = _ =>
        {
            began.TrySetResult();
            return goOn.Task;
        };
        var asleep = CountAsync(second, actor);
        await began.Task.WaitAsync(TimeSpan.FromSeconds(30));
        await second.Sidecar.SleepAsync();
        second.BeforeWrite = static _ => Task.CompletedTask;
        goOn.SetResult();
        var number = 0;
        await TestSidecar.Eventually(async () => (number = await CountAsync(first, actor) ?? 0) > 0);
        await CountAsync(first, actor);
        await second.Sidecar.WakeAsync();
        Assert.Null(await asleep);

        // It is one of them again, and its actors come back to it.
        await TestSidecar.Eventually(async () => await CountAsync(second, actor) is not null);
        await EveryActorCountsAsync(first, second);
        Assert.Empty(_violations);
    }

    // A number that two callers got was counted twice from the same state.
    private async Task<int?> CountAsync(CountingApp through, string actor, CancellationToken cancellationToken = default)
    {
        var number = await through.CountAsync(actor, cancellationToken);
        if (number is { } n && !_counted.TryAdd((actor, n), 0)) _violations.Enqueue($"{actor} came to {n} twice");
        return number;
    }

    private async Task EveryActorCountsAsync(params CountingApp[] through)
    {
        for (var i = 0; i < Actors; i++)
        {
            var begin = TimeProvider.System.GetTimestamp();
            while (await CountAsync(through[i % through.Length], $"a{i}") is null)
                Assert.True(TimeProvider.System.GetElapsedTime(begin).TotalSeconds < 40, $"a{i} did not count in 40 s: {through[i % through.Length].LastFailure}; {through[i % through.Length].Sidecar.Output}");
        }
    }

    private static async Task RemindAsync(CountingApp through, string actor)
    {
        using var body = new StringContent("""{"dueTime":"300ms","period":"500ms"}""", Encoding.UTF8, "application/json");
        using var response = await through.Client.PutAsync(new Uri($"/v1.0/actors/Counter/{actor}/reminders/again", UriKind.Relative), body);
        Assert.True(response.IsSuccessStatusCode, await response.Content.ReadAsStringAsync());
    }

    private static int Reminded(CountingApp app, string actor) => app.App.To($"/actors/Counter/{actor}/method/remind/again").Count();

    private async Task<CountingApp> StartAsync(string appId, string resources, bool hostsActors = true)
    {
        var app = await CountingApp.StartAsync(appId, _folder, resources, _running, hostsActors);
        _apps.Add(app);
        return app;
    }

    private string Sqlite() => Resources($"type: state.sqlite, metadata: [ {{ name: connectionString, value: '{Path.Combine(_folder.Path, "state.db")}' }}, {{ name: actorStateStore, value: 'true' }} ]");

    private async Task<string> EtcdAsync()
    {
        _etcd = await EtcdServer.StartAsync();
        return Resources($"type: state.etcd, version: v1, metadata: [ {{ name: endpoints, value: '{_etcd.Endpoint}' }}, {{ name: actorStateStore, value: 'true' }} ]");
    }

    private string Resources(string store)
    {
        var resources = Directory.CreateDirectory(Path.Combine(_folder.Path, "components"));
        File.WriteAllText(Path.Combine(resources.FullName, "statestore.yaml"), string.Create(CultureInfo.InvariantCulture, $"kind: Component\nmetadata: {{ name: statestore }}\nspec: {{ {store} }}"));
        return resources.FullName;
    }
}
