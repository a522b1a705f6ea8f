namespace Danube.Dapr.LocalSidecar.Components;

/// <summary>What daprd would use and this does not: said at start, so that nobody waits for its effect.</summary>
internal static partial class Notices
{
    [LoggerMessage(LogLevel.Warning, "{file}: {field} has no effect here: {reason}")]
    public static partial void HasNoEffect(ILogger logger, string file, string field, string reason);

    /// <summary>Says it of a field that is there.</summary>
    public static void HasNoEffect(ILogger logger, YamlFields fields, string field, string reason)
    {
        if (fields.Text(field) is { Length: > 0 }) HasNoEffect(logger, fields.File, fields.At(field), reason);
    }
}
