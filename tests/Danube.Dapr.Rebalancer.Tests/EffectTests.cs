using Danube.Dapr.BrokerSimulator;
using Danube.Dapr.Contracts;
using Danube.Dapr.Rebalancer.Control;
using Danube.Dapr.Rebalancer.Cycle;
using Danube.Dapr.Rebalancer.Tests.Bench;

namespace Danube.Dapr.Rebalancer.Tests;

/// <summary>What a plan did, measured beside what it predicted, and what follows when its topics do not come back.</summary>
public sealed class EffectTests
{
    [Fact]
    public async Task Plan_ThatEnded_IsMeasuredOnFreshReportsAndRecorded()
    {
        await using var bench = await MoveBench.StartAsync("skew", brokers: 4, topics: 60, configure: o => o.RepeatedCycleSeconds = 3_600);
        await bench.Directory.Control.NudgeAsync();
        await bench.RunWorkflowsAsync();
        var plan = bench.Events.Cycles.Single().PlanId!;
        Assert.Null((await bench.Directory.Plan(plan).GetAsync())!.Effect);

        bench.Options.Mode = "observe";
        await LookAsync(bench, minutes: 1);

        var run = (await bench.Directory.Plan(plan).GetAsync())!;
        var effect = run.Effect!;
        Assert.Equal(run.Plan.PredictedAfter.MaxOverMean, effect.PredictedMaxOverMean);
        Assert.InRange(effect.MeasuredMaxOverMean, 1, run.Plan.Before.MaxOverMean);
        Assert.Equal((run.Done, 0, 0, 0), (effect.CameBack, effect.NotBack, effect.Unknown, effect.Pending));
        Assert.Equal(Math.Min(50, run.Done), effect.Moves.Count);
        Assert.All(effect.Moves, m => Assert.True(m.CameBack));
        Assert.Equal(effect, bench.Events.Cycles.Single(c => c.Effect is not null).Effect! with { Moves = effect.Moves });
        var state = await bench.Directory.Control.GetStateAsync();
        Assert.Empty(state.EffectsDue);
        Assert.Empty(state.Watched);
        Assert.Null(state.Circuit);
    }

    [Fact]
    public async Task Move_ThatIsJudged_HasWhatWasPlannedAndMeasuredInItsRecord()
    {
        await using var bench = await MoveBench.StartAsync("skew", brokers: 4, topics: 60);
        await bench.Directory.Control.NudgeAsync();
        await bench.RunWorkflowsAsync();
        var plan = bench.Events.Plans.Single();
        bench.Options.Mode = "observe";
        await LookAsync(bench, minutes: 1);

        var planned = plan.Moves.MaxBy(m => m.MessagesPerSecond)!;
        var move = (await bench.Directory.Plan(plan.Id).GetMovesAsync()).Single(m => m.Topic == planned.Topic);
        Assert.Equal(MoveState.Done, move.State);
        Assert.Equal((planned.MessagesPerSecond, MoveVerdict.CameBack), (move.Effect!.MessagesPerSecondBefore, move.Effect.Verdict!.Value));
        Assert.InRange(move.Effect.MessagesPerSecondAfter!.Value, planned.MessagesPerSecond / 3, planned.MessagesPerSecond * 3);
        Assert.Equal(move, bench.Events.Moves.Single(m => m.MoveId == move.MoveId && m.Effect is not null));
    }

    [Fact]
    public async Task Topics_WhoseClientsStayAway_AreFindingsAndOpenTheCircuit_AndCloseWhenTheyAreBack()
    {
        await using var bench = await MoveBench.StartAsync("skew", brokers: 4, topics: 60, configure: o => o.RepeatedCycleSeconds = 3_600);
        await using var api = await ApiBench.StartAsync(bench);
        bench.Cluster.SetFault(Fault.ClientsStayAway, on: true);
        await bench.Directory.Control.NudgeAsync();
        await bench.RunWorkflowsAsync();
        var plan = bench.Events.Plans.Single();
        bench.Options.Mode = "observe";
        await LookAsync(bench, minutes: 1);
        Assert.Empty(await NotBackAsync(api));
        Assert.Null((await bench.Directory.Control.GetStateAsync()).Circuit);

        await LookAsync(bench, minutes: 11);
        var moved = plan.Moves.Where(m => m.MessagesPerSecond > 0).Select(m => m.Topic).ToHashSet();
        Assert.Subset(moved, (await NotBackAsync(api)).ToHashSet());
        Assert.NotEmpty(await NotBackAsync(api));
        var state = await bench.Directory.Control.GetStateAsync();
        Assert.Equal(ReasonCode.ClientImpact, state.Circuit?.Reason);
        Assert.Contains(plan.Id, state.Circuit!.Detail, StringComparison.Ordinal);
        var effect = (await bench.Directory.Plan(plan.Id).GetAsync())!.Effect!;
        Assert.Equal((await NotBackAsync(api)).Count, effect.NotBack);
        Assert.Equal(effect.NotBack, bench.Events.Cycles.Last(c => c.Effect is not null).Effect!.NotBack);
        Assert.Contains(bench.Events.Happened, e => e.Kind == BrokerEventKind.FindingOpened && e.Detail.StartsWith(nameof(FindingKind.NotBackSinceMove), StringComparison.Ordinal));

        bench.Cluster.SetFault(Fault.ClientsStayAway, on: false);
        await LookAsync(bench, minutes: 1);
        Assert.Empty(await NotBackAsync(api));
        Assert.Equal(0, (await bench.Directory.Plan(plan.Id).GetAsync())!.Effect!.NotBack);
        Assert.NotNull((await bench.Directory.Control.GetStateAsync()).Circuit);
    }

