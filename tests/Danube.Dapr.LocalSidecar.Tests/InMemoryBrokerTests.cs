using System.Globalization;
using System.Text;
using Danube.Dapr.LocalSidecar.PubSub;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Time.Testing;

namespace Danube.Dapr.LocalSidecar.Tests;

public sealed class InMemoryBrokerTests
{
    private const int QueueLength = 1000;

    [Fact]
    public async Task Publish_AppGoesWhileItsQueueIsFull_DoesNotWaitForIt()
    {
        var time = new FakeTimeProvider();
        await using var broker = new InMemoryBroker("pubsub", time, NullLogger.Instance);
        var isThere = true;
        broker.Subscribe("t", "a", () => isThere, static (_, stopping) => Task.Delay(Timeout.InfiniteTimeSpan, stopping));
        for (var i = 0; i < QueueLength; i++) await broker.PublishAsync("t", Message(i), default);

        var waiting = broker.PublishAsync("t", Message(QueueLength), default);
        time.Advance(TimeSpan.FromSeconds(5));
        Assert.False(waiting.IsCompleted, "the app is there: the publisher waits for room");
        isThere = false;
        // The publisher may still be on its way to its next look.
        await TestSidecar.Eventually(() =>
        {
            time.Advance(TimeSpan.FromSeconds(1));
            return waiting.IsCompleted;
        });

        await waiting;
    }

    [Fact]
    public async Task Return_QueueIsFull_ComesWhenThereIsRoom()
    {
        await using var broker = new InMemoryBroker("pubsub", TimeProvider.System, NullLogger.Instance);
        using var first = broker.Join("t", "a");
        using var second = broker.Join("t", "a");
        await broker.PublishAsync("t", Message(0), default);
        Assert.True(first.Events.TryRead(out var inHand));
        for (var i = 1; i <= QueueLength; i++) await broker.PublishAsync("t", Message(i), default);

        first.Return(inHand);

        for (var i = 1; i <= QueueLength; i++) Assert.Equal(Message(i).Body, (await second.Events.ReadAsync()).Body);
        Assert.Same(inHand, await second.Events.ReadAsync().AsTask().WaitAsync(TimeSpan.FromSeconds(30)));
    }

    private static BrokerMessage Message(int number) => new(Encoding.UTF8.GetBytes(number.ToString(CultureInfo.InvariantCulture)), new Dictionary<string, string>());
}
