using Danube.Dapr.BrokerClient.Protocol.Client;

namespace Danube.Dapr.BrokerSimulator;

/// <summary>What real clients published to a topic, and how far each subscription has acknowledged it. Lives in shared storage: it moves with the topic.</summary>
internal sealed class MessageLog
{
    private const int Kept = 200_000;

    private readonly List<StreamMessage> _messages = [];
    private readonly Dictionary<string, SortedSet<ulong>> _acknowledged = [];
    private ulong _first;
    private TaskCompletionSource _grown = new(TaskCreationOptions.RunContinuationsAsynchronously);

    public ulong Next => _first + (ulong)_messages.Count;

    /// <summary>Completes when a message comes after this call.</summary>
    public Task Grown => _grown.Task;

    public void Add(StreamMessage message)
    {
        message.MsgId.TopicOffset = Next;
        _messages.Add(message);
        if (_messages.Count > Kept)
        {
            _messages.RemoveRange(0, Kept / 10);
            _first += Kept / 10;
        }

        var grown = _grown;
        _grown = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        grown.SetResult();
    }

    public void Subscribe(string subscription) => _acknowledged.TryAdd(subscription, []);

    /// <summary>The first message at or after an offset that the subscription has not acknowledged; null when there is none yet.</summary>
    public StreamMessage? Read(string subscription, ulong offset)
    {
        var done = _acknowledged.GetValueOrDefault(subscription);
        for (var at = Math.Max(offset, _first); at < Next; at++)
        {
            if (done is null || !done.Contains(at))
                return _messages[(int)(at - _first)];
        }

        return null;
    }

    public void Acknowledge(string subscription, ulong offset)
    {
        Subscribe(subscription);
        _acknowledged[subscription].Add(offset);
    }

    /// <summary>The delete path of the built-in rebalancer: messages and cursors are gone, offsets begin anew.</summary>
    public void Destroy()
    {
        _messages.Clear();
        _acknowledged.Clear();
        _first = 0;
    }
}
