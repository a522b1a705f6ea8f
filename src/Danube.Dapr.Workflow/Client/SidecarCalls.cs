using Danube.Dapr.TaskHub;
using Danube.Dapr.Workflow.Worker;
using Grpc.Core;
using Wire = Danube.Dapr.TaskHub.WorkflowState;

namespace Danube.Dapr.Workflow.Client;

/// <summary>Calls to the sidecar that get to an end although single calls break off, block or come late.</summary>
internal sealed class SidecarCalls(TaskHubSidecarService.TaskHubSidecarServiceClient taskHub, TimeProvider time)
{
    // Starting blocks while no worker is connected, suspending and the like until a turn is saved. After this long one looks instead.
    private static readonly TimeSpan LongestCall = TimeSpan.FromSeconds(15);
    private static readonly TimeSpan FirstPause = TimeSpan.FromMilliseconds(50);
    private static readonly TimeSpan LongestPause = TimeSpan.FromSeconds(15);
    private static readonly TimeSpan FirstLook = TimeSpan.FromMilliseconds(250);
    private static readonly TimeSpan LongestLook = TimeSpan.FromSeconds(5);
    private const int MaxAttempts = 6;

    public static bool IsEnd(OrchestrationStatus status) =>
        status is OrchestrationStatus.Completed or OrchestrationStatus.Failed or OrchestrationStatus.Terminated or OrchestrationStatus.Canceled;

    /// <summary>Starts an instance, or finds that it is there.</summary>
    public async Task StartAsync(CreateInstanceRequest request, CancellationToken cancellation)
    {
        for (int attempt = 1; ; attempt++)
        {
            try
            {
                await taskHub.StartInstanceAsync(request, Limited(cancellation));
                return;
            }
            catch (RpcException e) when (e.IsAlreadyStarted())
            {
                return;
            }
            catch (RpcException e) when (e.IsTransient() && !cancellation.IsCancellationRequested)
            {
                // It may have been accepted: starting it again after it has ended would run it twice.
                if (await GetAsync(request.InstanceId, payloads: false, cancellation) is not null)
                    return;
                if (attempt >= MaxAttempts)
                    throw;
            }
            catch (RpcException e) when (e.IsBlockedByChildren())
            {
                throw new InvalidOperationException(
                    $"The workflow instance id '{request.InstanceId}' is not free: an ended instance of this id has children that still run.", e);
            }
            await PauseAsync(attempt, cancellation);
        }
    }

    public async Task<Wire?> GetAsync(string instanceId, bool payloads, CancellationToken cancellation)
    {
        try
        {
            GetInstanceResponse answer = await RepeatAsync(
                options => taskHub.GetInstanceAsync(new GetInstanceRequest { InstanceId = instanceId, GetInputsAndOutputs = payloads }, options), cancellation);
            return answer.Exists ? answer.WorkflowState : null;
        }
        catch (RpcException e) when (e.IsNoSuchInstance())
        {
            return null;
        }
    }

