using Dapr.AppCallback.Autogen.Grpc.v1;
using Dapr.Client.Autogen.Grpc.v1;
using Grpc.Core;
using Grpc.Net.Client;
using static Dapr.AppCallback.Autogen.Grpc.v1.TopicEventResponse.Types;
using DaprClient = Dapr.Client.Autogen.Grpc.v1.Dapr.DaprClient;

namespace Danube.Dapr.LocalSidecar.Tests.GrpcApps;

public sealed class TopicStreamTests
{
    [Fact]
    public async Task Stream_Opened_GetsEventsUntilItEnds()
    {
        await using var sidecar = await TestSidecar.StartAsync(("a", null));
        using var dapr = new Client(sidecar);

        await using (var stream = await dapr.OpenAsync(new() { PubsubName = "pubsub", Topic = "t", Metadata = { ["m"] = "1" } }))
        {
            await sidecar.SendAsync("POST", "/v1.0/publish/pubsub/t?metadata.cloudevent.id=one", """{"n":1}""");
            var received = await stream.NextAsync();
            await stream.AnswerAsync(received.Id, TopicEventResponseStatus.Success);
            await sidecar.SendAsync("POST", "/v1.0/publish/pubsub/t?metadata.cloudevent.id=two", "2");
            var second = await stream.NextAsync();

            Assert.Equal(("one", """{"n":1}""", "t", "pubsub", "a", "application/json; charset=utf-8"), (received.Id, received.Data.ToStringUtf8(), received.Topic, received.PubsubName, received.Source, received.DataContentType));
            Assert.Equal(("/", "t"), (received.Path, received.Extensions.Fields["topic"].StringValue));
            Assert.Equal(("two", "2"), (second.Id, second.Data.ToStringUtf8()));
            Assert.Contains("""{"pubsubname":"pubsub","topic":"t","metadata":{"m":"1"},"rules":[{"path":"/"}],"deadLetterTopic":"","type":"STREAMING"}""", (await sidecar.SendAsync("GET", "/v1.0/metadata")).Body, StringComparison.Ordinal);
        }

        await TestSidecar.Eventually(async () => !(await sidecar.SendAsync("GET", "/v1.0/metadata")).Body.Contains("STREAMING", StringComparison.Ordinal));
        // Nobody is subscribed: it vanishes. A stream that is opened later gets the next one.
        await sidecar.SendAsync("POST", "/v1.0/publish/pubsub/t?metadata.cloudevent.id=lost", "3");
        await using var later = await dapr.OpenAsync(new() { PubsubName = "pubsub", Topic = "t" });
        await sidecar.SendAsync("POST", "/v1.0/publish/pubsub/t?metadata.cloudevent.id=four", "4");
        Assert.Equal("four", (await later.NextAsync()).Id);
    }

    [Theory]
    [InlineData(TopicEventResponseStatus.Success, 1, false)]
    [InlineData(TopicEventResponseStatus.Drop, 1, true)]
    [InlineData(TopicEventResponseStatus.Retry, 3, true)]
    [InlineData((TopicEventResponseStatus)9, 3, true)]
    public async Task Stream_Answer_DecidesAboutRetryAndDeadLetter(TopicEventResponseStatus status, int deliveries, bool dead)
    {
        var folder = new TempFolder();
        folder.Write("resiliency.yaml", "kind: Resiliency\nspec: { policies: { retries: { r: { policy: constant, duration: 1ms, maxRetries: 2 } } }, targets: { components: { pubsub: { inbound: { retry: r } } } } }");
        await using var sidecar = await TestSidecar.StartAsync(folder, true, static o => o, ("a", null));
        using var dapr = new Client(sidecar);
        await using var stream = await dapr.OpenAsync(new() { PubsubName = "pubsub", Topic = "t", DeadLetterTopic = "dead" });
        await using var deadLetters = await dapr.OpenAsync(new() { PubsubName = "pubsub", Topic = "dead" });

        await sidecar.SendAsync("POST", "/v1.0/publish/pubsub/t?metadata.cloudevent.id=one", "1");
        await sidecar.SendAsync("POST", "/v1.0/publish/pubsub/t?metadata.cloudevent.id=two", "2");
        for (var i = 0; i < deliveries; i++)
        {
            Assert.Equal("one", (await stream.NextAsync()).Id);
            await stream.AnswerAsync("one", status);
        }

        // The second event comes when the first has its end.
        Assert.Equal("two", (await stream.NextAsync()).Id);
        await stream.AnswerAsync("two", TopicEventResponseStatus.Drop);
        Assert.Equal(dead ? "one" : "two", (await deadLetters.NextAsync()).Id);
    }

    [Fact]
    public async Task Streams_OfOneApp_ShareTheEventsOfATopic()
    {
        await using var sidecar = await TestSidecar.StartAsync(("a", null));
        using var dapr = new Client(sidecar);
        await using var first = await dapr.OpenAsync(new() { PubsubName = "pubsub", Topic = "t" });
        await using var second = await dapr.OpenAsync(new() { PubsubName = "pubsub", Topic = "t" });

        foreach (var id in (string[])["one", "two"]) await sidecar.SendAsync("POST", $"/v1.0/publish/pubsub/t?metadata.cloudevent.id={id}", "1");

        // Neither answers, so that each has one of them in hand.
        Assert.Equal(["one", "two"], new[] { (await first.NextAsync()).Id, (await second.NextAsync()).Id }.Order(StringComparer.Ordinal));
        Assert.Single((await sidecar.SendAsync("GET", "/v1.0/metadata")).Body.Split("STREAMING").Skip(1));
    }

