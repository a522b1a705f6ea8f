using System.Text;
using Danube.Dapr.LocalSidecar.State;
using Microsoft.Extensions.Time.Testing;

namespace Danube.Dapr.LocalSidecar.Tests;

public sealed class StateStoreTests : IDisposable
{
    private readonly TempFolder _folder = new();
    private readonly FakeTimeProvider _time = new(DateTimeOffset.UnixEpoch.AddYears(50));

    public void Dispose() => _folder.Dispose();

    [Theory, InlineData("memory"), InlineData("sqlite"), InlineData("sqlite in memory")]
    public async Task Apply_EtagsAndFirstWrite_HoldOrRefuse(string kind)
    {
        await using var store = Create(kind);
        await store.ApplyAsync([Put("a", "1", firstWrite: true)], default);
        var first = (await store.GetAsync("a", default))!.ETag;
        await store.ApplyAsync([Put("a", "2", first)], default);

        await Assert.ThrowsAsync<ETagMismatchException>(() => store.ApplyAsync([Put("a", "3", first)], default));
        await Assert.ThrowsAsync<ETagMismatchException>(() => store.ApplyAsync([Put("a", "3", firstWrite: true)], default));
        await Assert.ThrowsAsync<ETagMismatchException>(() => store.ApplyAsync([Put("missing", "3", "x")], default));
        await Assert.ThrowsAsync<ETagMismatchException>(() => store.ApplyAsync([new StateOperation("a", null, first)], default));

        Assert.Equal("2", await Text(store, "a"));
    }

    [Theory, InlineData("memory"), InlineData("sqlite"), InlineData("sqlite in memory")]
    public async Task Apply_OneConditionFails_UndoesTheWholeBatch(string kind)
    {
        await using var store = Create(kind);
        await store.ApplyAsync([Put("a", "1"), Put("b", "1")], default);

        await Assert.ThrowsAsync<ETagMismatchException>(() => store.ApplyAsync([Put("a", "2"), new StateOperation("b", null), Put("c", "2"), Put("d", "2", "no such etag")], default));

        Assert.Equal("1", await Text(store, "a"));
        Assert.Equal("1", await Text(store, "b"));
        Assert.Null(await store.GetAsync("c", default));
    }

    [Theory, InlineData("memory"), InlineData("sqlite"), InlineData("sqlite in memory")]
    public async Task Apply_ManyWritersWithEtags_LoseNoUpdate(string kind)
    {
        await using var store = Create(kind);
        await store.ApplyAsync([Put("n", "0")], default);

        await Task.WhenAll(Enumerable.Range(0, 8).Select(_ => Task.Run(async () =>
        {
            for (var done = 0; done < 25;)
            {
                var entry = (await store.GetAsync("n", default))!;
                try
                {
                    await store.ApplyAsync([Put("n", (int.Parse(Encoding.UTF8.GetString(entry.Value), System.Globalization.CultureInfo.InvariantCulture) + 1).ToString(System.Globalization.CultureInfo.InvariantCulture), entry.ETag)], default);
                    done++;
                }
                catch (ETagMismatchException)
                {
                    // Another writer was first.
                }
            }
        })));

        Assert.Equal("200", await Text(store, "n"));
    }

    [Theory, InlineData("memory"), InlineData("sqlite"), InlineData("sqlite in memory")]
    public async Task TimeToLive_Passed_HidesTheEntryEverywhere(string kind)
    {
        await using var store = Create(kind);
        await store.ApplyAsync([new StateOperation("a", [1], TimeToLive: TimeSpan.FromSeconds(10)), Put("b", "1")], default);
        Assert.Equal(_time.GetUtcNow().AddSeconds(10), (await store.GetAsync("a", default))!.ExpiresAt);

        _time.Advance(TimeSpan.FromSeconds(10));

        Assert.Null(await store.GetAsync("a", default));
        Assert.Equal("b", Assert.Single(await store.ListAsync("", default)).Key);
        await store.ApplyAsync([Put("a", "2", firstWrite: true)], default);
        Assert.Equal("2", await Text(store, "a"));
    }

    [Fact]
    public async Task TimeToLive_KeysWrittenOverAndDeleted_TakesNoMemoryForThem()
    {
        await using var store = new InMemoryStateStore(_time);
        static StateOperation Short(string key) => new(key, [1], TimeToLive: TimeSpan.FromHours(1));
        for (var i = 0; i < 5000; i++) await store.ApplyAsync([Short($"living{i % 10}"), Short($"{i}")], default);
        for (var i = 0; i < 5000; i++) await store.ApplyAsync([new StateOperation($"{i}", null)], default);
        for (var i = 0; i < 5000; i++) await Assert.ThrowsAsync<ETagMismatchException>(() => store.ApplyAsync([Short("living0"), Put("living1", "1", "no such etag")], default));

        Assert.InRange(store.Expirations, 10, 1100);
        _time.Advance(TimeSpan.FromHours(1));
        await store.ApplyAsync([Put("other", "1")], default);
        Assert.Equal(0, store.Expirations);
        Assert.Equal("other", Assert.Single(await store.ListAsync("", default)).Key);
    }

