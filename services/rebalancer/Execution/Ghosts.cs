using Danube.Dapr.BrokerClient;

namespace Danube.Dapr.Rebalancer.Execution;

/// <summary>
/// Brokers that are gone and that Danube's leader ranks all the same: it was a follower when they were dropped and still has their last report. Such a ghost may rank first, and
/// what it is given nobody serves. Danube takes a drain of an id that is not registered, so a ghost can be kept from getting topics.
/// </summary>
internal sealed class Ghosts(DanubeCluster danube)
{
    /// <summary>Ranked, and not registered although the registry was read later.</summary>
    public static IReadOnlyList<string> In(ClusterBalance balance, ClusterTopology later) => [.. balance.Brokers.Select(b => b.Id).Where(id => later.Find(id) is null)];

    /// <summary>The ghosts of this moment.</summary>
    public async Task<IReadOnlyList<string>> FindAsync(CancellationToken cancellationToken = default)
    {
        var balance = await danube.GetClusterBalanceAsync(cancellationToken);
        return In(balance, await danube.DiscoverAsync(cancellationToken));
    }

    /// <summary>Sees to it that no ghost gets a topic.</summary>
    public async Task SilenceAsync(IEnumerable<string> ghosts, CancellationToken cancellationToken = default)
    {
        foreach (var ghost in ghosts)
            await danube.MaskBrokerAsync(ghost, cancellationToken);
    }
}