    [Fact]
    public async Task Stream_EndsWithAnEventInHand_AnotherSubscriberOfTheAppGetsIt()
    {
        await using var sidecar = await TestSidecar.StartAsync(("a", null), ("b", null));
        using var dapr = new Client(sidecar);
        var first = await dapr.OpenAsync(new() { PubsubName = "pubsub", Topic = "t" });
        await sidecar.SendAsync("POST", "/v1.0/publish/pubsub/t?metadata.cloudevent.id=one", "1", 1);
        Assert.Equal("one", (await first.NextAsync()).Id);
        await using var second = await dapr.OpenAsync(new() { PubsubName = "pubsub", Topic = "t" });

        await first.DisposeAsync();

        Assert.Equal("one", (await second.NextAsync()).Id);
    }

    [Fact]
    public async Task Stream_RawPayload_WrapsWhatIsPublished()
    {
        await using var sidecar = await TestSidecar.StartAsync(("a", null));
        using var dapr = new Client(sidecar);
        await using var stream = await dapr.OpenAsync(new() { PubsubName = "pubsub", Topic = "t", Metadata = { ["rawPayload"] = "true" } });

        await sidecar.SendAsync("POST", "/v1.0/publish/pubsub/t?metadata.rawPayload=true", "bytes");

        var received = await stream.NextAsync();
        Assert.Equal(("bytes", "application/octet-stream", "Dapr"), (received.Data.ToStringUtf8(), received.DataContentType, received.Source));
    }

    [Fact]
    public async Task Stream_WrongOpening_IsRefusedAsDaprdDoes()
    {
        await using var sidecar = await TestSidecar.StartAsync(("a", null));
        using var dapr = new Client(sidecar);

        Assert.Equal((StatusCode.Unknown, "initial request is required"), await dapr.RefusedAsync(new SubscribeTopicEventsRequestAlpha1 { EventProcessed = new() }));
        Assert.Equal((StatusCode.Unknown, "pubsubName is required"), await dapr.RefusedAsync(Initial(new() { Topic = "t" })));
        Assert.Equal((StatusCode.Unknown, "topic is required"), await dapr.RefusedAsync(Initial(new() { PubsubName = "pubsub" })));
        Assert.Equal((StatusCode.InvalidArgument, "pubsub other is not found"), await dapr.RefusedAsync(Initial(new() { PubsubName = "other", Topic = "t" })));
        Assert.Equal((StatusCode.Unknown, "duplicate initial request received"), await dapr.RefusedAsync(Initial(new() { PubsubName = "pubsub", Topic = "t" }), Initial(new() { PubsubName = "pubsub", Topic = "t" })));
    }

    private static SubscribeTopicEventsRequestAlpha1 Initial(SubscribeTopicEventsRequestInitialAlpha1 request) => new() { InitialRequest = request };

    private sealed class Client(TestSidecar sidecar) : IDisposable
    {
        private readonly GrpcChannel _channel = GrpcChannel.ForAddress($"http://127.0.0.1:{sidecar.Apps[0].DaprGrpcPort}");
        private readonly CancellationTokenSource _limit = new(TimeSpan.FromSeconds(60));

        /// <summary>A stream that is subscribed.</summary>
        public async Task<OpenStream> OpenAsync(SubscribeTopicEventsRequestInitialAlpha1 request)
        {
            var stream = new OpenStream(new DaprClient(_channel).SubscribeTopicEventsAlpha1(cancellationToken: _limit.Token), _limit.Token);
            await stream.SendAsync(Initial(request));
            Assert.NotNull((await stream.ReadAsync()).InitialResponse);
            return stream;
        }

        public async Task<(StatusCode, string)> RefusedAsync(params SubscribeTopicEventsRequestAlpha1[] requests)
        {
            await using var stream = new OpenStream(new DaprClient(_channel).SubscribeTopicEventsAlpha1(cancellationToken: _limit.Token), _limit.Token);
            var e = await Assert.ThrowsAsync<RpcException>(async () =>
            {
                foreach (var request in requests) await stream.SendAsync(request);
                while (true) await stream.ReadAsync();
            });
            return (e.StatusCode, e.Status.Detail);
        }

        public void Dispose()
        {
            _channel.Dispose();
            _limit.Dispose();
        }
    }

    private sealed class OpenStream(AsyncDuplexStreamingCall<SubscribeTopicEventsRequestAlpha1, SubscribeTopicEventsResponseAlpha1> call, CancellationToken cancellationToken) : IAsyncDisposable
    {
        public Task SendAsync(SubscribeTopicEventsRequestAlpha1 request) => call.RequestStream.WriteAsync(request, cancellationToken);

        public Task AnswerAsync(string id, TopicEventResponseStatus status) => SendAsync(new() { EventProcessed = new() { Id = id, Status = new TopicEventResponse { Status = status } } });

        public async Task<TopicEventRequest> NextAsync() => (await ReadAsync()).EventMessage;

        public async Task<SubscribeTopicEventsResponseAlpha1> ReadAsync()
        {
            Assert.True(await call.ResponseStream.MoveNext(cancellationToken));
            return call.ResponseStream.Current;
        }

        public ValueTask DisposeAsync()
        {
            call.Dispose();
            return ValueTask.CompletedTask;
        }
    }
}
