using System.Globalization;
using Microsoft.Data.Sqlite;

namespace Danube.Dapr.LocalSidecar.State;

/// <summary>A connection with the prepared reads.</summary>
internal sealed class SqliteReader : IDisposable
{
    private readonly SqliteConnection _connection;
    private readonly SqliteCommand _get;
    private readonly SqliteCommand _list;

    public SqliteReader(SqliteConnection connection, string table)
    {
        _connection = connection;
        const string Living = "(expiration_time IS NULL OR expiration_time > $now)";
        _get = Prepare($"SELECT value, is_binary, etag, expiration_time FROM {table} WHERE key = $key AND {Living}", "$key", "$now");
        _list = Prepare($"SELECT value, is_binary, etag, expiration_time, key FROM {table} WHERE key >= $from AND key < $to AND {Living} ORDER BY key", "$from", "$to", "$now");
    }

    public StateEntry? Get(string key, string now)
    {
        _get.Parameters[0].Value = key;
        _get.Parameters[1].Value = now;
        using var rows = _get.ExecuteReader();
        return rows.Read() ? Entry(key, rows) : null;
    }

    public IReadOnlyList<StateEntry> List(string prefix, string now)
    {
        _list.Parameters[0].Value = prefix;
        _list.Parameters[1].Value = prefix + "\U0010FFFF";
        _list.Parameters[2].Value = now;
        var found = new List<StateEntry>();
        using (var rows = _list.ExecuteReader())
            while (rows.Read()) found.Add(Entry(rows.GetString(4), rows));
        // SQLite orders by UTF-8 bytes, which is not the ordinal order of UTF-16 for characters beyond the basic plane.
        found.Sort(static (a, b) => string.CompareOrdinal(a.Key, b.Key));
        return found;
    }

    public void Dispose()
    {
        _get.Dispose();
        _list.Dispose();
        _connection.Dispose();
    }

    private static StateEntry Entry(string key, SqliteDataReader row)
    {
        // The bytes of a text are the text in UTF-8, so that only what daprd wrote as base64 is told apart.
        var value = row.GetBoolean(1) ? Convert.FromBase64String(row.GetString(0)) : row.GetFieldValue<byte[]>(0);
        DateTimeOffset? expiresAt = row.IsDBNull(3) ? null
            : DateTimeOffset.Parse(row.GetString(3), CultureInfo.InvariantCulture, DateTimeStyles.AssumeUniversal | DateTimeStyles.AdjustToUniversal);
        return new StateEntry(key, value, row.GetString(2), expiresAt);
    }

    private SqliteCommand Prepare(string sql, params string[] parameters)
    {
        var command = _connection.CreateCommand();
        command.CommandText = sql;
        foreach (var name in parameters) command.Parameters.Add(name, SqliteType.Text);
        command.Prepare();
        return command;
    }
}
