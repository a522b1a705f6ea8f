using Danube.Dapr.LocalSidecar.State;
using Danube.Dapr.LocalSidecar.Workflows.Storage;

namespace Danube.Dapr.LocalSidecar.Workflows;

/// <summary>Parsed instances, one user at a time each. Those in use stay; of the idle ones the least recently used are dropped beyond the limits.</summary>
internal sealed class InstanceCache(IStateStore store, WorkflowKeys keys, WorkflowEngineOptions options)
{
    private readonly Dictionary<string, Slot> _slots = new(StringComparer.Ordinal);
    private readonly LinkedList<Slot> _idle = [];
    private readonly LinkedList<Slot> _finished = [];
    private readonly Lock _lock = new();
    private long _idleBytes;

    /// <summary>Instances held in memory now.</summary>
    public int Count
    {
        get
        {
            lock (_lock) return _slots.Count;
        }
    }

    /// <summary>Waits for the instance to be free and loads it where needed. Dispose the lease to let the next one in.</summary>
    public async Task<Lease> AcquireAsync(string instanceId, CancellationToken cancellationToken)
    {
        var slot = Enter(instanceId);
        try
        {
            await slot.Gate.WaitAsync(cancellationToken);
        }
        catch
        {
            Leave(slot);
            throw;
        }
        try
        {
            slot.Instance ??= await LoadAsync(slot, cancellationToken);
            return new Lease(this, slot);
        }
        catch
        {
            slot.Gate.Release();
            Leave(slot);
            throw;
        }
    }

    private async Task<WorkflowInstance> LoadAsync(Slot slot, CancellationToken cancellationToken)
    {
        var instanceId = slot.InstanceId;
        var instance = new WorkflowInstance(instanceId) { Outbox = slot.Delivering, Deleting = slot.Deleting };
        var row = await store.GetAsync(keys.Metadata(instanceId), cancellationToken);
        if (row is null) return instance;
        var metadata = InstanceMetadata.Parser.ParseFrom(row.Value);
        var prefix = keys.InstancePrefix(instanceId);
        var garbage = new List<StateOperation>();
        var history = new List<(long Row, StateEntry Entry)>();
        var inbox = new List<(long Row, StateEntry Entry)>();
        instance.NextHistoryRow = instance.FirstRow = metadata.HistoryStart;
        foreach (var entry in await store.ListAsync(prefix, cancellationToken))
        {
            var name = entry.Key.AsSpan(prefix.Length);
            if (WorkflowKeys.RowNumber(name, WorkflowKeys.HistoryRow) is { } historyRow)
            {
                instance.NextHistoryRow = Math.Max(instance.NextHistoryRow, historyRow + 1);
                if (historyRow < metadata.HistoryStart || metadata.Purging) garbage.Add(new(entry.Key, null));
                else history.Add((historyRow, entry));
            }
            else if (WorkflowKeys.RowNumber(name, WorkflowKeys.InboxRow) is { } inboxRow)
            {
                instance.NextInboxRow = Math.Max(instance.NextInboxRow, inboxRow + 1);
                if (metadata.Purging) garbage.Add(new(entry.Key, null));
                else inbox.Add((inboxRow, entry));
            }
            else if (WorkflowKeys.RowNumber(name, WorkflowKeys.OutboxRow) is { } outboxRow)
            {
                instance.NextOutboxRow = Math.Max(instance.NextOutboxRow, outboxRow + 1);
                instance.UndeliveredOutbox.Add((outboxRow, OutboxChunk.Parser.ParseFrom(entry.Value)));
            }
            else if (name is "customStatus")
            {
                if (metadata.Purging) garbage.Add(new(entry.Key, null));
                else instance.CustomStatus = System.Text.Encoding.UTF8.GetString(entry.Value);
            }
        }
        if (metadata.Purging)
        {
            garbage.Add(new(keys.Index(instanceId), null));
            garbage.Add(new(keys.Metadata(instanceId), null));
        }
        foreach (var batch in garbage.Chunk(options.EventsPerTurn)) await store.ApplyAsync(batch, cancellationToken);
        if (metadata.Purging) return instance;

        instance.Metadata = metadata;
        foreach (var (_, entry) in history.OrderBy(static r => r.Row))
        {
            instance.Bytes += entry.Value.Length;
            foreach (var e in HistoryChunk.Parser.ParseFrom(entry.Value).Events) instance.Record(e);
        }
        foreach (var (number, entry) in inbox.OrderBy(static r => r.Row))
        {
            instance.Bytes += entry.Value.Length;
            foreach (var e in HistoryChunk.Parser.ParseFrom(entry.Value).Events) instance.Receive(number, e);
        }
        instance.UndeliveredOutbox.Sort(static (a, b) => a.Row.CompareTo(b.Row));
        return instance;
    }

