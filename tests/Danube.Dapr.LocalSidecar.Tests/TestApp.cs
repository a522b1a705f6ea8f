using System.Collections.Concurrent;
using System.Net;
using System.Net.Sockets;
using System.Text;
using Danube.Dapr.LocalSidecar.Actors;
using Danube.Dapr.LocalSidecar.CommandLine;
using Danube.Dapr.LocalSidecar.Hosting;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;

namespace Danube.Dapr.LocalSidecar.Tests;

/// <summary>What the app got.</summary>
internal sealed record AppCall(string Method, string Path, IReadOnlyDictionary<string, string> Headers, string Body)
{
    /// <summary>The connection it came over.</summary>
    public string Connection { get; init; } = "";
}

/// <summary>An app behind the sidecar, in this process. It records what it gets and answers as its test says.</summary>
internal sealed class TestApp : IAsyncDisposable
{
    // Below those that the system gives to outgoing connections and to listeners that ask for any: another one could have such a port before it is used.
    private const int FirstPort = 27_000;
    private const int Ports = 5_700;

    private static int s_lastPort = Random.Shared.Next(Ports);

    private WebApplication? _web;

    public int Port { get; } = FreePort();

    public ConcurrentQueue<AppCall> Calls { get; } = new();

    public string Config { get; set; } = "{\"entities\":[\"Counter\"]}";

    public string Subscriptions { get; set; } = "[]";

    public Func<AppCall, Task<(int Status, string Body)>> Answer { get; set; } = static _ => Task.FromResult((200, ""));

    public async Task<TestApp> StartAsync()
    {
        var builder = WebApplication.CreateEmptyBuilder(new WebApplicationOptions());
        builder.Logging.ClearProviders();
        builder.WebHost.UseKestrelCore().ConfigureKestrel(k => k.Listen(IPAddress.Loopback, Port));
        _web = builder.Build();
        _web.Run(async context =>
        {
            using var reader = new StreamReader(context.Request.Body, Encoding.UTF8);
            var call = new AppCall(context.Request.Method, context.Request.Path, context.Request.Headers.ToDictionary(static h => h.Key, static h => h.Value.ToString(), StringComparer.OrdinalIgnoreCase), await reader.ReadToEndAsync())
            {
                Connection = context.Connection.Id,
            };
            Calls.Enqueue(call);
            var (status, body) = call.Path switch { "/dapr/config" => (200, Config), "/dapr/subscribe" => (200, Subscriptions), _ => await Answer(call) };
            context.Response.StatusCode = status;
            if (body.Length > 0) await context.Response.WriteAsync(body);
        });
        await _web.StartAsync();
        return this;
    }

    /// <summary>Ends at once, without a word to anybody.</summary>
    public async Task KillAsync()
    {
        using var now = new CancellationTokenSource();
        await now.CancelAsync();
        await _web!.StopAsync(now.Token);
        await _web.DisposeAsync();
        _web = null;
    }

    public IEnumerable<AppCall> To(string path) => Calls.Where(c => c.Path == path);

    public async ValueTask DisposeAsync()
    {
        if (_web is not null) await KillAsync();
    }

    /// <summary>What a sidecar knows of it when it is up: it has the actor type Counter.</summary>
    public AppInstance ToInstance()
    {
        var options = new AppOptions { AppId = "a", AppPort = Port, DaprHttpPort = 1, DaprGrpcPort = 2 };
        var components = new AppComponents(new Dictionary<string, Components.StateComponent>(), new Dictionary<string, PubSub.InMemoryBroker>(), [], [], Components.ConfigurationResource.Load([]), TimeProvider.System);
        return new AppInstance(options, new AppRuntime("a", null, TimeProvider.System), components, new AppChannel(options, null), new("a", null, null, TimeProvider.System))
        {
            Actors = new ActorConfig(new Dictionary<string, ActorTypeConfig> { ["Counter"] = ActorTypeConfig.Default }),
            IsReady = true,
        };
    }

