using Danube.Dapr.Contracts;
using Danube.Dapr.Rebalancer.Actors;
using Danube.Dapr.Rebalancer.Control;
using Danube.Dapr.Rebalancer.Options;
using Danube.Dapr.Rebalancer.Tests.Bench;

namespace Danube.Dapr.Rebalancer.Tests;

/// <summary>What may start, what may go on, and that none of it is forgotten.</summary>
public sealed class ControlRulesTests
{
    private static readonly DateTimeOffset Now = new(2026, 1, 2, 23, 30, 0, TimeSpan.Zero);

    [Theory]
    [InlineData("22:00-02:00", true)]
    [InlineData("23:30-23:31", true)]
    [InlineData("02:00-22:00", false)]
    [InlineData("22:00-23:30", false)]
    public void Start_InQuietHours_IsRefused(string hours, bool quiet)
    {
        var options = Auto();
        options.QuietHours.Add(hours);

        Assert.Equal(quiet ? ReasonCode.QuietHours : null, ControlRules.WhyNotStart(new ControlState(), options, Now)?.Reason);
        Assert.Null(ControlRules.WhyNotStartManually(new ControlState(), options, Now));
    }

    [Theory]
    [InlineData(null, 100_000, ReasonCode.Paused)]
    [InlineData(30, 29, ReasonCode.Paused)]
    [InlineData(30, 31, null)]
    public void Pause_ForATimeOrUntilTold_HoldsBackWhatStartsByItself(int? minutes, int later, ReasonCode? expected)
    {
        var state = ControlRules.Switch(new ControlState(), new SwitchCommand(ControlSwitch.Pause, minutes, "why"), Now);

        var denial = ControlRules.WhyNotStart(state, Auto(), Now.AddMinutes(later));

        Assert.Equal(expected, denial?.Reason);
        Assert.Null(ControlRules.WhyNotStart(ControlRules.Switch(state, new SwitchCommand(ControlSwitch.Resume), Now), Auto(), Now));
    }

    [Fact]
    public void Plan_ThatRunsTooLong_IsStopped_CountedFromItsApproval()
    {
        var options = Auto();
        options.MaxPlanMinutes = 10;
        var state = new ControlState { Active = new ActivePlan { PlanId = "p", Hash = "", Since = Now, ApprovalDeadline = Now.AddHours(1), ApprovedBy = "ada", ApprovedAt = Now.AddMinutes(30) } };

        Assert.Equal(ContinuationKind.Go, ControlRules.MayContinue(state, "p", options, Now.AddMinutes(39)).Kind);
        Assert.Equal(Continuation.Stop(ReasonCode.Timeout, "The plan has run for 10 minutes, the most that a plan may."), ControlRules.MayContinue(state, "p", options, Now.AddMinutes(41)));
    }

    [Theory]
    [InlineData("k", "drain 1", true, false)]
    [InlineData("k", "drain 2", false, true)]
    [InlineData("other", "drain 1", false, false)]
    [InlineData(null, "drain 1", false, false)]
    public void Keyed_KnownOrNew_IsToldApart(string? key, string command, bool same, bool other)
    {
        var state = new ControlState { Commands = [new KeyedCommand("k", "drain 1", "p")] };

        var found = ControlRules.Keyed(state, key, command);

        Assert.Equal((same, other), (found.Same is not null, found.Other?.Reason == ReasonCode.KeyReused));
    }

    [Fact]
    public void BuiltInRebalancing_SeenToMove_PausesMovesForAWhile()
    {
        var watch = ControlRules.Watch(ControlRules.Watch(null, "1", 3, Now), "1", 4, Now);
        var state = new ControlState { BuiltIn = watch };

        Assert.Equal(ReasonCode.BuiltInRebalancing, ControlRules.WhyNotStart(state, Auto(), Now.AddMinutes(9))?.Reason);
        Assert.Null(ControlRules.WhyNotStart(state, Auto(), Now.AddMinutes(11)));
        Assert.Null(ControlRules.Watch(null, "1", 3, Now).SeenAt);
        Assert.Equal(Now, ControlRules.Watch(watch, "2", 0, Now.AddMinutes(1)).SeenAt);
    }

    [Theory]
    [InlineData(MoveState.Failed, ReasonCode.DeadCopy, "2", "2", false)]
    [InlineData(MoveState.Stuck, ReasonCode.Timeout, null, "1", true)]
    [InlineData(MoveState.Stuck, ReasonCode.Timeout, "2", null, true)]
    [InlineData(MoveState.Failed, ReasonCode.Refused, "1", null, false)]
    public void Outcome_OfAMoveThatWentWrong_BansTheBrokerThatHasTheDeadCopy(MoveState state, ReasonCode reason, string? owner, string? banned, bool stuck)
    {
        var move = new MoveRecord { MoveId = "p:/default/a", PlanId = "p", Topic = "/default/a", From = "1", To = "2", State = state, Reason = reason, Owner = owner, Time = Now };
        var before = new ControlState { Active = new ActivePlan { PlanId = "p", Hash = "", Since = Now } };

        var after = Outcomes.Apply(before, new PlanResult("p", null, "", [move], []), new RebalancerOptions(), Now);

        Assert.Equal(banned is null ? [] : [new TopicPin("/default/a", banned)], after.Banned);
        Assert.Equal(stuck ? [owner ?? "1"] : [], after.StuckBrokers);
    }