    private Slot Enter(string instanceId)
    {
        lock (_lock)
        {
            if (!_slots.TryGetValue(instanceId, out var slot)) _slots.Add(instanceId, slot = new Slot(instanceId));
            if (slot.Users++ == 0 && slot.Idle is { } node)
            {
                node.List!.Remove(node);
                slot.Idle = null;
                _idleBytes -= slot.IdleBytes;
            }
            return slot;
        }
    }

    private void Leave(Slot slot)
    {
        lock (_lock)
        {
            if (--slot.Users > 0) return;
            if (slot.Instance is not { Exists: true } instance)
            {
                _slots.Remove(slot.InstanceId);
                return;
            }
            slot.IdleBytes = instance.Bytes;
            _idleBytes += slot.IdleBytes;
            slot.Idle = (instance.IsTerminal ? _finished : _idle).AddLast(slot);
            while (_finished.First is { } finished && (_idleBytes > options.CacheBytes || _finished.Count > options.CacheFinished)) Drop(finished);
            while (_idle.First is { } oldest && (_idleBytes > options.CacheBytes || _idle.Count > options.CacheInstances)) Drop(oldest);
        }
    }

    private void Drop(LinkedListNode<Slot> node)
    {
        node.List!.Remove(node);
        _idleBytes -= node.Value.IdleBytes;
        _slots.Remove(node.Value.InstanceId);
    }

    internal sealed class Slot(string instanceId)
    {
        public string InstanceId { get; } = instanceId;

        public SemaphoreSlim Gate { get; } = new(1, 1);

        public WorkflowInstance? Instance { get; set; }

        /// <summary>What is still being delivered of an instance that was given up, and is in nobody else's hands.</summary>
        public Task Delivering { get; set; } = Task.CompletedTask;

        /// <summary>The same of what is still being deleted.</summary>
        public Task Deleting { get; set; } = Task.CompletedTask;

        public int Users { get; set; }

        public LinkedListNode<Slot>? Idle { get; set; }

        public long IdleBytes { get; set; }
    }

    /// <summary>The sole right to an instance, until disposed.</summary>
    internal sealed class Lease(InstanceCache cache, Slot slot) : IDisposable
    {
        public WorkflowInstance Instance => slot.Instance ?? throw new InvalidOperationException("The lease was given up.");

        /// <summary>Keeps the instance in memory until the result is disposed, beyond the end of this lease.</summary>
        public IDisposable Pin()
        {
            cache.Enter(slot.InstanceId);
            return new PinnedSlot(cache, slot);
        }

        /// <summary>What is in memory may differ from the store: the next user loads it again.</summary>
        public void Invalidate()
        {
            (slot.Delivering, slot.Deleting) = (Instance.Outbox, Instance.Deleting);
            slot.Instance = null;
        }

        public void Dispose()
        {
            slot.Gate.Release();
            cache.Leave(slot);
        }
    }

    private sealed class PinnedSlot(InstanceCache cache, Slot slot) : IDisposable
    {
        private Slot? _slot = slot;

        public void Dispose()
        {
            if (Interlocked.Exchange(ref _slot, null) is { } held) cache.Leave(held);
        }
    }
}
