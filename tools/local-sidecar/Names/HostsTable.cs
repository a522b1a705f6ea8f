using Microsoft.Data.Sqlite;

namespace Danube.Dapr.LocalSidecar.Names;

/// <summary>The table of sidecars, laid out as that of Dapr's <c>nameresolution.sqlite</c>. The clock is SQLite's, so that all processes have the same.</summary>
internal sealed class HostsTable : IDisposable
{
    private readonly NameResolution _settings;
    // Its own connection, so that a look-up never waits for a write that waits for another process.
    private readonly SqliteConnection _reading;
    private readonly SqliteConnection _writing;
    private readonly SqliteCommand _find;
    private readonly Lock _readLock = new();
    private readonly Lock _writeLock = new();

    /// <exception cref="SqliteException">The file cannot be opened or its tables cannot be made.</exception>
    public HostsTable(NameResolution settings)
    {
        _settings = settings;
        _writing = NamesFile.Open(settings);
        try
        {
            Execute(
                $"""
                CREATE TABLE IF NOT EXISTS {settings.MetadataTableName} (key TEXT NOT NULL PRIMARY KEY, value TEXT NOT NULL);
                CREATE TABLE IF NOT EXISTS {settings.TableName} (registration_id TEXT NOT NULL PRIMARY KEY, address TEXT NOT NULL, app_id TEXT NOT NULL, namespace TEXT NOT NULL, last_update INTEGER NOT NULL);
                CREATE UNIQUE INDEX IF NOT EXISTS {settings.TableName}_address_idx ON {settings.TableName} (address);
                CREATE INDEX IF NOT EXISTS {settings.TableName}_last_update_idx ON {settings.TableName} (last_update);
                INSERT OR IGNORE INTO {settings.MetadataTableName} (key, value) VALUES ('nr-migrations', '1');
                """);
            _reading = NamesFile.Open(settings);
        }
        catch
        {
            _writing.Dispose();
            throw;
        }
        _find = _reading.CreateCommand();
        _find.CommandText = $"SELECT address FROM {settings.TableName} WHERE app_id = $app AND namespace = $namespace AND unixepoch() - last_update < $seconds ORDER BY random()";
        _find.Parameters.Add("$app", SqliteType.Text);
        _find.Parameters.Add("$namespace", SqliteType.Text);
        _find.Parameters.Add("$seconds", SqliteType.Integer).Value = (long)settings.UpdateInterval.TotalSeconds;
    }

    /// <summary>Lists a sidecar, or says that it is still there. A line that another one left at this address is replaced.</summary>
    public void Put(string registration, string address, string appId, string @namespace) => Execute(
        $"REPLACE INTO {_settings.TableName} (registration_id, address, app_id, namespace, last_update) VALUES ($registration, $address, $app, $namespace, unixepoch())",
        ("$registration", registration), ("$address", address), ("$app", appId), ("$namespace", @namespace));

    public void Remove(string registration) => Execute($"DELETE FROM {_settings.TableName} WHERE registration_id = $registration", ("$registration", registration));

    /// <summary>Deletes what sidecars left that ended without a word.</summary>
    public void RemoveOld() => Execute($"DELETE FROM {_settings.TableName} WHERE unixepoch() - last_update > $age", ("$age", (long)Math.Max(_settings.CleanupInterval.TotalSeconds, _settings.UpdateInterval.TotalSeconds)));

    /// <summary>The addresses of an app's living sidecars, in no order.</summary>
    public IReadOnlyList<string> Find(string appId, string @namespace)
    {
        lock (_readLock)
        {
            _find.Parameters[0].Value = appId;
            _find.Parameters[1].Value = @namespace;
            var found = new List<string>();
            using var rows = _find.ExecuteReader();
            while (rows.Read()) found.Add(rows.GetString(0));
            return found;
        }
    }

    public void Dispose()
    {
        _find.Dispose();
        _reading.Dispose();
        _writing.Dispose();
    }

    private void Execute(string sql, params (string Name, object Value)[] parameters)
    {
        lock (_writeLock)
        {
            using var command = _writing.CreateCommand();
            command.CommandText = sql;
            foreach (var (name, value) in parameters) command.Parameters.AddWithValue(name, value);
            command.ExecuteNonQuery();
        }
    }
}
