using Danube.Dapr.BrokerClient;
using Danube.Dapr.Contracts;
using Danube.Dapr.Rebalancer.Execution;
using Danube.Dapr.Rebalancer.Findings;
using Danube.Dapr.Rebalancer.Tests.Bench;

namespace Danube.Dapr.Rebalancer.Tests;

/// <summary>A broker that is gone and that the new leader still ranks (D6): it may be given topics, which nobody serves then.</summary>
public sealed class GhostTests
{
    [Fact]
    public async Task Ghost_IsFound_AndUnlessObserving_GetsNoMoreTopics_AndWhatItGotIsRepaired()
    {
        await using var bench = await MoveBench.StartAsync(brokers: 5, topics: 30, configure: o =>
        {
            o.Mode = "observe";
            o.Repair = "auto";
            o.StrandedAfterSeconds = 2;
        });
        var ghost = await HauntAsync(bench);
        var given = GivenTo(bench, ghost);
        Assert.NotEmpty(given);

        await bench.Directory.Control.NudgeAsync();
        Assert.Equal([ghost], (await bench.Directory.Control.GetStateAsync()).Ghosts);
        Assert.DoesNotContain(bench.Cluster.Events(), e => e.Event == "state" && e.Broker == ghost);

        bench.Options.Mode = "auto";
        await bench.Directory.Control.NudgeAsync();
        await bench.RunWorkflowsAsync();

        var state = await bench.Directory.Control.GetStateAsync();
        Assert.Equal([ghost], state.Ghosts);
        Assert.Contains(bench.Events.Happened, e => e.Kind == BrokerEventKind.FindingOpened && e.BrokerId == ghost && e.Detail.StartsWith(nameof(FindingKind.GhostBroker), StringComparison.Ordinal));
        Assert.Contains(FindingRules.Of(bench.Snapshot(), [], state, bench.Options, bench.Time.GetUtcNow()), f => f is { Kind: FindingKind.GhostBroker } && f.Subject == ghost);
        var run = (await bench.Directory.Plan(bench.Events.Cycles.Single(c => c.PlanId is not null).PlanId!).GetAsync())!;
        Assert.Equal((PlanTrigger.Repair, given.Count, 0), (run.Plan.Trigger, run.Done, run.Failed));
        Assert.All(bench.Cluster.Truth().Topics, t => Assert.NotNull(t.ServedBy));

        for (var number = 0; number < 12; number++)
            await bench.Danube.CreateTopicAsync($"/default/after-{number:D2}", TopicDelivery.Reliable);
        await MoveBench.UntilAsync(() => bench.Cluster.Events().Count(e => e.Event == "assign" && e.Topic!.StartsWith("/default/after-", StringComparison.Ordinal)) == 12, "all are assigned");
        Assert.Equal(given, GivenTo(bench, ghost));
    }

    [Fact]
    public async Task Move_WithAGhostInTheRanking_LandsOnItsTarget()
    {
        await using var bench = await MoveBench.StartAsync(brokers: 5, topics: 30);
        var ghost = await HauntAsync(bench);
        var balance = await bench.Danube.GetClusterBalanceAsync();
        var topology = await bench.Danube.DiscoverAsync();
        Assert.Contains(ghost, Ghosts.In(balance, topology));
        var source = bench.Brokers.MaxBy(b => bench.TopicsOf(b).Count)!;
        // Not the least loaded one: the others, or the ghost, would get the topic.
        var target = balance.Brokers.Where(b => b.Id != source && topology.Find(b.Id) is not null).MaxBy(b => b.Load)!.Id;
        Assert.False(Landing.IsCertain(topology, balance, source, target));

        var run = await bench.RunPlanAsync((bench.TopicsOf(source)[0], target));

        Assert.Equal(1, run.Done);
        Assert.All(bench.States().Values, state => Assert.Equal("active", state));
    }

    /// <summary>Topics that a broker was given after it was dropped.</summary>
    private static IReadOnlyList<string> GivenTo(MoveBench bench, string broker) =>
        [.. bench.Cluster.Events().SkipWhile(e => e.Event != "deregister" || e.Broker != broker).Where(e => e.Event == "assign" && e.Broker == broker).Select(e => e.Topic!)];

    /// <summary>A broker is dropped, and then the leader that saw it dies: its topics are given to those that the new leader ranks, the ghost among them.</summary>
    private static async Task<string> HauntAsync(MoveBench bench)
    {
        await UntilRankedAsync(bench);
        var leader = bench.Cluster.Truth().LeaderId;
        var ghost = bench.Brokers.Last(b => b != leader);
        foreach (var topic in bench.TopicsOf(ghost))
        {
            // Empty, it ranks first.
            await bench.Danube.UnloadTopicAsync(topic);
        }

        await MoveBench.UntilAsync(() => bench.TopicsOf(ghost).Count == 0 && bench.Cluster.Truth().Topics.All(t => t.ServedBy is not null), "the ghost-to-be is empty");
        await UntilRankedAsync(bench, ghost);
        await bench.Cluster.KillBrokerAsync(ghost);
        await MoveBench.UntilAsync(() => bench.Cluster.Events().Any(e => e.Event == "deregister" && e.Broker == ghost), "it is dropped");
        await bench.Cluster.KillLeaderAsync();
        await MoveBench.UntilAsync(() => bench.Cluster.Truth() is { LeaderId: { } now } && now != leader, "a new leader");
        await MoveBench.UntilAsync(() => bench.Cluster.Events().Count(e => e.Event == "deregister") == 2, "the old leader is dropped");
        await MoveBench.UntilAsync(() => bench.Cluster.Truth().Topics.All(t => t.ServedBy is not null || GivenTo(bench, ghost).Contains(t.Name)), "its topics are given away");
        return ghost;
    }

    /// <summary>Until every broker is in the leader's ranking, one of them as empty.</summary>
    private static async Task UntilRankedAsync(MoveBench bench, string? empty = null)
    {
        var end = DateTime.UtcNow.AddSeconds(60);
        while (true)
        {
            var ranked = (await bench.Danube.GetClusterBalanceAsync()).Brokers;
            if (ranked.Count == 5 && (empty is null || ranked.Single(b => b.Id == empty).TopicCount == 0))
                return;
            Assert.True(DateTime.UtcNow < end, "Waited in vain for the ranking.");
            await Task.Delay(20);
        }
    }
}
