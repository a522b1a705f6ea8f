using Danube.Dapr.LocalSidecar.Actors;
using Danube.Dapr.LocalSidecar.Hosting;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Time.Testing;

namespace Danube.Dapr.LocalSidecar.Tests;

/// <summary>Timers of an actor that is active.</summary>
public sealed class TimerServiceTests
{
    private static readonly ActorAddress s_actor = new("Counter", "1");

    [Fact]
    public async Task Callback_BrokenOff_TheNextTickComes()
    {
        var never = new TaskCompletionSource<(int, string)>();
        await using var host = await Host.StartAsync();
        host.App.Answer = _ => host.Ticks == 1 ? never.Task : Task.FromResult((200, ""));
        host.Register("1s", "1s");
        host.Time.Advance(TimeSpan.FromSeconds(1));
        await TestSidecar.Eventually(() => host.Ticks == 1);

        host.Actors.BreakOff();

        // It may still be on its way to the next tick.
        await TestSidecar.Eventually(() =>
        {
            host.Time.Advance(TimeSpan.FromSeconds(1));
            return host.Ticks > 1;
        });
        never.SetResult((200, ""));
    }

    [Fact]
    public async Task Tick_HostIsAwayForAMoment_ComesWhenItIsBack()
    {
        await using var host = await Host.StartAsync();
        host.Instance.IsReady = false;
        host.Register("1s", "");
        host.Time.Advance(TimeSpan.FromSeconds(1));
        Assert.Equal(0, host.Ticks);

        host.Instance.IsReady = true;
        host.Time.Advance(TimeSpan.FromSeconds(1));

        await TestSidecar.Eventually(() => host.Ticks == 1);
    }

    private sealed class Host : IAsyncDisposable
    {
        private Host()
        {
            Actors = new ActorSystem(Time, NullLogger<ActorSystem>.Instance);
            Instance = App.ToInstance();
        }

        public TestApp App { get; } = new();

        public FakeTimeProvider Time { get; } = new();

        public ActorSystem Actors { get; }

        public AppInstance Instance { get; }

        public int Ticks => App.To("/actors/Counter/1/method/timer/t").Count();

        /// <summary>With the actor active.</summary>
        public static async Task<Host> StartAsync()
        {
            var host = new Host();
            await host.App.StartAsync();
            host.Actors.Place([host.Instance]);
            await host.Actors.TurnAsync(s_actor, null, null, static (_, _, _) => Task.FromResult(0), default);
            return host;
        }

        public void Register(string dueTime, string period) =>
            Assert.True(new TimerService(Actors, Time, NullLogger<TimerService>.Instance).Register(Actors.FindActive(s_actor, Instance)!, Instance, "t", dueTime, period, "", "", null));

        public async ValueTask DisposeAsync()
        {
            await Actors.DisposeAsync();
            Instance.Channel!.Dispose();
            await App.DisposeAsync();
        }
    }
}
