using Danube.Dapr.BrokerClient;
using Danube.Dapr.Rebalancer.Actors;

namespace Danube.Dapr.Rebalancer.Execution;

/// <summary>
/// Looks what an unload left that did not come to its end. When nobody owns the topic, the broker that it came from may hold it, sealed, in its memory, and must never get it again; a broker
/// that is dead holds nothing.
/// </summary>
internal sealed class DeadCopies(DanubeCluster danube, ActorDirectory actors)
{
    /// <returns>The topic's owner, if it has one, and the living source that may hold a dead copy.</returns>
    public async Task<(string? Owner, string? Source)> LookAsync(string topic, string from, CancellationToken cancellationToken = default)
    {
        // A repair has no source.
        if (from.Length == 0)
            return (null, null);
        var owner = (await danube.DescribeTopicAsync(topic, cancellationToken)).ResolvedOwner;
        // What was deleted to be created again was never sealed.
        if (owner is not null || (await actors.Topic(topic).GetAsync().WaitAsync(cancellationToken))?.DeletedAt is not null)
            return (owner, null);
        return (null, await Liveness.IsAliveAsync(danube, from, cancellationToken) ? from : null);
    }
}
