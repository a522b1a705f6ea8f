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

    // What is in the log is also to go into the database, which may have to grow for it: where the disk leaves less room than some times the log, it is done sooner,
    // and the log gives its room back.
    private const int PagesBetweenLooks = 250;
    private const int RoomPerLog = 4;
    private const int PageBytes = 4096;

    private readonly SqliteConnection _connection;
    private readonly string _folder;
    private readonly SemaphoreSlim _due = new(0, 1);
    private readonly CancellationTokenSource _stop = new();
    private readonly Thread _thread;
    private int _pages;
    private int _nextLook = PagesBetweenLooks;
    private volatile bool _giveBack;

    /// <param name="connection">Its own.</param>
    /// <param name="file">The database.</param>
    public SqliteCheckpointer(SqliteConnection connection, string file)
    {
        _connection = connection;
        _folder = Path.GetDirectoryName(Path.GetFullPath(file))!;
        _thread = new Thread(Run) { IsBackground = true, Name = "sqlite-checkpointer" };
        _thread.Start();
    }

    /// <summary>So many pages were written to the log. Called by the one thread that writes.</summary>
    public void Committed(int pages)
    {
        _pages += pages;
        if (_pages < _nextLook) return;
        _nextLook = _pages + PagesBetweenLooks;
        var isShort = IsShortOfRoom();
        if ((_pages < PagesBetween && !isShort) || _due.CurrentCount > 0) return;
        (_pages, _nextLook, _giveBack) = (0, PagesBetweenLooks, isShort);
        _due.Release();
    }

    private bool IsShortOfRoom()
    {
        try
        {
            return new DriveInfo(_folder).AvailableFreeSpace / PageBytes < (long)_pages * RoomPerLog;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or ArgumentException)
        {
            // A disk that cannot be asked.
            return false;
        }
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
        using var truncate = _connection.CreateCommand();
        truncate.CommandText = "PRAGMA wal_checkpoint(TRUNCATE)";
        while (true)
        {
            try
            {
                _due.Wait(_stop.Token);
                checkpoint.ExecuteNonQuery();
                // Writers wait for this one, which finds little to do after the other.
                if (_giveBack) truncate.ExecuteNonQuery();
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
