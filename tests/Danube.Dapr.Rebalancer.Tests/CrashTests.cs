using System.Text.Json;
using Danube.Dapr.BrokerClient;
using Danube.Dapr.BrokerSimulator;
using Danube.Dapr.Contracts;
using Danube.Dapr.Rebalancer.Actors;
using Danube.Dapr.Rebalancer.Execution;
using Danube.Dapr.Rebalancer.Tests.Bench;
using BrokerStatus = Danube.Dapr.BrokerClient.BrokerStatus;

namespace Danube.Dapr.Rebalancer.Tests;

/// <summary>A plan whose process dies, or whose call is lost, at every single call between its parts.</summary>
public sealed class CrashTests
{
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Plan_WithAnyOneCallLost_MovesEachTopicOnceAndLeavesNothingBehind(bool afterItsEffect)
    {
        await using var bench = await MoveBench.StartAsync(brokers: 3, topics: 12, configure: o => o.CoolDownSeconds = 0);
        var a = bench.Brokers.MaxBy(broker => bench.TopicsOf(broker).Count)!;
        var b = bench.Brokers.First(broker => broker != a);
        var topics = bench.TopicsOf(a).Take(2).ToArray();
        bench.Actors.FailAfterwards = afterItsEffect;
        var lost = 0;
        for (var call = 1; ; call++)
        {
            var target = bench.Topic(topics[0]).AssignedTo[0] == a ? b : a;
            var unloadsBefore = bench.Unloads().Values.Sum();
            var plan = bench.PlanOf((topics[0], target), (topics[1], target));
            Assert.Null((await bench.Directory.Control.SubmitAsync(new(plan, "test"))).Reason);
            var begin = bench.Actors.Calls;
            bench.Actors.FailCall = begin + call;

            await bench.RunWorkflowsAsync();

            var reached = bench.Actors.Calls >= bench.Actors.FailCall;
            bench.Actors.FailCall = 0;
            bench.Actors.Crash();
            var why = $"call {call} lost {(afterItsEffect ? "after" : "before")} its effect";
            var run = (await bench.Directory.Plan(plan.Id).GetAsync())!;
            Assert.True(run.State == PlanRunState.Finished && run.Done == 2, $"{why}: {run.State} {run.Reason}, {run.Done} done, {run.Failed} failed, {run.Skipped} skipped");
            Assert.All(topics, t => Assert.Equal([target], bench.Topic(t).AssignedTo));
            Assert.True(bench.Unloads().Values.Sum() == unloadsBefore + 2, $"{why}: a topic was unloaded more than once");
            Assert.All(bench.States().Values, state => Assert.Equal("active", state));
            Assert.Null(await bench.Directory.Mask.GetAsync());
            Assert.Null((await bench.Directory.Control.GetStateAsync()).Active);
            Assert.Empty(bench.Actors.Reminders);
            if (!reached)
                break;
            lost++;
        }

        Assert.True(lost > 20, $"Only {lost} calls were lost: the plan makes more of them.");
    }

