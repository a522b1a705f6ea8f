using System.Globalization;
using Danube.Dapr.Contracts;
using Danube.Dapr.Rebalancer.Actors;
using Danube.Dapr.Rebalancer.Control;
using Danube.Dapr.Rebalancer.Execution;
using Danube.Dapr.Rebalancer.Options;
using Danube.Dapr.Rebalancer.Tests.Bench;

namespace Danube.Dapr.Rebalancer.Tests;

/// <summary>What mode, quiet hours, deny list and exclusions of now do to a plan that was made under others.</summary>
public sealed class ModeTests
{
    private static readonly DateTimeOffset Now = new(2026, 1, 2, 3, 0, 0, TimeSpan.Zero);

    [Theory]
    [InlineData(PlanTrigger.Imbalance, false, null, ContinuationKind.Stop, ContinuationKind.Wait)]
    [InlineData(PlanTrigger.Imbalance, false, "ada", ContinuationKind.Stop, ContinuationKind.Go)]
    [InlineData(PlanTrigger.Repair, false, null, ContinuationKind.Stop, ContinuationKind.Go)]
    [InlineData(PlanTrigger.Drain, false, null, ContinuationKind.Go, ContinuationKind.Go)]
    [InlineData(PlanTrigger.Manual, true, "operator", ContinuationKind.Go, ContinuationKind.Go)]
    [InlineData(null, false, null, ContinuationKind.Stop, ContinuationKind.Wait)]
    public void RunningPlan_InObserveOrQuietHours_GoesOnOnlyWhereAnOperatorCommandedIt(
        PlanTrigger? trigger, bool manual, string? by, ContinuationKind inObserve, ContinuationKind inQuietHours)
    {
        var active = new ActivePlan { PlanId = "p", Hash = "", Since = Now, Trigger = trigger, Manual = manual, ApprovedBy = by };
        var state = new ControlState { Active = active };
        var quiet = new RebalancerOptions { Mode = "auto" };
        quiet.QuietHours.Add("02:00-04:00");

        var observed = ControlRules.MayContinue(state, "p", new RebalancerOptions { Mode = "observe" }, Now);
        var rested = ControlRules.MayContinue(state, "p", quiet, Now);

        Assert.Equal((inObserve, inObserve == ContinuationKind.Stop ? ReasonCode.ObserveMode : null), (observed.Kind, observed.Reason));
        Assert.Equal((inQuietHours, inQuietHours == ContinuationKind.Wait ? ReasonCode.QuietHours : null), (rested.Kind, rested.Reason));
        Assert.Equal(ContinuationKind.Go, ControlRules.MayContinue(state, "p", quiet, Now.AddHours(2)).Kind);
    }

    [Fact]
    public async Task Plan_WhenTheModeBecomesObserve_StopsBeforeItsNextMove()
    {
        await using var bench = await MoveBench.StartAsync("skew", brokers: 4, topics: 40);
        await bench.Directory.Control.NudgeAsync();
        bench.Options.Mode = "observe";

        await bench.RunWorkflowsAsync();

        var run = (await bench.Directory.Plan(bench.Events.Cycles.Single().PlanId!).GetAsync())!;
        Assert.Equal((PlanRunState.Stopped, ReasonCode.ObserveMode), (run.State, run.Reason));
        Assert.Empty(bench.Unloads());
    }

    [Fact]
    public async Task Plan_WhenQuietHoursBegin_WaitsForTheirEnd()
    {
        await using var bench = await MoveBench.StartAsync("skew", brokers: 4, topics: 40);
        await bench.Directory.Control.NudgeAsync();
        var end = bench.Time.GetUtcNow().AddMinutes(10);
        bench.Options.QuietHours.Add(string.Create(CultureInfo.InvariantCulture, $"{end.AddMinutes(-12):HH:mm}-{end:HH:mm}"));

        await bench.RunWorkflowsAsync();

        var plan = bench.Events.Cycles.Single().PlanId!;
        Assert.Equal(PlanRunState.Finished, (await bench.Directory.Plan(plan).GetAsync())!.State);
        Assert.All(await bench.Directory.Plan(plan).GetMovesAsync(), m => Assert.True(m.Time >= end.AddMinutes(-1), $"{m.Topic}: {m.State} at {m.Time:u}, quiet until {end:u}"));
    }

    [Theory]
    [InlineData("deny", false, ReasonCode.Denied)]
    [InlineData("deny", true, null)]
    [InlineData("exclude source", false, ReasonCode.BrokerExcluded)]
    [InlineData("exclude target", true, ReasonCode.BrokerExcluded)]
    [InlineData("", false, null)]
    public void Move_ThatTheConfigurationOfNowForbids_IsRefused(string what, bool forced, ReasonCode? reason)
    {
        var options = new RebalancerOptions();
        if (what == "deny")
            options.DeniedTopics.Add("/default/*");
        if (what.StartsWith("exclude", StringComparison.Ordinal))
            options.ExcludedBrokers.Add(what == "exclude source" ? "1" : "2");

        Assert.Equal(reason, PreflightRules.WhyForbidden("/default/a", "1", "2", forced, options)?.Reason);
    }

    [Fact]
    public async Task Plan_WithATopicThatWasDeniedMeanwhile_SkipsItAndMovesTheOthers()
    {
        await using var bench = await MoveBench.StartAsync();
        var from = bench.Brokers.MaxBy(b => bench.TopicsOf(b).Count)!;
        var to = bench.Brokers.First(b => b != from);
        var topics = bench.TopicsOf(from).Take(2).ToArray();
        var plan = bench.PlanOf((topics[0], to), (topics[1], to));
        Assert.Null((await bench.Directory.Control.SubmitAsync(new PlanSubmission(plan, "test"))).Reason);
        bench.Options.DeniedTopics.Add(topics[0]);

        await bench.RunWorkflowsAsync();

        Assert.Equal(
            [(MoveState.Skipped, ReasonCode.Denied), (MoveState.Done, null)],
            (await bench.Directory.Plan(plan.Id).GetMovesAsync()).Select(m => (m.State, m.Reason)));
        Assert.Equal([from], bench.Topic(topics[0]).AssignedTo);
    }
}
