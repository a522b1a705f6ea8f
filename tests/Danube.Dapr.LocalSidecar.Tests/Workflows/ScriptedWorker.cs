using System.Collections.Concurrent;
using Danube.Dapr.TaskHub;
using Grpc.Core;

namespace Danube.Dapr.LocalSidecar.Tests.Workflows;

/// <summary>A worker whose turns and activities are functions; keeps every item it got.</summary>
internal sealed class ScriptedWorker : IAsyncDisposable
{
    private readonly TaskHubSidecarService.TaskHubSidecarServiceClient _client;
    private readonly IReadOnlyDictionary<string, Func<WorkflowRequest, WorkflowResponse>> _workflows;
    private readonly Func<ActivityRequest, Task<ActivityResponse>> _activities;
    private readonly AsyncServerStreamingCall<WorkItem> _call;
    private readonly CancellationTokenSource _stop = new();
    private readonly Task _loop;

    public ScriptedWorker(
        TaskHubSidecarService.TaskHubSidecarServiceClient client,
        IReadOnlyDictionary<string, Func<WorkflowRequest, WorkflowResponse>> workflows,
        Func<ActivityRequest, Task<ActivityResponse>> activities)
    {
        (_client, _workflows, _activities) = (client, workflows, activities);
        _call = client.GetWorkItems(new GetWorkItemsRequest(), cancellationToken: _stop.Token);
        _loop = ReadAsync();
    }

    /// <summary>Everything that came, in order.</summary>
    public ConcurrentQueue<WorkItem> Items { get; } = [];

    /// <summary>Errors of the completion calls.</summary>
    public ConcurrentQueue<RpcException> Errors { get; } = [];

    public IEnumerable<WorkflowRequest> Turns => Items.Where(static i => i.WorkflowRequest is not null).Select(static i => i.WorkflowRequest);

    public IEnumerable<ActivityRequest> ActivityRequests => Items.Where(static i => i.ActivityRequest is not null).Select(static i => i.ActivityRequest);

    /// <summary>Leaves without answering what is still in hand.</summary>
    public async ValueTask DisposeAsync()
    {
        if (_stop.IsCancellationRequested) return;
        await _stop.CancelAsync();
        await _loop;
        _call.Dispose();
        _stop.Dispose();
    }

    private async Task ReadAsync()
    {
        try
        {
            await foreach (var item in _call.ResponseStream.ReadAllAsync())
            {
                Items.Enqueue(item);
                _ = Task.Run(() => HandleAsync(item));
            }
        }
        catch (RpcException)
        {
            // The stream ended, from whichever side.
        }
    }

    private async Task HandleAsync(WorkItem item)
    {
        try
        {
            if (item.WorkflowRequest is { } turn)
            {
                var name = turn.All().First(static e => e.ExecutionStarted is not null).ExecutionStarted.Name;
                var response = _workflows[name](turn);
                response.InstanceId = turn.InstanceId;
                response.CompletionToken = item.CompletionToken;
                if (!_stop.IsCancellationRequested) await _client.CompleteOrchestratorTaskAsync(response);
            }
            else
            {
                var response = await _activities(item.ActivityRequest);
                response.InstanceId = item.ActivityRequest.WorkflowInstance.InstanceId;
                response.TaskId = item.ActivityRequest.TaskId;
                response.CompletionToken = item.CompletionToken;
                if (!_stop.IsCancellationRequested) await _client.CompleteActivityTaskAsync(response);
            }
        }
        catch (RpcException e)
        {
            Errors.Enqueue(e);
        }
    }
}
