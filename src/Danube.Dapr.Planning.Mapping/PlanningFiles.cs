using System.Text.Json.Serialization.Metadata;
using Danube.Dapr.Contracts;

namespace Danube.Dapr.Planning.Mapping;

/// <summary>Reads the files of <c>danube-lb plan</c> and <c>danube-lb verify</c>. Their formats are in <c>docs/schemas/</c>.</summary>
public static class PlanningFiles
{
    /// <summary>Reads a snapshot.</summary>
    /// <exception cref="SnapshotException">Malformed or self-contradicting; carries every fault with its JSON path.</exception>
    public static (ClusterSnapshot Wire, Snapshot Planning) ReadSnapshot(ReadOnlyMemory<byte> utf8)
    {
        var faults = new List<SnapshotFault>();
        var wire = JsonShape.Read(utf8, Shape<ClusterSnapshot>(), faults);
        Snapshot? planning = null;
        if (wire is not null)
        {
            if (wire.Version != 1) faults.Add(new("$.version", $"must be 1, is {wire.Version}."));
            faults.AddRange(new PlannerOptions { Rules = SnapshotMapping.ToRules(wire.Rules) }.Faults().Select(PlanningOptionsFile.ToFault));
            try
            {
                planning = SnapshotMapping.ToPlanning(wire);
            }
            catch (SnapshotException e)
            {
                faults.AddRange(e.Faults);
            }
        }

        return faults.Count == 0 ? (wire!, planning!) : throw new SnapshotException(faults);
    }

    /// <summary>Reads a plan: by itself, or as the member <c>plan</c> of the answer to <c>GET /plans/{id}</c> or <c>POST /rebalance</c>.</summary>
    /// <exception cref="SnapshotException">Malformed, or an answer without a plan; carries every fault with its JSON path.</exception>
    public static RebalancePlan ReadPlan(ReadOnlyMemory<byte> utf8)
    {
        var plan = JsonShape.HasMember(utf8, "started") ? JsonShape.Read(utf8, Shape<RebalanceResponse>()).Plan
            : JsonShape.HasMember(utf8, "plan") ? JsonShape.Read(utf8, Shape<PlanRun>()).Plan
            : JsonShape.Read(utf8, Shape<RebalancePlan>());
        if (plan is null) throw new SnapshotException([new("$.plan", "is missing: that answer has no plan.")]);
        return plan.Version == 1 ? plan : throw new SnapshotException([new("$.version", $"must be 1, is {plan.Version}.")]);
    }

    /// <summary>Reads planner options.</summary>
    /// <exception cref="SnapshotException">Malformed; carries every fault with its JSON path.</exception>
    public static PlanningOptionsFile ReadOptions(ReadOnlyMemory<byte> utf8) => JsonShape.Read(utf8, Shape<PlanningOptionsFile>());

    private static JsonTypeInfo<T> Shape<T>() => (JsonTypeInfo<T>)ContractsJson.Wire.GetTypeInfo(typeof(T));
}
