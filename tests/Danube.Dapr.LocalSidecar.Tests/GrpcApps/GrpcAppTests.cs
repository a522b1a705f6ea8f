using Danube.Dapr.LocalSidecar.CommandLine;
using Dapr.AppCallback.Autogen.Grpc.v1;
using Dapr.Client.Autogen.Grpc.v1;
using Google.Protobuf;
using Google.Protobuf.WellKnownTypes;
using Grpc.Core;
using Grpc.Net.Client;
using static Dapr.AppCallback.Autogen.Grpc.v1.TopicEventResponse.Types;
using DaprClient = Dapr.Client.Autogen.Grpc.v1.Dapr.DaprClient;

namespace Danube.Dapr.LocalSidecar.Tests.GrpcApps;

public sealed class GrpcAppTests
{
    // Retries as fast as they come.
    private const string Retries = "kind: Resiliency\nspec: { policies: { retries: { r: { policy: constant, duration: 1ms, maxRetries: 2 } } }, targets: { components: { pubsub: { inbound: { retry: r } } } } }";

    [Fact]
    public async Task Invoke_OverHttp_ReachesOnInvoke()
    {
        await using var app = await GrpcTestApp.StartAsync();
        app.Invoke = static (_, context) =>
        {
            context.WriteResponseHeadersAsync(new Metadata { { "x-mine", "back" } });
            return new InvokeResponse { ContentType = "text/plain", Data = new Any { Value = ByteString.CopyFromUtf8("hello") } };
        };
        await using var sidecar = await StartAsync(new TempFolder(), ("caller", null), ("callee", app.Port));

        using var answer = await sidecar.Client.PutAsync(new Uri("/v1.0/invoke/callee/method/a/b?x=1", UriKind.Relative), new StringContent("{}", System.Text.Encoding.UTF8, "application/json"));

        Assert.Equal((200, "hello", "text/plain", "back"), ((int)answer.StatusCode, await answer.Content.ReadAsStringAsync(), answer.Content.Headers.ContentType?.ToString(), answer.Headers.GetValues("x-mine").Single()));
        var (request, headers) = Assert.Single(app.Invocations);
        Assert.Equal(("a/b", HTTPExtension.Types.Verb.Put, "x=1", "{}"), (request.Method, request.HttpExtension.Verb, request.HttpExtension.Querystring, request.Data.Value.ToStringUtf8()));
        Assert.StartsWith("application/json", request.ContentType, StringComparison.Ordinal);
        Assert.Equal(("caller", "callee", "secret"), (headers.GetValue("dapr-caller-app-id"), headers.GetValue("dapr-callee-app-id"), headers.GetValue("dapr-api-token")));
    }

    [Theory]
    [InlineData(StatusCode.NotFound, 404)]
    [InlineData(StatusCode.FailedPrecondition, 400)]
    [InlineData(StatusCode.Unavailable, 503)]
    [InlineData(StatusCode.Unknown, 500)]
    public async Task Invoke_AppRefuses_AnswersWithTheStatusAsJson(StatusCode code, int http)
    {
        await using var app = await GrpcTestApp.StartAsync();
        app.Invoke = (_, _) => throw new RpcException(new Status(code, "not so"));
        await using var sidecar = await StartAsync(new TempFolder(), ("a", app.Port));

        var (status, body) = await sidecar.SendAsync("GET", "/v1.0/invoke/a/method/x");

        Assert.Equal(http, status);
        using var json = System.Text.Json.JsonDocument.Parse(body);
        Assert.Equal(((int)code, "not so"), (json.RootElement.GetProperty("code").GetInt32(), json.RootElement.GetProperty("message").GetString()));
    }

    [Fact]
    public async Task Invoke_AppOfAnotherSidecar_IsReachedOverBothApis()
    {
        await using var app = await GrpcTestApp.StartAsync();
        app.Invoke = static (request, _) => new InvokeResponse { ContentType = "text/plain", Data = new Any { Value = ByteString.CopyFromUtf8($"{request.Method} got {request.Data.Value.ToStringUtf8()}") } };
        using var names = new TempFolder();
        var file = Path.Combine(names.Path, "names.db");
        await using var caller = await TestSidecar.StartAsync(new TempFolder(), true, o => o with { NamesFile = file }, ("caller", null));
        await using var callee = await TestSidecar.StartAsync(new TempFolder(), true, o => o with { NamesFile = file, Apps = [.. o.Apps.Select(static a => a with { AppProtocol = AppProtocol.Grpc })] }, ("callee", app.Port));
        using var channel = GrpcChannel.ForAddress($"http://127.0.0.1:{caller.Apps[0].DaprGrpcPort}");

        var overHttp = await caller.SendAsync("POST", "/v1.0/invoke/callee/method/a/b", "{}");
        var overGrpc = await new DaprClient(channel).InvokeServiceAsync(new InvokeServiceRequest { Id = "callee", Message = new InvokeRequest { Method = "c", Data = new Any { Value = ByteString.CopyFromUtf8("1") } } });

        Assert.Equal((200, "a/b got {}"), overHttp);
        Assert.Equal("c got 1", overGrpc.Data.Value.ToStringUtf8());
    }

