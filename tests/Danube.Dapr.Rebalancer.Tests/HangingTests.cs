using Danube.Dapr.BrokerSimulator;
using Danube.Dapr.Contracts;
using Danube.Dapr.Rebalancer.Actors;
using Danube.Dapr.Rebalancer.Tests.Bench;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Hosting.Internal;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Options;

namespace Danube.Dapr.Rebalancer.Tests;

/// <summary>Somebody who does not answer holds up neither the process nor the kill switch.</summary>
public sealed class HangingTests
{
    /// <summary>Of a turn in which somebody hangs: what comes before, on a slow machine too, fits in.</summary>
    private const int Limit = 10;

    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(60);

    [Fact]
    public async Task LoopStarter_WhoseCallIsNeverAnswered_TriesAgain()
    {
        await using var bench = await MoveBench.StartAsync();
        _ = NextCallIsNotAnswered(bench);
        using var lifetime = new Lifetime();
        using var starter = new LoopStarter(bench.Directory, new OptionsWrapper<Rebalancer.Options.RebalancerOptions>(bench.Options), lifetime, TimeProvider.System, NullLogger<LoopStarter>.Instance);
        await starter.StartAsync(default);
        lifetime.Started();

        await MoveBench.UntilAsync(() => starter.ExecuteTask!.IsCompleted, "the loop is started");

        Assert.True(starter.ExecuteTask!.IsCompletedSuccessfully, $"{starter.ExecuteTask.Status}");
        Assert.Equal(["ControlLoopActor/cluster/cycle"], bench.Actors.Reminders);
    }

    [Fact]
    public async Task Nudger_WhoseCallIsNeverAnswered_TakesTheNextEvent()
    {
        await using var bench = await MoveBench.StartAsync();
        var asked = NextCallIsNotAnswered(bench);
        using var nudger = new Nudger(bench.Directory, new FixedOptions(bench.Options), TimeProvider.System, NullLogger<Nudger>.Instance);
        await nudger.StartAsync(default);
        nudger.Take(new BrokerEvent { Id = "1", Time = default, Kind = BrokerEventKind.BrokerGone });
        await asked.WaitAsync(Patience);

        nudger.Take(new BrokerEvent { Id = "2", Time = default, Kind = BrokerEventKind.BrokerGone });

        await MoveBench.UntilAsync(() => nudger.ExecuteTask!.IsCompleted || !bench.Events.Cycles.IsEmpty, "a cycle");
        Assert.False(nudger.ExecuteTask!.IsCompleted);
        await nudger.StopAsync(default);
    }

    [Fact]
    public async Task KillSwitch_WhileACycleWaitsForRanking_TakesEffectWhenThatIsGivenUp()
    {
        await using var bench = await MoveBench.StartAsync(configure: o => o.MaxCycleSeconds = 2);
        var asked = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        bench.BeforeRanking = async cancel =>
        {
            asked.TrySetResult();
            await Task.Delay(Timeout.Infinite, cancel);
        };
        var cycle = bench.Directory.Control.NudgeAsync();
        await asked.Task.WaitAsync(Patience);

        var state = await bench.Directory.Control.SwitchAsync(new SwitchCommand(ControlSwitch.Kill));

        await cycle;
        Assert.NotNull(state.KillSwitch);
        // The cycle ended before ranking's own time was over.
        Assert.Equal((CycleOutcome.Failed, ReasonCode.Timeout), (bench.Events.Cycles.Single().Outcome, bench.Events.Cycles.Single().Reason));
    }

    [Fact]
    public async Task KillSwitch_WhileACycleWaitsForThePlansActor_TakesEffectWhenThatIsGivenUp()
    {
        await using var bench = await MoveBench.StartAsync(configure: o => (o.Mode, o.MaxCycleSeconds, o.EffectAfterSeconds) = ("observe", 60, 0));
        var run = await bench.RunPlanAsync((bench.TopicsOf(bench.Brokers[0])[0], bench.Brokers[1]));
        bench.Actors.Hanging = DaprNames.Actors.Plan;
        bench.Options.MaxCycleSeconds = Limit;
        var cycle = bench.Directory.Control.NudgeAsync();
        await MoveBench.UntilAsync(() => bench.Actors.Hung > 0, "the cycle measures the plan's effect");

        var state = await bench.Directory.Control.SwitchAsync(new SwitchCommand(ControlSwitch.Kill));

        await cycle;
        Assert.NotNull(state.KillSwitch);
        var record = bench.Events.Cycles.Single();
        Assert.Equal((CycleOutcome.Failed, ReasonCode.Timeout, $"Given up after {Limit} s: the actor of plan {run.Plan.Id} does not answer."), (record.Outcome, record.Reason, record.Detail));
        Assert.Equal(record.Id, state.LastCycle!.Id);
        bench.Actors.Hanging = null;
        bench.Options.MaxCycleSeconds = 60;
        await bench.Directory.Control.NudgeAsync();
        Assert.NotNull((await bench.Directory.Plan(run.Plan.Id).GetAsync())!.Effect);
    }

