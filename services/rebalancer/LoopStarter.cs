using Danube.Dapr.Rebalancer.Actors;
using Danube.Dapr.Rebalancer.Options;
using Microsoft.Extensions.Options;

namespace Danube.Dapr.Rebalancer;

/// <summary>Starts the control loop when the process starts, and tries until the sidecar is there. Every replica does so; the actor is one.</summary>
internal sealed partial class LoopStarter(
    ActorDirectory actors, IOptions<RebalancerOptions> options, IHostApplicationLifetime lifetime, TimeProvider time, ILogger<LoopStarter> logger) : BackgroundService
{
    private static readonly TimeSpan FirstPause = TimeSpan.FromMilliseconds(250);
    private static readonly TimeSpan LongestPause = TimeSpan.FromSeconds(5);

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        // The sidecar calls back to ask which actors live here, so the server must listen first.
        await StartedAsync(stoppingToken);
        if (options.Value.UnloadsInFlight is > 1 and var inFlight)
            ManyInFlight(inFlight);
        var pause = FirstPause;
        while (!stoppingToken.IsCancellationRequested)
        {
            try
            {
                await actors.Control.StartAsync();
                Started();
                return;
            }
            catch (Exception error) when (error is not OperationCanceledException || !stoppingToken.IsCancellationRequested)
            {
                // A call that nobody answers ends as cancelled as well: that is no end of the service.
                NotYet(error.Message);
            }

            await Task.Delay(pause, time, stoppingToken);
            pause = pause * 2 < LongestPause ? pause * 2 : LongestPause;
        }
    }

    private async Task StartedAsync(CancellationToken stoppingToken)
    {
        var started = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        using var onStart = lifetime.ApplicationStarted.Register(started.SetResult);
        await started.Task.WaitAsync(stoppingToken);
    }

    [LoggerMessage(Level = LogLevel.Warning, Message = "Rebalancer:UnloadsInFlight is {InFlight}: when Danube's leader dies while that many topics are in flight, all of them are left without owner; 1 is safe")]
    private partial void ManyInFlight(int inFlight);

    [LoggerMessage(Level = LogLevel.Information, Message = "The control loop runs")]
    private partial void Started();

    [LoggerMessage(Level = LogLevel.Information, Message = "The control loop cannot be started yet: {Why}")]
    private partial void NotYet(string why);
}
