using System.Net.Http.Json;
using Danube.Dapr.Chaos.Tests.Harness;
using Danube.Dapr.Contracts;

namespace Danube.Dapr.Chaos.Tests.Faults;

/// <summary>The disk of the SQLite store is full in the middle of moves, until nothing can be written, and then there is room again.</summary>
internal static class DiskFull
{
    private static readonly TimeSpan Standstill = TimeSpan.FromSeconds(4);

    public static async Task RunAsync(ChaosCluster cluster)
    {
        await cluster.MovesAsync(await cluster.Simulator.LastSeqAsync(), "before the fault");
        var file = cluster.OnSmallDisk("fill");
        SmallDisk.Fill(file);
        await Poll.UntilAsync("a write is refused", async () => !await WritesAsync(cluster));
        // What had been written down before may still be done; after that nothing can begin.
        await Poll.UntilAsync($"nothing is unloaded for {Standstill.TotalSeconds:0} s", async () =>
            await cluster.Simulator.NextAsync(await cluster.Simulator.LastSeqAsync(), e => MoveSteps.Of(e) == MoveStep.UnloadPosted, Standstill) is null);
        Assert.False(await WritesAsync(cluster), "There was room on the disk again before the test made some.");

        var seq = await cluster.Simulator.LastSeqAsync();
        File.Delete(file);
        await Poll.UntilAsync("writes are accepted", () => WritesAsync(cluster));
        await cluster.MovesAsync(seq, "after there was room again");
    }

    /// <summary>Whether the store takes a value as large as those of the services.</summary>
    private static async Task<bool> WritesAsync(ChaosCluster cluster)
    {
        using var http = new HttpClient { BaseAddress = cluster.SidecarOf(DaprNames.Apps.History), Timeout = TimeSpan.FromSeconds(10) };
        using var answer = await http.PostAsJsonAsync($"v1.0/state/{DaprNames.StateStore}", new[] { new { key = "disk-full-probe", value = Guid.NewGuid() + new string('x', 8192) } });
        return answer.IsSuccessStatusCode;
    }
}