    /// <summary>
    /// Waits until the status is one that is wanted. The sidecar's own wait may answer late, early, never, or fail while the instance lives:
    /// it is asked again, and the state is looked at beside it, at growing intervals.
    /// </summary>
    public async Task<Wire> WaitAsync(
        string instanceId,
        bool payloads,
        Func<GetInstanceRequest, CallOptions, AsyncUnaryCall<GetInstanceResponse>> wait,
        Func<OrchestrationStatus, bool> isWanted,
        CancellationToken cancellation)
    {
        var request = new GetInstanceRequest { InstanceId = instanceId, GetInputsAndOutputs = payloads };
        TimeSpan look = FirstLook;
        for (int attempt = 1; ; attempt++)
        {
            // The sidecar's wait for an instance that does not exist never ends, so its existence is asked for first.
            Wire state = await GetAsync(instanceId, payloads, cancellation) ?? throw new WorkflowInstanceNotFoundException(instanceId);
            if (isWanted(state.WorkflowStatus))
                return state;

            using var waiting = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
            using AsyncUnaryCall<GetInstanceResponse> call = wait(request, new CallOptions(cancellationToken: waiting.Token));
            try
            {
                while (await Task.WhenAny(call.ResponseAsync, Task.Delay(look, time, waiting.Token)) != call.ResponseAsync)
                {
                    cancellation.ThrowIfCancellationRequested();
                    look = look * 2 < LongestLook ? look * 2 : LongestLook;
                    Wire? seen = await GetAsync(instanceId, payloads, cancellation);
                    if (seen is null)
                        throw new WorkflowInstanceNotFoundException(instanceId);
                    if (isWanted(seen.WorkflowStatus))
                        return seen;
                }
                GetInstanceResponse answer = await call.ResponseAsync;
                if (!answer.Exists)
                    throw new WorkflowInstanceNotFoundException(instanceId);
                if (isWanted(answer.WorkflowState.WorkflowStatus))
                    return answer.WorkflowState;
            }
            catch (RpcException) when (cancellation.IsCancellationRequested)
            {
                throw new OperationCanceledException(cancellation);
            }
            catch (RpcException e) when (e.IsTransient())
            {
                // Looked at again above.
            }
            catch (RpcException e) when (e.IsNoSuchInstance())
            {
                throw new WorkflowInstanceNotFoundException(instanceId);
            }
            finally
            {
                await waiting.CancelAsync();
            }
            await PauseAsync(attempt, cancellation);
        }
    }

    /// <summary>Makes a call whose effect shows in the status, until it does.</summary>
    public async Task UntilAsync<T>(
        string instanceId, Func<CallOptions, AsyncUnaryCall<T>> call, Func<OrchestrationStatus, bool> isDone, CancellationToken cancellation)
    {
        for (int attempt = 1; ; attempt++)
        {
            try
            {
                await OnceAsync(instanceId, call, cancellation);
                return;
            }
            catch (RpcException e) when (e.IsTransient() && !cancellation.IsCancellationRequested)
            {
                Wire state = await GetAsync(instanceId, payloads: false, cancellation) ?? throw new WorkflowInstanceNotFoundException(instanceId);
                if (isDone(state.WorkflowStatus))
                    return;
                if (attempt >= MaxAttempts)
                    throw;
            }
            await PauseAsync(attempt, cancellation);
        }
    }

    /// <summary>Makes a call that may be made any number of times.</summary>
    public async Task<T> RepeatAsync<T>(Func<CallOptions, AsyncUnaryCall<T>> call, CancellationToken cancellation)
    {
        for (int attempt = 1; ; attempt++)
        {
            try
            {
                return await call(Limited(cancellation));
            }
            catch (RpcException e) when (e.IsTransient() && attempt < MaxAttempts && !cancellation.IsCancellationRequested)
            {
                await PauseAsync(attempt, cancellation);
            }
            catch (RpcException) when (cancellation.IsCancellationRequested)
            {
                throw new OperationCanceledException(cancellation);
            }
        }
    }

    public static async Task<T> OnceAsync<T>(string instanceId, Func<CallOptions, AsyncUnaryCall<T>> call, CancellationToken cancellation)
    {
        try
        {
            return await call(Limited(cancellation));
        }
        catch (RpcException e) when (e.IsNoSuchInstance())
        {
            throw new WorkflowInstanceNotFoundException(instanceId);
        }
        catch (RpcException) when (cancellation.IsCancellationRequested)
        {
            throw new OperationCanceledException(cancellation);
        }
    }

    private Task PauseAsync(int attempt, CancellationToken cancellation)
    {
        TimeSpan pause = FirstPause * Math.Pow(2, Math.Min(attempt - 1, 20));
        return Task.Delay(pause < LongestPause ? pause : LongestPause, time, cancellation);
    }

    private static CallOptions Limited(CancellationToken cancellation) =>
        new(deadline: TimeProvider.System.GetUtcNow().UtcDateTime + LongestCall, cancellationToken: cancellation);
}
