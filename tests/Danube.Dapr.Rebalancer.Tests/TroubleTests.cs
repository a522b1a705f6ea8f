using Danube.Dapr.BrokerClient;
using Danube.Dapr.BrokerSimulator;
using Danube.Dapr.Contracts;
using Danube.Dapr.Rebalancer.Actors;
using Danube.Dapr.Rebalancer.Control;
using Danube.Dapr.Rebalancer.Plans;
using Danube.Dapr.Rebalancer.Tests.Bench;

namespace Danube.Dapr.Rebalancer.Tests;

/// <summary>What goes wrong on a real cluster, and what is done about it.</summary>
public sealed class TroubleTests
{
    [Fact]
    public async Task NonReliableTopic_IsRefusedAndNeverUnloaded()
    {
        await using var bench = await MoveBench.StartAsync();
        await bench.Danube.CreateTopicAsync("/default/fleeting", TopicDelivery.NonReliable);
        await MoveBench.UntilAsync(() => bench.Topic("/default/fleeting").LoadedOn.Count == 1, "the topic is loaded");
        var target = bench.Brokers.First(b => !bench.Topic("/default/fleeting").AssignedTo.Contains(b));

        var run = await bench.RunPlanAsync(("/default/fleeting", target));

        Assert.Equal(1, run.Skipped);
        Assert.Equal(ReasonCode.NonReliable, (await bench.Directory.Plan(run.Plan.Id).GetMovesAsync()).Single().Reason);
        Assert.Empty(bench.Unloads());
    }

    [Fact]
    public async Task TopicThatMovedMeanwhile_IsRefusedAsOwnerChanged()
    {
        await using var bench = await MoveBench.StartAsync();
        var (a, b, c) = (bench.Brokers[0], bench.Brokers[1], bench.Brokers[2]);
        var topic = bench.TopicsOf(a)[0];
        var stale = bench.PlanOf((topic, b));
        await bench.RunPlanAsync((topic, c));

        await bench.Directory.Control.SubmitAsync(new PlanSubmission(stale, "test"));
        await bench.RunWorkflowsAsync();

        Assert.Equal(ReasonCode.OwnerChanged, (await bench.Directory.Plan(stale.Id).GetMovesAsync()).Single().Reason);
        Assert.Equal([c], bench.Topic(topic).AssignedTo);
    }

    [Fact]
    public async Task TopicInItsCoolDown_IsRefused_UnlessForced()
    {
        await using var bench = await MoveBench.StartAsync();
        var (a, b, c) = (bench.Brokers[0], bench.Brokers[1], bench.Brokers[2]);
        var topic = bench.TopicsOf(a)[0];
        await bench.RunPlanAsync((topic, b));

        var again = await bench.RunPlanAsync((topic, c));
        Assert.Equal(ReasonCode.CoolDown, (await bench.Directory.Plan(again.Plan.Id).GetMovesAsync()).Single().Reason);

        var plan = bench.PlanOf((topic, c));
        await bench.Directory.Control.SubmitAsync(new PlanSubmission(plan with { Moves = [plan.Moves[0] with { Force = true }] }, "test"));
        await bench.RunWorkflowsAsync();
        Assert.Equal([c], bench.Topic(topic).AssignedTo);
    }

    [Fact]
    public async Task SealThatFails_StopsThePlanOpensTheCircuitAndBansTheBroker()
    {
        await using var bench = await MoveBench.StartAsync(configure: o => o.MoveTimeoutSeconds = 5);
        var (a, b) = (bench.Brokers[0], bench.Brokers[1]);
        var topics = bench.TopicsOf(a).Take(2).ToArray();
        bench.Cluster.SetFault(Fault.SealFails, on: true, target: a);
        var plan = bench.PlanOf((topics[0], b), (topics[1], b));
        await bench.Directory.Control.SubmitAsync(new PlanSubmission(plan, "test"));
        await bench.RunWorkflowsAsync();

        var run = (await bench.Directory.Plan(plan.Id).GetAsync())!;
        var state = await bench.Directory.Control.GetStateAsync();
        Assert.Equal((PlanRunState.Stopped, 1, 1), (run.State, run.Failed, run.Skipped));
        Assert.Equal(ReasonCode.Timeout, state.Circuit?.Reason);
        Assert.Equal([a], state.StuckBrokers);
        Assert.Contains(state.Banned, p => p == new TopicPin(topics[0], a));
        Assert.All(bench.States().Values, s => Assert.Equal("active", s));
        Assert.Single(bench.Unloads());

        Assert.Equal(ReasonCode.CircuitOpen, ControlRules.WhyNotStart(state, bench.Options, bench.Time.GetUtcNow())?.Reason);
        Assert.Empty((await bench.Directory.Control.SwitchAsync(new SwitchCommand(ControlSwitch.CloseCircuit))).StuckBrokers);
    }

