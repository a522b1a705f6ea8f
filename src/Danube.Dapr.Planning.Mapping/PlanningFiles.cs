using Danube.Dapr.Contracts;

namespace Danube.Dapr.Planning.Mapping;

/// <summary>Reads the files of <c>danube-lb plan</c> and <c>danube-lb verify</c>. Their formats are in <c>docs/schemas/</c>.</summary>
public static class PlanningFiles
{
    /// <summary>Reads a snapshot.</summary>
    /// <exception cref="SnapshotException">Malformed or self-contradicting; carries every fault with its JSON path.</exception>
    public static (ClusterSnapshot Wire, Snapshot Planning) ReadSnapshot(ReadOnlyMemory<byte> utf8)
    {
        var wire = JsonShape.Read(utf8, ContractsJson.Default.ClusterSnapshot);
        if (wire.Version != 1) throw new SnapshotException([new("$.version", $"must be 1, is {wire.Version}.")]);
        return (wire, SnapshotMapping.ToPlanning(wire));
    }

    /// <summary>Reads a plan.</summary>
    /// <exception cref="SnapshotException">Malformed; carries every fault with its JSON path.</exception>
    public static RebalancePlan ReadPlan(ReadOnlyMemory<byte> utf8) => JsonShape.Read(utf8, ContractsJson.Default.RebalancePlan);

    /// <summary>Reads planner options.</summary>
    /// <exception cref="SnapshotException">Malformed; carries every fault with its JSON path.</exception>
    public static PlanningOptionsFile ReadOptions(ReadOnlyMemory<byte> utf8) => JsonShape.Read(utf8, PlanningFilesJson.Default.PlanningOptionsFile);
}
