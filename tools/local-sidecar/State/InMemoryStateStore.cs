namespace Danube.Dapr.LocalSidecar.State;

/// <summary>A store in the memory of this process (<c>state.in-memory</c>).</summary>
public sealed class InMemoryStateStore(TimeProvider time) : IStateStore
{
    private readonly Lock _lock = new();
    private readonly Dictionary<string, StateEntry> _entries = new(StringComparer.Ordinal);
    private readonly SortedSet<string> _keys = new(StringComparer.Ordinal);
    private readonly PriorityQueue<(string Key, string ETag), DateTimeOffset> _expirations = new();

    /// <inheritdoc/>
    public Task<StateEntry?> GetAsync(string key, CancellationToken cancellationToken)
    {
        lock (_lock)
            return Task.FromResult(Find(key, time.GetUtcNow()));
    }

    /// <inheritdoc/>
    public Task<IReadOnlyList<StateEntry>> ListAsync(string prefix, CancellationToken cancellationToken)
    {
        var found = new List<StateEntry>();
        lock (_lock)
        {
            var now = time.GetUtcNow();
            // No key can be greater than the prefix followed by the greatest character and still begin with the prefix.
            foreach (var key in _keys.GetViewBetween(prefix, prefix + char.MaxValue))
            {
                if (Find(key, now) is { } entry) found.Add(entry);
            }
        }
        return Task.FromResult<IReadOnlyList<StateEntry>>(found);
    }

    /// <inheritdoc/>
    public Task ApplyAsync(IReadOnlyList<StateOperation> operations, CancellationToken cancellationToken)
    {
        lock (_lock)
        {
            var now = time.GetUtcNow();
            RemoveExpired(now);
            var undo = operations.Count > 1 ? new List<(string Key, StateEntry? Before)>(operations.Count) : null;
            foreach (var operation in operations)
            {
                var before = Find(operation.Key, now);
                var holds = operation.ETag is null ? !operation.FirstWrite || before is null : before?.ETag == operation.ETag;
                if (!holds)
                {
                    for (var i = (undo?.Count ?? 0) - 1; i >= 0; i--) Put(undo![i].Key, undo[i].Before);
                    return Task.FromException(new ETagMismatchException(operation.Key));
                }
                if (operation.CheckOnly) continue;
                undo?.Add((operation.Key, before));
                Put(operation.Key, operation.Value is null ? null
                    : new StateEntry(operation.Key, operation.Value, Guid.NewGuid().ToString(), operation.TimeToLive is { } ttl ? now + ttl : null));
            }
        }
        return Task.CompletedTask;
    }

    /// <inheritdoc/>
    public ValueTask DisposeAsync() => ValueTask.CompletedTask;

    private StateEntry? Find(string key, DateTimeOffset now) =>
        _entries.TryGetValue(key, out var entry) && !(entry.ExpiresAt <= now) ? entry : null;

    private void Put(string key, StateEntry? entry)
    {
        if (entry is null)
        {
            if (_entries.Remove(key)) _keys.Remove(key);
            return;
        }
        if (_entries.TryAdd(key, entry)) _keys.Add(key);
        else _entries[key] = entry;
        if (entry.ExpiresAt is { } expiresAt) _expirations.Enqueue((key, entry.ETag), expiresAt);
    }

    private void RemoveExpired(DateTimeOffset now)
    {
        while (_expirations.TryPeek(out var first, out var expiresAt) && expiresAt <= now)
        {
            _expirations.Dequeue();
            if (_entries.TryGetValue(first.Key, out var entry) && entry.ETag == first.ETag) Put(first.Key, null);
        }
    }
}
