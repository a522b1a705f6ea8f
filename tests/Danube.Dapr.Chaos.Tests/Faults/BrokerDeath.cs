using Danube.Dapr.Chaos.Tests.Harness;

namespace Danube.Dapr.Chaos.Tests.Faults;

/// <summary>A broker dies at a step of a move, and comes back: in time, or after Danube has dropped it and given its topics to others.</summary>
internal static class BrokerDeath
{
    /// <summary>Kills a broker and measures until the cluster sees the control plane's next step. It stays dead.</summary>
    public static async Task<int> KillAsync(ChaosCluster cluster, ChaosReport report, Random random, string moment)
    {
        var truth = await cluster.Simulator.TruthAsync();
        // The leader's death is a fault of its own.
        var candidates = truth.Brokers.Where(b => b.Broker.Alive && b.Broker.Id != truth.LeaderId).ToList();
        var victim = candidates[random.Next(candidates.Count)].Broker;
        var seq = await cluster.Simulator.LastSeqAsync();
        await cluster.Simulator.KillSlotAsync(victim.Slot);
        var killed = TimeProvider.System.GetTimestamp();
        var next = await cluster.Simulator.NextAsync(seq, MoveSteps.IsOurs, TimeSpan.FromSeconds(60));
        report.Add(new Kill("broker", moment, next is null ? null : TimeProvider.System.GetElapsedTime(killed).TotalSeconds));
        return victim.Slot;
    }

    /// <summary>Waits until Danube has dropped all dead brokers and given their topics to others.</summary>
    public static Task UntilDroppedAsync(ChaosCluster cluster) =>
        Poll.UntilAsync("the dead broker is dropped", async () => (await cluster.Simulator.TruthAsync()).Brokers.All(b => b.Broker.Alive || !b.Registered));

    /// <summary>Starts it again; the operator activates it if Danube had dropped it meanwhile.</summary>
    public static async Task ReviveAsync(ChaosCluster cluster, int slot)
    {
        await cluster.Simulator.ReviveSlotAsync(slot);
        await Poll.UntilAsync($"the broker in slot {slot} is active again", async () =>
        {
            var truth = await cluster.Simulator.TruthAsync();
            var back = truth.Brokers.Last(b => b.Broker.Slot == slot && b.Broker.Alive);
            if (!back.Registered)
                return false;
            if (back.State == "active")
                return true;
            // It may be masked for a moment, too: then the rebalancer says so and activates it itself.
            await cluster.Rebalancer.TryPostAsync($"brokers/{back.Broker.Id}/activate");
            return false;
        }, pauseMs: 500);
    }
}
