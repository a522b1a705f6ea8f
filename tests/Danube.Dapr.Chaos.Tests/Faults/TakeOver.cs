using Danube.Dapr.Chaos.Tests.Harness;
using Danube.Dapr.Contracts;

namespace Danube.Dapr.Chaos.Tests.Faults;

/// <summary>Two rebalancers; the one that works is killed and does not come back.</summary>
internal static class TakeOver
{
    public static async Task RunAsync(ChaosCluster cluster, ChaosReport report)
    {
        await cluster.StartAsync(ChaosCluster.SecondRebalancer);
        await cluster.Simulator.NextAsync(await cluster.Simulator.LastSeqAsync(), e => MoveSteps.Of(e) == MoveStep.Released, Poll.Patience);
        await cluster[DaprNames.Apps.Rebalancer].KillAsync();
        var killed = TimeProvider.System.GetTimestamp();
        var next = await cluster.Simulator.NextAsync(await cluster.Simulator.LastSeqAsync(), MoveSteps.IsOurs, Poll.Patience);
        Assert.True(next is not null, $"Nobody took over for {Poll.Patience.TotalSeconds:0} s (logs {cluster.Logs}).");
        var seconds = TimeProvider.System.GetElapsedTime(killed).TotalSeconds;
        report.Add(new Kill("rebalancer of two", nameof(MoveStep.Released), seconds));
        report.TakeOverSeconds = Math.Max(report.TakeOverSeconds ?? 0, seconds);

        // And back again: the first one returns, the second one dies.
        await cluster.StartAsync(DaprNames.Apps.Rebalancer);
        await cluster[ChaosCluster.SecondRebalancer].KillAsync();
    }
}