    [Fact]
    public async Task Plan_WhoseWorkflowEndedWithoutAResult_EndsItsMovesAndFreesTheirTopics()
    {
        await using var bench = await MoveBench.StartAsync(brokers: 3, topics: 12);
        var a = bench.Brokers.MaxBy(broker => bench.TopicsOf(broker).Count)!;
        var b = bench.Brokers.First(broker => broker != a);
        var plan = bench.PlanOf([.. bench.TopicsOf(a).Take(2).Select(t => (t, b))]);
        bench.Cluster.SetFault(Fault.HangingWatcher, on: true, target: a);
        Assert.Null((await bench.Directory.Control.SubmitAsync(new(plan, "test"))).Reason);
        await bench.RunUntilIdleAsync();
        Assert.NotNull((await bench.Directory.Topic(plan.Moves[1].Topic).GetAsync())!.Lease);
        await bench.Host.TerminateAsync(plan.Id);

        bench.Cluster.SetFault(Fault.DroppedAdmin, on: true);
        await bench.Directory.Control.StartAsync();
        Assert.NotNull((await bench.Directory.Control.GetStateAsync()).Active);
        bench.Cluster.SetFault(Fault.DroppedAdmin, on: false);
        await bench.Directory.Control.StartAsync();

        Assert.Equal([MoveState.Stuck, MoveState.Skipped], (await bench.Directory.Plan(plan.Id).GetMovesAsync()).Select(m => m.State));
        foreach (var move in plan.Moves)
            Assert.Null((await bench.Directory.Topic(move.Topic).GetAsync())!.Lease);
        var run = (await bench.Directory.Plan(plan.Id).GetAsync())!;
        Assert.Equal((PlanRunState.Stopped, ReasonCode.Fault), (run.State, run.Reason));
        Assert.Null((await bench.Directory.Control.GetStateAsync()).Active);
        Assert.All(bench.States().Values, state => Assert.Equal("active", state));
    }

    [Fact]
    public async Task MaskWindow_WhoseHolderDied_IsClosedWhenTheLoopStarts()
    {
        await using var bench = await MoveBench.StartAsync(brokers: 4);
        await bench.Directory.Mask.OpenAsync(new("dead-plan", "dead-batch", bench.Brokers[0], 1));
        Assert.Equal(3, bench.States().Values.Count(s => s == "drained"));
        bench.Actors.Crash();

        await bench.Directory.Control.StartAsync();

        Assert.All(bench.States().Values, state => Assert.Equal("active", state));
        Assert.Null(await bench.Directory.Mask.GetAsync());
    }

    [Fact]
    public async Task MaskWindow_WithABrokerThatAnOperatorDrained_LeavesItDrained()
    {
        await using var bench = await MoveBench.StartAsync(brokers: 4);
        await bench.Danube.MaskBrokerAsync(bench.Brokers[3]);
        await bench.Directory.Mask.OpenAsync(new("plan", "batch", bench.Brokers[0], 1));

        await bench.Directory.Mask.CloseAsync("batch");

        Assert.Equal("drained", bench.States()[bench.Brokers[3]]);
        Assert.Equal(3, bench.States().Values.Count(s => s == "active"));
    }

    [Fact]
    public async Task MaskedBroker_ThatAnOperatorEmptiesInTheWindow_StaysDrainedWhenNoMoveIsFromIt()
    {
        await using var bench = await MoveBench.StartAsync(brokers: 3, topics: 12);
        var brokers = bench.Brokers.OrderByDescending(x => bench.TopicsOf(x).Count).ToList();
        var (a, b, c) = (brokers[0], brokers[1], brokers[2]);
        var (moved, drained) = (bench.TopicsOf(a), bench.TopicsOf(c));
        Assert.True(drained.Count <= moved.Count, "as many moves as the operator's broker has topics");
        var emptied = false;
        bench.Actors.Before = async _ =>
        {
            if (emptied || bench.Unloads().Count == 0)
                return;
            emptied = true;
            foreach (var topic in drained)
                await bench.Danube.UnloadTopicAsync(topic);
            await MoveBench.UntilAsync(() => bench.TopicsOf(c).Count == 0, "the operator's broker is empty");
        };

        await bench.RunPlanAsync([.. moved.Select(t => (t, b))]);

        Assert.True(emptied);
        Assert.Equal(("active", "active", "drained"), (bench.States()[a], bench.States()[b], bench.States()[c]));
        Assert.Null(await bench.Directory.Mask.GetAsync());
    }

