using Danube.Dapr.Contracts;
using Danube.Dapr.Rebalancer.Tests.Bench;

namespace Danube.Dapr.Rebalancer.Tests;

/// <summary>Plans against a simulated cluster, from the control loop to the last verification.</summary>
public sealed class MovePlanTests
{
    [Fact]
    public async Task Plan_OfSeveralMoves_LandsEachOnItsTargetAndLeavesNobodyMasked()
    {
        await using var bench = await MoveBench.StartAsync(brokers: 4, topics: 12);
        var (a, b, c) = (bench.Brokers[0], bench.Brokers[1], bench.Brokers[2]);
        var moves = bench.TopicsOf(a).Select(t => (t, b)).Append((bench.TopicsOf(c)[0], b)).Append((bench.TopicsOf(c)[1], a)).ToArray();

        var run = await bench.RunPlanAsync(moves);

        Assert.Equal(PlanRunState.Finished, run.State);
        Assert.Equal(moves.Length, run.Done);
        Assert.All(moves, m => Assert.Equal([m.Item2], bench.Topic(m.Item1).AssignedTo));
        Assert.All(bench.States().Values, state => Assert.Equal("active", state));
        Assert.All(bench.Unloads(), u => Assert.Equal(1, u.Value));
        Assert.Null(await bench.Directory.Mask.GetAsync());
        Assert.Empty(bench.Actors.Reminders);
        Assert.Null((await bench.Directory.Control.GetStateAsync()).Active);
    }

    [Fact]
    public async Task Plan_Always_PublishesEachStepOfAMoveInOrder()
    {
        await using var bench = await MoveBench.StartAsync();
        var (a, b) = (bench.Brokers[0], bench.Brokers[1]);
        var topics = bench.TopicsOf(a).Take(2).ToArray();

        await bench.RunPlanAsync((topics[0], b), (topics[1], b));

        Assert.Equal(
            [MoveState.Reserved, MoveState.Masked, MoveState.Unloading, MoveState.Verifying, MoveState.Done],
            bench.Events.Moves.Where(m => m.Topic == topics[1]).Select(m => m.State));
    }

    [Fact]
    public async Task Plan_WhenEveryTurnIsStartedTwice_UnloadsEachTopicOnce()
    {
        await using var bench = await MoveBench.StartAsync();
        bench.Host.LoseEveryTurnOnce = true;
        var (a, b) = (bench.Brokers[0], bench.Brokers[1]);
        var topics = bench.TopicsOf(a);

        var run = await bench.RunPlanAsync([.. topics.Select(t => (t, b))]);

        Assert.Equal(topics.Count, run.Done);
        Assert.All(bench.Unloads(), u => Assert.Equal(1, u.Value));
        Assert.All(bench.States().Values, state => Assert.Equal("active", state));
    }

    [Fact]
    public async Task Plan_WhereDanubeWouldPutTheTopicAnyway_MasksNobody()
    {
        await using var bench = await MoveBench.StartAsync("skew", brokers: 3, topics: 12);
        var least = bench.Brokers.MinBy(b => bench.TopicsOf(b).Count)!;
        var topic = bench.TopicsOf(bench.Brokers[0])[0];

        var run = await bench.RunPlanAsync((topic, least));

        Assert.Equal(1, run.Done);
        Assert.DoesNotContain(bench.Cluster.Events(), e => e.Event == "state");
    }

    [Fact]
    public async Task Cycle_OnASkewedCluster_BalancesIt()
    {
        await using var bench = await MoveBench.StartAsync("skew", brokers: 4, topics: 60);
        var before = bench.Cluster.Truth().Balance;

        await bench.Directory.Control.NudgeAsync();
        await bench.RunWorkflowsAsync();

        var cycle = Assert.Single(bench.Events.Cycles);
        Assert.Equal(CycleOutcome.Started, cycle.Outcome);
        var plan = (await bench.Directory.Plan(cycle.PlanId!).GetAsync())!;
        Assert.Equal(plan.Plan.Moves.Count, plan.Done);
        Assert.True(bench.Cluster.Truth().Balance.MaxOverMean < before.MaxOverMean);
        Assert.Equal(cycle.Moves, (await bench.Directory.Control.GetStateAsync()).Ledger.Total(bench.Time.GetUtcNow()));
    }
}
