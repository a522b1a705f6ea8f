using System.Collections.Concurrent;
using System.Globalization;
using System.Threading.Channels;
using Microsoft.Data.Sqlite;

namespace Danube.Dapr.LocalSidecar.State;

/// <summary>
/// A store in a SQLite file (<c>state.sqlite</c>). One thread writes: it takes every batch that waits into one transaction, so that many
/// writers share one flush to the disk. Reads run on connections of their own beside it.
/// </summary>
public sealed class SqliteStateStore : IStateStore
{
    // Expiry is compared as text in the form SQLite's own CURRENT_TIMESTAMP has, with milliseconds.
    private const string TimestampFormat = "yyyy-MM-dd HH:mm:ss.fff";
    private const int BatchesPerTransaction = 512;

    // Of each connection; there are about as many as reads at once, and the system has the file in its own cache.
    private const int CacheKilobytes = 512;

    // 64 MiB: then a commit empties the log itself.
    private const int LargestLogPages = 16_384;

    private readonly SqliteOptions _options;
    private readonly TimeProvider _time;
    private readonly string _connectionString;
    private readonly TimeSpan _busyTimeout;
    private readonly ConcurrentBag<SqliteReader> _readers = [];

    // What follows a write is only that the thread that writes wakes up.
    private readonly Channel<WriteBatch> _writes = Channel.CreateUnbounded<WriteBatch>(new UnboundedChannelOptions { SingleReader = true, AllowSynchronousContinuations = true });
    private readonly Thread _writerThread;
    private readonly SqliteWriter _writer;
    private readonly SqliteCheckpointer? _checkpointer;
    private volatile bool _disposed;

    /// <param name="options">The component's metadata.</param>
    /// <param name="time">The clock of expiry.</param>
    /// <exception cref="SqliteException">The file cannot be opened or its table cannot be made.</exception>
    public SqliteStateStore(SqliteOptions options, TimeProvider time)
    {
        (_options, _time) = (options, time);
        _busyTimeout = options.BusyTimeout ?? TimeSpan.FromSeconds(2);
        _connectionString = ToConnectionString(options.ConnectionString, (int)Math.Max(1, Math.Ceiling(_busyTimeout.TotalSeconds)));
        _writer = new SqliteWriter(Open(), options.TableName, Now);
        // A database in memory has no log.
        if (!options.DisableWal && !IsInMemory(options.ConnectionString)) _checkpointer = new SqliteCheckpointer(Open(), SqliteOptions.PathOf(options.ConnectionString));
        _writerThread = new Thread(WriteLoop) { IsBackground = true, Name = "sqlite-writer" };
        _writerThread.Start();
    }

    /// <inheritdoc/>
    public Task<StateEntry?> GetAsync(string key, CancellationToken cancellationToken) => Read(reader => reader.Get(key, Now()));

    /// <inheritdoc/>
    public Task<IReadOnlyList<StateEntry>> ListAsync(string prefix, CancellationToken cancellationToken) => Read(reader => reader.List(prefix, Now()));

    /// <inheritdoc/>
    public Task ApplyAsync(IReadOnlyList<StateOperation> operations, CancellationToken cancellationToken)
    {
        if (operations.Count == 0) return Task.CompletedTask;
        var batch = new WriteBatch(operations);
        return _writes.Writer.TryWrite(batch) ? batch.Done.Task : Task.FromException(new ObjectDisposedException(nameof(SqliteStateStore)));
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        if (!_writes.Writer.TryComplete()) return;
        await Task.Run(_writerThread.Join);
        if (_checkpointer is not null) await _checkpointer.DisposeAsync();
        _disposed = true;
        _writer.Dispose();
        while (_readers.TryTake(out var reader)) reader.Dispose();
    }

    private string Now() => _time.GetUtcNow().ToString(TimestampFormat, CultureInfo.InvariantCulture);

    // A read takes microseconds from the page cache: it runs on the caller's thread.
    private Task<T> Read<T>(Func<SqliteReader, T> read)
    {
        ObjectDisposedException.ThrowIf(_disposed, this);
        if (!_readers.TryTake(out var reader)) reader = new SqliteReader(Open(), _options.TableName);
        try
        {
            var result = read(reader);
            _readers.Add(reader);
            return Task.FromResult(result);
        }
        catch (Exception e)
        {
            reader.Dispose();
            return Task.FromException<T>(e);
        }
    }

    private void WriteLoop()
    {
        var batches = new List<WriteBatch>();
        var nextCleanup = _options.CleanupInterval is { } first ? _time.GetUtcNow() + first : DateTimeOffset.MaxValue;
        while (_writes.Reader.WaitToReadAsync().AsTask().GetAwaiter().GetResult())
        {
            batches.Clear();
            while (batches.Count < BatchesPerTransaction && _writes.Reader.TryRead(out var batch)) batches.Add(batch);
            _writer.Commit(batches, _time.GetUtcNow());
            _checkpointer?.Committed(_writer.TakePagesWritten());
            if (_time.GetUtcNow() < nextCleanup) continue;
            _writer.DeleteExpired();
            nextCleanup = _time.GetUtcNow() + _options.CleanupInterval!.Value;
        }
    }

    private SqliteConnection Open()
    {
        var connection = new SqliteConnection(_connectionString);
        try
        {
            connection.Open();
            Configure(connection);
            return connection;
        }
        catch
        {
            connection.Dispose();
            throw;
        }
    }

    private void Configure(SqliteConnection connection)
    {
        using var command = connection.CreateCommand();
        command.CommandText = $"PRAGMA busy_timeout={((long)_busyTimeout.TotalMilliseconds).ToString(CultureInfo.InvariantCulture)}; PRAGMA journal_mode={(_options.DisableWal ? "DELETE" : "WAL")}; PRAGMA synchronous=FULL; PRAGMA wal_autocheckpoint={LargestLogPages}; PRAGMA cache_size=-{CacheKilobytes};";
        command.ExecuteNonQuery();
    }

    private static bool IsInMemory(string connectionString) => connectionString.Contains(":memory:", StringComparison.Ordinal) || connectionString.Contains("mode=memory", StringComparison.OrdinalIgnoreCase);

    private static string ToConnectionString(string text, int seconds)
    {
        // Its readers have connections of their own: they must see the same memory.
        if (IsInMemory(text)) return new SqliteConnectionStringBuilder { DataSource = "sidecar-" + Guid.NewGuid().ToString("N"), Pooling = false, Mode = SqliteOpenMode.Memory, Cache = SqliteCacheMode.Shared }.ToString();
        // Beyond SQLite's own wait a command begins anew until its time is over: 30 s by default, and with 0 for ever.
        return new SqliteConnectionStringBuilder { DataSource = SqliteOptions.PathOf(text), Pooling = false, Mode = SqliteOpenMode.ReadWriteCreate, DefaultTimeout = seconds }.ToString();
    }
}

/// <summary>Operations that one caller waits for.</summary>
internal sealed class WriteBatch(IReadOnlyList<StateOperation> operations)
{
    public IReadOnlyList<StateOperation> Operations { get; } = operations;

    public TaskCompletionSource Done { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);
}
