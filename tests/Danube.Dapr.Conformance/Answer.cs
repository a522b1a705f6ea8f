namespace Danube.Dapr.Conformance;

/// <summary>What came back for an HTTP request.</summary>
/// <param name="Status">The status code.</param>
/// <param name="Headers">All headers, those of the content too; names in any case.</param>
/// <param name="Bytes">The body.</param>
internal sealed record Answer(int Status, IReadOnlyDictionary<string, IReadOnlyList<string>> Headers, byte[] Bytes)
{
    public string Body => System.Text.Encoding.UTF8.GetString(Bytes);

    public string? ContentType => Header("Content-Type");

    public string? Header(string name) => Headers.TryGetValue(name, out var values) ? string.Join(",", values) : null;

    public override string ToString() => $"{Status} {(Body.Length > 600 ? Body[..600] + "…" : Body)}";
}
