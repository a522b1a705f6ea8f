using System.Globalization;
using Microsoft.Data.Sqlite;
using SQLitePCL;

namespace Danube.Dapr.LocalSidecar.State;

/// <summary>The one connection that writes. Used by one thread.</summary>
internal sealed class SqliteWriter : IDisposable
{
    // SQLITE_DBSTATUS_CACHE_WRITE, which the wrapper does not name.
    private const int PagesWritten = 9;

    private readonly SqliteConnection _connection;
    private readonly Func<string> _now;
    private readonly SqliteCommand _begin;
    private readonly SqliteCommand _commit;
    private readonly SqliteCommand _rollback;
    private readonly SqliteCommand _savepoint;
    private readonly SqliteCommand _release;
    private readonly SqliteCommand _undo;
    private readonly SqliteCommand _etag;
    private readonly SqliteCommand _upsert;
    private readonly SqliteCommand _delete;
    private readonly SqliteCommand _expire;
    private readonly SqliteCommand _emptyLog;

    public SqliteWriter(SqliteConnection connection, string table, Func<string> now)
    {
        (_connection, _now) = (connection, now);
        using (var create = connection.CreateCommand())
        {
            create.CommandText = $"""
                CREATE TABLE IF NOT EXISTS {table} (
                  key TEXT NOT NULL PRIMARY KEY,
                  value TEXT NOT NULL,
                  is_binary BOOLEAN NOT NULL,
                  etag TEXT NOT NULL,
                  expiration_time TIMESTAMP DEFAULT NULL,
                  update_time TIMESTAMP DEFAULT CURRENT_TIMESTAMP
                )
                """;
            create.ExecuteNonQuery();
        }
        _begin = Prepare("BEGIN IMMEDIATE");
        _commit = Prepare("COMMIT");
        _rollback = Prepare("ROLLBACK");
        _savepoint = Prepare("SAVEPOINT batch");
        _release = Prepare("RELEASE batch");
        _undo = Prepare("ROLLBACK TO batch");
        _etag = Prepare($"SELECT etag FROM {table} WHERE key = $key AND (expiration_time IS NULL OR expiration_time > $now)", ("$key", SqliteType.Text), ("$now", SqliteType.Text));
        _upsert = Prepare($"INSERT OR REPLACE INTO {table} (key, value, is_binary, etag, expiration_time, update_time) VALUES ($key, $value, 0, $etag, $expires, CURRENT_TIMESTAMP)",
            ("$key", SqliteType.Text), ("$value", SqliteType.Blob), ("$etag", SqliteType.Text), ("$expires", SqliteType.Text));
        _delete = Prepare($"DELETE FROM {table} WHERE key = $key", ("$key", SqliteType.Text));
        _expire = Prepare($"DELETE FROM {table} WHERE expiration_time IS NOT NULL AND expiration_time <= $now", ("$now", SqliteType.Text));
        _emptyLog = Prepare("PRAGMA wal_checkpoint(TRUNCATE)");
    }

    /// <summary>
    /// Applies every batch in one transaction; a batch whose condition does not hold, or that cannot be written, is undone alone. Completes each batch's task
    /// after the commit.
    /// </summary>
    public void Commit(IReadOnlyList<WriteBatch> batches, DateTimeOffset now)
    {
        var outcomes = new Exception?[batches.Count];
        try
        {
            Commit(batches, outcomes, now);
        }
        catch (Exception e)
        {
            // Nothing was applied: every caller that waits learns it, and the thread lives on.
            foreach (var batch in batches) batch.Done.TrySetException(e);
            return;
        }
        for (var i = 0; i < batches.Count; i++)
        {
            if (outcomes[i] is { } failure) batches[i].Done.TrySetException(failure);
            else batches[i].Done.TrySetResult();
        }
    }

    /// <summary>Pages that were written to the log since this was asked last.</summary>
    public int TakePagesWritten()
    {
        raw.sqlite3_db_status(_connection.Handle, PagesWritten, out var pages, out _, resetFlg: 1);
        return pages;
    }

    public void DeleteExpired()
    {
        _expire.Parameters[0].Value = _now();
        try
        {
            _expire.ExecuteNonQuery();
        }
        catch (SqliteException)
        {
            // Expired rows are never read: another attempt follows after the next interval.
        }
    }

    public void Dispose()
    {
        foreach (var command in (SqliteCommand[])[_begin, _commit, _rollback, _savepoint, _release, _undo, _etag, _upsert, _delete, _expire, _emptyLog]) command.Dispose();
        _connection.Dispose();
    }

