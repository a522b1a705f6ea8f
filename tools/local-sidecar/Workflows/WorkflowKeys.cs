using System.Globalization;

namespace Danube.Dapr.LocalSidecar.Workflows;

/// <summary>Names of the rows of one app's workflows: daprd's actor keys, with an outbox and an index beside them.</summary>
internal sealed class WorkflowKeys(string appId, string @namespace)
{
    public const string HistoryRow = "history-";
    public const string InboxRow = "inbox-";
    public const string OutboxRow = "outbox-";

    private readonly string _instances = $"{appId}||dapr.internal.{@namespace}.{appId}.workflow||";

    /// <summary>Prefix of the index rows, which are beside the instances' rows so that listing them reads no history.</summary>
    public string IndexPrefix { get; } = $"{appId}||dapr.internal.{@namespace}.{appId}.workflow.index||";

    public string Index(string instanceId) => IndexPrefix + instanceId;

    public string InstancePrefix(string instanceId) => $"{_instances}{instanceId}||";

    public string Metadata(string instanceId) => InstancePrefix(instanceId) + "metadata";

    public string CustomStatus(string instanceId) => InstancePrefix(instanceId) + "customStatus";

    public string History(string instanceId, long row) => Numbered(instanceId, HistoryRow, row);

    public string Inbox(string instanceId, long row) => Numbered(instanceId, InboxRow, row);

    public string Outbox(string instanceId, long row) => Numbered(instanceId, OutboxRow, row);

    /// <summary>The number at the end of a row name such as <c>inbox-000012</c>, or null when it is another kind of row.</summary>
    public static long? RowNumber(ReadOnlySpan<char> row, string kind) =>
        row.StartsWith(kind, StringComparison.Ordinal) && long.TryParse(row[kind.Length..], NumberStyles.None, CultureInfo.InvariantCulture, out var number) ? number : null;

    private string Numbered(string instanceId, string kind, long row) => string.Create(CultureInfo.InvariantCulture, $"{_instances}{instanceId}||{kind}{row:D6}");
}
