using System.Globalization;
using Danube.Dapr.LocalSidecar.State;
using Microsoft.Data.Sqlite;

namespace Danube.Dapr.LocalSidecar.Tests.State;

public sealed class SqliteWriterTests : IDisposable
{
    private readonly SqliteConnection _connection = new("Data Source=:memory:");
    private readonly SqliteWriter _writer;

    public SqliteWriterTests()
    {
        _connection.Open();
        _writer = new SqliteWriter(_connection, "state", static () => DateTimeOffset.UnixEpoch.ToString("yyyy-MM-dd HH:mm:ss.fff", CultureInfo.InvariantCulture));
    }

    public void Dispose() => _writer.Dispose();

    [Fact]
    public async Task Commit_BatchThatCannotBeWritten_FailsAlone()
    {
        WriteBatch[] batches =
        [
            new([Put("a")]),
            // The second of its writes has no key: the first is undone.
            new([Put("b"), Put(null!)]),
            new([Put(null!)]),
            new([Put("c"), new StateOperation("c", [2], "no such etag")]),
            new([Put("d"), Put("e")]),
        ];

        _writer.Commit(batches, DateTimeOffset.UnixEpoch);

        await batches[0].Done.Task;
        await Assert.ThrowsAsync<InvalidOperationException>(() => batches[1].Done.Task);
        await Assert.ThrowsAsync<InvalidOperationException>(() => batches[2].Done.Task);
        await Assert.ThrowsAsync<ETagMismatchException>(() => batches[3].Done.Task);
        await batches[4].Done.Task;
        Assert.Equal("a,d,e", Keys());
        // And the next transaction finds nothing open.
        WriteBatch[] next = [new([Put("f")])];
        _writer.Commit(next, DateTimeOffset.UnixEpoch);
        await next[0].Done.Task;
        Assert.Equal("a,d,e,f", Keys());
    }

    [Fact]
    public async Task Commit_DiskIsFull_SaysSoAndGoesOnOnceThereIsRoom()
    {
        Run("PRAGMA max_page_count=4");
        WriteBatch[] batches = [new([Put("a")]), new([new StateOperation("b", new byte[100_000])])];

        _writer.Commit(batches, DateTimeOffset.UnixEpoch);

        foreach (var batch in batches)
            Assert.Equal(SQLitePCL.raw.SQLITE_FULL, (await Assert.ThrowsAsync<SqliteException>(() => batch.Done.Task)).SqliteErrorCode);
        Assert.Null(Keys());
        Run("PRAGMA max_page_count=1000");
        WriteBatch[] next = [new([Put("c")])];
        _writer.Commit(next, DateTimeOffset.UnixEpoch);
        await next[0].Done.Task;
        Assert.Equal("c", Keys());
    }

    private void Run(string pragma)
    {
        using var command = _connection.CreateCommand();
        command.CommandText = pragma;
        command.ExecuteNonQuery();
    }

    private static StateOperation Put(string key) => new(key, [1]);

    private string? Keys()
    {
        using var command = _connection.CreateCommand();
        command.CommandText = "SELECT group_concat(key, ',') FROM (SELECT key FROM state ORDER BY key)";
        return command.ExecuteScalar() as string;
    }
}
