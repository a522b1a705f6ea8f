using System.Collections.Concurrent;
using System.Globalization;
using System.Text;

namespace Danube.Dapr.LocalSidecar.Tests.Processes;

/// <summary>
/// One instance of an app whose actors count: each reads its number, waits a moment and writes the next one, all through its own sidecar, a process of its
/// own. Two that act at once, or one that acts on what is old, would give a number twice.
/// </summary>
internal sealed class CountingApp : IAsyncDisposable
{
    private readonly IReadOnlyList<string> _arguments;
    private readonly string _temporaryFolder;
    private readonly ConcurrentDictionary<string, int> _running;

    private CountingApp(TestApp app, HttpClient client, int grpcPort, IReadOnlyList<string> arguments, string temporaryFolder, ConcurrentDictionary<string, int> running) =>
        (App, Client, GrpcPort, _arguments, _temporaryFolder, _running) = (app, client, grpcPort, arguments, temporaryFolder, running);

    public TestApp App { get; }

    public HttpClient Client { get; }

    public int GrpcPort { get; }

    public SidecarProcess Sidecar { get; private set; } = null!;

    /// <summary>Actors that two apps ran at once.</summary>
    public ConcurrentQueue<string> Overlaps { get; } = new();

    /// <summary>What a method waits for before it writes.</summary>
    public Func<string, Task> BeforeWrite { get; set; } = static _ => Task.Delay(2);

    /// <summary>The actors that were ever called here.</summary>
    public IEnumerable<string> Actors => App.Calls.Select(static c => c.Path.Split('/')).Where(static p => p.Length > 4 && p[4] == "method").Select(static p => p[3]).Distinct();

    /// <summary>Starts an instance and its sidecar; all share the count of those that run an actor.</summary>
    public static async Task<CountingApp> StartAsync(string appId, TempFolder folder, string resources, ConcurrentDictionary<string, int> running, bool hostsActors = true)
    {
        var (http, grpc) = (TestApp.FreePort(), TestApp.FreePort());
        var app = new TestApp { Config = hostsActors ? "{\"entities\":[\"Counter\"]}" : "{}" };
        var client = new HttpClient { BaseAddress = new Uri(string.Create(CultureInfo.InvariantCulture, $"http://127.0.0.1:{http}")), Timeout = TimeSpan.FromSeconds(30) };
        List<string> arguments = ["--app-id", appId, "--app-port", Text(app.Port), "--dapr-http-port", Text(http), "--dapr-grpc-port", Text(grpc), "--log-level", "warn", "--resources-path", resources];
        var instance = new CountingApp(app, client, grpc, arguments, folder.Path, running);
        app.Answer = instance.AnswerAsync;
        await app.StartAsync();
        await instance.StartSidecarAsync();
        return instance;
    }

    public async Task StartSidecarAsync()
    {
        if (Sidecar is not null) await Sidecar.DisposeAsync();
        Sidecar = SidecarProcess.Start(_arguments, _temporaryFolder);
        await Sidecar.ReadyAsync(Client);
    }

    /// <summary>Counts through this instance's sidecar.</summary>
    /// <returns>The number, or null when the call failed.</returns>
    public async Task<int?> CountAsync(string actor, CancellationToken cancellationToken = default)
    {
        try
        {
            using var response = await Client.PutAsync(new Uri($"/v1.0/actors/Counter/{actor}/method/Add", UriKind.Relative), null, cancellationToken);
            LastFailure = response.IsSuccessStatusCode ? null : await response.Content.ReadAsStringAsync(cancellationToken);
            return response.IsSuccessStatusCode ? int.Parse(await response.Content.ReadAsStringAsync(cancellationToken), CultureInfo.InvariantCulture) : null;
        }
        catch (Exception e) when (e is HttpRequestException or IOException or OperationCanceledException)
        {
            LastFailure = e.Message;
            return null;
        }
    }

    public string? LastFailure { get; private set; }

    public async ValueTask DisposeAsync()
    {
        await Sidecar.DisposeAsync();
        await App.DisposeAsync();
        Client.Dispose();
    }

    private async Task<(int Status, string Body)> AnswerAsync(AppCall call)
    {
        var parts = call.Path.Split('/');
        if (parts is not [_, "actors", _, var actor, "method", "Add"]) return (200, "");
        if (_running.AddOrUpdate(actor, 1, static (_, n) => n + 1) > 1) Overlaps.Enqueue(actor);
        try
        {
            var state = new Uri($"/v1.0/actors/Counter/{actor}/state", UriKind.Relative);
            var text = await Client.GetStringAsync(new Uri(state + "/n", UriKind.Relative));
            var next = (text.Length == 0 ? 0 : int.Parse(text, CultureInfo.InvariantCulture)) + 1;
            await BeforeWrite(actor);
            using var body = new StringContent($$"""[{"operation":"upsert","request":{"key":"n","value":{{next}} } }]""", Encoding.UTF8, "application/json");
            using var saved = await Client.PutAsync(state, body);
            return saved.IsSuccessStatusCode ? (200, Text(next)) : (500, "not saved: " + await saved.Content.ReadAsStringAsync());
        }
        catch (Exception e) when (e is HttpRequestException or IOException or OperationCanceledException)
        {
            return (500, "not saved: " + e.Message);
        }
        finally
        {
            _running.AddOrUpdate(actor, 0, static (_, n) => n - 1);
        }
    }

    private static string Text(int number) => number.ToString(CultureInfo.InvariantCulture);
}
