using Danube.Dapr.LocalSidecar.State;

namespace Danube.Dapr.LocalSidecar.Tests.Workflows;

/// <summary>A store that can die at any write, as the process around it would, or fail with the write done or not done.</summary>
internal sealed class FaultyStore(TimeProvider time) : IStateStore
{
    private readonly InMemoryStateStore _inner = new(time);
    private int _writes;

    /// <summary>The write with this number (from 1) is the last one that is done; it and all later ones fail.</summary>
    public int? DieAfter { get; set; }

    /// <summary>Writes with these numbers fail: true with the write done nevertheless.</summary>
    public Dictionary<int, bool> Fail { get; } = [];

    /// <summary>As many reads fail.</summary>
    public int FailingReads { get; set; }

    /// <summary>What a write waits for before it is done.</summary>
    public Func<IReadOnlyList<StateOperation>, Task> BeforeWrite { get; set; } = static _ => Task.CompletedTask;

    /// <summary>The most operations of one write.</summary>
    public int LargestWrite { get; private set; }

    public int Writes => Volatile.Read(ref _writes);

    public Task<StateEntry?> GetAsync(string key, CancellationToken cancellationToken)
    {
        if (FailingReads == 0) return _inner.GetAsync(key, cancellationToken);
        FailingReads--;
        throw new IOException("the store failed");
    }

    public Task<IReadOnlyList<StateEntry>> ListAsync(string prefix, CancellationToken cancellationToken) => _inner.ListAsync(prefix, cancellationToken);

    public async Task ApplyAsync(IReadOnlyList<StateOperation> operations, CancellationToken cancellationToken)
    {
        Assert.True(operations.Select(static o => o.Key).Distinct().Count() == operations.Count, "etcd refuses a transaction that names a key twice");
        LargestWrite = Math.Max(LargestWrite, operations.Count);
        await BeforeWrite(operations);
        var number = Interlocked.Increment(ref _writes);
        if (number > DieAfter) throw new IOException("the process died");
        if (Fail.TryGetValue(number, out var done))
        {
            if (done) await _inner.ApplyAsync(operations, cancellationToken);
            throw new IOException("the store failed");
        }
        await _inner.ApplyAsync(operations, cancellationToken);
        if (number == DieAfter) throw new IOException("the process died");
    }

    /// <summary>Another process starts over what was written.</summary>
    public void Revive()
    {
        DieAfter = null;
        BeforeWrite = static _ => Task.CompletedTask;
        Fail.Clear();
        Volatile.Write(ref _writes, 0);
    }

    public ValueTask DisposeAsync() => ValueTask.CompletedTask;
}

internal static class FaultyStoreOperations
{
    /// <summary>Whether a row whose key contains this is written, not deleted.</summary>
    public static bool Put(this IReadOnlyList<StateOperation> operations, string row) => operations.Any(o => o.Key.Contains(row, StringComparison.Ordinal) && o.Value is not null);
}
