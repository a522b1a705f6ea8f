using Danube.Dapr.Chaos.Tests.Harness;

namespace Danube.Dapr.Chaos.Tests.Faults;

/// <summary>The state store is killed in the middle of a move, and comes back with its data.</summary>
internal static class StoreOutage
{
    private static readonly TimeSpan Settled = TimeSpan.FromSeconds(3);

    /// <param name="cluster">The cluster.</param>
    /// <param name="report">Where it is written down.</param>
    /// <param name="length">How long the store is away.</param>
    /// <param name="meanwhile">What is to be looked at while it is away; it stays away until that is done.</param>
    public static async Task RunAsync(ChaosCluster cluster, ChaosReport report, TimeSpan length, Func<Task>? meanwhile = null)
    {
        await cluster.MovesAsync(await cluster.Simulator.LastSeqAsync(), "before the fault");
        await cluster[ChaosCluster.Etcd].KillAsync();
        // What had been written down before is still done; after that nothing can begin.
        await cluster.Simulator.NextAsync(await cluster.Simulator.LastSeqAsync(), _ => false, Settled);
        var looked = meanwhile?.Invoke() ?? Task.CompletedTask;
        var begun = await cluster.Simulator.NextAsync(await cluster.Simulator.LastSeqAsync(), e => MoveSteps.Of(e) == MoveStep.UnloadPosted, length - Settled);
        Assert.True(begun is null, $"{begun?.Topic} was unloaded although nothing could be written down (event {begun?.Seq}, logs {cluster.Logs}).");
        await looked;
        var seq = await cluster.Simulator.LastSeqAsync();
        var back = TimeProvider.System.GetTimestamp();
        await cluster.StartAsync(ChaosCluster.Etcd);
        await cluster.MovesAsync(seq, "after the store was back", MoveSteps.IsOurs);
        report.Add(new Kill(ChaosCluster.Etcd, nameof(MoveStep.UnloadPosted), TimeProvider.System.GetElapsedTime(back).TotalSeconds));
    }
}
