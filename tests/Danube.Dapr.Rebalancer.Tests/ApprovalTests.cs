using System.Net;
using Danube.Dapr.Contracts;
using Danube.Dapr.Rebalancer.Actors;
using Danube.Dapr.Rebalancer.Control;
using Danube.Dapr.Rebalancer.Options;
using Danube.Dapr.Rebalancer.Tests.Bench;

namespace Danube.Dapr.Rebalancer.Tests;

/// <summary>What an approval counts, what it refuses, and what a waiting plan takes from others.</summary>
public sealed class ApprovalTests
{
    private static readonly DateTimeOffset Now = new(2026, 1, 2, 3, 0, 0, TimeSpan.Zero);

    [Fact]
    public async Task ApprovedPlan_CountsAgainstTheHourOfItsApproval()
    {
        await using var bench = await ProposedAsync();
        var plan = await PendingAsync(bench);
        await bench.Host.AdvanceAsync(TimeSpan.FromMinutes(58));

        Assert.Null((await ApproveAsync(bench, plan)).Reason);
        Assert.Null((await ApproveAsync(bench, plan)).Reason);
        await bench.RunWorkflowsAsync();
        await bench.Host.AdvanceAsync(TimeSpan.FromMinutes(5));

        var done = (await bench.Directory.Plan(plan.Id).GetAsync())!.Done;
        Assert.Equal(plan.Moves.Count, done);
        Assert.Equal(done, (await bench.Directory.Control.GetStateAsync()).Ledger.Total(bench.Time.GetUtcNow()));
    }

    [Theory]
    [InlineData(ReasonCode.HourlyLimit)]
    [InlineData(ReasonCode.BrokerLimit)]
    [InlineData(ReasonCode.NamespaceLimit)]
    public async Task Approve_OverALimitOfNow_IsRefusedAndThePlanWaits(ReasonCode limit)
    {
        await using var bench = await ProposedAsync();
        var plan = await PendingAsync(bench);
        Assert.True(plan.Moves.Count > 1);
        switch (limit)
        {
            case ReasonCode.HourlyLimit:
                bench.Options.MaxMovesPerHour = plan.Moves.Count - 1;
                break;
            case ReasonCode.BrokerLimit:
                bench.Options.MaxMovesPerBrokerPerHour = plan.Moves.CountBy(m => m.From).Max(b => b.Value) - 1;
                break;
            default:
                bench.Options.MaxMovesPerNamespacePerHour = plan.Moves.Count - 1;
                break;
        }

        Assert.Equal(limit, (await ApproveAsync(bench, plan)).Reason);
        var state = await bench.Directory.Control.GetStateAsync();
        Assert.True(state.Active!.AwaitsApproval);
        Assert.Equal(plan.Moves.Count, state.Ledger.Total(bench.Time.GetUtcNow()));
    }

    [Fact]
    public async Task Rebalance_WhileAPlanWaits_HasTheWholeLimit()
    {
        await using var bench = await ProposedAsync(o => o.MaxMovesPerHour = 3);
        Assert.Equal(3, (await PendingAsync(bench)).Moves.Count);

        var answer = await bench.Directory.Control.RebalanceAsync(new ManualRebalance(new RebalanceRequest()));

        Assert.True(answer.Started, $"{answer.Reason}: {answer.Detail}");
        Assert.Equal(3, answer.Plan!.Moves.Count);
        Assert.Equal(3, (await bench.Directory.Control.GetStateAsync()).Ledger.Total(bench.Time.GetUtcNow()));
    }

    [Theory]
    [InlineData("kill switch", ReasonCode.KillSwitch)]
    [InlineData("circuit", ReasonCode.CircuitOpen)]
    [InlineData("observe", ReasonCode.ObserveMode)]
    [InlineData("built-in", ReasonCode.BuiltInRebalancing)]
    [InlineData("storage", ReasonCode.StorageMode)]
    [InlineData("pause", null)]
    [InlineData("", null)]
    public void Approve_OfAPlanThatWouldEndAtOnce_IsRefusedForThat(string what, ReasonCode? reason)
    {
        var state = new ControlState
        {
            Active = new ActivePlan { PlanId = "p", Hash = "", Since = Now, ApprovalDeadline = Now.AddHours(1) },
            KillSwitch = what == "kill switch" ? new Switched(Now, null) : null,
            Circuit = what == "circuit" ? new OpenCircuit(Now, ReasonCode.Timeout, "") : null,
            Pause = what == "pause" ? new Pause(null, null) : null,
            BuiltIn = what == "built-in" ? new BuiltInWatch("1", 1, Now) : null,
        };
        var options = new RebalancerOptions { Mode = what == "observe" ? "observe" : "advise", StorageMode = what == "storage" ? "unknown" : "shared_fs" };

        Assert.Equal(reason, ControlRules.WhyNotApprove(state, new Approval("p", null, "ada"), options, Now)?.Reason);
    }

    [Fact]
    public async Task Approve_UnderTheKillSwitch_IsRefusedUntilThatIsReleased()
    {
        await using var bench = await ProposedAsync();
        await using var api = await ApiBench.StartAsync(bench);
        var plan = await PendingAsync(bench);
        await bench.Directory.Control.SwitchAsync(new SwitchCommand(ControlSwitch.Kill));

        using var refused = await api.PostAsync($"/plans/{plan.Id}/approve", new ApproveRequest("ada"));
        await bench.Directory.Control.SwitchAsync(new SwitchCommand(ControlSwitch.Revive));
        await bench.Directory.Control.SwitchAsync(new SwitchCommand(ControlSwitch.Pause, 5));
        using var taken = await api.PostAsync($"/plans/{plan.Id}/approve", new ApproveRequest("ada"));
        await bench.RunWorkflowsAsync();

        Assert.Equal((HttpStatusCode.Conflict, nameof(ReasonCode.KillSwitch)), (refused.StatusCode, await ApiBench.CodeAsync(refused)));
        Assert.Contains("Paused until", (await ApiBench.ReadAsync<CommandResponse>(taken, HttpStatusCode.Accepted)).Detail, StringComparison.Ordinal);
        Assert.Equal(PlanRunState.Finished, (await bench.Directory.Plan(plan.Id).GetAsync())!.State);
    }

    private static async Task<MoveBench> ProposedAsync(Action<RebalancerOptions>? configure = null)
    {
        var bench = await MoveBench.StartAsync("skew", brokers: 4, topics: 40, configure: o =>
        {
            o.Mode = "advise";
            configure?.Invoke(o);
        });
        await bench.Directory.Control.NudgeAsync();
        await bench.RunUntilIdleAsync();
        return bench;
    }

    private static async Task<RebalancePlan> PendingAsync(MoveBench bench) => (await bench.Directory.Plan(bench.Events.Cycles.Single().PlanId!).GetAsync())!.Plan;

    private static Task<CommandResult> ApproveAsync(MoveBench bench, RebalancePlan plan) => bench.Directory.Control.ApproveAsync(new Approval(plan.Id, plan.Hash, "ada"));
}