    [Fact]
    public async Task Consumers_ThatStallWhereTheirTopicLands_AreTheFindingOfStalls_AndTheMoveHasNotComeBack()
    {
        await using var bench = await MoveBench.StartAsync(configure: o => o.Mode = "observe");
        await using var api = await ApiBench.StartAsync(bench);
        var topic = bench.Snapshot().Topics.MaxBy(t => t.MessagesInPerSecond)!;
        bench.Cluster.SetFault(Fault.StallOnLanding, on: true, topic.Name);
        using var asked = await api.PostAsync("/moves", new MoveRequest { Topic = topic.Name, To = bench.Brokers.First(b => b != topic.BrokerId) });
        await bench.RunWorkflowsAsync();
        await MoveBench.UntilAsync(() => bench.Topic(topic.Name).Backlog >= 1, "a backlog");
        await LookAsync(bench, minutes: 6);
        await LookAsync(bench, minutes: 6);

        Assert.Equal(FindingKind.ConsumerStalled, Assert.Single(await api.GetAsync<IReadOnlyList<Finding>>("/findings"), f => f.Subject == topic.Name).Kind);
        var move = Assert.Single(bench.Events.Moves, m => m.Effect is not null);
        Assert.Equal((topic.Name, MoveVerdict.Silent), (move.Topic, move.Effect!.Verdict!.Value));
    }

    [Fact]
    public async Task Backlog_ThatDrainsAfterTheMove_IsNothingToSpeakOf()
    {
        await using var bench = await MoveBench.StartAsync(configure: o => o.Mode = "observe");
        await using var api = await ApiBench.StartAsync(bench);
        var topic = bench.Snapshot().Topics.MaxBy(t => t.MessagesInPerSecond)!.Name;
        bench.Cluster.SetFault(Fault.StalledConsumers, on: true, topic);
        await MoveBench.UntilAsync(() => bench.Topic(topic).Backlog >= 1, "a backlog");
        using var asked = await api.PostAsync("/moves", new MoveRequest { Topic = topic, To = bench.Brokers.First(b => !bench.Topic(topic).AssignedTo.Contains(b)) });
        await bench.RunWorkflowsAsync();
        await MoveBench.UntilAsync(() => bench.Topic(topic).Backlog < 1, "the consumers catch up");
        await LookAsync(bench, minutes: 6);
        await LookAsync(bench, minutes: 6);

        Assert.Empty(await api.GetAsync<IReadOnlyList<Finding>>("/findings"));
        Assert.Equal(MoveVerdict.CameBack, Assert.Single(bench.Events.Moves, m => m.Effect is not null).Effect!.Verdict);
        Assert.Null((await bench.Directory.Control.GetStateAsync()).Circuit);
    }

    [Fact]
    public async Task Topics_ThatRest_AreLeftOutOfPlans_AndADrainTakesThemAlong()
    {
        await using var bench = await MoveBench.StartAsync("skew", brokers: 4, topics: 60);
        var (planner, snapshot) = (bench.Part<PlanMaker>(), bench.Snapshot());
        var request = new PlanRequest { Policy = "aggressive", MaxMoves = 100, UntilTarget = true, Trigger = PlanTrigger.Manual, Ledger = new MoveLedger(), Now = bench.Time.GetUtcNow() };
        var first = planner.Make(snapshot, request).Plan!.Moves[0];
        var resting = new HashSet<string> { first.Topic };

        var made = planner.Make(snapshot, request with { Resting = resting });
        Assert.NotEmpty(made.Plan!.Moves);
        Assert.DoesNotContain(made.Plan.Moves, m => m.Topic == first.Topic);
        var refusal = Assert.Single(made.Refusals, r => r.Subject == first.Topic);
        Assert.Equal(ReasonCode.RatesUnknown, refusal.Reason);
        Assert.Contains("not come back since its last move", refusal.Detail, StringComparison.Ordinal);

        var drain = planner.Make(snapshot, request with { Resting = resting, Trigger = PlanTrigger.Drain, DrainBroker = first.From });
        Assert.Contains(drain.Plan!.Moves, m => m.Topic == first.Topic);
    }

    private static async Task LookAsync(MoveBench bench, int minutes)
    {
        await bench.Host.AdvanceAsync(TimeSpan.FromMinutes(minutes));
        await bench.Directory.Control.NudgeAsync();
    }

    private static async Task<IReadOnlyList<string>> NotBackAsync(ApiBench api) =>
        [.. (await api.GetAsync<IReadOnlyList<Finding>>("/findings")).Where(f => f.Kind == FindingKind.NotBackSinceMove).Select(f => f.Subject)];
}
