using System.Text.Json;
using Danube.Dapr.Contracts;
using Danube.Dapr.Rebalancer.Actors;
using Danube.Dapr.Rebalancer.Control;
using Danube.Dapr.Rebalancer.Cycle;
using Danube.Dapr.Rebalancer.Execution;
using Danube.Dapr.Rebalancer.Options;
using Danube.Dapr.Rebalancer.Tests.Bench;
using Danube.Dapr.Rebalancer.Workflows;

namespace Danube.Dapr.Rebalancer.Tests;

/// <summary>Plans that are asked for again, that are large, that go wrong, and that are forgotten.</summary>
public sealed class RepeatedPlanTests
{
    /// <summary>The largest value that etcd takes, as it is told by default.</summary>
    private const int LargestValue = 1_500_000;

    [Fact]
    public async Task Move_CancelledAndAskedForAgainOnTheSameReport_IsMade()
    {
        await using var bench = await MoveBench.StartAsync();
        var snapshot = bench.Snapshot();
        var topic = snapshot.Topics.First(t => t.BrokerId == bench.Brokers[0]);
        RebalancePlan Asked() => PlanMaker.Single(snapshot, topic, bench.Brokers[1], false, "test", bench.Time.GetUtcNow(), "balanced");
        var first = Asked();
        await bench.Directory.Control.SubmitAsync(new PlanSubmission(first, "test"));
        Assert.Equal(ReasonCode.PlanRunning, (await bench.Directory.Control.SubmitAsync(new PlanSubmission(Asked(), "test"))).Reason);
        await bench.Directory.Control.CancelAsync(first.Id);
        await bench.RunWorkflowsAsync();
        Assert.Equal(1, (await bench.Directory.Plan(first.Id).GetAsync())!.Skipped);

        var second = Asked();
        await bench.Directory.Control.SubmitAsync(new PlanSubmission(second, "test"));
        await bench.RunWorkflowsAsync();

        Assert.Equal(1, (await bench.Directory.Plan(second.Id).GetAsync())!.Done);
        Assert.Equal([bench.Brokers[1]], bench.Topic(topic.Name).AssignedTo);
    }

    [Fact]
    public async Task Plans_MadeAgainOnTheSameReport_AreOtherRuns()
    {
        await using var bench = await MoveBench.StartAsync("skew", brokers: 4, topics: 40);
        var snapshot = bench.Snapshot();
        var maker = bench.Part<PlanMaker>();
        RebalancePlan Drain(DateTimeOffset now) => bench.Part<Drains>().Look(snapshot, new ControlState(), bench.Brokers[0], now).Made.Plan!;
        RebalancePlan Repair(DateTimeOffset now) => PlanMaker.Repair(snapshot, [new UnownedTopic("/default/x", now, null, true)], now, "balanced");
        RebalancePlan Balance(DateTimeOffset now) =>
            maker.Make(snapshot, new PlanRequest { Policy = "balanced", MaxMoves = 5, UntilTarget = true, Trigger = PlanTrigger.Manual, Ledger = new MoveLedger(), Now = now }).Plan!;

        Assert.All((Func<DateTimeOffset, RebalancePlan>[])[Drain, Repair, Balance], make =>
        {
            var (one, two) = (make(snapshot.Time), make(snapshot.Time.AddMilliseconds(1)));
            Assert.NotEmpty(one.Moves);
            Assert.NotEqual(one.Id, two.Id);
            Assert.InRange(one.Id.Length, 1, 64);
        });
    }

