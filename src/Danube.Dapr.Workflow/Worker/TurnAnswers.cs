using Danube.Dapr.TaskHub;
using Danube.Dapr.Workflow.Engine;
using Grpc.Core;
using Microsoft.Extensions.Logging;

namespace Danube.Dapr.Workflow.Worker;

/// <summary>Sends answers to the sidecar, again if the call breaks off.</summary>
internal sealed partial class TurnAnswers(TaskHubSidecarService.TaskHubSidecarServiceClient taskHub, TimeProvider time, ILogger<TurnAnswers> logger)
{
    private const int MaxAttempts = 4;
    private static readonly TimeSpan CallTimeout = TimeSpan.FromSeconds(30);

    // Every sidecar up to 1.19 serves the older name; one that does not any more is asked by the newer one.
    private volatile bool _useNewName;

    public async Task SendAsync(WorkflowResponse response, CancellationToken cancellation)
    {
        try
        {
            await SendWithRetriesAsync(options => CompleteTurnAsync(response, options), cancellation);
        }
        catch (RpcException e) when (e.StatusCode == StatusCode.ResourceExhausted)
        {
            // The sidecar's message size is smaller than ours. Without an answer it would ask for this turn for ever.
            LogTooLarge(response.InstanceId, response.CalculateSize(), e.Status.Detail);
            var refused = new WorkflowPayloadTooLargeException(
                $"The sidecar refuses the answer of {response.CalculateSize()} bytes: {e.Status.Detail} (its --max-body-size). Start fewer steps at a time or pass references to data.");
            var failed = new WorkflowResponse { InstanceId = response.InstanceId, CompletionToken = response.CompletionToken };
            failed.Actions.Add(new WorkflowAction
            {
                Id = response.Actions.Count == 0 ? 0 : response.Actions[^1].Id,
                CompleteWorkflow = new CompleteWorkflowAction { WorkflowStatus = OrchestrationStatus.Failed, FailureDetails = Failures.ToWire(refused) },
            });
            await SendWithRetriesAsync(options => CompleteTurnAsync(failed, options), cancellation);
        }
    }

    public async Task SendAsync(ActivityResponse response, CancellationToken cancellation)
    {
        try
        {
            await SendWithRetriesAsync(options => taskHub.CompleteActivityTaskAsync(response, options).ResponseAsync, cancellation);
        }
        catch (RpcException e) when (e.StatusCode == StatusCode.ResourceExhausted)
        {
            LogTooLarge(response.InstanceId, response.CalculateSize(), e.Status.Detail);
            var refused = new WorkflowPayloadTooLargeException(
                $"The sidecar refuses the activity's result of {response.CalculateSize()} bytes: {e.Status.Detail} (its --max-body-size). Pass a reference to the data.");
            var failed = new ActivityResponse
            {
                InstanceId = response.InstanceId,
                TaskId = response.TaskId,
                CompletionToken = response.CompletionToken,
                FailureDetails = Failures.ToWire(refused),
            };
            await SendWithRetriesAsync(options => taskHub.CompleteActivityTaskAsync(failed, options).ResponseAsync, cancellation);
        }
    }

    private async Task CompleteTurnAsync(WorkflowResponse response, CallOptions options)
    {
        if (!_useNewName)
        {
            try
            {
                await taskHub.CompleteOrchestratorTaskAsync(response, options);
                return;
            }
            catch (RpcException e) when (e.IsUnknownRpc())
            {
                _useNewName = true;
            }
        }
        await taskHub.CompleteWorkflowTaskAsync(response, options);
    }

    private async Task SendWithRetriesAsync(Func<CallOptions, Task> send, CancellationToken cancellation)
    {
        for (int attempt = 1; ; attempt++)
        {
            try
            {
                await send(new CallOptions(deadline: TimeProvider.System.GetUtcNow().UtcDateTime + CallTimeout, cancellationToken: cancellation));
                return;
            }
            catch (RpcException e) when (!cancellation.IsCancellationRequested && e.IsTransient() && attempt < MaxAttempts)
            {
                await Task.Delay(TimeSpan.FromMilliseconds(100 * (1 << attempt)), time, cancellation);
            }
            catch (RpcException e) when (cancellation.IsCancellationRequested)
            {
                throw new OperationCanceledException("The stream of work items ended.", e, cancellation);
            }
        }
    }

    [LoggerMessage(40, LogLevel.Error, "The sidecar refuses an answer of {Bytes} bytes for workflow instance {InstanceId}, which fails: {Detail}")]
    private partial void LogTooLarge(string instanceId, int bytes, string detail);
}
