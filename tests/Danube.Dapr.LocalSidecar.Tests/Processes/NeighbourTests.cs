using System.Globalization;
using System.Text;
using Danube.Dapr.LocalSidecar.Names;
using Dapr.Client.Autogen.Grpc.v1;
using Grpc.Core;
using Grpc.Net.Client;

namespace Danube.Dapr.LocalSidecar.Tests.Processes;

/// <summary>One process for each app, as <c>dapr run</c> starts them.</summary>
public sealed class NeighbourTests : IAsyncLifetime, IDisposable
{
    private readonly TempFolder _folder = new();
    private readonly List<SidecarProcess> _sidecars = [];
    private readonly List<HttpClient> _clients = [];

    public Task InitializeAsync() => Task.CompletedTask;

    public async Task DisposeAsync()
    {
        foreach (var sidecar in _sidecars) await sidecar.DisposeAsync();
        foreach (var client in _clients) client.Dispose();
    }

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task Invoke_AppOfAnotherProcess_PassesEverythingBothWays()
    {
        await using var callee = await new TestApp { Answer = static c => Task.FromResult(c.Path == "/boom" ? (500, "no") : (418, $"{c.Method} {c.Path} {c.Body}")) }.StartAsync();
        await using var caller = await new TestApp().StartAsync();
        var (here, grpcPort, _) = await StartAsync("caller", caller.Port);
        var (there, _, _) = await StartAsync("callee", callee.Port);

        Assert.Equal((418, "PATCH /a/b/d hello"), await SendAsync(here, "PATCH", "/v1.0/invoke/callee/method/a%2Fb//c/../d?x=1", "hello", ("x-mine", "yes"), ("dapr-caller-app-id", "forged"), ("traceparent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01")));
        var call = callee.To("/a/b/d").Single();
        Assert.Equal(("caller", "callee", "default", "yes"), (call.Headers["Dapr-Caller-App-Id"], call.Headers["Dapr-Callee-App-Id"], call.Headers["Dapr-Caller-Namespace"], call.Headers["x-mine"]));
        Assert.StartsWith("00-0af7651916cd43dd8448eb211c80319c-", call.Headers["traceparent"], StringComparison.Ordinal);
        Assert.Equal("127.0.0.1", call.Headers["X-Forwarded-For"]);
        Assert.Equal((418, "GET /x "), await SendAsync(here, "GET", "/v1.0/invoke/callee.default/method/x"));
        Assert.Equal((500, "no"), await SendAsync(here, "GET", "/v1.0/invoke/callee/method/boom"));
        Assert.Equal((200, ""), await SendAsync(there, "GET", "/v1.0/invoke/caller/method/back"));

        using var channel = GrpcChannel.ForAddress($"http://127.0.0.1:{grpcPort}");
        var grpc = new global::Dapr.Client.Autogen.Grpc.v1.Dapr.DaprClient(channel);
        var request = new InvokeServiceRequest { Id = "callee", Message = new InvokeRequest { Method = "boom", HttpExtension = new HTTPExtension { Verb = HTTPExtension.Types.Verb.Get } } };
        Assert.Equal(StatusCode.Unknown, (await Assert.ThrowsAsync<RpcException>(async () => await grpc.InvokeServiceAsync(request))).StatusCode);
        callee.Answer = static c => Task.FromResult((200, "for " + c.Headers["dapr-caller-app-id"]));
        Assert.Equal("for caller", (await grpc.InvokeServiceAsync(request)).Data.Value.ToStringUtf8());
    }

    [Fact]
    public async Task Invoke_SidecarThatWasKilled_IsFoundAgainWhenItIsBack()
    {
        await using var callee = await new TestApp().StartAsync();
        var (here, _, _) = await StartAsync("caller", null);
        var (_, _, first) = await StartAsync("callee", callee.Port);
        Assert.Equal(200, (await SendAsync(here, "GET", "/v1.0/invoke/callee/method/x")).Status);

        await first.KillAsync();
        var (status, body) = await SendAsync(here, "GET", "/v1.0/invoke/callee/method/x");
        Assert.Equal(500, status);
        Assert.Contains("ERR_DIRECT_INVOKE", body, StringComparison.Ordinal);
        await StartAsync("callee", callee.Port);

        // Its old line may still stand beside the new one.
        for (var i = 0; i < 10; i++) Assert.Equal(200, (await SendAsync(here, "GET", "/v1.0/invoke/callee/method/x")).Status);
    }