    [Fact]
    public void Outcome_OfMovesThatAPlanDidNotComeTo_BansNothing_ButWhatTheGateRefusedIsBanned()
    {
        MoveRecord Skipped(string topic, string to, string detail) => new()
        {
            MoveId = $"p:{topic}", PlanId = "p", Topic = topic, From = "1", To = to, State = MoveState.Skipped, Reason = ReasonCode.DeadCopy, Detail = detail, Time = Now,
        };
        const string why = "/default/a: broker 2 refuses its publishes.";
        var before = new ControlState { Active = new ActivePlan { PlanId = "p", Hash = "", Since = Now } };

        var after = Outcomes.Apply(
            before,
            new PlanResult("p", ReasonCode.DeadCopy, why, [], [Skipped("/default/b", "2", why), Skipped("/default/c", "3", "Broker 3 may hold a dead copy."), Skipped("/default/d", "", "A repair's.")]),
            new RebalancerOptions(),
            Now);

        Assert.Equal([new TopicPin("/default/c", "3")], after.Banned);
    }

    [Fact]
    public async Task Limits_AfterACrash_StillHold()
    {
        await using var bench = await MoveBench.StartAsync("skew", brokers: 4, topics: 60, configure: o =>
        {
            o.MaxMovesPerHour = 3;
            o.CoolDownSeconds = 0;
        });
        await bench.Directory.Control.NudgeAsync();
        await bench.RunWorkflowsAsync();
        Assert.Equal(3, bench.Unloads().Values.Sum());
        bench.Actors.Crash();

        await bench.Directory.Control.NudgeAsync();
        await bench.RunWorkflowsAsync();

        Assert.Equal(3, bench.Unloads().Values.Sum());
        var last = bench.Events.Cycles.Last();
        Assert.Equal((CycleOutcome.Skipped, ReasonCode.HourlyLimit), (last.Outcome, last.Reason));
    }

    [Theory]
    [InlineData(ControlSwitch.Pause, ReasonCode.Paused)]
    [InlineData(ControlSwitch.Kill, ReasonCode.KillSwitch)]
    public async Task Switch_AfterACrash_IsStillOn(ControlSwitch turned, ReasonCode reason)
    {
        await using var bench = await MoveBench.StartAsync("skew", brokers: 4, topics: 60);
        await bench.Directory.Control.SwitchAsync(new SwitchCommand(turned, 60));
        bench.Actors.Crash();

        await bench.Directory.Control.NudgeAsync();
        await bench.RunWorkflowsAsync();

        Assert.Equal((CycleOutcome.Skipped, reason), (bench.Events.Cycles.Single().Outcome, bench.Events.Cycles.Single().Reason));
        Assert.Empty(bench.Unloads());
    }

    [Fact]
    public async Task ApprovedPlan_WhoseTopicsMovedMeanwhile_StopsForDriftAndIsPlannedAnew()
    {
        await using var bench = await MoveBench.StartAsync("skew", brokers: 4, topics: 40, configure: o =>
        {
            o.Mode = "advise";
            o.MaxDrift = 0.1;
        });
        await bench.Directory.Control.NudgeAsync();
        await bench.RunUntilIdleAsync();
        var plan = (await bench.Directory.Plan(bench.Events.Cycles.Single().PlanId!).GetAsync())!.Plan;
        foreach (var move in plan.Moves)
            await bench.Danube.UnloadTopicAsync(move.Topic);
        await MoveBench.UntilAsync(() => plan.Moves.All(m => bench.Topic(m.Topic).AssignedTo is [var owner] && owner != m.From), "the topics are elsewhere");

        await bench.Directory.Control.ApproveAsync(new Approval(plan.Id, plan.Hash, "ada"));
        await bench.RunWorkflowsAsync();

        var run = (await bench.Directory.Plan(plan.Id).GetAsync())!;
        Assert.Equal((PlanRunState.Stopped, ReasonCode.Drift, 0), (run.State, run.Reason, run.Done));
        Assert.Null((await bench.Directory.Control.GetStateAsync()).Active);
    }

    [Fact]
    public async Task Loop_StartedByTwoReplicas_IsOneLoop()
    {
        await using var bench = await MoveBench.StartAsync();

        await Task.WhenAll(bench.Directory.Control.StartAsync(), bench.Directory.Control.StartAsync());

        Assert.Equal(["ControlLoopActor/cluster/cycle"], bench.Actors.Reminders);
    }

    [Fact]
    public async Task Plan_WhoseReplicaDiesBeforeItsWorkflowBegan_IsTakenOverAndMade()
    {
        await using var bench = await MoveBench.StartAsync();
        var topic = bench.TopicsOf(bench.Brokers[0])[0];
        var plan = bench.PlanOf((topic, bench.Brokers[1]));
        bench.LoseStarts = true;
        await bench.Directory.Control.SubmitAsync(new PlanSubmission(plan, "test"));
        bench.LoseStarts = false;
        bench.Actors.Crash();

        await bench.Directory.Control.StartAsync();
        await bench.RunWorkflowsAsync();

        Assert.Equal([bench.Brokers[1]], bench.Topic(topic).AssignedTo);
        Assert.Equal(PlanRunState.Finished, (await bench.Directory.Plan(plan.Id).GetAsync())!.State);
    }

    private static RebalancerOptions Auto() => new() { Mode = "auto", StorageMode = "shared_fs" };
}
