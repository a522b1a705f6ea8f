using Danube.Dapr.BrokerSimulator;
using Danube.Dapr.Contracts;
using Danube.Dapr.Rebalancer.Tests.Bench;

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

        await bench.Directory.Control.StartAsync();

        Assert.Equal([MoveState.Failed, MoveState.Skipped], (await bench.Directory.Plan(plan.Id).GetMovesAsync()).Select(m => m.State));
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
}
