using System.Collections.Concurrent;
using System.Threading.Channels;

namespace Danube.Dapr.LocalSidecar.PubSub;

/// <summary>A published event.</summary>
internal sealed record BrokerMessage(byte[] Body, IReadOnlyDictionary<string, string> Metadata);

/// <summary>
/// A broker in the memory of this process (<c>pubsub.in-memory</c>). Each app-id has one queue for each topic it subscribes to, which its
/// instances and the streams that they open share. A queue holds a bounded number of events: a publisher waits while a slow subscriber catches up.
/// </summary>
internal sealed partial class InMemoryBroker(string name, TimeProvider time, ILogger logger) : IAsyncDisposable
{
    private const int QueueLength = 1000;

    // How often a publisher that waits looks whether the app is there still.
    private static readonly TimeSpan LookEvery = TimeSpan.FromSeconds(1);

    private readonly ConcurrentDictionary<string, ConcurrentDictionary<string, TopicQueue>> _topics = new(StringComparer.Ordinal);
    private readonly CancellationTokenSource _stopping = new();

    public string Name { get; } = name;

    /// <summary>Hands an event to every subscriber of the topic; one without subscribers vanishes.</summary>
    public async Task PublishAsync(string topic, BrokerMessage message, CancellationToken cancellationToken)
    {
        if (!_topics.TryGetValue(topic, out var queues)) return;
        foreach (var (appId, queue) in queues)
        {
            if (!queue.Events.Writer.TryWrite(message) && !await WaitAsync(queue, message, cancellationToken)) Dropped(logger, Name, topic, appId, QueueLength);
        }
    }

    /// <returns>False when nobody is there any more who could make room.</returns>
    private async Task<bool> WaitAsync(TopicQueue queue, BrokerMessage message, CancellationToken cancellationToken)
    {
        while (queue.CanDeliver() && !_stopping.IsCancellationRequested)
        {
            using var look = new CancellationTokenSource(LookEvery, time);
            using var either = CancellationTokenSource.CreateLinkedTokenSource(look.Token, cancellationToken);
            try
            {
                await queue.Events.Writer.WriteAsync(message, either.Token);
                return true;
            }
            catch (OperationCanceledException) when (!cancellationToken.IsCancellationRequested)
            {
                // Still full.
            }
        }
        return false;
    }

    /// <summary>Gives an app-id its queue of a topic; a second call for the same gives nothing new.</summary>
    /// <param name="canDeliver">Whether an instance of the app is there; a full queue is waited for only then.</param>
    /// <param name="consume">Handles the queue until it is cancelled.</param>
    public void Subscribe(string topic, string appId, Func<bool> canDeliver, Func<ChannelReader<BrokerMessage>, CancellationToken, Task> consume)
    {
        lock (_stopping)
        {
            if (_stopping.IsCancellationRequested) return;
            var queue = QueueOf(topic, appId);
            if (queue.Consumer is not null) return;
            queue.AppCanDeliver = canDeliver;
            var unsubscribed = queue.Unsubscribed = CancellationTokenSource.CreateLinkedTokenSource(_stopping.Token);
            queue.Consumer = Task.Run(() => consume(queue.Events.Reader, unsubscribed.Token));
        }
    }

    /// <summary>Ends what <see cref="Subscribe"/> began. The events that wait are lost, unless streams read them, too.</summary>
    public void Unsubscribe(string topic, string appId)
    {
        lock (_stopping)
        {
            if (_stopping.IsCancellationRequested || !_topics.TryGetValue(topic, out var queues) || !queues.TryGetValue(appId, out var queue) || queue.Consumer is null) return;
            _ = queue.Unsubscribed!.CancelAsync();
            (queue.Consumer, queue.AppCanDeliver) = (null, static () => false);
            if (queue.Streams == 0) queues.TryRemove(appId, out _);
        }
    }

    /// <summary>Takes part in the queue of an app-id until the result is disposed. A queue that only such readers have goes with the last of them, and its events too.</summary>
    public StreamReader Join(string topic, string appId)
    {
        lock (_stopping)
        {
            var queue = QueueOf(topic, appId);
            queue.Streams++;
            return new StreamReader(this, topic, appId, queue);
        }
    }

    private TopicQueue QueueOf(string topic, string appId) =>
        _topics.GetOrAdd(topic, static _ => new ConcurrentDictionary<string, TopicQueue>(StringComparer.Ordinal)).GetOrAdd(appId, static _ => new TopicQueue());

    private void Leave(StreamReader reader)
    {
        lock (_stopping)
        {
            if (--reader.Queue.Streams == 0 && reader.Queue.Consumer is null) _topics[reader.Topic].TryRemove(reader.AppId, out _);
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

    /// <summary>One reader of a queue that others may read, too.</summary>
    internal sealed class StreamReader(InMemoryBroker broker, string topic, string appId, TopicQueue queue) : IDisposable
    {
        public string Topic { get; } = topic;

        public string AppId { get; } = appId;

        public TopicQueue Queue { get; } = queue;

        public ChannelReader<BrokerMessage> Events => Queue.Events.Reader;

        /// <summary>Set when the broker stops.</summary>
        public CancellationToken Stopping { get; } = broker._stopping.Token;

        /// <summary>Puts an event back that was taken and got no answer, for another reader; into a full queue as soon as one of them makes room.</summary>
        public void Return(BrokerMessage message)
        {
            if (!Queue.Events.Writer.TryWrite(message)) _ = Queue.Events.Writer.WriteAsync(message, Stopping).AsTask();
        }

        public void Dispose() => broker.Leave(this);
    }

    internal sealed class TopicQueue
    {
        public Channel<BrokerMessage> Events { get; } = Channel.CreateBounded<BrokerMessage>(QueueLength);

        public Func<bool> AppCanDeliver { get; set; } = static () => false;

        public Task? Consumer { get; set; }

        /// <summary>Ends the consumer.</summary>
        public CancellationTokenSource? Unsubscribed { get; set; }

        public int Streams { get; set; }

        public bool CanDeliver() => Streams > 0 || AppCanDeliver();
    }
}
