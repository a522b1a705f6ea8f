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
        await LetLeaseRunOutAsync(bench, topic);

        var result = await bench.Part<TopicMover>().MoveAsync(input);

        Assert.Equal((MoveProgress.Ended, ContinuationKind.Stop), (result.Progress, result.Interruption?.Kind));
        Assert.Equal(MoveState.Stuck, (await bench.Directory.Plan(input.PlanId).GetMovesAsync()).Single().State);
        Assert.Contains((await bench.Directory.Topic(topic).GetAsync())!.Failures, f => f.BrokerId == a);
    }

    [Fact]
    public async Task Lease_ThatRanOutAfterAnUnload_WhoseMoveNeverComesBack_KeepsTheTopicFromItsSource()
    {
        await using var bench = await MoveBench.StartAsync(configure: o => (o.Repair, o.StrandedAfterSeconds) = ("auto", 2));
        var a = bench.Brokers[0];
        var topic = bench.TopicsOf(a)[0];
        await ReserveAsync(bench, "gone", topic, a, bench.Brokers[1], leaseSeconds: 0.01);
        bench.Cluster.SetFault(Fault.SealFails, on: true, target: a);
        await bench.Danube.UnloadTopicAsync(topic);
        await MoveBench.UntilAsync(() => bench.Topic(topic).DeadCopyOn.Count == 1 && bench.Cluster.Truth().Stranded.Count == 1, "the topic is a dead copy");
        await LetLeaseRunOutAsync(bench, topic);
        await bench.Directory.Control.NudgeAsync();
        await bench.RunWorkflowsAsync();
        Assert.NotEqual(a, bench.Topic(topic).AssignedTo.Single());
        Assert.NotNull(bench.Topic(topic).ServedBy);

        var run = await bench.RunPlanAsync((topic, a));

        Assert.Equal((0, 1), (run.Done, run.Skipped));
        var refused = bench.Events.Moves.Last(m => m.PlanId == run.Plan.Id);
        Assert.Equal((MoveState.Skipped, ReasonCode.DeadCopy), (refused.State, refused.Reason));
        Assert.Contains("nobody saw whether that broker let it go", refused.Detail, StringComparison.Ordinal);
        // The plans that follow know it without asking the gate, and it is shown and announced.
        Assert.Equal([new TopicPin(topic, a)], (await bench.Directory.Control.GetStateAsync()).Banned);
        await bench.Directory.Control.NudgeAsync();
        Assert.Contains(bench.Events.Happened, e => e.Kind == BrokerEventKind.FindingOpened && e.Topic == topic && e.Detail.StartsWith("DeadCopy", StringComparison.Ordinal));
    }

    [Fact]
    public async Task Lease_ThatRanOutAfterAnUnload_WhoseMoveComesBackAndFindsItsTopicElsewhere_SuspectsNobody()
    {
        await using var bench = await MoveBench.StartAsync();
        var (a, b) = (bench.Brokers[0], bench.Brokers[1]);
        var topic = bench.TopicsOf(a)[0];
        var input = await BeginAsync(bench, topic, a, b, leaseSeconds: 0.01);
        await bench.Danube.UnloadTopicAsync(topic);
        await MoveBench.UntilAsync(() => bench.Topic(topic) is { ServedBy: not null, AssignedTo: [var owner] } && owner != a, "it has landed");
        await LetLeaseRunOutAsync(bench, topic);
        Assert.Equal([(a, true)], (await bench.Directory.Topic(topic).GetAsync())!.Failures.Select(f => (f.BrokerId, f.Suspected)));

        await bench.Part<TopicMover>().MoveAsync(input);

        Assert.Empty((await bench.Directory.Topic(topic).GetAsync())!.Failures);
        var move = (await bench.Directory.Plan(input.PlanId).GetMovesAsync()).Single();
        Assert.Equal((MoveState.Failed, ReasonCode.Timeout, bench.Topic(topic).AssignedTo.Single()), (move.State, move.Reason!.Value, move.Owner));
    }

    [Theory]
    [InlineData(LeaseStep.Reserved, "1", false)]
    [InlineData(LeaseStep.Unloading, "", false)]
    [InlineData(LeaseStep.Unloading, "1", true)]
    public void Lease_ThatRanOut_WithNothingThatItCanHaveLeftOnABroker_SuspectsNobody(LeaseStep step, string from, bool deleted)
    {
        var now = new DateTimeOffset(2026, 1, 1, 0, 0, 0, TimeSpan.Zero);
        var state = new Topics.TopicState { Topic = "/default/t", Lease = new Lease("m", from, "2", step, now), DeletedAt = deleted ? now : null };

        Assert.Empty(TopicGate.Expire(state, now)!.Failures);
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
        await ReserveAsync(bench, input.Move.MoveId(plan.Id), topic, from, to, leaseSeconds, recreate);
        return input;
    }

    private static async Task ReserveAsync(MoveBench bench, string moveId, string topic, string from, string to, double leaseSeconds, bool recreate = false)
    {
        var held = await bench.Directory.Topic(topic).ReserveAsync(new Reservation { MoveId = moveId, Topic = topic, From = from, To = to, LeaseSeconds = leaseSeconds });
        Assert.Null(held.Denial);
        Assert.True(await bench.Directory.Topic(topic).BeginUnloadAsync(new UnloadRequest(moveId, 0, recreate)));
    }

    private static Task LetLeaseRunOutAsync(MoveBench bench, string topic) => MoveBench.UntilAsync(
        () => bench.Actors.FireAsync(DaprNames.Actors.Topic, TopicActorId.Encode(topic), "lease").IsCompletedSuccessfully && bench.Actors.Reminders.All(r => !r.EndsWith("/lease", StringComparison.Ordinal)),
        "the lease runs out");

    private static async Task AssertSuspectAsync(MoveBench bench, string topic, string broker)
    {
        var state = await bench.Directory.Control.GetStateAsync();
        Assert.Equal([new TopicPin(topic, broker)], state.Banned);
        Assert.Equal([broker], state.StuckBrokers);
        Assert.Contains((await bench.Directory.Topic(topic).GetAsync())!.Failures, f => f.BrokerId == broker);
    }
}