    [Fact]
    public async Task Drain_OfABrokerWithVeryManyTopics_IsPlannedInPartsThatCanBeStored()
    {
        await using var bench = await MoveBench.StartAsync();
        var name = new string('n', 200);
        var snapshot = bench.Snapshot();
        snapshot = snapshot with { Topics = [.. Enumerable.Range(0, 4_000).Select(i => snapshot.Topics[0] with { Name = $"/default/{name}-{i:00000}", BrokerId = bench.Brokers[0] })] };

        var look = bench.Part<Drains>().Look(snapshot, new ControlState(), bench.Brokers[0], snapshot.Time);

        Assert.Equal((PlanMaker.MostMoves, 4_000), (look.Made.Plan!.Moves.Count, look.TopicsLeft));
        Assert.Empty(look.Refusals);
        Assert.InRange(JsonSerializer.SerializeToUtf8Bytes(look.Made.Plan, ContractsJson.Wire).Length, 1, LargestValue);
        var repair = PlanMaker.Repair(snapshot, [.. snapshot.Topics.Select(t => new UnownedTopic(t.Name, snapshot.Time, null, true))], snapshot.Time, "balanced");
        Assert.Equal(PlanMaker.MostMoves, repair.Moves.Count);
        Assert.Contains("3000", repair.Summary, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(PlanMaker.MostMoves, true)]
    [InlineData(PlanMaker.MostMoves + 1, false)]
    public void Options_WithMoreMovesThanAPlanCanHold_AreRefused(int moves, bool accepted)
    {
        var result = new RebalancerOptionsValidator().Validate(null, new RebalancerOptions { MaxMovesPerCycle = moves });

        Assert.Equal(accepted, result.Succeeded);
    }

    [Fact]
    public async Task Plan_OfWhichTooManyMovesFailed_StopsBeforeItsNextBatch()
    {
        await using var bench = await MoveBench.StartAsync();
        var from = bench.Brokers.MaxBy(b => bench.TopicsOf(b).Count)!;
        var plan = bench.PlanOf([.. bench.TopicsOf(from).Take(4).Select(t => (t, bench.Brokers.First(b => b != from)))]);
        Assert.Equal(4, plan.Moves.Count);
        await bench.Directory.Control.SubmitAsync(new PlanSubmission(plan, "test"));
        var steps = bench.Part<PlanSteps>();
        var step = new PlanStep(plan.Id, plan.Hash, null);
        MoveRecord Failed(int move) => bench.Part<MoveRecorder>().At(
            plan.Id, new MoveTask(plan.Moves[move].Topic, plan.Moves[move].From, plan.Moves[move].To, MoveCause.Manual), MoveState.Failed, ReasonCode.Refused, "Danube refused the unload.");
        await bench.Directory.Plan(plan.Id).RecordAsync([Failed(0), Failed(1)]);
        Assert.Equal(2, (await steps.NextAsync(step)).Moves.Count);

        await bench.Directory.Plan(plan.Id).RecordAsync([Failed(2)]);
        await bench.RunWorkflowsAsync();

        var run = (await bench.Directory.Plan(plan.Id).GetAsync())!;
        Assert.Equal((PlanRunState.Stopped, ReasonCode.Fault, 3, 1), (run.State, run.Reason, run.Failed, run.Skipped));
        Assert.Equal(ReasonCode.Fault, (await bench.Directory.Control.GetStateAsync()).Circuit?.Reason);
        Assert.Empty(bench.Unloads());
    }

    [Fact]
    public async Task Plan_ThatLeavesTheIndex_IsForgottenWithItsMoves()
    {
        await using var bench = await MoveBench.StartAsync();
        var topic = bench.TopicsOf(bench.Brokers[0])[0];
        var ids = new List<string>();
        while ((await bench.Directory.Control.GetStateAsync()).Plans.Count == ids.Count)
        {
            var plan = bench.PlanOf((topic, bench.Brokers[1]));
            ids.Add(plan.Id);
            Assert.Null((await bench.Directory.Control.SubmitAsync(new PlanSubmission(plan, "test"))).Reason);
            await bench.Directory.Control.CancelAsync(plan.Id);
            await bench.RunWorkflowsAsync();
        }

        Assert.Null(await bench.Directory.Plan(ids[0]).GetAsync());
        Assert.Empty(await bench.Directory.Plan(ids[0]).GetMovesAsync());
        Assert.NotNull(await bench.Directory.Plan(ids[1]).GetAsync());
    }
}
