using Danube.Dapr.BrokerSimulator;
using Danube.Dapr.Contracts;
using Danube.Dapr.Rebalancer.Actors;
using Danube.Dapr.Rebalancer.Control;
using Danube.Dapr.Rebalancer.Execution;
using Danube.Dapr.Rebalancer.Tests.Bench;
using Danube.Dapr.Rebalancer.Topics;
using Danube.Dapr.Rebalancer.Workflows;

namespace Danube.Dapr.Rebalancer.Tests;

/// <summary>Moves that something ended between unload and landing: what they may have left behind is remembered, and nothing is sent that must not be.</summary>
public sealed class InterruptedMoveTests
{
    [Fact]
    public async Task TargetThatDies_WhileNobodyOwnsTheTopic_LeavesItsSourceBannedAndTheCircuitOpen()
    {
        await using var bench = await MoveBench.StartAsync(brokers: 4, topics: 16);
        var leader = bench.Cluster.Truth().LeaderId;
        var b = bench.Brokers.First(x => x != leader);
        var a = bench.Brokers.Where(x => x != b).MaxBy(x => bench.TopicsOf(x).Count)!;
        var topics = bench.TopicsOf(a).Take(2).ToArray();
        var (plan, running) = await bench.HangAsync(1, (topics[0], b), (topics[1], b));
        await bench.Cluster.KillBrokerAsync(b);

        await running;

        var move = (await bench.Directory.Plan(plan.Id).GetMovesAsync())[0];
        Assert.Equal((MoveState.Stuck, ReasonCode.BrokerUnreachable), (move.State, move.Reason));
        await AssertSuspectAsync(bench, topics[0], a);
        Assert.Equal(ReasonCode.Timeout, (await bench.Directory.Control.GetStateAsync()).Circuit?.Reason);
        Assert.Single(bench.Unloads());
        Assert.All(bench.States().Values, s => Assert.Equal("active", s));
    }

    [Fact]
    public async Task Danube_OutOfReachAfterAnUnloadThatHangs_LeavesItsSourceBanned()
    {
        await using var bench = await MoveBench.StartAsync();
        var (a, b) = (bench.Brokers[0], bench.Brokers[1]);
        var topic = bench.TopicsOf(a)[0];
        bench.Cluster.SetFault(Fault.HangingWatcher, on: true, target: a);
        var calls = 0;
        bench.Actors.Before = _ =>
        {
            // Longer than a step is tried again: the batch has ended with a fault by then.
            if (bench.Unloads().Count > 0 && ++calls is 1 or 12)
                bench.Cluster.SetFault(Fault.DroppedAdmin, on: calls == 1, value: 2);
            return Task.CompletedTask;
        };

        var run = await bench.RunPlanAsync((topic, b));

        Assert.Equal((PlanRunState.Stopped, ReasonCode.Fault, 1), (run.State, run.Reason, run.Failed));
        Assert.Equal(MoveState.Stuck, (await bench.Directory.Plan(run.Plan.Id).GetMovesAsync()).Single().State);
        await AssertSuspectAsync(bench, topic, a);
    }

