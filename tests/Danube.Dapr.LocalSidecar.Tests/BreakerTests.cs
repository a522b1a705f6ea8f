using Danube.Dapr.LocalSidecar.Resiliency;
using Microsoft.Extensions.Time.Testing;
using Polly.CircuitBreaker;

namespace Danube.Dapr.LocalSidecar.Tests;

public sealed class BreakerTests
{
    private static readonly TimeSpan OpenFor = TimeSpan.FromSeconds(10);

    private readonly FakeTimeProvider _time = new();
    private Policy _policy = null!;

    [Fact]
    public async Task Failures_InARow_OpenItForItsTime()
    {
        Use(new BreakerSettings(2, OpenFor, TimeSpan.Zero, 1));

        await FailAsync(2);
        await SucceedAsync();
        await FailAsync(3);
        await IsOpenAsync();
        _time.Advance(OpenFor);
        // One call is let through; it fails, and it is open again.
        await FailAsync(1);
        await IsOpenAsync();
        _time.Advance(OpenFor);
        await SucceedAsync();
        await FailAsync(2);
        await SucceedAsync();
    }

    [Fact]
    public async Task MaxRequests_AfterTheTime_AsManyAtOnceMustGoWell()
    {
        Use(new BreakerSettings(0, OpenFor, TimeSpan.Zero, 2));
        await FailAsync(1);
        _time.Advance(OpenFor);

        var (first, second) = (new TaskCompletionSource(), new TaskCompletionSource());
        var trials = new[] { RunAsync(first.Task), RunAsync(second.Task) };
        await IsOpenAsync();
        first.SetResult();
        await trials[0];
        await IsOpenAsync();
        second.SetResult();
        await trials[1];
        await SucceedAsync();
    }

    [Fact]
    public async Task Interval_Passed_ForgetsTheFailures()
    {
        Use(new BreakerSettings(1, OpenFor, TimeSpan.FromSeconds(3), 1));

        await FailAsync(1);
        _time.Advance(TimeSpan.FromSeconds(3));
        await FailAsync(1);
        await SucceedAsync();
        await FailAsync(2);
        await IsOpenAsync();
    }

    [Fact]
    public async Task Call_BeganBeforeItOpened_DoesNotCloseIt()
    {
        Use(new BreakerSettings(0, OpenFor, TimeSpan.Zero, 1));
        var late = new TaskCompletionSource();
        var call = RunAsync(late.Task);
        await FailAsync(1);

        late.SetResult();
        await call;

        await IsOpenAsync();
    }

    private void Use(BreakerSettings settings) => _policy = new Policy(new PolicySet(null, null, settings), _time);

    private Task RunAsync(Task call) => _policy.RunAsync(_ => new ValueTask(call), CancellationToken.None).AsTask();

    private Task SucceedAsync() => RunAsync(Task.CompletedTask);

    private async Task FailAsync(int times)
    {
        for (var i = 0; i < times; i++) await Assert.ThrowsAsync<CallFailedException>(() => RunAsync(Task.FromException(new CallFailedException("no"))));
    }

    private async Task IsOpenAsync() => await Assert.ThrowsAsync<BrokenCircuitException>(SucceedAsync);
}