    public static int FreePort()
    {
        for (var tries = 0; ; tries++)
        {
            var port = FirstPort + (int)((uint)Interlocked.Increment(ref s_lastPort) % Ports);
            try
            {
                using var listener = new TcpListener(IPAddress.Loopback, port);
                listener.Start();
                return port;
            }
            catch (SocketException) when (tries < Ports)
            {
                // Taken.
            }
        }
    }
}

/// <summary>A sidecar in this process with the components a test names, and a client of its HTTP API.</summary>
internal sealed class TestSidecar : IAsyncDisposable
{
    private readonly TempFolder _folder;
    private readonly SidecarHost _host;
    private readonly bool _ownsFolder;

    private TestSidecar(TempFolder folder, bool ownsFolder, SidecarHost host, IReadOnlyList<AppOptions> apps)
    {
        (_folder, _ownsFolder, _host) = (folder, ownsFolder, host);
        Clients = [.. apps.Select(static a => new HttpClient { BaseAddress = new Uri($"http://127.0.0.1:{a.DaprHttpPort}"), Timeout = TimeSpan.FromSeconds(30) })];
        Apps = apps;
    }

    public IReadOnlyList<AppOptions> Apps { get; }

    public IReadOnlyList<HttpClient> Clients { get; }

    public HttpClient Client => Clients[0];

    public static Task<TestSidecar> StartAsync(params (string AppId, int? AppPort)[] apps) => StartAsync(new TempFolder(), true, static o => o, apps);

    public static async Task<TestSidecar> StartAsync(TempFolder folder, bool ownsFolder, Func<SidecarOptions, SidecarOptions> change, params (string AppId, int? AppPort)[] apps)
    {
        folder.Write("pubsub.yaml", "kind: Component\nmetadata: { name: pubsub }\nspec: { type: pubsub.in-memory }");
        if (!File.Exists(Path.Combine(folder.Path, "statestore.yaml")))
            folder.Write("statestore.yaml", "kind: Component\nmetadata: { name: statestore }\nspec: { type: state.in-memory, metadata: [ { name: actorStateStore, value: 'true' } ] }");
        List<AppOptions> options;
        SidecarHost host;
        for (var tries = 1; ; tries++)
        {
            options = apps.Select(static a => new AppOptions { AppId = a.AppId, AppPort = a.AppPort, DaprHttpPort = TestApp.FreePort(), DaprGrpcPort = TestApp.FreePort() }).ToList();
            try
            {
                host = await SidecarHost.StartAsync(change(new SidecarOptions { Apps = options, ResourcePaths = [folder.Path], LogLevel = LogLevel.None }));
                break;
            }
            catch (IOException) when (tries < 5)
            {
                // Another process took a port that was free just now.
            }
        }
        var sidecar = new TestSidecar(folder, ownsFolder, host, options);
        foreach (var client in sidecar.Clients) await Eventually(async () => (await client.GetAsync(new Uri("/v1.0/healthz", UriKind.Relative))).StatusCode == HttpStatusCode.NoContent);
        return sidecar;
    }

    public async Task<(int Status, string Body)> SendAsync(string method, string path, string? body = null, int app = 0, params (string Name, string Value)[] headers)
    {
        using var request = new HttpRequestMessage(new HttpMethod(method), new Uri(Clients[app].BaseAddress!.OriginalString + path));
        if (body is not null) request.Content = new StringContent(body, Encoding.UTF8, "application/json");
        foreach (var (name, value) in headers) request.Headers.TryAddWithoutValidation(name, value);
        using var response = await Clients[app].SendAsync(request);
        return ((int)response.StatusCode, await response.Content.ReadAsStringAsync());
    }

    /// <summary>Waits until something holds: across a process border there is nothing to be told by.</summary>
    public static async Task Eventually(Func<Task<bool>> holds)
    {
        var deadline = DateTime.UtcNow.AddSeconds(30);
        while (!await holds())
        {
            Assert.True(DateTime.UtcNow < deadline, "it did not become true in 30 s");
            await Task.Delay(10);
        }
    }

    public static Task Eventually(Func<bool> holds) => Eventually(() => Task.FromResult(holds()));

    public async ValueTask DisposeAsync()
    {
        foreach (var client in Clients) client.Dispose();
        await _host.DisposeAsync();
        if (_ownsFolder) _folder.Dispose();
    }
}
