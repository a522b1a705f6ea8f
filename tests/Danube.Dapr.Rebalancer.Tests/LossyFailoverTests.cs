using Danube.Dapr.BrokerSimulator;
using Danube.Dapr.Contracts;
using Danube.Dapr.Rebalancer.Execution;
using Danube.Dapr.Rebalancer.Tests.Bench;

namespace Danube.Dapr.Rebalancer.Tests;

/// <summary>The case <c>lossy-failover</c> to its end: a crowded broker dies, and Danube loses some of its topics (D12).</summary>
public sealed class LossyFailoverTests
{
    [Fact]
    public async Task CrowdedBrokerThatDies_WithPolicyAuto_LeavesEveryTopicOwnedAndServed()
    {
        await using var bench = await MoveBench.StartAsync("lossy-failover", brokers: 5, topics: 450, faults: Fault.LossyBursts, configure: o => (o.Repair, o.StrandedAfterSeconds) = ("auto", 2));
        var victim = bench.Brokers.MaxBy(b => bench.TopicsOf(b).Count)!;
        Assert.Equal(250, bench.TopicsOf(victim).Count);
        await bench.Cluster.KillBrokerAsync(victim);
        await MoveBench.UntilAsync(() => bench.Cluster.Events().Any(e => e.Event == "deregister"), "Danube drops the broker");
        await MoveBench.UntilAsync(() => bench.Cluster.Truth().Topics.Count(t => t.AssignedTo.Count == 0) == Lost(bench), "Danube has given away what it did not lose");
        var lost = Lost(bench);
        Assert.InRange(lost, 20, 30);

        await bench.Directory.Control.NudgeAsync();
        await bench.RunWorkflowsAsync();

        var run = (await bench.Directory.Plan(bench.Events.Cycles.Single().PlanId!).GetAsync())!;
        Assert.Equal((PlanRunState.Finished, PlanTrigger.Repair, lost, 0), (run.State, run.Plan.Trigger, run.Done, run.Failed));
        await MoveBench.UntilAsync(() => bench.Cluster.Truth().Topics.All(t => t.ServedBy is not null), "every topic is served");
        Assert.Equal(450, bench.Cluster.Truth().Topics.Count);
        Assert.All(bench.Cluster.Truth().Topics, t => Assert.Equal(t.AssignedTo, t.LoadedOn));
        Assert.DoesNotContain(bench.Cluster.Events(), e => e.Event is "loaded-twice" or "split-brain" or "messages-lost" or "log-destroyed" && e.Topic?.EndsWith(TopicRepairer.HelperSuffix, StringComparison.Ordinal) is not true);
        Assert.All(bench.States().Values, state => Assert.Equal("active", state));
    }

    private static int Lost(MoveBench bench) => bench.Cluster.Events().Count(e => e.Event == "watch-lagged");
}
