using System.Text.Json;
using Danube.Dapr.LocalSidecar.Hosting;

namespace Danube.Dapr.LocalSidecar.Tests;

public sealed class SidecarTests
{
    [Fact]
    public async Task State_SaveGetDelete_AnswersAsDaprd()
    {
        await using var sidecar = await TestSidecar.StartAsync(("a", null));

        Assert.Equal((204, ""), await sidecar.SendAsync("POST", "/v1.0/state/statestore", """[{"key":"k","value":{"n":1}}]"""));
        Assert.Equal((200, """{"n":1}"""), await sidecar.SendAsync("GET", "//v1.0//state/statestore/k/"));
        var (status, body) = await sidecar.SendAsync("POST", "/v1.0/state/statestore", """[{"key":"k","value":2,"etag":"old"}]""");
        Assert.Equal(409, status);
        Assert.Equal("""{"errorCode":"ERR_STATE_SAVE","message":"failed saving state in state store statestore: possible etag mismatch. error from state store"}""", body);
        Assert.Equal((204, ""), await sidecar.SendAsync("DELETE", "/v1.0/state/statestore/k"));
        Assert.Equal((204, ""), await sidecar.SendAsync("GET", "/v1.0/state/statestore/k"));
        Assert.Contains("ERR_STATE_STORE_NOT_FOUND", (await sidecar.SendAsync("GET", "/v1.0/state/other/k")).Body, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("state.in-memory", "300000000000", 204, "")]
    [InlineData("state.in-memory", "-2", 204, "")]
    [InlineData("state.sqlite", "2147483647", 204, "")]
    [InlineData("state.sqlite", "-1", 204, "")]
    [InlineData("state.sqlite", "300000000000", 500, "error parsing TTL: incorrect value for metadata 'ttlInSeconds': must be -1 or greater")]
    [InlineData("state.sqlite", "-2", 500, "error parsing TTL: incorrect value for metadata 'ttlInSeconds': must be -1 or greater")]
    [InlineData("state.sqlite", "soon", 500, "error parsing TTL: incorrect value for metadata 'ttlInSeconds': strconv.ParseInt: parsing")]
    public async Task State_TimeToLive_HasTheLimitsOfTheStore(string type, string seconds, int status, string problem)
    {
        var folder = new TempFolder();
        folder.Write("statestore.yaml", $"kind: Component\nmetadata: {{ name: statestore }}\nspec: {{ type: {type}, metadata: [ {{ name: connectionString, value: '{folder.Path}/state.db' }} ] }}");
        await using var sidecar = await TestSidecar.StartAsync(folder, true, static o => o, ("a", null));

        var answer = await sidecar.SendAsync("POST", "/v1.0/state/statestore", "[{\"key\":\"k\",\"value\":1,\"metadata\":{\"ttlInSeconds\":\"" + seconds + "\"}}]");

        Assert.Equal(status, answer.Status);
        Assert.Contains(problem, answer.Body, StringComparison.Ordinal);
        Assert.Equal(status == 204 ? 200 : 204, (await sidecar.SendAsync("GET", "/v1.0/state/statestore/k")).Status);
    }

    [Theory]
    [InlineData("GET", "/", 404, "ERR_DIRECT_INVOKE")]
    [InlineData("GET", "/v1.0/nothing", 404, "ERR_DIRECT_INVOKE")]
    [InlineData("POST", "/v1.0/publish/pubsub/", 404, "ERR_DIRECT_INVOKE")]
    [InlineData("POST", "/v1.0/publish/other/t", 404, "ERR_PUBSUB_NOT_FOUND")]
    [InlineData("GET", "/v1.0/secrets/s/k", 500, "ERR_SECRET_STORES_NOT_CONFIGURED")]
    [InlineData("GET", "/v1.0/configuration/c?key=a", 500, "ERR_CONFIGURATION_STORE_NOT_CONFIGURED")]
    [InlineData("POST", "/v1.0-alpha1/lock/l", 500, "ERR_LOCK_STORE_NOT_CONFIGURED")]
    [InlineData("POST", "/v1.0/bindings/b", 500, "ERR_INVOKE_OUTPUT_BINDING")]
    [InlineData("POST", "/v1.0-alpha1/state/statestore/query", 500, "ERR_STATE_STORE_NOT_SUPPORTED")]
    [InlineData("GET", "/v1.0/invoke/unknown/method/x", 500, "no host found with the given ID")]
    public async Task Request_ThatCannotBeServed_AnswersAsDaprd(string method, string path, int status, string expected)
    {
        await using var sidecar = await TestSidecar.StartAsync(("a", null));

        var answer = await sidecar.SendAsync(method, path, method == "POST" ? "{}" : null);

        Assert.Equal(status, answer.Status);
        Assert.Contains(expected, answer.Body, StringComparison.Ordinal);
    }

    [Fact]
    public async Task ApiToken_WrongOrMissing_IsRefusedExceptForHealth()
    {
        await using var sidecar = await TestSidecar.StartAsync(new TempFolder(), true, static o => o with { ApiToken = "secret" }, ("a", null));

        Assert.Equal((401, "invalid api token"), await sidecar.SendAsync("GET", "/v1.0/metadata"));
        Assert.Equal(401, (await sidecar.SendAsync("GET", "/v1.0/metadata", null, 0, ("dapr-api-token", "guess"))).Status);
        Assert.Equal(200, (await sidecar.SendAsync("GET", "/v1.0/metadata", null, 0, ("dapr-api-token", "secret"))).Status);
        Assert.Equal(204, (await sidecar.SendAsync("GET", "/v1.0/healthz")).Status);
    }

    [Fact]
    public async Task AppToken_Set_GoesWithEveryCallToTheApp()
    {
        await using var app = await new TestApp().StartAsync();
        await using var sidecar = await TestSidecar.StartAsync(new TempFolder(), true, static o => o with { AppToken = "secret" }, ("a", app.Port));

        await sidecar.SendAsync("GET", "/v1.0/invoke/a/method/x", null, 0, ("dapr-api-token", "of the caller"));

        Assert.Equal(["/dapr/config", "/dapr/subscribe", "/x"], app.Calls.Select(static c => c.Path));
        Assert.All(app.Calls, static c => Assert.Equal("secret", c.Headers["dapr-api-token"]));
    }

    [Fact]
    public async Task Invoke_OtherApp_PassesVerbPathQueryBodyAndSaysWhoCalls()
    {
        await using var app = await new TestApp { Answer = static c => Task.FromResult((418, "got " + c.Body)) }.StartAsync();
        await using var sidecar = await TestSidecar.StartAsync(("caller", null), ("callee", app.Port));

        Assert.Equal((418, "got hello"), await sidecar.SendAsync("PATCH", "/v1.0/invoke/callee/method/a%2Fb//c/../d?x=1", "hello", 0, ("x-mine", "yes")));

        var call = app.Calls.Last();
        Assert.Equal(("PATCH", "/a/b/d", "hello"), (call.Method, call.Path, call.Body));
        Assert.Equal(("caller", "callee", "yes"), (call.Headers["Dapr-Caller-App-Id"], call.Headers["Dapr-Callee-App-Id"], call.Headers["x-mine"]));
    }

    [Theory]
    [InlineData("[]", "[]")]
    [InlineData("""{"reentrancy":{"maxStackDepth":"deep"}}""", "[]")]
    [InlineData("{}", """[{"topic":null,"pubsubName":"pubsub"}]""")]
    [InlineData("{}", """[{"topic":"t","pubsubName":"pubsub","routes":{"rules":[{"match":"event.type.matches('[')","path":"/a"}]}}]""")]
    public async Task App_AnswersWhatCannotBeRead_IsAskedAgain(string config, string subscriptions)
    {
        await using var app = await new TestApp { Config = config, Subscriptions = subscriptions }.StartAsync();
        var starting = TestSidecar.StartAsync(("a", app.Port));
        await TestSidecar.Eventually(() => app.To("/dapr/config").Count() > 1);

        (app.Config, app.Subscriptions) = ("{}", "[]");

        // The start waits until the app is ready.
        await using var sidecar = await starting;
    }

    [Fact]
    public async Task Invoke_RetriedAnswers_LeaveTheirConnectionFree()
    {
        using var folder = new TempFolder();
        folder.Write("resiliency.yaml", "kind: Resiliency\nspec: { policies: { retries: { r: { policy: constant, duration: 1ms, maxRetries: 19 } } }, targets: { apps: { a: { retry: r } } } }");
        await using var app = await new TestApp { Answer = static _ => Task.FromResult((503, "busy")) }.StartAsync();
        await using var sidecar = await TestSidecar.StartAsync(folder, false, static o => o, ("a", app.Port));

        Assert.Equal((503, "busy"), await sidecar.SendAsync("POST", "/v1.0/invoke/a/method/x", "1"));

        Assert.Equal(20, app.To("/x").Count());
        // An answer that nobody reads to its end holds its connection: each try would need one of its own.
        Assert.InRange(app.To("/x").Select(static c => c.Connection).Distinct().Count(), 1, 10);
    }

    [Fact]
    public async Task Invoke_ChunkedBodyOverTheLimitUnderAPolicy_SaysSo()
    {
        using var folder = new TempFolder();
        folder.Write("resiliency.yaml", "kind: Resiliency\nspec: { policies: { retries: { r: { policy: constant, duration: 1ms, maxRetries: 2 } } }, targets: { apps: { a: { retry: r } } } }");
        await using var app = await new TestApp().StartAsync();
        await using var sidecar = await TestSidecar.StartAsync(folder, false, static o => o with { MaxBodyBytes = 1000 }, ("a", app.Port));
        using var request = new HttpRequestMessage(HttpMethod.Post, new Uri("/v1.0/invoke/a/method/x", UriKind.Relative)) { Content = new StringContent(new string('x', 2000)), Headers = { TransferEncodingChunked = true } };

        using var answer = await sidecar.Client.SendAsync(request);

        Assert.Equal(500, (int)answer.StatusCode);
        Assert.Contains("stream too large", await answer.Content.ReadAsStringAsync(), StringComparison.Ordinal);
        Assert.Empty(app.To("/x"));
    }

    [Theory]
    [InlineData(404, 1)]
    [InlineData(500, 3)]
    public async Task ActorCall_AppRefuses_IsTriedAgainUnlessTheMethodIsNotThere(int status, int calls)
    {
        using var folder = new TempFolder();
        folder.Write("resiliency.yaml", "kind: Resiliency\nspec: { policies: { retries: { r: { policy: constant, duration: 1ms, maxRetries: 2 } } }, targets: { actors: { Counter: { retry: r } } } }");
        await using var app = await new TestApp { Answer = _ => Task.FromResult((status, "")) }.StartAsync();
        await using var sidecar = await TestSidecar.StartAsync(folder, false, static o => o, ("a", app.Port));

        Assert.Equal(500, (await sidecar.SendAsync("PUT", "/v1.0/actors/Counter/1/method/Add")).Status);

        Assert.Equal(calls, app.To("/actors/Counter/1/method/Add").Count());
    }

    [Theory]
    [InlineData("/v1.0/publish/bulk/pubsub/t", """[{"entryId":"1","contentType":"application/json"}]""", "ERR_PUBSUB_EVENTS_SER")]
    [InlineData("/v1.0/state/statestore/transaction", """{"operations":[1]}""", "ERR_MALFORMED_REQUEST")]
    [InlineData("/v1.0/actors/Counter/1/state", "[1]", "ERR_MALFORMED_REQUEST")]
    public async Task Body_ItemsOfTheWrongKind_AreMalformed(string path, string body, string error)
    {
        await using var sidecar = await TestSidecar.StartAsync(("a", null));

        var answer = await sidecar.SendAsync("POST", path, body);

        Assert.Equal(400, answer.Status);
        Assert.Contains(error, answer.Body, StringComparison.Ordinal);
    }

    [Fact]
    public async Task State_ConcurrencyIsNoText_CountsAsNone()
    {
        await using var sidecar = await TestSidecar.StartAsync(("a", null));

        Assert.Equal((204, ""), await sidecar.SendAsync("POST", "/v1.0/state/statestore", """[{"key":"k","value":1,"options":{"concurrency":1}}]"""));
    }

    [Fact]
    public async Task Publish_Subscribed_ArrivesInAnEnvelope()
    {
        await using var app = await new TestApp { Subscriptions = """[{"topic":"t","pubsubName":"pubsub","route":"events"}]""" }.StartAsync();
        await using var sidecar = await TestSidecar.StartAsync(("a", app.Port));

        Assert.Equal((204, ""), await sidecar.SendAsync("POST", "/v1.0/publish/pubsub/t?metadata.cloudevent.id=mine", """{"n":1}"""));
        await TestSidecar.Eventually(() => app.To("/events").Any());

        var call = Assert.Single(app.To("/events"));
        Assert.Equal("application/cloudevents+json", call.Headers["Content-Type"]);
        using var envelope = JsonDocument.Parse(call.Body);
        var names = envelope.RootElement.EnumerateObject().Select(static p => p.Name).ToList();
        Assert.Equal(names.Order(StringComparer.Ordinal), names);
        Assert.Equal("mine", envelope.RootElement.GetProperty("id").GetString());
        Assert.Equal(1, envelope.RootElement.GetProperty("data").GetProperty("n").GetInt32());
        Assert.Equal(("t", "pubsub", "a"), (envelope.RootElement.GetProperty("topic").GetString(), envelope.RootElement.GetProperty("pubsubname").GetString(), envelope.RootElement.GetProperty("source").GetString()));
    }

    [Fact]
    public async Task Publish_MetadataOfAnyKind_ArriveAsHeadersExceptForTheSidecarsOwn()
    {
        await using var app = await new TestApp { Subscriptions = """[{"topic":"t","pubsubName":"pubsub","route":"events"}]""" }.StartAsync();
        await using var sidecar = await TestSidecar.StartAsync(new TempFolder(), true, static o => o with { AppToken = "secret" }, ("a", app.Port));

        await sidecar.SendAsync("POST", "/v1.0/publish/pubsub/t?metadata.river=Dun%C4%83rea&metadata.lines=a%0D%0Ab&metadata.dapr-api-token=guess&metadata.traceparent=mine", "1");
        await TestSidecar.Eventually(() => app.To("/events").Any());

        var headers = Assert.Single(app.To("/events")).Headers;
        Assert.Equal(("Dun\u0103rea", "secret"), (headers["river"], headers["dapr-api-token"]));
        Assert.DoesNotContain("mine", headers.GetValueOrDefault("traceparent", ""), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(200, "", 1, 0)]
    [InlineData(200, """{"status":"SUCCESS"}""", 1, 0)]
    [InlineData(200, """{"status":"DROP"}""", 1, 1)]
    [InlineData(404, "", 1, 1)]
    [InlineData(200, """{"status":"RETRY"}""", 3, 1)]
    [InlineData(500, "", 3, 1)]
    public async Task Delivery_Outcome_DecidesAboutRetryAndDeadLetter(int status, string body, int deliveries, int dead)
    {
        using var folder = new TempFolder();
        folder.Write("resiliency.yaml", "kind: Resiliency\nspec: { policies: { retries: { r: { policy: constant, duration: 1ms, maxRetries: 2 } } }, targets: { components: { pubsub: { inbound: { retry: r } } } } }");
        await using var app = await new TestApp
        {
            Subscriptions = """[{"topic":"t","pubsubName":"pubsub","route":"events","deadLetterTopic":"dead"},{"topic":"dead","pubsubName":"pubsub","route":"dead"},{"topic":"end","pubsubName":"pubsub","route":"end"}]""",
            Answer = c => Task.FromResult(c.Path == "/events" ? (status, body) : (200, "")),
        }.StartAsync();
        await using var sidecar = await TestSidecar.StartAsync(folder, false, static o => o, ("a", app.Port));

        await sidecar.SendAsync("POST", "/v1.0/publish/pubsub/t", "1");
        await TestSidecar.Eventually(() => app.To("/events").Count() >= deliveries && app.To("/dead").Count() >= dead);
        // Whatever comes too much comes before a second event of the same topics is through.
        await sidecar.SendAsync("POST", "/v1.0/publish/pubsub/t", "2");
        await TestSidecar.Eventually(() => app.To("/events").Count() >= 2 * deliveries && app.To("/dead").Count() >= 2 * dead);

        Assert.Equal(2 * deliveries, app.To("/events").Count());
        Assert.Equal(2 * dead, app.To("/dead").Count());
        Assert.Single(app.To("/events").Take(deliveries).Select(static c => c.Body).Distinct());
    }

    [Fact]
    public async Task Delivery_AppIsDown_WaitsUntilItIsBack()
    {
        await using var app = await new TestApp { Subscriptions = """[{"topic":"t","pubsubName":"pubsub","route":"events"}]""" }.StartAsync();
        await using var sidecar = await TestSidecar.StartAsync(("a", app.Port), ("publisher", null));
        await app.KillAsync();

        Assert.Equal((204, ""), await sidecar.SendAsync("POST", "/v1.0/publish/pubsub/t", "1", 1));
        await app.StartAsync();

        await TestSidecar.Eventually(() => app.To("/events").Any());
    }

    [Fact]
    public async Task Delivery_AppComesBackWithOtherSubscriptions_GoesByThem()
    {
        const string Both = """[{"topic":"t","pubsubName":"pubsub","route":"old"},{"topic":"u","pubsubName":"pubsub","route":"u"}]""";
        await using var app = await new TestApp { Subscriptions = Both }.StartAsync();
        await using var sidecar = await TestSidecar.StartAsync(("a", app.Port), ("publisher", null));
        await KillAsync(app, sidecar);
        await sidecar.SendAsync("POST", "/v1.0/publish/pubsub/t", "1", 1);
        app.Subscriptions = """[{"topic":"t","pubsubName":"pubsub","route":"new"}]""";
        await app.StartAsync();
        await TestSidecar.Eventually(() => app.To("/new").Any());

        await sidecar.SendAsync("POST", "/v1.0/publish/pubsub/u", "\"not wanted\"", 1);
        await KillAsync(app, sidecar);
        app.Subscriptions = Both;
        await app.StartAsync();
        await TestSidecar.Eventually(async () => (await sidecar.SendAsync("GET", "/v1.0/healthz")).Status == 204);
        await sidecar.SendAsync("POST", "/v1.0/publish/pubsub/u", "\"wanted\"", 1);
        await TestSidecar.Eventually(() => app.To("/u").Any());

        Assert.Empty(app.To("/old"));
        Assert.Contains("\"wanted\"", app.To("/u").First().Body, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Delivery_InstanceHangsAndIsFoundUnhealthy_TheEventGoesToAnother()
    {
        const string Subscriptions = """[{"topic":"t","pubsubName":"pubsub","route":"events"}]""";
        var never = new TaskCompletionSource<(int, string)>();
        TestApp? hung = null;
        await using var one = new TestApp { Subscriptions = Subscriptions };
        await using var two = new TestApp { Subscriptions = Subscriptions };
        Task<(int, string)> Answer(TestApp app, AppCall call)
        {
            if (call.Path == "/events") hung ??= app;
            return app == hung ? never.Task : Task.FromResult((200, ""));
        }
        (one.Answer, two.Answer) = (c => Answer(one, c), c => Answer(two, c));
        await one.StartAsync();
        await two.StartAsync();
        await using var sidecar = await TestSidecar.StartAsync(new TempFolder(), true, static o => o with
        {
            Apps = [.. o.Apps.Select(static a => a with { HealthCheckPath = "/healthz", HealthProbeInterval = TimeSpan.FromMilliseconds(20), HealthProbeTimeout = TimeSpan.FromMilliseconds(500), HealthThreshold = 1 })],
        }, ("a", one.Port), ("a", two.Port));

        await sidecar.SendAsync("POST", "/v1.0/publish/pubsub/t", "1");

        await TestSidecar.Eventually(() => one.To("/events").Any() && two.To("/events").Any());
        never.SetResult((200, ""));
    }

    [Fact]
    public async Task HealthCheck_AppHasAllTheRequestsItMayGet_AsksIt()
    {
        var done = new TaskCompletionSource<(int, string)>(TaskCreationOptions.RunContinuationsAsynchronously);
        await using var app = await new TestApp { Answer = c => c.Path == "/slow" ? done.Task : Task.FromResult((200, "")) }.StartAsync();
        await using var sidecar = await TestSidecar.StartAsync(new TempFolder(), true, static o => o with
        {
            Apps = [.. o.Apps.Select(static a => a with { AppMaxConcurrency = 1, HealthCheckPath = "/healthz", HealthProbeInterval = TimeSpan.FromMilliseconds(20) })],
        }, ("a", app.Port));
        var slow = sidecar.SendAsync("GET", "/v1.0/invoke/a/method/slow");
        await TestSidecar.Eventually(() => app.To("/slow").Any());

        var before = app.To("/healthz").Count();
        await TestSidecar.Eventually(() => app.To("/healthz").Count() > before + 2);

        Assert.Equal(204, (await sidecar.SendAsync("GET", "/v1.0/healthz")).Status);
        done.SetResult((200, "done"));
        Assert.Equal((200, "done"), await slow);
    }

    private static async Task KillAsync(TestApp app, TestSidecar sidecar)
    {
        await app.KillAsync();
        await TestSidecar.Eventually(async () => (await sidecar.SendAsync("GET", "/v1.0/healthz")).Status == 500);
    }

    [Fact]
    public async Task PortTaken_Start_FailsWithThePort()
    {
        await using var first = await TestSidecar.StartAsync(("a", null));

        var e = await Assert.ThrowsAsync<IOException>(() => SidecarHost.StartAsync(new() { Apps = first.Apps, LogLevel = Microsoft.Extensions.Logging.LogLevel.None }));

        Assert.Contains(first.Apps[0].DaprHttpPort.ToString(System.Globalization.CultureInfo.InvariantCulture), e.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Grpc_UnknownRpcAndWrongToken_AnswerAsDaprd()
    {
        await using var sidecar = await TestSidecar.StartAsync(new TempFolder(), true, static o => o with { ApiToken = "secret" }, ("a", null));
        using var channel = Grpc.Net.Client.GrpcChannel.ForAddress($"http://127.0.0.1:{sidecar.Apps[0].DaprGrpcPort}");
        var client = new global::Dapr.Client.Autogen.Grpc.v1.Dapr.DaprClient(channel);
        var token = new Grpc.Core.Metadata { { "dapr-api-token", "secret" } };

        var missing = await Assert.ThrowsAsync<Grpc.Core.RpcException>(async () => await client.GetMetadataAsync(new()));
        var unknown = await Assert.ThrowsAsync<Grpc.Core.RpcException>(async () => await client.ListActorTimersAsync(new(), token));
        var metadata = await client.GetMetadataAsync(new(), token);

        Assert.Equal((Grpc.Core.StatusCode.Unauthenticated, "missing api token in request metadata"), (missing.StatusCode, missing.Status.Detail));
        Assert.Equal((Grpc.Core.StatusCode.Unknown, "failed to proxy request: required metadata dapr-callee-app-id or dapr-app-id not found"), (unknown.StatusCode, unknown.Status.Detail));
        Assert.Equal("a", metadata.Id);
    }
}
