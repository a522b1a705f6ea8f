using Danube.Dapr.MetricsCollector.Resources;
using Microsoft.Extensions.Options;

namespace Danube.Dapr.MetricsCollector.Rounds;

/// <summary>A round every interval, the first at once; sooner while something was lost just now.</summary>
internal sealed class RoundLoop(Collector collector, IOptions<CollectorOptions> options, TimeProvider time) : BackgroundService
{
    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        // What the probes see shortens the pace, so it is looked at between the rounds: in equal parts of the interval.
        var look = TimeSpan.FromSeconds(options.Value.IntervalSeconds / Math.Ceiling(options.Value.IntervalSeconds / 0.5));
        using var timer = new PeriodicTimer(look, time);
        try
        {
            var began = time.GetTimestamp();
            await collector.RunRoundAsync(stoppingToken);
            while (await timer.WaitForNextTickAsync(stoppingToken))
            {
                // A tick can come a little early: without the half a round would wait for the next one.
                if (time.GetElapsedTime(began) < collector.Pace - (look / 2))
                    continue;
                began = time.GetTimestamp();
                await collector.RunRoundAsync(stoppingToken);
            }
        }
        catch (OperationCanceledException) when (stoppingToken.IsCancellationRequested)
        {
            // The service stops.
        }
    }
}

/// <summary>Probes the brokers' ports between the rounds; a change hastens the next round, which sees what became of the topics.</summary>
internal sealed class ProbeLoop(Collector collector, IOptions<CollectorOptions> options, TimeProvider time) : BackgroundService
{
    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        using var timer = new PeriodicTimer(TimeSpan.FromSeconds(options.Value.ProbeIntervalSeconds), time);
        try
        {
            while (await timer.WaitForNextTickAsync(stoppingToken))
                await collector.ProbeAsync(stoppingToken);
        }
        catch (OperationCanceledException) when (stoppingToken.IsCancellationRequested)
        {
            // The service stops.
        }
    }
}

/// <summary>Samples the resources between the rounds, and reports early what changed.</summary>
internal sealed class SampleLoop(ResourceMonitor resources, Collector collector, IOptions<CollectorOptions> options, TimeProvider time) : BackgroundService
{
    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        using var timer = new PeriodicTimer(TimeSpan.FromSeconds(options.Value.SampleSeconds), time);
        var early = Task.CompletedTask;
        try
        {
            while (await timer.WaitForNextTickAsync(stoppingToken))
            {
                var changed = resources.Sample();
                // The samples go on while a broker is slow to answer; what changed meanwhile still has at the next sample.
                if (changed.Count == 0 || !early.IsCompleted)
                    continue;
                await early;
                early = collector.ReportEarlyAsync(changed, stoppingToken);
            }
        }
        catch (OperationCanceledException) when (stoppingToken.IsCancellationRequested)
        {
            // The service stops.
        }
    }
}
