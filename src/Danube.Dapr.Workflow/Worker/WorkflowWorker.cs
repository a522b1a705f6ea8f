using Danube.Dapr.TaskHub;
using Danube.Dapr.Workflow.Engine;
using Grpc.Core;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace Danube.Dapr.Workflow.Worker;

/// <summary>Keeps a stream of work items open to the sidecar for as long as the app runs, and drains when it stops.</summary>
internal sealed partial class WorkflowWorker(
    SidecarConnection connection,
    WorkflowEnvironment environment,
    WorkflowRuntimeOptions options,
    TimeProvider time,
    ILogger<WorkflowWorker> logger) : BackgroundService
{
    private static readonly TimeSpan FirstPause = TimeSpan.FromMilliseconds(200);
    private static readonly TimeSpan LongestPause = TimeSpan.FromSeconds(1);

    private readonly WorkItemRunner _runner = new(connection.TaskHub, environment, options, time);

    public override async Task StopAsync(CancellationToken cancellationToken)
    {
        // The stream stays open while the begun work is ended: without it the sidecar would hand that work out again at once.
        using var drain = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        using ITimer limit = time.CreateTimer(_ => drain.Cancel(), null, options.DrainTimeout, Timeout.InfiniteTimeSpan);
        int left = await _runner.DrainAsync(drain.Token);
        if (left > 0)
            LogNotDrained(left, options.DrainTimeout);
        await base.StopAsync(cancellationToken);
    }

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        TimeSpan pause = FirstPause;
        while (!stoppingToken.IsCancellationRequested)
        {
            LogConnecting(connection.Address);
            (bool gotWork, string end) = await RunStreamAsync(stoppingToken);
            if (stoppingToken.IsCancellationRequested)
                return;
            if (gotWork)
                pause = FirstPause;
            LogStreamEnded(end, pause);
            try
            {
                await Task.Delay(pause, time, stoppingToken);
            }
            catch (OperationCanceledException)
            {
                return;
            }
            pause = pause * 2 < LongestPause ? pause * 2 : LongestPause;
        }
    }

    private async Task<(bool GotWork, string End)> RunStreamAsync(CancellationToken stoppingToken)
    {
        bool gotWork = false;
        await using WorkItemRunner.Session session = _runner.OpenSession();
        try
        {
            using AsyncServerStreamingCall<WorkItem> stream = connection.TaskHub.GetWorkItems(new GetWorkItemsRequest(), cancellationToken: stoppingToken);
            // Items are only queued here: a reader that stalls is cut off by the sidecar.
            await foreach (WorkItem item in stream.ResponseStream.ReadAllAsync(stoppingToken))
            {
                gotWork = true;
                session.Accept(item);
            }
            return (gotWork, "closed by the sidecar");
        }
        catch (OperationCanceledException) when (stoppingToken.IsCancellationRequested)
        {
            return (gotWork, "stopping");
        }
        catch (RpcException e)
        {
            return (gotWork, $"{e.StatusCode}: {e.Status.Detail}");
        }
        catch (IOException e)
        {
            return (gotWork, e.Message);
        }
    }

    [LoggerMessage(20, LogLevel.Debug, "Opening the stream of work items to {Address}")]
    private partial void LogConnecting(Uri address);

    [LoggerMessage(21, LogLevel.Warning, "The stream of work items ended ({End}); opening it again in {Pause}")]
    private partial void LogStreamEnded(string end, TimeSpan pause);

    [LoggerMessage(22, LogLevel.Warning, "{Left} turns or activities were not done within {DrainTimeout} and will run again elsewhere")]
    private partial void LogNotDrained(int left, TimeSpan drainTimeout);
}
