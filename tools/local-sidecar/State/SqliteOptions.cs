namespace Danube.Dapr.LocalSidecar.State;

/// <summary>The metadata of a <c>state.sqlite</c> component.</summary>
/// <param name="ConnectionString">A path, a <c>file:</c> URI or <c>:memory:</c>.</param>
/// <param name="TableName">The table of the values.</param>
/// <param name="BusyTimeout">How long to wait for a lock that another process holds.</param>
/// <param name="DisableWal">Use a rollback journal in place of the write-ahead log.</param>
/// <param name="CleanupInterval">How often expired rows are removed, or null for never.</param>
public sealed record SqliteOptions(string ConnectionString, string TableName = "state", TimeSpan? BusyTimeout = null, bool DisableWal = false, TimeSpan? CleanupInterval = null)
{
    /// <summary>The file of a connection string that is a path or a <c>file:</c> URI; of the URI only the path matters here.</summary>
    public static string PathOf(string connectionString)
    {
        var path = connectionString.StartsWith("file:", StringComparison.OrdinalIgnoreCase) ? connectionString["file:".Length..] : connectionString;
        var query = path.IndexOf('?', StringComparison.Ordinal);
        if (query >= 0) path = path[..query];
        return path.StartsWith("///", StringComparison.Ordinal) ? path[2..] : path;
    }
}
