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
        await asked;

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
        await asked.Task;

        var began = TimeProvider.System.GetTimestamp();
        var state = await bench.Directory.Control.SwitchAsync(new SwitchCommand(ControlSwitch.Kill));
        var waited = TimeProvider.System.GetElapsedTime(began);

        await cycle;
        Assert.NotNull(state.KillSwitch);
        Assert.True(waited < Cycle.RankingClient.Timeout, $"{waited}");
        Assert.Equal((CycleOutcome.Failed, ReasonCode.Timeout), (bench.Events.Cycles.Single().Outcome, bench.Events.Cycles.Single().Reason));
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
