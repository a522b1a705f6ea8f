using System.IO.Compression;
using System.Text.Json;
using Danube.Dapr.Contracts;
using Danube.Dapr.History.Storage;

namespace Danube.Dapr.History.Record;

/// <summary>Keeps whole plans beside the record, compressed and in pieces, because a plan may have thousands of moves.</summary>
internal static class PlanArchive
{
    /// <summary>Bytes of one piece; base64 in JSON makes a third more of it.</summary>
    internal const int PieceBytes = 128 << 10;

    /// <summary>The plan without the lists that can grow: what stands in the record.</summary>
    internal static RebalancePlan Head(RebalancePlan plan) => plan with { Moves = [], Brokers = [], Refusals = [] };

    /// <summary>The writes that keep a plan.</summary>
    internal static IEnumerable<StoreWrite> Writes(RebalancePlan plan)
    {
        using var packed = new MemoryStream();
        using (var brotli = new BrotliStream(packed, CompressionLevel.Optimal, leaveOpen: true))
            JsonSerializer.Serialize(brotli, plan, ContractsJson.Default.RebalancePlan);
        var pieces = packed.ToArray().Chunk(PieceBytes).ToArray();
        return pieces.Select((data, i) => new StoreWrite(
            Keys.Plan(plan.Id, i), JsonSerializer.SerializeToUtf8Bytes(new PlanPiece(pieces.Length, data), HistoryJson.Default.PlanPiece)));
    }

    /// <summary>Reads a plan; null when it is not kept.</summary>
    internal static async Task<RebalancePlan?> ReadAsync(IHistoryStore store, string planId, CancellationToken cancel)
    {
        using var packed = new MemoryStream();
        for (int i = 0, pieces = 1; i < pieces; i++)
        {
            if (await store.GetAsync(Keys.Plan(planId, i), HistoryJson.Default.PlanPiece, cancel) is not { } piece)
                return null;
            pieces = piece.Pieces;
            packed.Write(piece.Data);
        }

        packed.Position = 0;
        using var brotli = new BrotliStream(packed, CompressionMode.Decompress);
        return await JsonSerializer.DeserializeAsync(brotli, ContractsJson.Default.RebalancePlan, cancel);
    }

    /// <summary>The keys of a plan's pieces.</summary>
    internal static async Task<IReadOnlyList<string>> KeysAsync(IHistoryStore store, string planId, CancellationToken cancel)
    {
        var first = await store.GetAsync(Keys.Plan(planId, 0), HistoryJson.Default.PlanPiece, cancel);
        return [.. Enumerable.Range(0, first?.Pieces ?? 0).Select(i => Keys.Plan(planId, i))];
    }
}
