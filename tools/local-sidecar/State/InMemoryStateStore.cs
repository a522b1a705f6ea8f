using System.Runtime.InteropServices;

namespace Danube.Dapr.LocalSidecar.State;

/// <summary>A store in the memory of this process (<c>state.in-memory</c>).</summary>
public sealed class InMemoryStateStore(TimeProvider time) : IStateStore
{
    private const long Never = long.MaxValue;

    // So many that are written over or deleted may wait for their time, and once more as many as are alive.
    private const int DeadExpirations = 1000;

    private readonly Lock _lock = new();
    private readonly Dictionary<string, Item> _entries = new(StringComparer.Ordinal);
    private readonly SortedSet<string> _keys = new(StringComparer.Ordinal);
    private readonly PriorityQueue<(string Key, Guid ETag), long> _expirations = new();
    private int _expiring;

    /// <summary>How many wait for their time to expire, dead ones among them.</summary>
    internal int Expirations => _expirations.Count;

    /// <inheritdoc/>
    public Task<StateEntry?> GetAsync(string key, CancellationToken cancellationToken)
    {
        lock (_lock)
            return Task.FromResult(Find(key, Now)?.ToEntry(key));
    }

    /// <inheritdoc/>
    public Task<IReadOnlyList<StateEntry>> ListAsync(string prefix, CancellationToken cancellationToken)
    {
        var found = new List<StateEntry>();
        lock (_lock)
        {
            var now = Now;
            // No key can be greater than the prefix followed by the greatest character and still begin with the prefix.
            foreach (var key in _keys.GetViewBetween(prefix, prefix + char.MaxValue))
            {
                if (Find(key, now) is { } item) found.Add(item.ToEntry(key));
            }
        }
        return Task.FromResult<IReadOnlyList<StateEntry>>(found);
    }

    /// <inheritdoc/>
    public Task ApplyAsync(IReadOnlyList<StateOperation> operations, CancellationToken cancellationToken)
    {
        // Random numbers come from the system, which takes longer than what is done under the lock.
        Span<Guid> etags = operations.Count == 1 ? stackalloc Guid[1] : new Guid[operations.Count];
        for (var i = 0; i < operations.Count; i++)
            if (operations[i] is { Value: not null, CheckOnly: false }) etags[i] = Guid.NewGuid();
        lock (_lock)
        {
            var now = Now;
            RemoveExpired(now);
            var undo = operations.Count > 1 ? new List<(string Key, Item? Before)>(operations.Count) : null;
            for (var at = 0; at < operations.Count; at++)
            {
                var operation = operations[at];
                var before = Find(operation.Key, now);
                var holds = operation.ETag is null ? !operation.FirstWrite || before is null : before?.ETag.ToString() == operation.ETag;
                if (!holds)
                {
                    for (var i = (undo?.Count ?? 0) - 1; i >= 0; i--) Put(undo![i].Key, undo[i].Before);
                    return Task.FromException(new ETagMismatchException(operation.Key));
                }
                if (operation.CheckOnly) continue;
                undo?.Add((operation.Key, before));
                Put(operation.Key, operation.Value is null ? null
                    : new Item(operation.Value, etags[at], operation.TimeToLive is { } ttl && ttl.Ticks < DateTimeOffset.MaxValue.Ticks - now ? now + ttl.Ticks : Never));
            }
        }
        return Task.CompletedTask;
    }

    /// <inheritdoc/>
    public ValueTask DisposeAsync() => ValueTask.CompletedTask;

    private long Now => time.GetUtcNow().UtcTicks;

    private Item? Find(string key, long now) => _entries.TryGetValue(key, out var item) && item.ExpiresAt > now ? item : null;

    private void Put(string key, Item? item)
    {
        Item? before;
        if (item is null)
        {
            if (!_entries.Remove(key, out before)) return;
            _keys.Remove(key);
        }
        else
        {
            ref var entry = ref CollectionsMarshal.GetValueRefOrAddDefault(_entries, key, out var exists);
            (before, entry) = (entry, item);
            if (!exists) _keys.Add(key);
            if (item.ExpiresAt != Never)
            {
                _expiring++;
                _expirations.Enqueue((key, item.ETag), item.ExpiresAt);
            }
        }
        if (before is { ExpiresAt: not Never }) _expiring--;
        if (_expirations.Count > 2 * _expiring + DeadExpirations) RemoveDead();
    }

    private void RemoveDead()
    {
        // A write that was undone left its predecessor here twice.
        var living = _expirations.UnorderedItems.Where(e => _entries.TryGetValue(e.Element.Key, out var item) && item.ETag == e.Element.ETag).DistinctBy(static e => e.Element.Key).ToList();
        _expirations.Clear();
        _expirations.EnqueueRange(living);
        _expirations.TrimExcess();
    }

    private void RemoveExpired(long now)
    {
        while (_expirations.TryPeek(out var first, out var expiresAt) && expiresAt <= now)
        {
            _expirations.Dequeue();
            if (_entries.TryGetValue(first.Key, out var item) && item.ETag == first.ETag) Put(first.Key, null);
        }
    }

    // Half as large as an entry: the data of workflows are many small rows, which are read rarely.
    private sealed record Item(byte[] Value, Guid ETag, long ExpiresAt)
    {
        public StateEntry ToEntry(string key) => new(key, Value, ETag.ToString(), ExpiresAt == Never ? null : new DateTimeOffset(ExpiresAt, TimeSpan.Zero));
    }
}