    [Fact]
    public async Task Cycle_GivenUpAfterItBeganAPlan_IsRecordedWithThePlan()
    {
        await using var bench = await MoveBench.StartAsync("skew", brokers: 4, topics: 60, configure: o => o.MaxCycleSeconds = 15);
        bench.WorkflowsHang = true;

        await bench.Directory.Control.NudgeAsync();

        var state = await bench.Directory.Control.GetStateAsync();
        var record = bench.Events.Cycles.Single();
        Assert.Equal((CycleOutcome.Started, state.Active!.PlanId), (record.Outcome, record.PlanId));
        Assert.Contains("Given up after 15 s: the sidecar's workflow engine does not answer.", record.Detail, StringComparison.Ordinal);
        await bench.RunWorkflowsAsync();
    }

    [Fact]
    public async Task KillSwitch_WhenTheWorkflowCannotBeWoken_IsStoredAndAnswered()
    {
        await using var bench = await MoveBench.StartAsync(configure: o => o.MaxCycleSeconds = 60);
        await bench.Directory.Control.SubmitAsync(new PlanSubmission(bench.PlanOf((bench.TopicsOf(bench.Brokers[0])[0], bench.Brokers[1])), "test"));
        bench.WorkflowsHang = true;
        bench.Options.MaxCycleSeconds = Limit;

        var state = await bench.Directory.Control.SwitchAsync(new SwitchCommand(ControlSwitch.Kill)).WaitAsync(Patience);

        Assert.NotNull(state.KillSwitch);
        await bench.RunWorkflowsAsync();
        Assert.Empty(bench.Unloads());
    }

    [Fact]
    public async Task Command_WhosePlansActorDoesNotAnswer_EndsNamingIt_AndBeginsNothing()
    {
        await using var bench = await MoveBench.StartAsync(configure: o => o.MaxCycleSeconds = Limit);
        var plan = bench.PlanOf((bench.TopicsOf(bench.Brokers[0])[0], bench.Brokers[1]));
        bench.Actors.Hanging = DaprNames.Actors.Plan;

        var error = await Assert.ThrowsAsync<NoAnswerException>(() => bench.Directory.Control.SubmitAsync(new PlanSubmission(plan, "test")));

        Assert.Equal($"Given up after {Limit} s: the actor of plan {plan.Id} does not answer.", error.Message);
        bench.Actors.Hanging = null;
        bench.Options.MaxCycleSeconds = 60;
        var state = await bench.Directory.Control.GetStateAsync();
        Assert.Null(state.Active);
        Assert.Equal(0, state.Ledger.Total(bench.Time.GetUtcNow()));
        // It may have been stored: the index must know of it, so that it is forgotten one day.
        Assert.Equal([plan.Id], state.Plans.Select(p => p.Id));
        Assert.Null((await bench.Directory.Control.SubmitAsync(new PlanSubmission(plan, "test"))).Reason);
    }

    [Fact]
    public async Task PlanThatIsLost_WhoseTopicsActorDoesNotAnswer_KeepsTheFloorUntilItDoes()
    {
        await using var bench = await MoveBench.StartAsync(configure: o => o.MaxCycleSeconds = 60);
        var plan = bench.PlanOf((bench.TopicsOf(bench.Brokers[0])[0], bench.Brokers[1]));
        bench.Cluster.SetFault(Fault.HangingWatcher, on: true, target: plan.Moves[0].From);
        await bench.Directory.Control.SubmitAsync(new PlanSubmission(plan, "test"));
        await bench.RunUntilIdleAsync();
        await bench.Host.TerminateAsync(plan.Id);
        bench.Actors.Hanging = DaprNames.Actors.Topic;
        bench.Options.MaxCycleSeconds = Limit;

        await bench.Directory.Control.NudgeAsync();

        var state = await bench.Directory.Control.GetStateAsync();
        Assert.Equal(plan.Id, state.Active?.PlanId);
        Assert.Equal(ReasonCode.Timeout, state.LastCycle!.Reason);
        Assert.Contains($"plan {plan.Id} and its topics does not answer", state.LastCycle.Detail, StringComparison.Ordinal);
        bench.Actors.Hanging = null;
        bench.Options.MaxCycleSeconds = 60;
        await bench.Directory.Control.NudgeAsync();
        Assert.Equal(MoveState.Stuck, (await bench.Directory.Plan(plan.Id).GetMovesAsync()).Single().State);
        Assert.NotEqual(plan.Id, (await bench.Directory.Control.GetStateAsync()).Active?.PlanId);
    }

    /// <summary>The next call ends as an HTTP client ends one that nobody answers.</summary>
    /// <returns>Ends with that call.</returns>
    private static Task NextCallIsNotAnswered(MoveBench bench)
    {
        var asked = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        bench.Actors.Before = _ => asked.TrySetResult() ? throw new TaskCanceledException("The request was canceled due to the configured HttpClient.Timeout of 100 seconds elapsing.") : Task.CompletedTask;
        return asked.Task;
    }

    private sealed class Lifetime : IHostApplicationLifetime, IDisposable
    {
        private readonly ApplicationLifetime _inner = new(NullLogger<ApplicationLifetime>.Instance);

        public CancellationToken ApplicationStarted => _inner.ApplicationStarted;

        public CancellationToken ApplicationStopping => _inner.ApplicationStopping;

        public CancellationToken ApplicationStopped => _inner.ApplicationStopped;

        public void Started() => _inner.NotifyStarted();

        public void StopApplication() => _inner.StopApplication();

        public void Dispose() => _inner.StopApplication();
    }
}
