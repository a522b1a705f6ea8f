using System.Collections.Concurrent;
using Danube.Dapr.TaskHub;
using Danube.Dapr.Workflow.Engine;
using Microsoft.Extensions.Logging;

namespace Danube.Dapr.Workflow.Worker;

/// <summary>Runs the items of a stream, a bounded number at a time, and answers each of them.</summary>
#pragma warning disable CA1001 // Activities that outlive the drain still release their slot; a semaphore without a wait handle needs no disposal.
internal sealed partial class WorkItemRunner(
    TaskHubSidecarService.TaskHubSidecarServiceClient taskHub,
    WorkflowEnvironment environment,
    WorkflowRuntimeOptions options,
    TimeProvider time)
#pragma warning restore CA1001
{
    // A turn computes; it does not wait for anything. One that still runs after this long is stuck.
    private static readonly TimeSpan LongestTurn = TimeSpan.FromSeconds(5);

    private readonly SemaphoreSlim _turnSlots = new(options.MaxConcurrentWorkflows);
    private readonly SemaphoreSlim _activitySlots = new(options.MaxConcurrentActivities);
    private readonly ActivityRunner _activities = new(environment);
    private readonly TurnAnswers _answers = new(taskHub, time, environment.LoggerFactory.CreateLogger<TurnAnswers>());
    private readonly ConcurrentDictionary<string, WorkItem> _latestTurns = new(StringComparer.Ordinal);
    private readonly ConcurrentDictionary<string, Task<ActivityResponse>> _runningActivities = new(StringComparer.Ordinal);
    private readonly ConcurrentDictionary<Task, byte> _begun = new();
    private readonly ILogger _logger = environment.LoggerFactory.CreateLogger<WorkItemRunner>();
    private volatile bool _draining;

    public Session OpenSession() => new(this);

    /// <summary>Begins nothing more and waits for what is begun. Returns how many items were not done in time.</summary>
    public async Task<int> DrainAsync(CancellationToken limit)
    {
        _draining = true;
        try
        {
            await Task.WhenAll(_begun.Keys).WaitAsync(limit);
            return 0;
        }
        catch (OperationCanceledException)
        {
            return _begun.Count;
        }
    }

    private async Task RunTurnAsync(WorkItem item, Session session)
    {
        WorkflowRequest request = item.WorkflowRequest;
        bool entered = false;
        try
        {
            await _turnSlots.WaitAsync(session.Ended);
            entered = true;
            if (_draining)
                return;
            if (request.RequiresHistoryStreaming)
                await FetchHistoryAsync(request, session.Ended);
            WorkflowResponse response;
            await using (time.CreateTimer(_ => LogSlow(request.InstanceId, LongestTurn), null, LongestTurn, Timeout.InfiniteTimeSpan))
                response = await WorkflowTurn.RunAsync(request, environment);
            response.CompletionToken = item.CompletionToken;
            if (!session.Ended.IsCancellationRequested && _latestTurns.TryGetValue(request.InstanceId, out WorkItem? latest) && ReferenceEquals(latest, item))
                await _answers.SendAsync(response, session.Ended);
            else
                LogStale(request.InstanceId);
        }
        catch (OperationCanceledException) when (session.Ended.IsCancellationRequested)
        {
            LogStale(request.InstanceId);
        }
        catch (Exception e)
        {
            LogTurnLost(e, request.InstanceId);
        }
        finally
        {
            if (entered)
                _turnSlots.Release();
            _latestTurns.TryRemove(KeyValuePair.Create(request.InstanceId, item));
        }
    }

    private async Task RunActivityAsync(WorkItem item)
    {
        ActivityRequest request = item.ActivityRequest;
        try
        {
            ActivityResponse response = (await RunOnceAsync(request)).Clone();
            response.CompletionToken = item.CompletionToken;
            await _answers.SendAsync(response, CancellationToken.None);
        }
        catch (DrainingException)
        {
            // Not begun; the sidecar hands it out again when the stream closes.
        }
        catch (Exception e)
        {
            LogActivityLost(e, request.Name, request.WorkflowInstance.InstanceId, request.TaskId);
        }
    }

    /// <summary>
    /// The same attempt can be handed out twice: after a reconnect, or when the turn that asked for it was not saved. While it runs here,
    /// the second one waits for the first one's result instead of running beside it.
    /// </summary>
    private Task<ActivityResponse> RunOnceAsync(ActivityRequest request)
    {
        if (request.TaskExecutionId.Length == 0)
            return RunInSlotAsync(request);
        string key = $"{request.WorkflowInstance.InstanceId}\n{request.TaskExecutionId}";
        var mine = new TaskCompletionSource<ActivityResponse>(TaskCreationOptions.RunContinuationsAsynchronously);
        Task<ActivityResponse> first = _runningActivities.GetOrAdd(key, mine.Task);
        if (first != mine.Task)
        {
            LogJoined(request.Name, request.WorkflowInstance.InstanceId, request.TaskId);
            return first;
        }
        return RunFirstAsync();

        async Task<ActivityResponse> RunFirstAsync()
        {
            try
            {
                ActivityResponse response = await RunInSlotAsync(request);
                mine.SetResult(response);
                return response;
            }
            catch (Exception e)
            {
                mine.SetException(e);
                _ = mine.Task.Exception;
                throw;
            }
            finally
            {
                _runningActivities.TryRemove(key, out _);
            }
        }
    }

    private async Task<ActivityResponse> RunInSlotAsync(ActivityRequest request)
    {
        await _activitySlots.WaitAsync();
        try
        {
            return _draining ? throw new DrainingException() : await _activities.RunAsync(request);
        }
        finally
        {
            _activitySlots.Release();
        }
    }

    private async Task FetchHistoryAsync(WorkflowRequest request, CancellationToken cancellation)
    {
        GetInstanceHistoryResponse history =
            await taskHub.GetInstanceHistoryAsync(new GetInstanceHistoryRequest { InstanceId = request.InstanceId }, cancellationToken: cancellation);
        request.PastEvents.Clear();
        request.PastEvents.AddRange(history.Events);
    }

    /// <summary>The items of one stream. When the stream ends, the sidecar hands them out again: their turns must not answer any more.</summary>
    public sealed class Session(WorkItemRunner runner) : IAsyncDisposable
    {
        private readonly CancellationTokenSource _ended = new();
        private readonly ConcurrentDictionary<Task, byte> _turns = new();

        public CancellationToken Ended => _ended.Token;

        public void Accept(WorkItem item)
        {
            if (runner._draining)
                return;
            switch (item.RequestCase)
            {
                case WorkItem.RequestOneofCase.WorkflowRequest:
                    // A second item for an instance means that the sidecar has given up on the first one. Its answer, matched by instance id
                    // alone, would be taken for an answer to the second one, and the events that only this one has would be lost.
                    runner._latestTurns[item.WorkflowRequest.InstanceId] = item;
                    Track(Task.Run(() => runner.RunTurnAsync(item, this)), _turns, runner._begun);
                    break;
                case WorkItem.RequestOneofCase.ActivityRequest:
                    Track(Task.Run(() => runner.RunActivityAsync(item)), runner._begun);
                    break;
                default:
                    // Later sidecars have other kinds, for workers that ask for them.
                    break;
            }
        }

        public async ValueTask DisposeAsync()
        {
            await _ended.CancelAsync();
            await Task.WhenAny(Task.WhenAll(_turns.Keys), Task.Delay(LongestTurn));
        }

        private static void Track(Task task, params ConcurrentDictionary<Task, byte>[] sets)
        {
            foreach (ConcurrentDictionary<Task, byte> set in sets)
            {
                set.TryAdd(task, 0);
                task.ContinueWith(done => set.TryRemove(done, out _), CancellationToken.None, TaskContinuationOptions.ExecuteSynchronously, TaskScheduler.Default);
            }
        }
    }

    private sealed class DrainingException : Exception;

    [LoggerMessage(30, LogLevel.Debug, "The turn of workflow instance {InstanceId} is not answered: the sidecar has taken it back")]
    private partial void LogStale(string instanceId);

    [LoggerMessage(31, LogLevel.Error, "The turn of workflow instance {InstanceId} could not be run or answered; the sidecar will hand it out again")]
    private partial void LogTurnLost(Exception exception, string instanceId);

    [LoggerMessage(32, LogLevel.Error, "Activity {Activity} of workflow instance {InstanceId} (#{TaskId}) could not be answered; the sidecar may hand it out again")]
    private partial void LogActivityLost(Exception exception, string activity, string instanceId, int taskId);

    [LoggerMessage(34, LogLevel.Warning, "A turn of workflow instance {InstanceId} runs for more than {Limit}: workflow code must not block or compute for long")]
    private partial void LogSlow(string instanceId, TimeSpan limit);

    [LoggerMessage(33, LogLevel.Information, "Activity {Activity} of workflow instance {InstanceId} (#{TaskId}) was handed out again while it runs; it is not run twice")]
    private partial void LogJoined(string activity, string instanceId, int taskId);
}