    [Fact]
    public async Task TargetThatIsDead_GetsNothingAndNobodyStaysMasked()
    {
        await using var bench = await MoveBench.StartAsync(brokers: 4, topics: 16);
        var leader = bench.Cluster.Truth().LeaderId;
        var dead = bench.Brokers.Last(b => b != leader);
        var source = bench.Brokers.Where(b => b != dead).MaxBy(b => bench.TopicsOf(b).Count)!;
        var topics = bench.TopicsOf(source).Take(2).ToArray();
        var plan = bench.PlanOf((topics[0], dead), (topics[1], dead));
        await bench.Cluster.KillBrokerAsync(dead);

        await bench.Directory.Control.SubmitAsync(new PlanSubmission(plan, "test"));
        await bench.RunWorkflowsAsync();

        var moves = await bench.Directory.Plan(plan.Id).GetMovesAsync();
        Assert.All(moves, m => Assert.Equal(MoveState.Skipped, m.State));
        Assert.All(topics, t => Assert.Equal([source], bench.Topic(t).AssignedTo));
        Assert.All(bench.States().Values, state => Assert.Equal("active", state));
        Assert.Null((await bench.Directory.Control.GetStateAsync()).Circuit);
    }

    [Fact]
    public async Task LeaderThatStepsDown_IsWaitedFor_AndThePlanEnds()
    {
        await using var bench = await MoveBench.StartAsync(brokers: 3);
        var (a, b) = (bench.Brokers[0], bench.Brokers[1]);
        var topics = bench.TopicsOf(a).ToArray();
        var plan = bench.PlanOf([.. topics.Select(t => (t, b))]);
        await bench.Directory.Control.SubmitAsync(new PlanSubmission(plan, "test"));
        var running = bench.RunWorkflowsAsync();
        await MoveBench.UntilAsync(() => bench.Unloads().Count > 0, "the first unload");
        bench.Cluster.StepDown();

        await running;

        var run = (await bench.Directory.Plan(plan.Id).GetAsync())!;
        Assert.All(bench.States().Values, state => Assert.Equal("active", state));
        Assert.All(bench.Unloads(), u => Assert.Equal(1, u.Value));
        Assert.Empty(bench.Cluster.Truth().Stranded);
        Assert.Equal(topics.Length, run.Done + run.Skipped);
    }

    [Fact]
    public async Task KillSwitch_WhileAPlanRuns_StopsItBeforeTheNextTopic()
    {
        await using var bench = await MoveBench.StartAsync();
        var (a, b) = (bench.Brokers[0], bench.Brokers[1]);
        var topics = bench.TopicsOf(a).ToArray();
        var plan = bench.PlanOf([.. topics.Select(t => (t, b))]);
        await bench.Directory.Control.SubmitAsync(new PlanSubmission(plan, "test"));
        var running = bench.RunWorkflowsAsync();
        await MoveBench.UntilAsync(() => bench.Unloads().Count > 0, "the first unload");
        await bench.Directory.Control.SwitchAsync(new SwitchCommand(ControlSwitch.Kill, Reason: "test"));
        var unloads = bench.Unloads().Count;

        await running;

        Assert.InRange(bench.Unloads().Count, unloads, unloads + 1);
        var run = (await bench.Directory.Plan(plan.Id).GetAsync())!;
        Assert.Equal((PlanRunState.Stopped, ReasonCode.KillSwitch), (run.State, run.Reason));
        Assert.All(bench.States().Values, state => Assert.Equal("active", state));
        Assert.Equal(ReasonCode.KillSwitch, (await bench.Directory.Control.SubmitAsync(new PlanSubmission(bench.PlanOf((topics[^1], b)), "test"))).Reason);
    }

