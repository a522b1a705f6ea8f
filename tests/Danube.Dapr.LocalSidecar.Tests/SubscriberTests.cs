using System.Text;
using System.Text.Json;
using System.Threading.Channels;
using Danube.Dapr.LocalSidecar.Hosting;
using Danube.Dapr.LocalSidecar.PubSub;
using Danube.Dapr.LocalSidecar.Resiliency;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Time.Testing;

namespace Danube.Dapr.LocalSidecar.Tests;

public sealed class SubscriberTests
{
    [Theory]
    [InlineData("""{"statuses":["SUCCESS"]}""")]
    [InlineData("""{"statuses":[{"entryId":"\ud800","status":"SUCCESS"}]}""")]
    [InlineData("""{"statuses":"SUCCESS"}""")]
    [InlineData("""["SUCCESS"]""")]
    public async Task Bulk_AnswerThatCannotBeRead_DoesNotEndTheSubscription(string answer)
    {
        await using var app = await new TestApp
        {
            Subscriptions = """[{"topic":"t","pubsubName":"pubsub","route":"events","deadLetterTopic":"dead","bulkSubscribe":{"enabled":true,"maxMessagesCount":1}},{"topic":"dead","pubsubName":"pubsub","route":"dead"}]""",
            Answer = c => Task.FromResult((200, c.Path == "/events" ? answer : "")),
        }.StartAsync();
        await using var sidecar = await TestSidecar.StartAsync(("a", app.Port));

        for (var i = 1; i <= 2; i++)
        {
            await sidecar.SendAsync("POST", "/v1.0/publish/pubsub/t", "1");
            // An entry without an answer counts as not processed.
            await TestSidecar.Eventually(() => app.To("/dead").Count() == i);
        }

        Assert.Equal(2, app.To("/events").Count());
    }

    [Theory]
    [InlineData("of the connection")]
    [InlineData("unforeseen")]
    public async Task Delivery_FailsInAnyWay_TheEventIsSettledAndTheNextComes(string failure)
    {
        var delivered = Channel.CreateUnbounded<string>();
        var delivery = new ScriptedDelivery(e =>
        {
            var text = Encoding.UTF8.GetString(e.Body);
            if (text == "1") throw failure == "unforeseen" ? new InvalidOperationException(failure) : new TaskCanceledException(failure, new TimeoutException());
            delivered.Writer.TryWrite(text);
        });
        await using var broker = new InMemoryBroker("pubsub", TimeProvider.System, NullLogger.Instance);
        Subscribe(broker, "t", delivery, deadLetters: "dead");
        Subscribe(broker, "dead", new ScriptedDelivery(e => delivered.Writer.TryWrite("dead " + Encoding.UTF8.GetString(e.Body))));

        foreach (var text in (string[])["1", "2"]) await broker.PublishAsync("t", Message(text), default);

        Assert.Equal(["2", "dead 1"], new[] { await NextAsync(delivered), await NextAsync(delivered) }.Order(StringComparer.Ordinal));
    }