    [Theory, InlineData("memory"), InlineData("sqlite"), InlineData("sqlite in memory")]
    public async Task TimeToLive_EndsBeyondTheCalendar_TheEntryStays(string kind)
    {
        await using var store = Create(kind);

        await store.ApplyAsync([new StateOperation("a", [1], TimeToLive: TimeSpan.FromSeconds(300_000_000_000)), new StateOperation("b", [1], TimeToLive: TimeSpan.MaxValue)], default);

        Assert.Equal(["a", "b"], (await store.ListAsync("", default)).Select(static e => e.Key));
        Assert.Null((await store.GetAsync("a", default))!.ExpiresAt);
    }

    [Theory, InlineData("memory"), InlineData("sqlite"), InlineData("sqlite in memory")]
    public async Task List_Prefix_GivesItsKeysInOrdinalOrder(string kind)
    {
        await using var store = Create(kind);
        await store.ApplyAsync([Put("p||b", "1"), Put("p||a", "1"), Put("p||\U0001F600", "1"), Put("p||\uFF5E", "1"), Put("p|", "1"), Put("q", "1")], default);

        Assert.Equal(["p||a", "p||b", "p||\U0001F600", "p||\uFF5E"], (await store.ListAsync("p||", default)).Select(static e => e.Key));
    }

    [Fact]
    public async Task Sqlite_OpenedAgain_HasEverythingThatWasAcknowledged()
    {
        await using (var store = Create("sqlite"))
            await Task.WhenAll(Enumerable.Range(0, 200).Select(i => store.ApplyAsync([Put($"k{i:000}", "v")], default)));

        await using var again = Create("sqlite");

        Assert.Equal(200, (await again.ListAsync("k", default)).Count);
    }

    [Fact]
    public async Task Sqlite_WrittenWithoutAPause_KeepsItsLogSmall()
    {
        await using var store = Create("sqlite");
        for (var round = 0; round < 60; round++)
            await Task.WhenAll(Enumerable.Range(0, 100).Select(i => store.ApplyAsync([new StateOperation($"k{i:000}", new byte[16_000])], default)));

        // 96 MB were written; the log is emptied beside that, at 64 MiB at the latest.
        Assert.InRange(new FileInfo(File() + "-wal").Length, 1, 80_000_000);
        Assert.Equal(100, (await store.ListAsync("k", default)).Count);
    }

    [Fact]
    public async Task Sqlite_FileIsLockedByAnother_WriteFailsWhenTheBusyTimeIsOver()
    {
        await using var store = new SqliteStateStore(new SqliteOptions(File(), BusyTimeout: TimeSpan.FromMilliseconds(300)), TimeProvider.System);
        using var connection = new Microsoft.Data.Sqlite.SqliteConnection($"Data Source={File()};Pooling=false");
        connection.Open();
        using (connection.BeginTransaction())
        {
            var refused = await Assert.ThrowsAsync<Microsoft.Data.Sqlite.SqliteException>(() => store.ApplyAsync([Put("a", "1")], default).WaitAsync(TimeSpan.FromSeconds(20)));
            Assert.Contains("locked", refused.Message, StringComparison.Ordinal);
        }

        await store.ApplyAsync([Put("a", "2")], default);
        Assert.Equal("2", await Text(store, "a"));
    }

    [Fact]
    public async Task Sqlite_RowsWrittenByDaprd_AreRead()
    {
        await using (Create("sqlite")) { }
        using (var connection = new Microsoft.Data.Sqlite.SqliteConnection($"Data Source={File()};Pooling=false"))
        {
            connection.Open();
            using var command = connection.CreateCommand();
            command.CommandText = "INSERT INTO state (key, value, is_binary, etag) VALUES ('app||text', '{\"a\":1}', 0, 'e1'), ('app||bytes', 'AAH/', 1, 'e2')";
            command.ExecuteNonQuery();
        }

        await using var store = Create("sqlite");

        Assert.Equal("{\"a\":1}", await Text(store, "app||text"));
        Assert.Equal([0, 1, 255], (await store.GetAsync("app||bytes", default))!.Value);
    }

    private IStateStore Create(string kind) => kind == "memory" ? new InMemoryStateStore(_time) : new SqliteStateStore(new SqliteOptions(kind == "sqlite" ? File() : ":memory:"), _time);

    private string File() => Path.Combine(_folder.Path, "state.db");

    private static StateOperation Put(string key, string value, string? etag = null, bool firstWrite = false) => new(key, Encoding.UTF8.GetBytes(value), etag, firstWrite);

    private static async Task<string> Text(IStateStore store, string key) => Encoding.UTF8.GetString((await store.GetAsync(key, default))!.Value);
}
