using System.Text.Json;
using Danube.Dapr.Chaos.Tests.Harness;
using Danube.Dapr.Contracts;

namespace Danube.Dapr.Chaos.Tests.Faults;

/// <summary>Two rebalancers; the one that holds the control loop is killed and does not come back.</summary>
internal static class TakeOver
{
    public static async Task RunAsync(ChaosCluster cluster, ChaosReport report)
    {
        await cluster.StartAsync(ChaosCluster.SecondRebalancer);
        string? holder = null;
        // With the second one there, the actor may go to it: who holds it before and after a step holds it.
        await Poll.UntilAsync("one of two rebalancers holds the control loop", async () =>
        {
            holder = await HolderAsync(cluster);
            Assert.NotNull(await cluster.Simulator.NextAsync(await cluster.Simulator.LastSeqAsync(), e => MoveSteps.Of(e) == MoveStep.Released, Poll.Patience));
            return holder is not null && holder == await HolderAsync(cluster);
        });
        await cluster[holder!].KillAsync();
        var (killed, at) = (TimeProvider.System.GetTimestamp(), TimeProvider.System.GetUtcNow());
        var other = holder == DaprNames.Apps.Rebalancer ? ChaosCluster.SecondRebalancer : DaprNames.Apps.Rebalancer;
        // Not by the cluster's log: other actors live in the other rebalancer already, and go on with what was begun.
        await Poll.UntilAsync($"{other} runs the control loop", async () =>
            await cluster.Api(other).TryGetAsync<RebalancerStatus>("status") is { LastCycle.Time: var cycle } && cycle > at && await HolderAsync(cluster) == other);
        var seconds = TimeProvider.System.GetElapsedTime(killed).TotalSeconds;
        Assert.True(
            await cluster.Simulator.NextAsync(await cluster.Simulator.LastSeqAsync(), e => MoveSteps.Of(e) == MoveStep.UnloadPosted, Poll.Patience) is not null,
            $"{other} took over and moved nothing for {Poll.Patience.TotalSeconds:0} s (logs {cluster.Logs}).");
        report.Add(new Kill("rebalancer of two", nameof(MoveStep.Released), seconds));
        report.TakeOverSeconds = Math.Max(report.TakeOverSeconds ?? 0, seconds);
        if (other == DaprNames.Apps.Rebalancer)
            return;

        // And back again: the first one returns, the second one dies.
        await cluster.StartAsync(DaprNames.Apps.Rebalancer);
        await cluster[ChaosCluster.SecondRebalancer].KillAsync();
    }

    /// <summary>The rebalancer in which the control loop's actor lives, by what the sidecar says of both; null when that is neither or, for a moment, both.</summary>
    private static async Task<string?> HolderAsync(ChaosCluster cluster)
    {
        using var http = new HttpClient { Timeout = TimeSpan.FromSeconds(10) };
        var holders = new List<string>();
        foreach (var name in (string[])[DaprNames.Apps.Rebalancer, ChaosCluster.SecondRebalancer])
        {
            using var metadata = JsonDocument.Parse(await http.GetStringAsync(new Uri(cluster.SidecarOf(name), "v1.0/metadata")));
            if (metadata.RootElement.TryGetProperty("actors", out var actors)
                && actors.EnumerateArray().Any(a => a.GetProperty("type").GetString() == DaprNames.Actors.ControlLoop && a.TryGetProperty("count", out var count) && count.GetInt32() > 0))
                holders.Add(name);
        }

        return holders is [var holder] ? holder : null;
    }
}
