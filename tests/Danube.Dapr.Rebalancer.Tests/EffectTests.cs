using Danube.Dapr.Rebalancer.Tests.Bench;

namespace Danube.Dapr.Rebalancer.Tests;

/// <summary>What a plan did, measured beside what it predicted.</summary>
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
        await bench.Host.AdvanceAsync(TimeSpan.FromMinutes(1));
        await bench.Directory.Control.NudgeAsync();

        var run = (await bench.Directory.Plan(plan).GetAsync())!;
        var effect = run.Effect!;
        Assert.Equal(run.Plan.PredictedAfter.MaxOverMean, effect.PredictedMaxOverMean);
        Assert.InRange(effect.MeasuredMaxOverMean, 1, run.Plan.Before.MaxOverMean);
        Assert.Equal(Math.Min(50, run.Done), effect.Moves.Count);
        Assert.All(effect.Moves, m => Assert.True(m.CameBack));
        Assert.Equal(effect, bench.Events.Cycles.Single(c => c.Effect is not null).Effect! with { Moves = effect.Moves });
        Assert.Empty((await bench.Directory.Control.GetStateAsync()).EffectsDue);
    }
}