    [Fact]
    public async Task MaskedBroker_ThatAnOperatorEmptiesInAWindowThatWasTakenAgain_StaysDrained()
    {
        // A window runs out at once, and its reminder is the test's.
        await using var bench = await MoveBench.StartAsync(brokers: 3, topics: 12, configure: o => o.MaxMaskSeconds = 0.001);
        var brokers = bench.Brokers.OrderByDescending(x => bench.TopicsOf(x).Count).ToList();
        var (a, b, c) = (brokers[0], brokers[1], brokers[2]);
        var (moved, drained) = (bench.TopicsOf(a), bench.TopicsOf(c));
        Assert.True(drained.Count <= moved.Count, "as many moves as the operator's broker has topics");
        var (ranOut, emptied) = (false, false);
        bench.Actors.Before = async _ =>
        {
            if (!ranOut && bench.Topic(moved[0]).ServedBy == b)
            {
                var before = bench.Actors.Before;
                bench.Actors.Before = null;
                await bench.Actors.FireAsync(DaprNames.Actors.Mask, DaprNames.ClusterActorId, "expiry");
                bench.Actors.Before = before;
                Assert.All(bench.States().Values, state => Assert.Equal("active", state));
                ranOut = true;
            }
            else if (ranOut && !emptied && bench.States()[c] == "drained")
            {
                emptied = true;
                foreach (var topic in drained)
                    await bench.Danube.UnloadTopicAsync(topic);
                await MoveBench.UntilAsync(() => bench.TopicsOf(c).Count == 0, "the operator's broker is empty");
            }
        };

        var run = await bench.RunPlanAsync([.. moved.Select(t => (t, b))]);

        Assert.True(emptied);
        Assert.Equal(moved.Count, run.Done);
        Assert.Equal(("active", "active", "drained"), (bench.States()[a], bench.States()[b], bench.States()[c]));
        Assert.Null(await bench.Directory.Mask.GetAsync());
    }

    [Fact]
    public async Task MaskedBroker_WithOneTopic_ThatAnOperatorEmptiesInARepair_StaysDrained()
    {
        await using var bench = await MoveBench.StartAsync(brokers: 3, topics: 3, configure: o => (o.Repair, o.StrandedAfterSeconds) = ("auto", 2));
        var (lost, c) = (bench.TopicsOf(bench.Brokers[0])[0], bench.Brokers[2]);
        var drained = bench.TopicsOf(c).Single();
        await bench.StrandAsync(lost);
        var emptied = false;
        bench.Actors.Before = async _ =>
        {
            if (emptied || bench.States()[c] != "drained")
                return;
            emptied = true;
            await bench.Danube.UnloadTopicAsync(drained);
            await MoveBench.UntilAsync(() => bench.TopicsOf(c).Count == 0, "the operator's broker is empty");
        };

        await bench.Directory.Control.NudgeAsync();
        await bench.RunWorkflowsAsync();

        Assert.True(emptied);
        Assert.NotNull(bench.Topic(lost).ServedBy);
        Assert.Equal(["active", "active", "drained"], bench.Brokers.Select(x => bench.States()[x]));
        Assert.Null(await bench.Directory.Mask.GetAsync());
    }

    [Theory]
    [InlineData("""{"1":5}""", false)]
    [InlineData("""{"1":2,"2":3}""", true)]
    [InlineData(null, true)]
    public void MaskedBroker_WithoutTopicsAtTheEnd_IsOursWhenAsManyMovesWereFromIt(string? movesFrom, bool ours)
    {
        // As it is stored; without the last field by a version that did not know the sources.
        var stored = """{"planId":"p","batchId":"b","target":"9","moves":5,"openedAt":"2026-01-01T00:00:00Z","expiresAt":"2026-01-01T00:01:00Z","masked":[{"id":"2","topics":3}]""" +
            (movesFrom is null ? "}" : $$""","movesFrom":{{movesFrom}}}""");
        var window = JsonSerializer.Deserialize<MaskWindow>(stored, ContractsJson.Wire)!;
        var here = new Uri("http://localhost");
        var now = new BrokerNode("2", BrokerRole.Follower, BrokerStatus.Drained, here, here, null);

        Assert.Equal(ours ? UnmaskDecision.Activate : UnmaskDecision.DrainedByOperator, MaskRules.Decide(window.Masked.Single(), window, now, topicsNow: 0));
    }
}
