using Danube.Dapr.Contracts;
using Danube.Dapr.Rebalancer.Actors;
using Danube.Dapr.Rebalancer.Control;
using Danube.Dapr.Rebalancer.Options;
using Danube.Dapr.Rebalancer.Tests.Bench;

namespace Danube.Dapr.Rebalancer.Tests;

/// <summary>How the pace follows what clients notice, and when it stops.</summary>
public sealed class PaceTests
{
    private static readonly RebalancerOptions Options = new();

    [Theory]
    [InlineData(1.0, 1.1, 0, 100, ImpactVerdict.Quiet)]
    [InlineData(1.0, 15.0, 0, 100, ImpactVerdict.Quiet)]
    [InlineData(1.0, 25.0, 0, 100, ImpactVerdict.Noticed)]
    [InlineData(20.0, 45.0, 0, 100, ImpactVerdict.Noticed)]
    [InlineData(20.0, 101.0, 0, 100, ImpactVerdict.Harmful)]
    [InlineData(null, 1000.0, 0, 100, ImpactVerdict.Quiet)]
    [InlineData(1.0, 1.0, 40, 100, ImpactVerdict.Quiet)]
    [InlineData(1.0, 1.0, 60, 100, ImpactVerdict.Noticed)]
    [InlineData(1.0, 1.0, 201, 100, ImpactVerdict.Harmful)]
    [InlineData(1.0, 1.0, 0, 2_500, ImpactVerdict.Noticed)]
    public void Judge_WhatClientsNoticed_GivesTheVerdict(double? before, double after, double redirects, double worstMs, ImpactVerdict expected)
    {
        var (verdict, detail) = ImpactRules.Judge(new BatchImpact("p", "b", before, after, redirects, Clients: 10, worstMs), before, Options);

        Assert.Equal(expected, verdict);
        Assert.Equal(expected == ImpactVerdict.Quiet, detail.Length == 0);
    }

    [Fact]
    public void Pace_OfQuietWindows_GrowsByTheStepUpToTheCap()
    {
        var pace = Pace.Start(Options);
        var sizes = new List<int> { pace.MovesPerWindow };
        for (var i = 0; i < 6; i++)
            sizes.Add((pace = pace.Next($"b{i}", ImpactVerdict.Quiet, "", Options)).MovesPerWindow);

        Assert.Equal([5, 10, 15, 20, 25, 25, 25], sizes);
        Assert.Equal(0, pace.RestSeconds);
    }

    [Fact]
    public void Pace_OfNoticedWindows_HalvesAndRestsLongerUpToTheCap()
    {
        var pace = new Pace(25, 0);
        var steps = new List<(int, double)>();
        for (var i = 0; i < 7; i++)
        {
            pace = pace.Next($"b{i}", ImpactVerdict.Noticed, "slow", Options);
            steps.Add((pace.MovesPerWindow, pace.RestSeconds));
        }

        Assert.Equal([(12, 1), (6, 2), (3, 4), (1, 8), (1, 16), (1, 30), (1, 30)], steps);
        Assert.Equal((6, 15), (pace.Next("q", ImpactVerdict.Quiet, "", Options).MovesPerWindow, pace.Next("q", ImpactVerdict.Quiet, "", Options).RestSeconds));
    }

    [Fact]
    public void Take_TheSameBatchTwice_CountsItOnce()
    {
        var impact = new BatchImpact("p", "p-1", 1, 100, 0, 1, 50);

        var (once, stop) = ImpactRules.Take(new ControlState(), impact, Options);
        var (twice, again) = ImpactRules.Take(once, impact, Options);

        Assert.Equal(ReasonCode.ClientImpact, stop?.Reason);
        Assert.Equal((once, stop), (twice, again));
    }

    [Fact]
    public void Take_LatencyThatCreepsUpOverBatches_IsComparedWithThePlansStart()
    {
        var state = new ControlState { Active = new ActivePlan { PlanId = "p", Hash = "", Since = DateTimeOffset.UnixEpoch } };
        Denial? stop = null;
        for (var (i, latency) = (0, 20.0); i < 4; i++, latency *= 1.8)
            (state, stop) = ImpactRules.Take(state, new BatchImpact("p", $"p-{i}", latency, latency * 1.8, 0, 1, 50), Options);

        Assert.Equal(20, state.Active!.LatencyBeforeMs);
        Assert.Equal(ReasonCode.ClientImpact, stop?.Reason);
    }

    [Fact]
    public async Task Plan_OfManyMoves_BeginsWithASmallWindowAndGrows()
    {
        await using var bench = await MoveBench.StartAsync(brokers: 3, topics: 30, configure: o => o.StartMovesPerMask = 2);
        var topics = bench.TopicsOf(bench.Brokers[0]).Take(7).ToArray();

        var run = await bench.RunPlanAsync([.. topics.Select(t => (t, bench.Brokers[1]))]);

        Assert.Equal(topics.Length, run.Done);
        var state = await bench.Directory.Control.GetStateAsync();
        Assert.True(state.Pace!.MovesPerWindow > 2, $"{state.Pace}");
    }

    [Fact]
    public async Task Plan_WhosePublishLatencyRisesWhileMoving_StopsAndOpensTheCircuitUntilAnOperatorClosesIt()
    {
        await using var bench = await MoveBench.StartAsync(brokers: 3, topics: 90, configure: o =>
        {
            o.LatencyFloorMs = 0.1;
            o.MaxLatencyRatio = 3;
            o.StartMovesPerMask = 2;
        });
        var (a, b) = (bench.Brokers[0], bench.Brokers[1]);
        var topics = bench.TopicsOf(a).ToArray();
        var plan = bench.PlanOf([.. topics.Select(t => (t, b))]);
        await bench.Directory.Control.SubmitAsync(new PlanSubmission(plan, "test"));
        var running = bench.RunWorkflowsAsync();
        await MoveBench.UntilAsync(() => bench.Unloads().Count > 0, "the first unload");
        bench.Cluster.SetTopicFactor(bench.TopicsOf(b)[0], 100_000);

        await running;

        var run = (await bench.Directory.Plan(plan.Id).GetAsync())!;
        Assert.Equal((PlanRunState.Stopped, ReasonCode.ClientImpact), (run.State, run.Reason));
        Assert.True(run.Skipped > 0, "Something was left to do.");
        bench.Actors.Crash();
        Assert.Equal(ReasonCode.ClientImpact, (await bench.Directory.Control.GetStateAsync()).Circuit?.Reason);
        Assert.All(bench.States().Values, s => Assert.Equal("active", s));
        Assert.Null((await bench.Directory.Control.SwitchAsync(new SwitchCommand(ControlSwitch.CloseCircuit))).Circuit);
    }
}
