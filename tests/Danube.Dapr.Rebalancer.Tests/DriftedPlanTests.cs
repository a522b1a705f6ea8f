using Danube.Dapr.Contracts;
using Danube.Dapr.Rebalancer.Actors;
using Danube.Dapr.Rebalancer.Control;
using Danube.Dapr.Rebalancer.Options;
using Danube.Dapr.Rebalancer.Tests.Bench;
using Dapr.Actors;

namespace Danube.Dapr.Rebalancer.Tests;

/// <summary>A plan whose inputs drifted ends at its approval, at its start or between its windows, and is planned anew.</summary>
public sealed class DriftedPlanTests
{
    [Fact]
    public async Task Approve_OfAPlanThatDrifted_IsRefused_AndANewOneAsksAgain()
    {
        await using var bench = await ProposedAsync();
        var plan = await ProposalAsync(bench);
        Heat(bench, plan, 5);

        var answer = await ApproveAsync(bench, plan);
        using var nudger = bench.Part<Nudger>();
        await nudger.StartAsync(CancellationToken.None);
        await bench.RunWorkflowsAsync();
        await MoveBench.UntilAsync(() => Proposals(bench).Count == 2, "a new plan waits for approval");
        await nudger.StopAsync(CancellationToken.None);

        Assert.Equal(ReasonCode.Drift, answer.Reason);
        Assert.Contains("the plan said", answer.Detail, StringComparison.Ordinal);
        await AssertDriftedAsync(bench, plan, done: 0);
        Assert.Empty(bench.Unloads());
        var next = await ProposalAsync(bench);
        Assert.NotEqual(plan.Id, next.Id);
        Assert.Equal(next.Moves.Count, (await bench.Directory.Control.GetStateAsync()).Ledger.Total(bench.Time.GetUtcNow()));

        Assert.Null((await ApproveAsync(bench, next)).Reason);
        await bench.RunWorkflowsAsync();
        Assert.Equal(PlanRunState.Finished, (await bench.Directory.Plan(next.Id).GetAsync())!.State);
    }

    [Fact]
    public async Task Approve_AfterASmallChange_IsTaken_AndAllMovesAreMade()
    {
        await using var bench = await ProposedAsync();
        var plan = await ProposalAsync(bench);
        Heat(bench, plan, 1.05);

        Assert.Null((await ApproveAsync(bench, plan)).Reason);
        await bench.RunWorkflowsAsync();

        var run = (await bench.Directory.Plan(plan.Id).GetAsync())!;
        Assert.Equal((PlanRunState.Finished, plan.Moves.Count), (run.State, run.Done));
    }

    [Fact]
    public async Task ApprovedPlan_ThatDriftedBeforeItsStart_MovesNothing()
    {
        await using var bench = await ProposedAsync();
        var plan = await ProposalAsync(bench);
        Assert.Null((await ApproveAsync(bench, plan)).Reason);
        Heat(bench, plan, 5);

        await bench.RunWorkflowsAsync();

        await AssertDriftedAsync(bench, plan, done: 0);
        Assert.Empty(bench.Unloads());
    }

    [Theory]
    [InlineData("advise", CycleOutcome.Proposed)]
    [InlineData("auto", CycleOutcome.Started)]
    public async Task RunningPlan_ThatDrifts_StopsBeforeItsNextWindow_AndIsPlannedAnew(string mode, CycleOutcome next)
    {
        await using var bench = await ProposedAsync(o =>
        {
            o.Mode = mode;
            o.StartMovesPerMask = o.MaxMovesPerMask = 1;
        });
        var plan = (await bench.Directory.Plan(bench.Events.Cycles.Single().PlanId!).GetAsync())!.Plan;
        Assert.True(plan.Moves.Count > 3);
        bench.BeforeRanking = _ =>
        {
            // Asked between two windows.
            if (bench.Unloads().Count == 2)
                bench.Cluster.SetTopicFactor(plan.Moves[^1].Topic, 200);
            return Task.CompletedTask;
        };
        if (mode == "advise")
            Assert.Null((await ApproveAsync(bench, plan)).Reason);

        await bench.RunWorkflowsAsync();

        await AssertDriftedAsync(bench, plan, done: 2);
        Assert.All(bench.States().Values, state => Assert.Equal("active", state));
        await bench.Directory.Control.NudgeAsync();
        Assert.Equal(next, bench.Events.Cycles.Last().Outcome);
    }