    [Fact]
    public async Task Lease_ThatRanOutAfterAnUnloadThatHangs_LeavesItsSourceBanned()
    {
        await using var bench = await MoveBench.StartAsync();
        var (a, b) = (bench.Brokers[0], bench.Brokers[1]);
        var topic = bench.TopicsOf(a)[0];
        bench.Cluster.SetFault(Fault.HangingWatcher, on: true, target: a);
        var input = await BeginAsync(bench, topic, a, b, leaseSeconds: 0.01);
        await bench.Danube.UnloadTopicAsync(topic);
        await MoveBench.UntilAsync(() => bench.Unloads().Count > 0, "the unload");
        await MoveBench.UntilAsync(() => bench.Actors.FireAsync(DaprNames.Actors.Topic, TopicActorId.Encode(topic), "lease").IsCompletedSuccessfully && bench.Actors.Reminders.Count == 0, "the lease runs out");

        var result = await bench.Part<TopicMover>().MoveAsync(input);

        Assert.Equal((MoveProgress.Ended, ContinuationKind.Stop), (result.Progress, result.Interruption?.Kind));
        Assert.Equal(MoveState.Stuck, (await bench.Directory.Plan(input.PlanId).GetMovesAsync()).Single().State);
        Assert.Contains((await bench.Directory.Topic(topic).GetAsync())!.Failures, f => f.BrokerId == a);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Unload_ThatWasLostWithItsProcess_IsNotSentAgainWhenTheKillSwitchIsOn(bool recreate)
    {
        const string fleeting = "/default/fleeting";
        await using var bench = await MoveBench.StartAsync(configure: o => o.RecreateTopics.Add(fleeting));
        await bench.Danube.CreateTopicAsync(fleeting, BrokerClient.TopicDelivery.NonReliable);
        await MoveBench.UntilAsync(() => bench.Topic(fleeting).LoadedOn.Count == 1, "the topic is loaded");
        var topic = recreate ? fleeting : bench.TopicsOf(bench.Brokers[0]).First(t => t != fleeting);
        var a = bench.Topic(topic).AssignedTo.Single();
        var input = await BeginAsync(bench, topic, a, bench.Brokers.First(x => x != a), leaseSeconds: 600, recreate);
        bench.Actors.Crash();
        await bench.Directory.Control.SwitchAsync(new SwitchCommand(ControlSwitch.Kill, Reason: "test"));
        await bench.Host.AdvanceAsync(TimeSpan.FromSeconds(10));

        // Given out again after a crash between the two halves of its end.
        bench.Actors.FailCall = bench.Actors.Calls + 5;
        await Assert.ThrowsAsync<IOException>(() => bench.Part<TopicMover>().MoveAsync(input));
        bench.Actors.FailCall = 0;
        var result = await bench.Part<TopicMover>().MoveAsync(input);

        Assert.Equal(MoveProgress.Ended, result.Progress);
        var move = (await bench.Directory.Plan(input.PlanId).GetMovesAsync()).Single();
        Assert.Equal((MoveState.Cancelled, ReasonCode.KillSwitch), (move.State, move.Reason));
        var state = (await bench.Directory.Topic(topic).GetAsync())!;
        Assert.Null(state.Lease);
        Assert.Null(state.DeletedAt);
        Assert.Empty(bench.Unloads());
        Assert.DoesNotContain(bench.Cluster.Events(), e => e.Event == "delete");
        Assert.Equal([a], bench.Topic(topic).AssignedTo);
    }

    /// <summary>A plan of one move, as it stands when its process died after it had written down that the unload is about to be sent.</summary>
    private static async Task<MoveInput> BeginAsync(MoveBench bench, string topic, string from, string to, double leaseSeconds, bool recreate = false)
    {
        var plan = bench.PlanOf((topic, to));
        await bench.Directory.Control.SubmitAsync(new PlanSubmission(plan, "test"));
        var truth = bench.Cluster.Truth();
        var input = new MoveInput(plan.Id, $"{plan.Id}-0", new MoveTask(topic, from, to, MoveCause.Manual, Recreate: recreate), false, truth.LeaderId!, (ulong)truth.Term, null);
        var moveId = input.Move.MoveId(plan.Id);
        var held = await bench.Directory.Topic(topic).ReserveAsync(new Reservation { MoveId = moveId, Topic = topic, From = from, To = to, LeaseSeconds = leaseSeconds });
        Assert.Null(held.Denial);
        Assert.True(await bench.Directory.Topic(topic).BeginUnloadAsync(new UnloadRequest(moveId, 0, recreate)));
        return input;
    }

    private static async Task AssertSuspectAsync(MoveBench bench, string topic, string broker)
    {
        var state = await bench.Directory.Control.GetStateAsync();
        Assert.Equal([new TopicPin(topic, broker)], state.Banned);
        Assert.Equal([broker], state.StuckBrokers);
        Assert.Contains((await bench.Directory.Topic(topic).GetAsync())!.Failures, f => f.BrokerId == broker);
    }
}
