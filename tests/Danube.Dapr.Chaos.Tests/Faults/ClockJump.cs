using Danube.Dapr.Chaos.Tests.Harness;
using Danube.Dapr.Contracts;

namespace Danube.Dapr.Chaos.Tests.Faults;

/// <summary>In the middle of moves the clock of all services and of the sidecar is set an hour ahead, another hour while the rebalancer is down, and then right again, which is two hours back.</summary>
internal static class ClockJump
{
    public static async Task RunAsync(ChaosCluster cluster)
    {
        await JumpAsync(cluster, TimeSpan.FromHours(1));
        await JumpWhileDownAsync(cluster, TimeSpan.FromHours(2));
        await JumpAsync(cluster, TimeSpan.Zero);
        await Poll.UntilAsync("the rebalancer has noticed that the clock was set three times", async () => await NoticedAsync(cluster) == 3);
    }

    /// <summary>Across a restart it is the time since the machine began that shows it.</summary>
    private static async Task JumpWhileDownAsync(ChaosCluster cluster, TimeSpan offset)
    {
        await cluster[DaprNames.Apps.Rebalancer].KillAsync();
        cluster.Clock!.Set(offset);
        await cluster.StartAsync(DaprNames.Apps.Rebalancer);
        await Poll.UntilAsync("the rebalancer notices what was done to the clock while it was down", async () => await NoticedAsync(cluster) == 2);
    }

    /// <summary>How often the rebalancer noticed that the clock was set.</summary>
    private static async Task<int> NoticedAsync(ChaosCluster cluster) =>
        (await File.ReadAllLinesAsync(Path.Combine(cluster.Logs, DaprNames.Apps.Rebalancer + ".log"))).Count(l => l.Contains("The clock was set by", StringComparison.Ordinal));

    private static async Task JumpAsync(ChaosCluster cluster, TimeSpan offset)
    {
        await MoveAsync(cluster, "before the clock was set");
        cluster.Clock!.Set(offset);
        // A process has the new time when it says so: a cycle, a load report and a step of a move in the record are of now by the new clock.
        await Poll.UntilAsync($"the rebalancer's clock is {offset} ahead", async () =>
            await cluster.Rebalancer.TryGetAsync<RebalancerStatus>("status") is { LastCycle.Time: var cycle } && cluster.Clock.Shows(cycle));
        await Poll.UntilAsync($"the collector's clock is {offset} ahead", async () =>
            await cluster.Api(DaprNames.Apps.MetricsCollector).TryGetAsync<IReadOnlyList<LoadReport>>("load-reports") is { Count: > 0 } reports && reports.All(r => cluster.Clock.Shows(r.IntervalEnd)));
        await Poll.UntilAsync($"ranking's clock is {offset} ahead", async () =>
            await cluster.Api(DaprNames.Apps.Ranking).TryGetAsync<ClusterSnapshot>("snapshot") is { } snapshot && cluster.Clock.Shows(snapshot.Time));
        await MoveAsync(cluster, $"after the clock was set to {offset} from the true time");
    }

    private static async Task MoveAsync(ChaosCluster cluster, string when) => await cluster.MovesAsync(await cluster.Simulator.LastSeqAsync(), when);
}
