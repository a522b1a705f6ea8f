using Microsoft.Data.Sqlite;

namespace Danube.Dapr.LocalSidecar.State;

/// <summary>
/// Moves what is in SQLite's write-ahead log into the database, on a thread and a connection of its own: a commit waits only for its own flush
/// and not for that of a thousand pages. When it cannot keep up, SQLite does it in a commit, see <see cref="SqliteWriter"/>.
/// </summary>
internal sealed class SqliteCheckpointer : IAsyncDisposable
{
    // Each checkpoint flushes the database beside the flushes of the log: 24 MiB of log at most between two, well below what SQLite waits for.
    private const int PagesBetween = 6000;
    private const int PageBytes = 4096;

    private readonly SqliteConnection _connection;
    private readonly SemaphoreSlim _due = new(0, 1);
    private readonly CancellationTokenSource _stop = new();
    private readonly Thread _thread;
    private int _pages;

    public SqliteCheckpointer(SqliteConnection connection)
    {
        _connection = connection;
        _thread = new Thread(Run) { IsBackground = true, Name = "sqlite-checkpointer" };
        _thread.Start();
    }

    /// <summary>These were committed. Called by the one thread that writes.</summary>
    public void Committed(List<WriteBatch> batches)
    {
        // About so many pages: writes in one transaction share some.
        foreach (var batch in batches)
            for (var i = 0; i < batch.Operations.Count; i++) _pages += 1 + ((batch.Operations[i].Value?.Length ?? 0) / PageBytes);
        if (_pages < PagesBetween || _due.CurrentCount > 0) return;
        _pages = 0;
        _due.Release();
    }

    /// <summary>Ends after the checkpoint that is under way. The connection that is closed last does the rest.</summary>
    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync();
        await Task.Run(_thread.Join);
        await _connection.DisposeAsync();
        _due.Dispose();
        _stop.Dispose();
    }

    private void Run()
    {
        using var checkpoint = _connection.CreateCommand();
        checkpoint.CommandText = "PRAGMA wal_checkpoint(PASSIVE)";
        while (true)
        {
            try
            {
                _due.Wait(_stop.Token);
                checkpoint.ExecuteNonQuery();
            }
            catch (OperationCanceledException)
            {
                return;
            }
            catch (SqliteException)
            {
                // Nothing is lost: the log stays as it is until the next time.
            }
        }
    }
}