    [Fact]
    public async Task Pause_InTheMiddleOfABatch_TakesTheMaskAwayAfterOneStep_AndThePlanGoesOnWhenItIsOver()
    {
        await using var bench = await MoveBench.StartAsync("skew", brokers: 4, topics: 40);
        await bench.Directory.Control.NudgeAsync();
        var running = bench.RunWorkflowsAsync();
        await MoveBench.UntilAsync(() => bench.Unloads().Count > 0, "the first unload");
        var paused = bench.Time.GetUtcNow();
        await bench.Directory.Control.SwitchAsync(new SwitchCommand(ControlSwitch.Pause, Minutes: 10, Reason: "test"));
        var before = bench.Cluster.Events().Count;

        await running;

        var run = (await bench.Directory.Plan(bench.Events.Cycles.First().PlanId!).GetAsync())!;
        Assert.Equal((PlanRunState.Finished, run.Plan.Moves.Count), (run.State, run.Done));
        Assert.True(run.FinishedAt >= paused.AddMinutes(10), $"It finished at {run.FinishedAt} and was paused at {paused}.");
        var step = bench.Cluster.Events().Skip(before).TakeWhile(e => e.Event != "state").Count(e => e.Event == "unload-posted");
        Assert.InRange(step, 0, 1);
        Assert.All(bench.Unloads(), u => Assert.Equal(1, u.Value));
        Assert.All(bench.States().Values, state => Assert.Equal("active", state));
    }

    [Fact]
    public async Task AdvisedPlan_RunsAfterItsApproval_AndNotBefore()
    {
        await using var bench = await MoveBench.StartAsync("skew", brokers: 4, topics: 40, configure: o => o.Mode = "advise");
        await bench.Directory.Control.NudgeAsync();
        await bench.RunUntilIdleAsync();
        var cycle = bench.Events.Cycles.Single();
        Assert.Equal((CycleOutcome.Proposed, ReasonCode.AwaitingApproval), (cycle.Outcome, cycle.Reason));
        Assert.Empty(bench.Unloads());
        var plan = (await bench.Directory.Plan(cycle.PlanId!).GetAsync())!.Plan;
        Assert.Equal(ReasonCode.Drift, (await bench.Directory.Control.ApproveAsync(new Approval(plan.Id, new string('0', 64), "alice"))).Reason);

        Assert.Null((await bench.Directory.Control.ApproveAsync(new Approval(plan.Id, plan.Hash, "alice"))).Reason);
        await bench.RunWorkflowsAsync();

        var run = (await bench.Directory.Plan(plan.Id).GetAsync())!;
        Assert.Equal((plan.Moves.Count, "alice"), (run.Done, run.ApprovedBy));
        Assert.Contains(bench.Events.Happened, e => e.Kind == BrokerEventKind.OperatorActed && e.Detail.Contains("alice", StringComparison.Ordinal));
    }

    [Fact]
    public async Task AdvisedPlan_ThatWaits_GivesWayToWhatAnOperatorAsksFor()
    {
        await using var bench = await MoveBench.StartAsync("skew", brokers: 4, topics: 40, configure: o => o.Mode = "advise");
        await bench.Directory.Control.NudgeAsync();
        await bench.RunUntilIdleAsync();
        var waiting = bench.Events.Cycles.Single().PlanId!;
        var topic = bench.TopicsOf(bench.Brokers.MaxBy(b => bench.TopicsOf(b).Count)!)[0];
        var target = bench.Brokers.MinBy(b => bench.TopicsOf(b).Count)!;

        var run = await bench.RunPlanAsync((topic, target));

        Assert.Equal(1, run.Done);
        var gone = (await bench.Directory.Plan(waiting).GetAsync())!;
        Assert.Equal((PlanRunState.Stopped, ReasonCode.Drift, gone.Plan.Moves.Count), (gone.State, gone.Reason, gone.Skipped));
        Assert.Equal(ReasonCode.Cancelled, (await bench.Directory.Control.ApproveAsync(new Approval(waiting, null, "ada"))).Reason);
        var state = await bench.Directory.Control.GetStateAsync();
        Assert.Equal(1, state.Ledger.Total(bench.Time.GetUtcNow()));
        Assert.Null(state.Active);
    }

    [Fact]
    public async Task AdvisedPlan_ThatWaits_HoldsBackNeitherFindingsNorRepairs()
    {
        await using var bench = await MoveBench.StartAsync("skew", brokers: 4, topics: 40, configure: o =>
        {
            o.Mode = "advise";
            o.Repair = "auto";
            o.StrandedAfterSeconds = 2;
        });
        await bench.Directory.Control.NudgeAsync();
        await bench.RunUntilIdleAsync();
        var waiting = bench.Events.Cycles.Single().PlanId!;
        var topic = bench.TopicsOf(bench.Brokers.MaxBy(b => bench.TopicsOf(b).Count)!)[0];
        await bench.StrandAsync(topic);

        await bench.Directory.Control.NudgeAsync();
        Assert.Contains(bench.Events.Happened, e => e.Kind == BrokerEventKind.FindingOpened && e.Topic == topic);
        await bench.RunWorkflowsAsync();

        Assert.Empty(bench.Cluster.Truth().Stranded);
        Assert.Equal(PlanRunState.Stopped, (await bench.Directory.Plan(waiting).GetAsync())!.State);
    }