    [Theory]
    [InlineData("""{"type":"a","pattern":"["}""")]
    [InlineData("""{"type":"\ud800","pattern":"a"}""")]
    public async Task Rule_FailsForAnEvent_TheEventIsSettledAndTheNextComes(string bad)
    {
        const string Good = """{"type":"a","pattern":"a"}""";
        foreach (var bulk in (BulkOptions?[])[null, new BulkOptions(1, 1000)])
        {
            var delivered = Channel.CreateUnbounded<string>();
            await using var broker = new InMemoryBroker("pubsub", TimeProvider.System, NullLogger.Instance);
            Subscribe(broker, "t", new ScriptedDelivery(e => delivered.Writer.TryWrite("live " + Encoding.UTF8.GetString(e.Body))), "event.type.matches(event.pattern)", "dead", bulk);
            Subscribe(broker, "dead", new ScriptedDelivery(e => delivered.Writer.TryWrite("dead " + Encoding.UTF8.GetString(e.Body))));

            foreach (var text in (string[])[bad, Good]) await broker.PublishAsync("t", Message(text), default);

            Assert.Equal(["dead " + bad, "live " + Good], new[] { await NextAsync(delivered), await NextAsync(delivered) }.Order(StringComparer.Ordinal));
        }
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Event_NoRuleMatches_IsDeadLettered(bool bulk)
    {
        var delivered = Channel.CreateUnbounded<string>();
        await using var broker = new InMemoryBroker("pubsub", TimeProvider.System, NullLogger.Instance);
        Subscribe(broker, "t", new ScriptedDelivery(e => delivered.Writer.TryWrite("live " + Encoding.UTF8.GetString(e.Body))), "event.type == 'a'", "dead", bulk ? new BulkOptions(1, 1000) : null);
        Subscribe(broker, "dead", new ScriptedDelivery(e => delivered.Writer.TryWrite("dead " + Encoding.UTF8.GetString(e.Body))));

        await broker.PublishAsync("t", Message("""{"type":"b"}"""), default);

        Assert.Equal("""dead {"type":"b"}""", await NextAsync(delivered));
    }

    [Fact]
    public async Task Bulk_EntriesAreDroppedWhileTheDeadLetterTopicIsFull_AllOfThemComeThere()
    {
        const int QueueLength = 1000;
        var (time, goOn, dead) = (new CountingTime(), new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously), Channel.CreateUnbounded<string>());
        await using var broker = new InMemoryBroker("pubsub", time, NullLogger.Instance);
        broker.Subscribe("dead", "b", static () => true, async (events, stopping) =>
        {
            await goOn.Task;
            await foreach (var message in events.ReadAllAsync(stopping)) dead.Writer.TryWrite(Encoding.UTF8.GetString(message.Body));
        });
        for (var i = 0; i < QueueLength; i++) await broker.PublishAsync("dead", Message("old"), default);
        Subscribe(broker, "t", new ScriptedDelivery(static _ => { }, DeliveryOutcome.Drop), deadLetters: "dead", bulk: new BulkOptions(2, 60_000), policy: new Policy(new PolicySet(TimeSpan.FromSeconds(1), null, null), time));

        foreach (var text in (string[])["1", "2"]) await broker.PublishAsync("t", Message(text), default);
        // The time-out of the try, and the first look of who waits for room.
        await TestSidecar.Eventually(() => time.Timers >= 2);
        time.Advance(TimeSpan.FromSeconds(10));
        goOn.SetResult();

        for (var i = 0; i < QueueLength; i++) Assert.Equal("old", await NextAsync(dead));
        Assert.Equal(["1", "2"], new[] { await NextAsync(dead), await NextAsync(dead) });
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Delivery_AppIsAwayForLongerThanTheTimeoutOfATry_ComesWhenItIsBack(bool bulk)
    {
        await using var app = await new TestApp { Answer = static c => Task.FromResult((200, Statuses(c, "SUCCESS"))) }.StartAsync();
        var (instance, time) = (app.ToInstance(), new CountingTime());
        instance.IsReady = false;
        var delivery = new AppDelivery(new AppGroup(instance.App, [instance]), instance.Tracer, time);
        await using var broker = new InMemoryBroker("pubsub", TimeProvider.System, NullLogger.Instance);
        Subscribe(broker, "t", delivery, bulk: bulk ? new BulkOptions(1, 1000) : null, policy: new Policy(new PolicySet(TimeSpan.FromSeconds(1), null, null), time));
        await broker.PublishAsync("t", Message("{}"), default);
        await TestSidecar.Eventually(() => time.Timers > 0);
        time.Advance(TimeSpan.FromSeconds(10));

        instance.IsReady = true;

        await TestSidecar.Eventually(() =>
        {
            time.Advance(TimeSpan.FromMilliseconds(100));
            return app.Calls.Count == 1;
        });
    }

    /// <summary>Each entry of a batch with the same status.</summary>
    private static string Statuses(AppCall call, string status)
    {
        using var batch = JsonDocument.Parse(call.Body);
        return batch.RootElement.TryGetProperty("entries", out var entries) ? $"{{\"statuses\":[{string.Join(',', entries.EnumerateArray().Select(e => $"{{\"entryId\":{e.GetProperty("entryId").GetRawText()},\"status\":\"{status}\"}}"))}]}}" : "";
    }

    private static void Subscribe(InMemoryBroker broker, string topic, IDelivery delivery, string rule = "", string deadLetters = "", BulkOptions? bulk = null, Policy? policy = null)
    {
        Assert.True(RouteExpression.TryParse(rule, out var expression, out var problem), problem);
        var subscription = new Subscription("pubsub", topic, [new RoutingRule(rule, expression, "/")], deadLetters, new Dictionary<string, string>(), bulk, SubscriptionSource.Programmatic);
        var subscriber = new Subscriber("a", subscription, delivery, policy, broker, TimeProvider.System, NullLogger.Instance);
        broker.Subscribe(topic, "a", static () => true, subscriber.RunAsync);
    }

    private static BrokerMessage Message(string text) => new(Encoding.UTF8.GetBytes(text), new Dictionary<string, string>());

    private static async Task<string> NextAsync(Channel<string> delivered) => await delivered.Reader.ReadAsync().AsTask().WaitAsync(TimeSpan.FromSeconds(30));

    /// <summary>Tells how many timers were made, so that a test knows that something waits.</summary>
    private sealed class CountingTime : FakeTimeProvider
    {
        private int _timers;

        public int Timers => Volatile.Read(ref _timers);

        public override ITimer CreateTimer(TimerCallback callback, object? state, TimeSpan dueTime, TimeSpan period)
        {
            var timer = base.CreateTimer(callback, state, dueTime, period);
            Interlocked.Increment(ref _timers);
            return timer;
        }
    }

    /// <summary>Every event that does not make the script fail has the outcome.</summary>
    private sealed class ScriptedDelivery(Action<OutgoingEvent> script, DeliveryOutcome outcome = DeliveryOutcome.Done) : IDelivery
    {
        public Task ReadyAsync(CancellationToken cancellationToken) => Task.CompletedTask;

        public Task<DeliveryOutcome> SendAsync(OutgoingEvent outgoing, CancellationToken cancellationToken)
        {
            script(outgoing);
            return Task.FromResult(outcome);
        }

        public Task<IReadOnlyDictionary<string, DeliveryOutcome>?> SendAsync(OutgoingBatch batch, CancellationToken cancellationToken)
        {
            foreach (var (_, message) in batch.Entries) script(new OutgoingEvent(batch.Subscription, message, message.Body, batch.Path, batch.Trace));
            return Task.FromResult<IReadOnlyDictionary<string, DeliveryOutcome>?>(batch.Entries.ToDictionary(static e => e.Id, _ => outcome, StringComparer.Ordinal));
        }
    }
}