    [Fact]
    public async Task Invoke_LineThatADeadProcessLeftNamesThePortOfAnother_ReachesNoOtherApp()
    {
        await using var callee = await new TestApp().StartAsync();
        var (here, _, _) = await StartAsync("caller", null);
        await StartAsync("callee", callee.Port);
        using var hosts = new HostsTable(new NameResolution(Path.Combine(_folder.Path, "local-sidecar-" + Environment.UserName, "names.db")));
        hosts.Put("left", hosts.Find("callee", "default").Single().Replace("127.0.0.1", "localhost", StringComparison.Ordinal), "gone", "default");

        var (status, body) = await SendAsync(here, "GET", "/v1.0/invoke/gone/method/x");

        Assert.Equal(500, status);
        Assert.Contains("no app gone here", body, StringComparison.Ordinal);
        Assert.Empty(callee.To("/x"));
    }

    [Fact]
    public async Task Invoke_LineThatADeadProcessLeftNamesThePortOfAnother_GoesToTheLivingOne()
    {
        await using var callee = await new TestApp { Answer = static c => Task.FromResult((200, c.Body)) }.StartAsync();
        await using var other = await new TestApp().StartAsync();
        var (here, _, _) = await StartAsync("caller", null);
        await StartAsync("callee", callee.Port);
        await StartAsync("other", other.Port);
        using var hosts = new HostsTable(new NameResolution(Path.Combine(_folder.Path, "local-sidecar-" + Environment.UserName, "names.db")));

        var alive = hosts.Find("callee", "default").Single();
        for (var i = 0; i < 20; i++)
        {
            // The order of the lines is random. Both are fresh, however slow the machine is.
            hosts.Put("alive", alive, "callee", "default");
            hosts.Put("left", hosts.Find("other", "default").Single().Replace("127.0.0.1", "localhost", StringComparison.Ordinal), "callee", "default");
            Assert.Equal((200, $"body {i}"), await SendAsync(here, "POST", "/v1.0/invoke/callee/method/x", $"body {i}"));
        }

        Assert.Empty(other.To("/x"));
    }

    [Fact]
    public async Task Invoke_AppThatIsDownOrUnknown_SaysWhat()
    {
        var callee = await new TestApp().StartAsync();
        var (here, _, _) = await StartAsync("caller", null);
        await StartAsync("callee", callee.Port);
        await callee.DisposeAsync();

        var (down, downBody) = await SendAsync(here, "GET", "/v1.0/invoke/callee/method/x");
        var (unknown, unknownBody) = await SendAsync(here, "GET", "/v1.0/invoke/nobody/method/x");

        Assert.Equal((500, 500), (down, unknown));
        Assert.Contains($"failed to invoke, id: callee, err: Get \\\"http://127.0.0.1:{callee.Port}/x\\\": ", downBody, StringComparison.Ordinal);
        Assert.Contains("failed to invoke, id: nobody, err: no host found with the given ID", unknownBody, StringComparison.Ordinal);
    }

    private async Task<(HttpClient Client, int GrpcPort, SidecarProcess Process)> StartAsync(string appId, int? appPort)
    {
        var (http, grpc) = (TestApp.FreePort(), TestApp.FreePort());
        List<string> arguments = ["--app-id", appId, "--dapr-http-port", Text(http), "--dapr-grpc-port", Text(grpc), "--log-level", "warn"];
        if (appPort is { } port) arguments.AddRange(["--app-port", Text(port)]);
        var sidecar = SidecarProcess.Start(arguments, _folder.Path);
        _sidecars.Add(sidecar);
        var client = new HttpClient { BaseAddress = new Uri($"http://127.0.0.1:{http}"), Timeout = TimeSpan.FromSeconds(30) };
        _clients.Add(client);
        await sidecar.ReadyAsync(client);
        return (client, grpc, sidecar);
    }

    private static string Text(int number) => number.ToString(CultureInfo.InvariantCulture);

    private static async Task<(int Status, string Body)> SendAsync(HttpClient client, string method, string path, string? body = null, params (string Name, string Value)[] headers)
    {
        using var request = new HttpRequestMessage(new HttpMethod(method), new Uri(client.BaseAddress!.OriginalString + path, new UriCreationOptions { DangerousDisablePathAndQueryCanonicalization = true }));
        if (body is not null) request.Content = new StringContent(body, Encoding.UTF8, "text/plain");
        foreach (var (name, value) in headers) request.Headers.TryAddWithoutValidation(name, value);
        using var response = await client.SendAsync(request);
        return ((int)response.StatusCode, await response.Content.ReadAsStringAsync());
    }
}
