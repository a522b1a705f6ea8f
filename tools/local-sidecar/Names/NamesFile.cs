using System.Globalization;
using Microsoft.Data.Sqlite;

namespace Danube.Dapr.LocalSidecar.Names;

/// <summary>Connections to the SQLite file that the sidecars of one machine share.</summary>
internal static class NamesFile
{
    /// <exception cref="SqliteException">The file cannot be opened.</exception>
    public static SqliteConnection Open(NameResolution settings)
    {
        var connection = new SqliteConnection(new SqliteConnectionStringBuilder
        {
            DataSource = settings.Path, Pooling = false, Mode = SqliteOpenMode.ReadWriteCreate, DefaultTimeout = (int)Math.Ceiling(settings.Timeout.TotalSeconds),
        }.ToString());
        try
        {
            connection.Open();
            using var command = connection.CreateCommand();
            // A lost line is written again in a moment: no commit waits for the disk.
            command.CommandText = $"PRAGMA busy_timeout={((long)settings.BusyTimeout.TotalMilliseconds).ToString(CultureInfo.InvariantCulture)}; PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL;";
            command.ExecuteNonQuery();
            return connection;
        }
        catch
        {
            connection.Dispose();
            throw;
        }
    }
}
