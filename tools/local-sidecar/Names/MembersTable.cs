using Microsoft.Data.Sqlite;

namespace Danube.Dapr.LocalSidecar.Names;

/// <summary>A process as it stands in the table.</summary>
/// <param name="Registration">Its name; a process that was removed comes back under another one.</param>
/// <param name="Address">Where it listens for other sidecars.</param>
/// <param name="Joined">The version at which it came.</param>
/// <param name="Seen">The latest version at which it has given up what belongs to others.</param>
/// <param name="LastBeat">When it was last heard of, in milliseconds of the machine's clock.</param>
/// <param name="Hosts">What it serves, as JSON.</param>
internal sealed record MemberRow(string Registration, string Address, string Namespace, long Joined, long Seen, long LastBeat, string Hosts);

/// <summary>
/// The processes over which actors and workflows are placed, in the names file, with a version that changes with whatever bears on the placement.
/// </summary>
internal sealed class MembersTable : IDisposable
{
    private readonly string _members;
    private readonly string _placement;
    private readonly SqliteConnection _connection;
    private readonly Lock _lock = new();

    /// <exception cref="SqliteException">The file cannot be opened or its tables cannot be made.</exception>
    public MembersTable(NameResolution settings)
    {
        (_members, _placement) = (settings.TableName + "_members", settings.TableName + "_placement");
        _connection = NamesFile.Open(settings);
        try
        {
            Change(
                $"""
                CREATE TABLE IF NOT EXISTS {_placement} (id INTEGER NOT NULL PRIMARY KEY CHECK (id = 0), version INTEGER NOT NULL);
                INSERT OR IGNORE INTO {_placement} (id, version) VALUES (0, 0);
                CREATE TABLE IF NOT EXISTS {_members} (registration_id TEXT NOT NULL PRIMARY KEY, address TEXT NOT NULL, namespace TEXT NOT NULL,
                  joined INTEGER NOT NULL, seen INTEGER NOT NULL, last_beat INTEGER NOT NULL, hosts TEXT NOT NULL);
                """);
        }
        catch
        {
            _connection.Dispose();
            throw;
        }
    }

    /// <summary>The version and every member, the oldest first.</summary>
    public (long Version, IReadOnlyList<MemberRow> Members) Read()
    {
        lock (_lock)
        {
            using var command = _connection.CreateCommand();
            // One statement: version and members are of the same moment.
            command.CommandText = $"SELECT p.version, m.registration_id, m.address, m.namespace, m.joined, m.seen, m.last_beat, m.hosts FROM {_placement} p LEFT JOIN {_members} m ON 1 ORDER BY m.joined, m.registration_id";
            using var rows = command.ExecuteReader();
            var (version, members) = (0L, new List<MemberRow>());
            while (rows.Read())
            {
                version = rows.GetInt64(0);
                if (!rows.IsDBNull(1)) members.Add(new MemberRow(rows.GetString(1), rows.GetString(2), rows.GetString(3), rows.GetInt64(4), rows.GetInt64(5), rows.GetInt64(6), rows.GetString(7)));
            }
            return (version, members);
        }
    }

    /// <summary>Comes in. Whoever had this address before is gone: its port is the caller's now.</summary>
    public void Join(string registration, string address, string @namespace, long now, string hosts) => Change(
        $"""
        UPDATE {_placement} SET version = version + 1;
        DELETE FROM {_members} WHERE address = $address;
        INSERT INTO {_members} (registration_id, address, namespace, joined, seen, last_beat, hosts) SELECT $registration, $address, $namespace, version, 0, $now, $hosts FROM {_placement};
        """, ("$registration", registration), ("$address", address), ("$namespace", @namespace), ("$now", now), ("$hosts", hosts));

    /// <summary>Says that a member is still there.</summary>
    /// <returns>False when others have removed it.</returns>
    public bool Beat(string registration, long now) => Change($"UPDATE {_members} SET last_beat = $now WHERE registration_id = $registration", ("$registration", registration), ("$now", now)) > 0;

    /// <summary>Changes what a member serves.</summary>
    public void Publish(string registration, string hosts) => Change(
        $"""
        UPDATE {_placement} SET version = version + 1;
        UPDATE {_members} SET hosts = $hosts WHERE registration_id = $registration;
        """, ("$registration", registration), ("$hosts", hosts));

    /// <summary>Says that a member has given up everything that a version gives to others.</summary>
    public void Acknowledge(string registration, long version) =>
        Change($"UPDATE {_members} SET seen = $version WHERE registration_id = $registration", ("$registration", registration), ("$version", version));

    /// <summary>Removes a member, unless it was heard of since.</summary>
    /// <param name="lastBeat">When it was last heard of, or null to remove it in any case.</param>
    public void Remove(string registration, long? lastBeat = null) => Change(
        $"""
        UPDATE {_placement} SET version = version + 1 WHERE EXISTS (SELECT 1 FROM {_members} WHERE registration_id = $registration AND last_beat = COALESCE($beat, last_beat));
        DELETE FROM {_members} WHERE registration_id = $registration AND last_beat = COALESCE($beat, last_beat);
        """, ("$registration", registration), ("$beat", (object?)lastBeat ?? DBNull.Value));

    public void Dispose() => _connection.Dispose();

    private int Change(string sql, params (string Name, object Value)[] parameters)
    {
        lock (_lock)
        {
            using var transaction = _connection.BeginTransaction();
            using var command = _connection.CreateCommand();
            (command.CommandText, command.Transaction) = (sql, transaction);
            foreach (var (name, value) in parameters) command.Parameters.AddWithValue(name, value);
            var changed = command.ExecuteNonQuery();
            transaction.Commit();
            return changed;
        }
    }
}
