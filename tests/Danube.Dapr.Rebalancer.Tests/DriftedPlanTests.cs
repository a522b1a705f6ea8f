using Danube.Dapr.Contracts;
using Danube.Dapr.Rebalancer.Actors;
using Danube.Dapr.Rebalancer.Options;
using Danube.Dapr.Rebalancer.Tests.Bench;

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
        bench.BeforeRanking = _ => ++asked <= 3 ? throw new HttpRequestException("ranking is down") : Task.CompletedTask;
        var began = bench.Time.GetUtcNow();

        await bench.RunWorkflowsAsync();

        var run = (await bench.Directory.Plan(plan.Id).GetAsync())!;
        Assert.Equal((PlanRunState.Finished, plan.Moves.Count), (run.State, run.Done));
        Assert.Equal(waits, run.FinishedAt - began > TimeSpan.FromSeconds(40));
    }

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
