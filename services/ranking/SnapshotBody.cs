using System.IO.Compression;
using System.Text.Json;
using Danube.Dapr.Contracts;

namespace Danube.Dapr.Ranking;

/// <summary>A snapshot as bytes, plain and compressed, so that asking for it costs nothing until it changes.</summary>
internal sealed record SnapshotBody(byte[] Json, byte[] Gzip)
{
    internal static SnapshotBody Of(ClusterSnapshot snapshot)
    {
        var json = JsonSerializer.SerializeToUtf8Bytes(snapshot, ContractsJson.Default.ClusterSnapshot);
        using var packed = new MemoryStream();
        using (var gzip = new GZipStream(packed, CompressionLevel.Fastest, leaveOpen: true))
            gzip.Write(json);
        return new SnapshotBody(json, packed.ToArray());
    }
}