    private void Commit(IReadOnlyList<WriteBatch> batches, Exception?[] outcomes, DateTimeOffset now)
    {
        try
        {
            // A savepoint for each batch costs time: they come only when one of them cannot be written.
            if (!TryCommit(batches, outcomes, now, apart: false)) TryCommit(batches, outcomes, now, apart: true);
        }
        catch (SqliteException e) when (e.SqliteErrorCode == raw.SQLITE_FULL)
        {
            // Most of the log is usually older states of the same pages: once they are in the database, the log begins anew.
            if (!TryEmptyLog()) throw;
            if (!TryCommit(batches, outcomes, now, apart: false)) TryCommit(batches, outcomes, now, apart: true);
        }
    }

    private bool TryEmptyLog()
    {
        try
        {
            _emptyLog.ExecuteNonQuery();
            return true;
        }
        catch (SqliteException)
        {
            // The database would have to grow for it, too.
            return false;
        }
    }

    /// <param name="apart">Undo a batch that cannot be written alone; otherwise everything is undone.</param>
    /// <returns>False when everything was undone because of one batch.</returns>
    private bool TryCommit(IReadOnlyList<WriteBatch> batches, Exception?[] outcomes, DateTimeOffset now, bool apart)
    {
        _begin.ExecuteNonQuery();
        try
        {
            for (var i = 0; i < batches.Count; i++) outcomes[i] = Apply(batches[i].Operations, now, apart);
            _commit.ExecuteNonQuery();
            return true;
        }
        catch (Exception e)
        {
            // Where nothing can be written any more, SQLite has done it.
            if (raw.sqlite3_get_autocommit(_connection.Handle) == 0) _rollback.ExecuteNonQuery();
            if (!apart && IsOfTheBatch(e)) return false;
            throw;
        }
    }

    private Exception? Apply(IReadOnlyList<StateOperation> operations, DateTimeOffset now, bool apart)
    {
        var guarded = apart || (operations.Count > 1 && operations.Any(static o => o.ETag is not null || o.FirstWrite));
        if (guarded) _savepoint.ExecuteNonQuery();
        Exception? failure = null;
        try
        {
            foreach (var operation in operations)
            {
                if (!Holds(operation))
                {
                    failure = new ETagMismatchException(operation.Key);
                    break;
                }
                if (!operation.CheckOnly) Write(operation, now);
            }
        }
        catch (Exception e) when (apart && IsOfTheBatch(e))
        {
            failure = e;
        }
        if (guarded && failure is not null) _undo.ExecuteNonQuery();
        if (guarded) _release.ExecuteNonQuery();
        return failure;
    }

    // What SQLite says of a value. Anything else of it (the disk is full, the file cannot be read) concerns all, and may have ended the transaction.
    private static bool IsOfTheBatch(Exception e) => e is not SqliteException { SqliteErrorCode: not (raw.SQLITE_TOOBIG or raw.SQLITE_CONSTRAINT or raw.SQLITE_MISMATCH) };

    private bool Holds(StateOperation operation)
    {
        if (operation is { ETag: null, FirstWrite: false }) return true;
        _etag.Parameters[0].Value = operation.Key;
        _etag.Parameters[1].Value = _now();
        var current = _etag.ExecuteScalar() as string;
        return operation.ETag is null ? current is null : current == operation.ETag;
    }

    private void Write(StateOperation operation, DateTimeOffset now)
    {
        if (operation.Value is null)
        {
            _delete.Parameters[0].Value = operation.Key;
            _delete.ExecuteNonQuery();
            return;
        }
        _upsert.Parameters[0].Value = operation.Key;
        _upsert.Parameters[1].Value = operation.Value;
        _upsert.Parameters[2].Value = Guid.NewGuid().ToString();
        // What ends beyond the calendar does not end.
        _upsert.Parameters[3].Value = operation.TimeToLive is { } ttl && ttl < DateTimeOffset.MaxValue - now
            ? (now + ttl).ToString("yyyy-MM-dd HH:mm:ss.fff", CultureInfo.InvariantCulture) : DBNull.Value;
        _upsert.ExecuteNonQuery();
    }

    private SqliteCommand Prepare(string sql, params (string Name, SqliteType Type)[] parameters)
    {
        var command = _connection.CreateCommand();
        command.CommandText = sql;
        foreach (var (name, type) in parameters) command.Parameters.Add(name, type);
        command.Prepare();
        return command;
    }
}
