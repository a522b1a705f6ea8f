using Danube.Dapr.Contracts;
using Danube.Dapr.Rebalancer.Actors;
using Danube.Dapr.Rebalancer.Cycle;
using Danube.Dapr.Rebalancer.Telemetry;

namespace Danube.Dapr.Rebalancer.Findings;

/// <summary>Puts the findings together and counts them.</summary>
internal sealed class FindingsReader(ActorDirectory actors, CycleRunner runner, RankingClient ranking, RebalancerMetrics metrics)
{
    /// <exception cref="SnapshotUnavailableException">Ranking does not answer.</exception>
    public async Task<IReadOnlyList<Finding>> ReadAsync(CancellationToken cancellationToken = default)
    {
        var state = await actors.Control.GetStateAsync();
        var window = await actors.Mask.GetAsync();
        var snapshot = await runner.EnrichedSnapshotAsync(state, cancellationToken);
        var unowned = await ranking.GetUnownedAsync(cancellationToken);
        var findings = FindingRules.Of(snapshot, unowned, state, [.. window?.Masked.Select(m => m.Id) ?? []]);
        metrics.Findings(findings);
        return findings;
    }
}
