using System.Collections.Concurrent;
using System.Threading.Channels;

namespace Danube.Dapr.LocalSidecar.PubSub;

/// <summary>A published event.</summary>
internal sealed record BrokerMessage(byte[] Body, IReadOnlyDictionary<string, string> Metadata);

/// <summary>
/// A broker in the memory of this process (<c>pubsub.in-memory</c>). Each app-id has one queue for each topic it subscribes to, which its
/// instances share. A queue holds a bounded number of events: a publisher waits while a slow subscriber catches up.
/// </summary>
internal sealed partial class InMemoryBroker(string name, ILogger logger) : IAsyncDisposable
{
    private const int QueueLength = 1000;
    private readonly ConcurrentDictionary<string, ConcurrentDictionary<string, TopicQueue>> _topics = new(StringComparer.Ordinal);
    private readonly CancellationTokenSource _stopping = new();

    public string Name { get; } = name;

    /// <summary>Hands an event to every subscriber of the topic; one without subscribers vanishes.</summary>
    public async Task PublishAsync(string topic, BrokerMessage message, CancellationToken cancellationToken)
    {
        if (!_topics.TryGetValue(topic, out var queues)) return;
        foreach (var (appId, queue) in queues)
        {
            if (queue.Events.Writer.TryWrite(message)) continue;
            if (queue.CanDeliver()) await queue.Events.Writer.WriteAsync(message, cancellationToken);
            else Dropped(logger, Name, topic, appId, QueueLength);
        }
    }

    /// <summary>Gives an app-id its queue of a topic; a second call for the same gives nothing new.</summary>
    /// <param name="canDeliver">Whether an instance of the app is there; a full queue is waited for only then.</param>
    /// <param name="consume">Handles the queue until it is cancelled.</param>
    public void Subscribe(string topic, string appId, Func<bool> canDeliver, Func<ChannelReader<BrokerMessage>, CancellationToken, Task> consume)
    {
        lock (_stopping)
        {
            var queues = _topics.GetOrAdd(topic, static _ => new ConcurrentDictionary<string, TopicQueue>(StringComparer.Ordinal));
            if (_stopping.IsCancellationRequested || queues.ContainsKey(appId)) return;
            var queue = new TopicQueue(Channel.CreateBounded<BrokerMessage>(new BoundedChannelOptions(QueueLength) { SingleReader = true }), canDeliver);
            queue.Consumer = Task.Run(() => consume(queue.Events.Reader, _stopping.Token));
            queues[appId] = queue;
        }
    }

    public async ValueTask DisposeAsync()
    {
        await _stopping.CancelAsync();
        foreach (var consumer in _topics.Values.SelectMany(static t => t.Values).Select(static q => q.Consumer).OfType<Task>())
            await consumer.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        _stopping.Dispose();
    }

    [LoggerMessage(LogLevel.Warning, "{pubsub}: an event of topic {topic} is dropped: app {appId} is not there and its queue of {length} is full")]
    private static partial void Dropped(ILogger logger, string pubsub, string topic, string appId, int length);

    private sealed class TopicQueue(Channel<BrokerMessage> events, Func<bool> canDeliver)
    {
        public Channel<BrokerMessage> Events { get; } = events;

        public Func<bool> CanDeliver { get; } = canDeliver;

        public Task? Consumer { get; set; }
    }
}
