using Danube.Dapr.LocalSidecar.Names;
using Danube.Dapr.LocalSidecar.State;

namespace Danube.Dapr.LocalSidecar.Workflows;

/// <summary>The store of one engine, to be closed with it: a call that is under way may hold an engine that has given its workflows to another process.</summary>
internal sealed class ClosingStore(IStateStore store) : IStateStore
{
    private readonly Departures _writes = new();
    private volatile bool _isClosed;

    public Task<StateEntry?> GetAsync(string key, CancellationToken cancellationToken) => store.GetAsync(key, cancellationToken);

    public Task<IReadOnlyList<StateEntry>> ListAsync(string prefix, CancellationToken cancellationToken) => store.ListAsync(prefix, cancellationToken);

    public async Task ApplyAsync(IReadOnlyList<StateOperation> operations, CancellationToken cancellationToken)
    {
        using var write = _writes.Enter();
        if (_isClosed) throw new LostPlaceException();
        await store.ApplyAsync(operations, cancellationToken);
    }

    /// <summary>Refuses further writes; returns when the last one is done. The store behind it stays open.</summary>
    public async ValueTask DisposeAsync()
    {
        _isClosed = true;
        await _writes.EndAsync();
    }
}
