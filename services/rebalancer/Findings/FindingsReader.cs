using Danube.Dapr.Contracts;
using Danube.Dapr.Rebalancer.Actors;
using Danube.Dapr.Rebalancer.Cycle;
using Danube.Dapr.Rebalancer.Options;
using Microsoft.Extensions.Options;

namespace Danube.Dapr.Rebalancer.Findings;

/// <summary>Puts the findings together.</summary>
internal sealed class FindingsReader(ActorDirectory actors, CycleRunner runner, RankingClient ranking, IOptionsMonitor<RebalancerOptions> monitor, TimeProvider time)
{
    /// <exception cref="SnapshotUnavailableException">Ranking does not answer.</exception>
    public async Task<IReadOnlyList<Finding>> ReadAsync(CancellationToken cancellationToken = default)
    {
        var state = await actors.Control.GetStateAsync();
        var snapshot = await runner.EnrichedSnapshotAsync(state, cancellationToken);
        var unowned = await ranking.GetUnownedAsync(cancellationToken);
        return FindingRules.Of(snapshot, unowned, state, monitor.CurrentValue, time.GetUtcNow());
    }
}