    [Fact]
    public async Task InvokeService_GrpcToGrpc_KeepsTypeStatusAndMetadata()
    {
        await using var app = await GrpcTestApp.StartAsync();
        app.Invoke = static (request, context) => request.Method == "fail"
            ? throw new RpcException(new Status(StatusCode.ResourceExhausted, "too much"), new Metadata { { "why", "full" } })
            : new InvokeResponse { Data = Any.Pack(new StringValue { Value = "to " + request.Data.Unpack<StringValue>().Value }), ContentType = "application/grpc" };
        await using var sidecar = await StartAsync(new TempFolder(), ("caller", null), ("callee", app.Port));
        using var channel = GrpcChannel.ForAddress($"http://127.0.0.1:{sidecar.Apps[0].DaprGrpcPort}");
        var dapr = new DaprClient(channel);
        InvokeServiceRequest Request(string method) => new() { Id = "callee", Message = new InvokeRequest { Method = method, Data = Any.Pack(new StringValue { Value = "you" }), ContentType = "application/grpc" } };

        var answer = await dapr.InvokeServiceAsync(Request("hello"), new Metadata { { "x-mine", "yes" } });
        var refused = await Assert.ThrowsAsync<RpcException>(async () => await dapr.InvokeServiceAsync(Request("fail")));

        Assert.Equal("to you", answer.Data.Unpack<StringValue>().Value);
        Assert.Equal((StatusCode.ResourceExhausted, "too much", "full"), (refused.StatusCode, refused.Status.Detail, refused.Trailers.GetValue("why")));
        Assert.Equal(("yes", "caller"), (app.Invocations.First().Headers.GetValue("x-mine"), app.Invocations.First().Headers.GetValue("dapr-caller-app-id")));
    }