    [Fact]
    public async Task Approve_WithoutASnapshot_IsRefused_AndThePlanGoesOnWaiting()
    {
        await using var bench = await ProposedAsync();
        var plan = await ProposalAsync(bench);
        bench.BeforeRanking = _ => throw new HttpRequestException("ranking is down");

        var refused = await ApproveAsync(bench, plan);
        bench.BeforeRanking = null;

        Assert.Equal(ReasonCode.StaleReports, refused.Reason);
        Assert.True((await bench.Directory.Control.GetStateAsync()).Active!.AwaitsApproval);
        Assert.Null((await ApproveAsync(bench, plan)).Reason);
    }

    [Theory]
    [InlineData("advise", false)]
    [InlineData("advise", true)]
    [InlineData("auto", true)]
    public async Task Topic_ThatHasNotComeBackSinceThePlanWasMade_IsNotMovedByIt(string mode, bool few)
    {
        await using var bench = await ProposedAsync(o =>
        {
            o.Mode = mode;
            o.MaxDrift = few ? 0.5 : 0;
        });
        var plan = (await bench.Directory.Plan(bench.Events.Cycles.Single().PlanId!).GetAsync())!.Plan;
        var topic = plan.Moves[0].Topic;
        await JudgeSilentAsync(bench, topic);

        if (mode == "advise")
        {
            var answer = await ApproveAsync(bench, plan);
            Assert.Equal(few ? null : ReasonCode.Drift, answer.Reason);
            Assert.True(few || answer.Detail.Contains($"{topic} has not come back since its last move", StringComparison.Ordinal), answer.Detail);
        }

        await bench.RunWorkflowsAsync();

        Assert.DoesNotContain(topic, bench.Unloads().Keys);
        var run = (await bench.Directory.Plan(plan.Id).GetAsync())!;
        Assert.Equal(few ? (PlanRunState.Finished, null, plan.Moves.Count - 1) : (PlanRunState.Stopped, ReasonCode.Drift, 0), (run.State, run.Reason, run.Done));
        var move = (await bench.Directory.Plan(plan.Id).GetMovesAsync())[0];
        Assert.Equal((MoveState.Skipped, few ? ReasonCode.RatesUnknown : ReasonCode.Drift), (move.State, move.Reason));
        Assert.Contains("not come back since its last move", move.Detail, StringComparison.Ordinal);
    }

    [Fact]
    public async Task ApprovedPlan_ThatCannotBeCompared_ShowsWhyItWaits_AndGivesWay()
    {
        await using var bench = await ProposedAsync();
        var plan = await ProposalAsync(bench);
        Assert.Null((await ApproveAsync(bench, plan)).Reason);
        var seen = new List<PlanRun>();
        bench.BeforeRanking = async _ =>
        {
            seen.Add((await bench.Directory.Plan(plan.Id).GetAsync())!);
            throw new HttpRequestException("ranking is down");
        };
        var began = bench.Time.GetUtcNow();

        await bench.RunWorkflowsAsync();

        Assert.Equal((PlanRunState.Running, null, null), (seen[0].State, seen[0].Reason, seen[0].WaitsSince));
        Assert.All(seen.Skip(1), run => Assert.Equal((PlanRunState.Running, ReasonCode.StaleReports, seen[1].WaitsSince), (run.State, run.Reason, run.WaitsSince)));
        var end = (await bench.Directory.Plan(plan.Id).GetAsync())!;
        Assert.Equal((PlanRunState.Stopped, ReasonCode.StaleReports, plan.Moves.Count), (end.State, end.Reason, end.Skipped));
        Assert.InRange(end.FinishedAt!.Value - began, TimeSpan.FromSeconds(2 * bench.Options.MaxReportAgeSeconds), TimeSpan.FromSeconds((2 * bench.Options.MaxReportAgeSeconds) + 60));
        Assert.Null((await bench.Directory.Control.GetStateAsync()).Active);
        Assert.Empty(bench.Unloads());
    }