    [Fact]
    public async Task Topic_ThatLandsOnAnotherBroker_IsRecordedSoAndNothingStaysMasked()
    {
        await using var bench = await MoveBench.StartAsync();
        var (a, b, c) = (bench.Brokers[0], bench.Brokers[1], bench.Brokers[2]);
        var topic = bench.TopicsOf(a)[0];
        var (plan, running) = await bench.HangAsync(1, (topic, b));
        await bench.Danube.ActivateBrokerAsync(c, "another hand");
        await bench.Danube.MaskBrokerAsync(b);
        bench.Cluster.SetFault(Fault.HangingWatcher, on: false, target: a);

        await running;

        var move = (await bench.Directory.Plan(plan.Id).GetMovesAsync()).Single();
        Assert.Equal((MoveState.LandedElsewhere, ReasonCode.LandedElsewhere), (move.State, move.Reason));
        Assert.Equal([c], bench.Topic(topic).AssignedTo);
        Assert.Null(await bench.Directory.Mask.GetAsync());
        Assert.Null((await bench.Directory.Control.GetStateAsync()).Circuit);
        Assert.Equal("active", bench.States()[c]);
    }

    [Fact]
    public async Task TopicThatIsTooYoung_IsRefusedAtItsGate()
    {
        await using var bench = await MoveBench.StartAsync(configure: o => o.MinTopicAgeSeconds = 300);
        var plan = bench.PlanOf((bench.TopicsOf(bench.Brokers[0])[0], bench.Brokers[1]));

        await bench.Directory.Control.SubmitAsync(new PlanSubmission(plan with { Moves = [plan.Moves[0] with { FirstSeen = bench.Time.GetUtcNow() }] }, "test"));
        await bench.RunWorkflowsAsync();

        Assert.Equal(ReasonCode.TopicTooYoung, (await bench.Directory.Plan(plan.Id).GetMovesAsync()).Single().Reason);
        Assert.Empty(bench.Unloads());
    }

    [Fact]
    public async Task SourceThatDies_InTheMiddleOfAMove_EndsItWithoutTheCircuit()
    {
        await using var bench = await MoveBench.StartAsync(brokers: 4, topics: 16);
        var leader = bench.Cluster.Truth().LeaderId;
        var a = bench.Brokers.Where(x => x != leader).MaxBy(x => bench.TopicsOf(x).Count)!;
        var b = bench.Brokers.First(x => x != a);
        var topics = bench.TopicsOf(a).Take(2).ToArray();
        var (plan, running) = await bench.HangAsync(1, (topics[0], b), (topics[1], b));
        await bench.Cluster.KillBrokerAsync(a);

        await running;

        var moves = await bench.Directory.Plan(plan.Id).GetMovesAsync();
        Assert.All(moves, m => Assert.True(PlanProgress.IsEnd(m.State), $"{m.Topic} is {m.State}"));
        Assert.Equal(ReasonCode.BrokerUnreachable, moves[0].Reason);
        Assert.Null((await bench.Directory.Control.GetStateAsync()).Circuit);
        Assert.All(bench.States().Values, state => Assert.Equal("active", state));
        Assert.Single(bench.Unloads());
    }

    [Fact]
    public async Task AdvisedPlan_ThatNobodyApproves_Expires()
    {
        await using var bench = await MoveBench.StartAsync("skew", brokers: 4, topics: 40, configure: o => o.Mode = "advise");
        await bench.Directory.Control.NudgeAsync();

        await bench.Host.AdvanceAsync(TimeSpan.FromHours(2));
        await bench.RunWorkflowsAsync();

        var run = (await bench.Directory.Plan(bench.Events.Cycles.Single().PlanId!).GetAsync())!;
        Assert.Equal((PlanRunState.Stopped, ReasonCode.ApprovalExpired), (run.State, run.Reason));
        Assert.Empty(bench.Unloads());
        Assert.Equal(0, (await bench.Directory.Control.GetStateAsync()).Ledger.Total(bench.Time.GetUtcNow()));
    }
}
