using Danube.Dapr.Chaos.Tests.Harness;
using Danube.Dapr.Contracts;

namespace Danube.Dapr.Chaos.Tests.Faults;

/// <summary>A broker dies in the middle of a move, and it is measured how soon that is told and how soon each of its topics is accounted for.</summary>
internal static class BrokerLoss
{
    public static async Task RunAsync(ChaosCluster cluster, ChaosReport report)
    {
        Assert.NotNull(await cluster.Simulator.NextAsync(await cluster.Simulator.LastSeqAsync(), e => MoveSteps.Of(e) == MoveStep.Draining, Poll.Patience));
        var truth = await cluster.Simulator.TruthAsync();
        // Danube would give a topic to the broker that has a dead copy of it (D5), for good.
        var keep = truth.Topics.Where(t => t.DeadCopyOn.Count > 0).Select(t => t.ServedBy).ToHashSet();
        var victim = truth.Brokers.Where(b => b.Broker.Alive && b.Broker.Id != truth.LeaderId).OrderBy(b => keep.Contains(b.Broker.Id)).ThenByDescending(b => b.TopicsInMemory).First().Broker;
        var seq = await cluster.Simulator.LastSeqAsync();
        var killed = TimeProvider.System.GetUtcNow();
        await cluster.Simulator.KillSlotAsync(victim.Slot);

        // By the record: the time of the event, not the time at which it can be read.
        BrokerEvent? seen = null;
        await Poll.UntilAsync("the loss is in the record", async () =>
            (seen = (await cluster.History.TryGetAsync<Page<HistoryEntry>>($"history?kind=broker-event&broker={victim.Id}&limit=100"))?.Items
                .Select(e => e.BrokerEvent!).FirstOrDefault(e => e.Kind is BrokerEventKind.BrokerUnreachable && e.Time >= killed)) is not null);
        report.LossSeenSeconds = (seen!.Time - killed).TotalSeconds;

        var dropped = await cluster.Simulator.NextAsync(seq, e => e.Event == "deregister" && e.Broker == victim.Id, Poll.Patience);
        Assert.True(dropped is not null, $"Danube did not drop broker {victim.Id} within {Poll.Patience.TotalSeconds:0} s (logs {cluster.Logs}).");
        await Poll.UntilAsync("every topic is accounted for", async () => await cluster.Api(DaprNames.Apps.Ranking).TryGetAsync<ClusterSnapshot>("snapshot") is { } snapshot
            && AreAccountedFor(truth.Topics.Select(t => t.Name), victim.Id, snapshot));
        report.AccountedForSeconds = (await cluster.Simulator.TruthAsync()).ElapsedSeconds - (dropped!.Ms / 1000);
        await BrokerDeath.ReviveAsync(cluster, victim.Slot);
    }

    /// <summary>Each topic is known, with an owner that lives, or as one that nobody owns.</summary>
    private static bool AreAccountedFor(IEnumerable<string> topics, string dead, ClusterSnapshot snapshot)
    {
        var owners = snapshot.Topics.ToDictionary(t => t.Name, t => t.BrokerId, StringComparer.Ordinal);
        return snapshot.Brokers.All(b => b.Id != dead) && topics.All(t => owners.TryGetValue(t, out var owner) && owner != dead);
    }
}
