using System.IO.Compression;
using System.Text.Json;
using System.Text.Json.Serialization;
using Danube.Dapr.Contracts;

namespace Danube.Dapr.Ranking.View;

/// <summary>All that the replicas need to answer: the snapshot and what it leaves out.</summary>
/// <param name="Snapshot">The cluster.</param>
/// <param name="Unowned">Topics that nobody owns, by the last cluster report.</param>
/// <param name="Curve">The balance curve, oldest sample first.</param>
internal sealed record ViewDocument(ClusterSnapshot Snapshot, IReadOnlyList<UnownedTopic> Unowned, IReadOnlyList<BalanceSample> Curve)
{
    /// <summary>The document as compressed JSON.</summary>
    internal byte[] Pack()
    {
        using var packed = new MemoryStream();
        using (var brotli = new BrotliStream(packed, CompressionLevel.Fastest, leaveOpen: true))
            JsonSerializer.Serialize(brotli, this, RankingJson.Default.ViewDocument);
        return packed.ToArray();
    }

    /// <summary>Reads what <see cref="Pack"/> wrote.</summary>
    internal static ViewDocument Unpack(byte[] packed)
    {
        using var brotli = new BrotliStream(new MemoryStream(packed), CompressionMode.Decompress);
        return JsonSerializer.Deserialize(brotli, RankingJson.Default.ViewDocument) ?? throw new InvalidDataException("The packed view is empty.");
    }
}

/// <summary>JSON of what the service keeps and sends to itself.</summary>
[JsonSourceGenerationOptions(JsonSerializerDefaults.Web, UseStringEnumConverter = true, DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull)]
[JsonSerializable(typeof(ViewDocument))]
[JsonSerializable(typeof(ClusterMemory))]
[JsonSerializable(typeof(IReadOnlyList<TopicSeen>))]
internal sealed partial class RankingJson : JsonSerializerContext;
