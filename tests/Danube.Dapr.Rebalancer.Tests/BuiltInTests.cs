using System.Net;
using Danube.Dapr.Contracts;
using Danube.Dapr.Rebalancer.Control;
using Danube.Dapr.Rebalancer.Options;
using Danube.Dapr.Rebalancer.Tests.Bench;

namespace Danube.Dapr.Rebalancer.Tests;

/// <summary>While Danube's own rebalancer moves topics, and for a while after, nothing is moved that an operator does not insist on.</summary>
public sealed class BuiltInTests
{
    private static readonly DateTimeOffset Now = new(2026, 1, 2, 3, 0, 0, TimeSpan.Zero);

    [Theory]
    [InlineData(9, ReasonCode.BuiltInRebalancing)]
    [InlineData(11, null)]
    public void Rest_AfterABuiltInMove_HoldsBackCommandsAndDrains(int minutes, ReasonCode? reason)
    {
        var options = new RebalancerOptions { Mode = "auto", StorageMode = "shared_fs" };
        var state = new ControlState { BuiltIn = new BuiltInWatch("1", 4, Now) };
        var later = Now.AddMinutes(minutes);

        Assert.Equal(reason, ControlRules.WhyNotStartManually(state, options, later)?.Reason);
        Assert.Null(ControlRules.WhyNotStartManually(state, options, later, forced: true));
        Assert.Equal(reason, ControlRules.WhyNotResumeDrain(state, options, later)?.Reason);
    }

    [Fact]
    public async Task BuiltInRebalancing_SeenActive_HoldsBackMovesUnlessForced_AndDrainsUntilItRests()
    {
        await using var bench = await MoveBench.StartAsync("skew", brokers: 3, topics: 30, configure: o => o.Mode = "observe");
        await using var api = await ApiBench.StartAsync(bench);
        await bench.SeeBuiltInAsync();
        var from = bench.Brokers.MaxBy(b => bench.TopicsOf(b).Count)!;
        var to = bench.Brokers.First(b => b != from);
        var topic = bench.TopicsOf(from)[0];
        var before = bench.Unloads().Values.Sum();

        using var move = await api.PostAsync("/moves", new MoveRequest { Topic = topic, To = to });
        using var rebalance = await api.PostAsync("/rebalance", new RebalanceRequest());
        Assert.Equal([nameof(ReasonCode.BuiltInRebalancing), nameof(ReasonCode.BuiltInRebalancing)], [await ApiBench.CodeAsync(move), await ApiBench.CodeAsync(rebalance)]);
        using var forced = await api.PostAsync("/moves", new MoveRequest { Topic = topic, To = to, Force = true, Reason = "test" });
        Assert.Equal(HttpStatusCode.Accepted, forced.StatusCode);
        await bench.RunWorkflowsAsync();
        Assert.Equal([to], bench.Topic(topic).AssignedTo);

        using var drain = await api.PostAsync($"/brokers/{from}/drain");
        Assert.Null((await ApiBench.ReadAsync<CommandResponse>(drain, HttpStatusCode.Accepted)).PlanId);
        await bench.Directory.Control.NudgeAsync();
        await bench.RunWorkflowsAsync();
        Assert.Equal("drained", bench.States()[from]);
        Assert.Equal(before + 1, bench.Unloads().Values.Sum());

        await bench.Host.AdvanceAsync(ControlRules.BuiltInRest + TimeSpan.FromMinutes(1));
        await bench.Directory.Control.NudgeAsync();
        await bench.RunWorkflowsAsync();
        Assert.Empty(bench.TopicsOf(from));
    }
}
