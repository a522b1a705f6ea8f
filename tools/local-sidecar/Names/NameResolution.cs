using Danube.Dapr.LocalSidecar.Components;

namespace Danube.Dapr.LocalSidecar.Names;

/// <summary>The SQLite file in which the sidecars of one machine find each other, with the settings of Dapr's <c>nameresolution.sqlite</c>.</summary>
/// <param name="Path">The file.</param>
internal sealed record NameResolution(string Path)
{
    /// <summary>The Configuration and the field in it that names the file, or null when it is the one of this user.</summary>
    public (string File, string Field)? Source { get; init; }

    /// <summary>Where the sidecars are listed.</summary>
    public string TableName { get; init; } = "hosts";

    /// <summary>Where the version of the tables is kept.</summary>
    public string MetadataTableName { get; init; } = "metadata";

    /// <summary>A sidecar that was not heard of for so long is gone; whole seconds.</summary>
    public TimeSpan UpdateInterval { get; init; } = TimeSpan.FromSeconds(5);

    /// <summary>The longest time for one access to the file.</summary>
    public TimeSpan Timeout { get; init; } = TimeSpan.FromSeconds(1);

    /// <summary>How long an access waits for another process.</summary>
    public TimeSpan BusyTimeout { get; init; } = TimeSpan.FromMilliseconds(800);

    /// <summary>Lines of sidecars that ended without a word are deleted when they are this old and another sidecar starts.</summary>
    public TimeSpan CleanupInterval { get; init; } = TimeSpan.FromHours(1);

    /// <summary>The <c>spec.nameResolution</c> of a Configuration; null when it asks for multicast, which finds others without being told where.</summary>
    /// <exception cref="ResourceException">A field cannot be used.</exception>
    public static NameResolution? Read(YamlFields fields)
    {
        switch (fields.Text("component"))
        {
            case null or "" or "mdns": return null;
            case "sqlite": break;
            case var other: throw fields.Wrong("component", $"'{other}' is not available; sqlite and mdns are");
        }
        if (fields.Text("version") is { Length: > 0 } version and not "v1") throw fields.Wrong("version", $"'{version}' of sqlite is not available; v1 is");
        var settings = fields.RequiredMapping("configuration");
        var text = settings.RequiredText("connectionString");
        if (text.Contains(":memory:", StringComparison.Ordinal) || text.Contains("mode=memory", StringComparison.OrdinalIgnoreCase))
            throw settings.Wrong("connectionString", $"'{text}' is seen by one process only; a file is needed");
        var defaults = new NameResolution(State.SqliteOptions.PathOf(text));
        var names = defaults with
        {
            Source = (settings.File, settings.Path + ".connectionString"),
            TableName = Identifier(settings, "tableName") ?? defaults.TableName,
            MetadataTableName = Identifier(settings, "metadataTableName") ?? defaults.MetadataTableName,
            UpdateInterval = TimeSpan.FromSeconds(Math.Floor((settings.Duration("updateInterval") ?? defaults.UpdateInterval).TotalSeconds)),
            Timeout = settings.Duration("timeout") ?? defaults.Timeout,
            BusyTimeout = settings.Duration("busyTimeout") ?? defaults.BusyTimeout,
            CleanupInterval = settings.Duration("cleanupInterval") ?? defaults.CleanupInterval,
        };
        if (names.Timeout < TimeSpan.FromSeconds(1)) throw settings.Wrong("timeout", "must be at least 1s");
        if (names.UpdateInterval - names.Timeout < TimeSpan.FromSeconds(1)) throw settings.Wrong("updateInterval", "must be at least 1s more than timeout");
        return names;
    }

    private static string? Identifier(YamlFields fields, string field) => fields.Text(field) switch
    {
        null or "" => null,
        var name when name.All(static c => char.IsAsciiLetterOrDigit(c) || c == '_') && !char.IsAsciiDigit(name[0]) => name,
        var name => throw fields.Wrong(field, $"'{name}' is not a name of letters, digits and underscores"),
    };
}
