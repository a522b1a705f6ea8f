using System.Globalization;

namespace Danube.Dapr.LocalSidecar.Tests.Processes;

/// <summary>
/// Two processes with one app-id on one SQLite store. The ledger's clients and its worker are at the second one; the first, being older, has the workflows.
/// </summary>
internal sealed class Pair : IAsyncDisposable
{
    private readonly TempFolder _folder = new();
    private readonly List<(int Http, int Grpc)> _ports = [];
    private readonly string _resources;

    private Pair()
    {
        _resources = Directory.CreateDirectory(Path.Combine(_folder.Path, "components")).FullName;
        File.WriteAllText(Path.Combine(_resources, "statestore.yaml"),
            $"kind: Component\nmetadata: {{ name: statestore }}\nspec: {{ type: state.sqlite, metadata: [ {{ name: connectionString, value: '{Path.Combine(_folder.Path, "state.db")}' }}, {{ name: actorStateStore, value: 'true' }} ] }}");
    }

    public List<TestApp> Apps { get; } = [];

    public List<HttpClient> Clients { get; } = [];

    public List<SidecarProcess> Sidecars { get; } = [];

    public Ledger Ledger { get; private set; } = null!;

    public static async Task<Pair> StartAsync()
    {
        var pair = new Pair();
        for (var i = 0; i < 2; i++)
        {
            pair.Apps.Add(await new TestApp().StartAsync());
            pair._ports.Add((TestApp.FreePort(), TestApp.FreePort()));
            pair.Clients.Add(new HttpClient { BaseAddress = new Uri(string.Create(CultureInfo.InvariantCulture, $"http://127.0.0.1:{pair._ports[i].Http}")), Timeout = TimeSpan.FromSeconds(30) });
            pair.Sidecars.Add(pair.Start(i));
            await pair.Sidecars[i].ReadyAsync(pair.Clients[i]);
        }
        pair.Ledger = new Ledger(pair.Clients[1], pair._ports[1].Grpc);
        return pair;
    }

    /// <summary>Starts one anew that was killed.</summary>
    public async Task StartAgainAsync(int which)
    {
        await Sidecars[which].DisposeAsync();
        Sidecars[which] = Start(which);
    }

    /// <summary>Waits until more workflows than these have ended.</summary>
    public async Task GoOnAsync(int more, string when)
    {
        var finished = Ledger.FinishedWorkflows;
        await Workflows.Eventually.TrueAsync(() => Ledger.FinishedWorkflows > finished + more, $"workflows go on {when}: {Sidecars[1].Output}");
    }

    public async ValueTask DisposeAsync()
    {
        if (Ledger is not null) await Ledger.DisposeAsync();
        foreach (var sidecar in Sidecars) await sidecar.DisposeAsync();
        foreach (var client in Clients) client.Dispose();
        foreach (var app in Apps) await app.DisposeAsync();
        _folder.Dispose();
    }

    private SidecarProcess Start(int which) => SidecarProcess.Start(["--app-id", "a", "--app-port", Text(Apps[which].Port), "--dapr-http-port", Text(_ports[which].Http),
        "--dapr-grpc-port", Text(_ports[which].Grpc), "--resources-path", _resources, "--log-level", "warn"], _folder.Path);

    private static string Text(int number) => number.ToString(CultureInfo.InvariantCulture);
}
