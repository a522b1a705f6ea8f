using Danube.Dapr.LocalSidecar.CommandLine;
using Danube.Dapr.LocalSidecar.Components;
using Danube.Dapr.LocalSidecar.Hosting;
using Danube.Dapr.LocalSidecar.Names;
using Microsoft.Data.Sqlite;
using Microsoft.Extensions.Logging;

namespace Danube.Dapr.LocalSidecar.Tests;

/// <summary>The file in which the sidecars of a machine find each other.</summary>
public sealed class NeighbourListTests : IDisposable
{
    private readonly TempFolder _folder = new();

    private string File => Path.Combine(_folder.Path, "names.db");

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void Find_OnlyLivingSidecarsOfTheNamespace()
    {
        using var mine = new HostsTable(new NameResolution(File));
        using var other = new HostsTable(new NameResolution(File));
        mine.Put("1", "127.0.0.1:1", "a", "default");
        mine.Put("2", "127.0.0.1:2", "a", "elsewhere");
        mine.Put("3", "127.0.0.1:3", "a", "default");
        mine.Put("4", "127.0.0.1:4", "a", "default");
        mine.Remove("3");
        Execute("UPDATE hosts SET last_update = last_update - 5 WHERE registration_id = '4'");

        Assert.Equal(["127.0.0.1:1"], other.Find("a", "default"));
        Assert.Equal(["127.0.0.1:2"], other.Find("a", "elsewhere"));

        other.Put("4", "127.0.0.1:4", "a", "default");
        Assert.Equal(["127.0.0.1:1", "127.0.0.1:4"], mine.Find("a", "default").Order(StringComparer.Ordinal));
        // Another sidecar has the port now.
        other.Put("5", "127.0.0.1:1", "b", "default");
        Assert.Equal(["127.0.0.1:4"], mine.Find("a", "default"));
    }

    [Fact]
    public void RemoveOld_DeletesWhatNobodyRenewed()
    {
        using var table = new HostsTable(new NameResolution(File) { CleanupInterval = TimeSpan.FromMinutes(10) });
        table.Put("old", "127.0.0.1:1", "a", "default");
        table.Put("new", "127.0.0.1:2", "a", "default");
        Execute("UPDATE hosts SET last_update = last_update - 601 WHERE registration_id = 'old'");

        table.RemoveOld();

        Assert.Equal("new", Execute("SELECT group_concat(registration_id) FROM hosts"));
    }

    [Fact]
    public async Task Sidecar_Configured_IsListedWhileItRuns()
    {
        var configuration = _folder.Write("config.yml.txt", $"kind: Configuration\nspec: {{ nameResolution: {{ component: sqlite, configuration: {{ connectionString: 'file:{File}?cache=shared', tableName: sidecars }} }} }}");
        await using var app = await new TestApp { Answer = static _ => Task.FromResult((200, "here")) }.StartAsync();
        await using var caller = await TestSidecar.StartAsync(_folder, false, o => o with { ConfigPaths = [configuration] }, ("caller", null));
        var callee = await TestSidecar.StartAsync(_folder, false, o => o with { ConfigPaths = [configuration] }, ("one", app.Port), ("two", app.Port));

        Assert.Equal((200, "here"), await caller.SendAsync("GET", "/v1.0/invoke/two/method/x"));
        Assert.Equal("two", app.To("/x").Single().Headers["dapr-callee-app-id"]);
        Assert.Equal("caller,one,two", Execute("SELECT group_concat(app_id) FROM (SELECT app_id FROM sidecars ORDER BY app_id)"));

        await callee.DisposeAsync();
        Assert.Equal("caller", Execute("SELECT group_concat(app_id) FROM sidecars"));
        Assert.Contains("no host found with the given ID", (await caller.SendAsync("GET", "/v1.0/invoke/two/method/x")).Body, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Sidecar_WithoutAList_HasNoNeighbours()
    {
        await using var app = await new TestApp().StartAsync();
        await using var callee = await TestSidecar.StartAsync(_folder, false, o => o with { NamesFile = Path.Combine(_folder.Path, "own", "names.db") }, ("callee", app.Port));
        await using var caller = await TestSidecar.StartAsync(_folder, false, static o => o, ("caller", null));

        Assert.Contains("no host found with the given ID", (await caller.SendAsync("GET", "/v1.0/invoke/callee/method/x")).Body, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Sidecar_ListInAFolderOfOthers_GoesOnWithoutIt()
    {
        if (OperatingSystem.IsWindows()) return;
        var shared = Directory.CreateDirectory(Path.Combine(_folder.Path, "shared"), (UnixFileMode)0b111_111_111).FullName;
        System.IO.File.SetUnixFileMode(shared, (UnixFileMode)0b111_111_111);
        await using var sidecar = await TestSidecar.StartAsync(_folder, false, o => o with { NamesFile = Path.Combine(shared, "names.db") }, ("a", null));

        Assert.Equal(500, (await sidecar.SendAsync("GET", "/v1.0/invoke/b/method/x")).Status);
        Assert.Empty(Directory.EnumerateFiles(shared));
    }

    [Theory]
    [InlineData("component: consul", "spec.nameResolution.component: 'consul' is not available; sqlite and mdns are")]
    [InlineData("component: sqlite", "spec.nameResolution.configuration: is missing")]
    [InlineData("component: sqlite, version: v2", "spec.nameResolution.version: 'v2' of sqlite is not available")]
    [InlineData("component: sqlite, configuration: { tableName: x }", "spec.nameResolution.configuration.connectionString: is missing")]
    [InlineData("component: sqlite, configuration: { connectionString: ':memory:' }", "spec.nameResolution.configuration.connectionString: ':memory:' is seen by one process only")]
    [InlineData("component: sqlite, configuration: { connectionString: no-such-folder/n.db }", "spec.nameResolution.configuration.connectionString: 'no-such-folder/n.db' cannot be opened")]
    [InlineData("component: sqlite, configuration: { connectionString: n.db, tableName: 'a;b' }", "spec.nameResolution.configuration.tableName: 'a;b' is not a name")]
    [InlineData("component: sqlite, configuration: { connectionString: n.db, updateInterval: 1500ms }", "spec.nameResolution.configuration.updateInterval: must be at least 1s more than timeout")]
    [InlineData("component: sqlite, configuration: { connectionString: n.db, timeout: 10ms }", "spec.nameResolution.configuration.timeout: must be at least 1s")]
    public async Task Configuration_ThatCannotBeUsed_NamesFileAndField(string resolution, string expected)
    {
        var file = _folder.Write("config.txt", $"kind: Configuration\nspec: {{ nameResolution: {{ {resolution} }} }}");

        var e = await Assert.ThrowsAsync<ResourceException>(() => SidecarHost.StartAsync(new SidecarOptions
        {
            Apps = [new AppOptions { AppId = "a", DaprHttpPort = TestApp.FreePort(), DaprGrpcPort = TestApp.FreePort() }], ConfigPaths = [file], LogLevel = LogLevel.None,
        }));

        Assert.StartsWith($"{file}: {expected}", e.Message, StringComparison.Ordinal);
    }

    private string? Execute(string sql)
    {
        using var connection = new SqliteConnection(new SqliteConnectionStringBuilder { DataSource = File, Pooling = false }.ToString());
        connection.Open();
        using var command = connection.CreateCommand();
        command.CommandText = sql;
        return command.ExecuteScalar()?.ToString();
    }
}