    [Theory]
    [InlineData("advise", true)]
    [InlineData("auto", false)]
    public async Task RunningPlan_WithoutASnapshot_WaitsForItWhenItWasApproved(string mode, bool waits)
    {
        await using var bench = await ProposedAsync(o =>
        {
            o.Mode = mode;
            o.StartMovesPerMask = o.MaxMovesPerMask = 1;
        });
        var plan = (await bench.Directory.Plan(bench.Events.Cycles.Single().PlanId!).GetAsync())!.Plan;
        if (mode == "advise")
            Assert.Null((await ApproveAsync(bench, plan)).Reason);
        var asked = 0;
        var shown = new List<ReasonCode?>();
        bench.BeforeRanking = async _ =>
        {
            shown.Add((await bench.Directory.Plan(plan.Id).GetAsync())!.Reason);
            if (++asked <= 3)
                throw new HttpRequestException("ranking is down");
        };
        var began = bench.Time.GetUtcNow();

        await bench.RunWorkflowsAsync();

        var run = (await bench.Directory.Plan(plan.Id).GetAsync())!;
        Assert.Equal((PlanRunState.Finished, plan.Moves.Count), (run.State, run.Done));
        Assert.Equal(waits, run.FinishedAt - began > TimeSpan.FromSeconds(40));
        ReasonCode? stale = waits ? ReasonCode.StaleReports : null;
        Assert.Equal([null, stale, stale, stale], shown.Take(4));
        Assert.All(shown.Skip(4), Assert.Null);
    }

    /// <summary>The loop has found out that a topic, which it moved some time ago, has no traffic since.</summary>
    private static Task JudgeSilentAsync(MoveBench bench, string topic) => bench.Actors.TurnAsync(DaprNames.Actors.ControlLoop, new ActorId(DaprNames.ClusterActorId), async actor =>
    {
        var state = await actor.StateManager.GetStateAsync<ControlState>("control");
        var now = bench.Time.GetUtcNow();
        var moved = new WatchedMove { Topic = topic, PlanId = "p-0", BrokerId = bench.Topic(topic).AssignedTo.Single(), At = now.AddMinutes(-11), MessagesBefore = 10, Looks = 5, Sign = MoveVerdict.Silent, JudgedAt = now };
        await actor.StateManager.SetStateAsync("control", state with { Watched = [.. state.Watched, moved] });
    });

    private static async Task AssertDriftedAsync(MoveBench bench, RebalancePlan plan, int done)
    {
        var run = (await bench.Directory.Plan(plan.Id).GetAsync())!;
        Assert.Equal((PlanRunState.Stopped, ReasonCode.Drift, done, plan.Moves.Count - done), (run.State, run.Reason, run.Done, run.Skipped));
        var skipped = (await bench.Directory.Plan(plan.Id).GetMovesAsync()).Where(m => m.State == MoveState.Skipped).ToList();
        Assert.All(skipped, m => Assert.Equal(ReasonCode.Drift, m.Reason));
        Assert.All(skipped, m => Assert.Contains("the plan said", m.Detail, StringComparison.Ordinal));
        Assert.NotEqual(plan.Id, (await bench.Directory.Control.GetStateAsync()).Active?.PlanId);
    }

    /// <summary>Multiplies what is published to the topics that the plan moves to the target of its last move, itself among them.</summary>
    private static void Heat(MoveBench bench, RebalancePlan plan, double factor)
    {
        foreach (var move in plan.Moves.Where(m => m.To == plan.Moves[^1].To))
            bench.Cluster.SetTopicFactor(move.Topic, factor);
    }

    private static List<CycleRecord> Proposals(MoveBench bench) => [.. bench.Events.Cycles.Where(c => c.Outcome == CycleOutcome.Proposed)];

    private static async Task<MoveBench> ProposedAsync(Action<RebalancerOptions>? configure = null)
    {
        var bench = await MoveBench.StartAsync("skew", brokers: 4, topics: 40, configure: o =>
        {
            o.Mode = "advise";
            configure?.Invoke(o);
        });
        await bench.Directory.Control.NudgeAsync();
        if (bench.Options.Mode == "advise")
            await bench.RunUntilIdleAsync();
        return bench;
    }

    private static async Task<RebalancePlan> ProposalAsync(MoveBench bench) => (await bench.Directory.Plan(Proposals(bench)[^1].PlanId!).GetAsync())!.Plan;

    private static Task<CommandResult> ApproveAsync(MoveBench bench, RebalancePlan plan) => bench.Directory.Control.ApproveAsync(new Approval(plan.Id, plan.Hash, "ada"));
}
