using System.Collections.Concurrent;

namespace Danube.Dapr.LocalSidecar.Benchmarks.Load;

/// <summary>The connections of one load, closed with it: open ones take memory of the sidecar.</summary>
internal sealed class Connections : IDisposable
{
    private readonly ConcurrentBag<RawConnection> _open = [];

    public async Task<RawConnection> OpenAsync(int port)
    {
        var connection = await RawConnection.OpenAsync(port);
        _open.Add(connection);
        return connection;
    }

    public void Dispose()
    {
        foreach (var connection in _open) connection.Dispose();
    }
}
