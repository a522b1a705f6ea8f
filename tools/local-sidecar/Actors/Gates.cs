namespace Danube.Dapr.LocalSidecar.Actors;

/// <summary>One at a time for each key, in the order of arrival. Keys that nobody uses take no memory.</summary>
internal sealed class Gates<TKey>
    where TKey : notnull
{
    private readonly Dictionary<TKey, Gate> _gates = [];

    /// <summary>Keys that somebody holds or waits for.</summary>
    public int Count
    {
        get
        {
            lock (_gates) return _gates.Count;
        }
    }

    /// <summary>Waits until the key is free. Dispose the result to let the next one in.</summary>
    public async Task<IDisposable> EnterAsync(TKey key, CancellationToken cancellationToken)
    {
        Gate? gate;
        lock (_gates)
        {
            if (!_gates.TryGetValue(key, out gate)) _gates.Add(key, gate = new Gate());
            gate.Users++;
        }
        try
        {
            await gate.Free.WaitAsync(cancellationToken);
        }
        catch
        {
            Leave(key, gate);
            throw;
        }
        return new Pass(this, key, gate);
    }

    private void Leave(TKey key, Gate gate)
    {
        lock (_gates)
        {
            if (--gate.Users == 0) _gates.Remove(key);
        }
    }

    private sealed class Gate
    {
        public SemaphoreSlim Free { get; } = new(1, 1);

        public int Users { get; set; }
    }

    private sealed class Pass(Gates<TKey> gates, TKey key, Gate gate) : IDisposable
    {
        public void Dispose()
        {
            gate.Free.Release();
            gates.Leave(key, gate);
        }
    }
}