    [Fact]
    public async Task Publish_GrpcSubscriber_GetsTheFieldsOfTheEnvelope()
    {
        await using var app = await GrpcTestApp.StartAsync(new GrpcTestApp
        {
            Subscriptions = new ListTopicSubscriptionsResponse
            {
                Subscriptions =
                {
                    new TopicSubscription { PubsubName = "pubsub", Topic = "t", Routes = new TopicRoutes { Rules = { new TopicRule { Match = "event.type == \"x\"", Path = "xs" } }, Default = "all" } },
                    new TopicSubscription { PubsubName = "pubsub", Topic = "plain" },
                },
            },
        });
        await using var sidecar = await StartAsync(new TempFolder(), ("a", app.Port));

        await sidecar.SendAsync("POST", "/v1.0/publish/pubsub/t?metadata.cloudevent.id=mine&metadata.cloudevent.type=x&metadata.mykey=v", """{"n":1}""");
        await TestSidecar.Eventually(() => app.Events.Count == 1);
        await sidecar.SendAsync("POST", "/v1.0/publish/pubsub/plain", "\"text\"");
        await TestSidecar.Eventually(() => app.Events.Count == 2);

        var (received, headers) = app.Events.First();
        Assert.Equal(("mine", "a", "x", "1.0", "t", "pubsub", "xs"), (received.Id, received.Source, received.Type, received.SpecVersion, received.Topic, received.PubsubName, received.Path));
        Assert.Equal("""{"n":1}""", received.Data.ToStringUtf8());
        Assert.Equal(("t", "pubsub"), (received.Extensions.Fields["topic"].StringValue, received.Extensions.Fields["pubsubname"].StringValue));
        Assert.DoesNotContain("data", received.Extensions.Fields.Keys);
        Assert.Equal(("v", "secret"), (headers.GetValue("mykey"), headers.GetValue("dapr-api-token")));
        Assert.Equal(("", "\"text\""), (app.Events.Last().Event.Path, app.Events.Last().Event.Data.ToStringUtf8()));
        var (_, metadata) = await sidecar.SendAsync("GET", "/v1.0/metadata");
        Assert.Contains("\"protocol\":\"grpc\"", metadata, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(TopicEventResponseStatus.Success, null, 1, 0)]
    [InlineData(TopicEventResponseStatus.Drop, null, 1, 1)]
    [InlineData(TopicEventResponseStatus.Retry, null, 3, 1)]
    [InlineData(null, StatusCode.Internal, 3, 1)]
    [InlineData(null, StatusCode.Unimplemented, 1, 0)]
    public async Task Delivery_GrpcOutcome_DecidesAboutRetryAndDeadLetter(TopicEventResponseStatus? status, StatusCode? failure, int deliveries, int dead)
    {
        var folder = new TempFolder();
        folder.Write("resiliency.yaml", Retries);
        await using var app = await GrpcTestApp.StartAsync(new GrpcTestApp
        {
            Subscriptions = new ListTopicSubscriptionsResponse
            {
                Subscriptions = { new TopicSubscription { PubsubName = "pubsub", Topic = "t", DeadLetterTopic = "dead" }, new TopicSubscription { PubsubName = "pubsub", Topic = "dead", Routes = new TopicRoutes { Default = "dead" } } },
            },
        });
        app.Receive = e => e.Path == "dead" ? new TopicEventResponse() : failure is { } code ? throw new RpcException(new Status(code, "no")) : new TopicEventResponse { Status = status!.Value };
        await using var sidecar = await StartAsync(folder, ("a", app.Port));

        await sidecar.SendAsync("POST", "/v1.0/publish/pubsub/t", "1");
        await TestSidecar.Eventually(() => app.Events.Count >= deliveries + dead);
        // Whatever comes too much comes before a second event of the same topics is through.
        await sidecar.SendAsync("POST", "/v1.0/publish/pubsub/t", "2");
        await TestSidecar.Eventually(() => app.Events.Count >= 2 * (deliveries + dead));

        Assert.Equal((2 * deliveries, 2 * dead), (app.Events.Count(static e => e.Event.Path == ""), app.Events.Count(static e => e.Event.Path == "dead")));
    }

    [Fact]
    public async Task BulkSubscription_Grpc_OnlyWhatAsksForItComesAgain()
    {
        var folder = new TempFolder();
        folder.Write("resiliency.yaml", Retries);
        await using var app = await GrpcTestApp.StartAsync(new GrpcTestApp
        {
            Subscriptions = new ListTopicSubscriptionsResponse
            {
                Subscriptions = { new TopicSubscription { PubsubName = "pubsub", Topic = "t", BulkSubscribe = new BulkSubscribeConfig { Enabled = true, MaxMessagesCount = 2, MaxAwaitDurationMs = 30_000 } } },
            },
        });
        app.ReceiveBatch = request => new TopicEventBulkResponse
        {
            Statuses = { request.Entries.Select(e => new TopicEventBulkResponseEntry { EntryId = e.EntryId, Status = e.CloudEvent.Data.ToStringUtf8() == "1" && request.Entries.Count == 2 ? TopicEventResponseStatus.Retry : TopicEventResponseStatus.Success }) },
        };
        await using var sidecar = await StartAsync(folder, ("a", app.Port));

        await sidecar.SendAsync("POST", "/v1.0/publish/pubsub/t", "1");
        await sidecar.SendAsync("POST", "/v1.0/publish/pubsub/t", "2");
        await TestSidecar.Eventually(() => app.Batches.Count == 2);

        Assert.Equal(["1", "2"], app.Batches.First().Entries.Select(static e => e.CloudEvent.Data.ToStringUtf8()));
        Assert.Equal("1", Assert.Single(app.Batches.Last().Entries).CloudEvent.Data.ToStringUtf8());
        Assert.Equal(("t", "pubsub", "com.dapr.event.sent.bulk"), (app.Batches.First().Topic, app.Batches.First().PubsubName, app.Batches.First().Type));
    }

    [Fact]
    public async Task HealthCheck_AppSaysItIsNotWell_SidecarIsNotReadyUntilItIs()
    {
        await using var app = await GrpcTestApp.StartAsync();
        await using var sidecar = await TestSidecar.StartAsync(new TempFolder(), true, static o => o with
        {
            Apps = [.. o.Apps.Select(static a => a with { AppProtocol = AppProtocol.Grpc, HealthCheckPath = "/healthz", HealthProbeInterval = TimeSpan.FromMilliseconds(20), HealthProbeTimeout = TimeSpan.FromSeconds(10) })],
        }, ("a", app.Port));

        app.Healthy = false;
        await TestSidecar.Eventually(async () => (await sidecar.SendAsync("GET", "/v1.0/healthz")).Status == 500);
        app.Healthy = true;
        await TestSidecar.Eventually(async () => (await sidecar.SendAsync("GET", "/v1.0/healthz")).Status == 204);
    }

    [Fact]
    public async Task Proxy_UnaryCall_PassesAnswerTrailersAndErrors()
    {
        await using var app = await GrpcTestApp.StartAsync();
        await using var sidecar = await StartAsync(new TempFolder(), ("caller", null), ("callee", app.Port));
        using var channel = GrpcChannel.ForAddress($"http://127.0.0.1:{sidecar.Apps[0].DaprGrpcPort}");
        var calls = channel.CreateCallInvoker();
        var callee = new CallOptions(new Metadata { { "dapr-app-id", "callee" } });

        using var call = calls.AsyncUnaryCall(GrpcTestApp.Echo.Once, null, callee, new StringValue { Value = new string('x', 100_000) });
        var answer = await call.ResponseAsync;
        var refused = await Assert.ThrowsAsync<RpcException>(async () => await calls.AsyncUnaryCall(GrpcTestApp.Echo.Once, null, callee, new StringValue { Value = "fail" }));
        var unknown = await Assert.ThrowsAsync<RpcException>(async () => await calls.AsyncUnaryCall(GrpcTestApp.Echo.Once, null, new CallOptions(new Metadata { { "dapr-app-id", "nobody" } }), new StringValue()));
        var noApp = await Assert.ThrowsAsync<RpcException>(async () => await calls.AsyncUnaryCall(GrpcTestApp.Echo.Once, null, new CallOptions(new Metadata { { "dapr-app-id", "caller" } }), new StringValue()));
        var noId = await Assert.ThrowsAsync<RpcException>(async () => await calls.AsyncUnaryCall(GrpcTestApp.Echo.Once, null, default, new StringValue()));

        Assert.Equal("once " + new string('x', 100_000), answer.Value);
        Assert.Equal("caller", call.GetTrailers().GetValue("who"));
        Assert.Equal((StatusCode.FailedPrecondition, "no, \u00fc", "because"), (refused.StatusCode, refused.Status.Detail, refused.Trailers.GetValue("why")));
        Assert.Equal((StatusCode.Unknown, "no host found with the given ID"), (unknown.StatusCode, unknown.Status.Detail));
        Assert.Equal((StatusCode.Unavailable, "app caller has no port that speaks gRPC"), (noApp.StatusCode, noApp.Status.Detail));
        Assert.Equal((StatusCode.Unknown, "cannot proxy request: missing dapr-callee-app-id or dapr-app-id metadata"), (noId.StatusCode, noId.Status.Detail));
    }

    [Fact]
    public async Task Proxy_Stream_PassesEachMessageWhenItComes()
    {
        await using var app = await GrpcTestApp.StartAsync();
        await using var sidecar = await StartAsync(new TempFolder(), ("caller", null), ("callee", app.Port));
        using var channel = GrpcChannel.ForAddress($"http://127.0.0.1:{sidecar.Apps[0].DaprGrpcPort}");
        using var limit = new CancellationTokenSource(TimeSpan.FromSeconds(30));

        using var call = channel.CreateCallInvoker().AsyncDuplexStreamingCall(GrpcTestApp.Echo.Stream, null, new CallOptions(new Metadata { { "dapr-app-id", "callee" } }, cancellationToken: limit.Token));
        for (var i = 0; i < 3; i++)
        {
            // The next one is sent when the answer to this one is there: neither way holds anything back.
            await call.RequestStream.WriteAsync(new StringValue { Value = $"{i}" }, limit.Token);
            Assert.True(await call.ResponseStream.MoveNext(limit.Token));
            Assert.Equal($"echo {i}", call.ResponseStream.Current.Value);
        }
        await call.RequestStream.CompleteAsync();

        Assert.False(await call.ResponseStream.MoveNext(limit.Token));
        Assert.Equal("3", call.GetTrailers().GetValue("count"));
    }

    private static Task<TestSidecar> StartAsync(TempFolder folder, params (string AppId, int? AppPort)[] apps) => TestSidecar.StartAsync(folder, true, static o => o with
    {
        AppToken = "secret", Apps = [.. o.Apps.Select(static a => a with { AppProtocol = AppProtocol.Grpc })],
    }, apps);
}
