using System.Diagnostics;
using Danube.Dapr.TaskHub;
using Danube.Dapr.Workflow.Client;
using Danube.Dapr.Workflow.Engine;
using Danube.Dapr.Workflow.Worker;
using Google.Protobuf.WellKnownTypes;
using Grpc.Core;

namespace Danube.Dapr.Workflow;

/// <summary>Starts workflow instances and manages them, through the sidecar. Safe to use from many threads at a time.</summary>
public sealed class DaprWorkflowClient : IDaprWorkflowClient
{
    private readonly TaskHubSidecarService.TaskHubSidecarServiceClient _taskHub;
    private readonly Payloads _payloads;
    private readonly SidecarCalls _calls;

    internal DaprWorkflowClient(TaskHubSidecarService.TaskHubSidecarServiceClient taskHub, Payloads payloads, TimeProvider time)
    {
        _taskHub = taskHub;
        _payloads = payloads;
        _calls = new SidecarCalls(taskHub, time);
    }

    /// <inheritdoc/>
    public Task<string> ScheduleNewWorkflowAsync(string name, string? instanceId = null, object? input = null) =>
        ScheduleNewWorkflowAsync(name, instanceId, input, (DateTimeOffset?)null);

    /// <inheritdoc/>
    public Task<string> ScheduleNewWorkflowAsync(string name, string? instanceId, object? input, DateTime? startTime) =>
        ScheduleNewWorkflowAsync(name, instanceId, input, startTime is { } time ? new DateTimeOffset(time) : null);

    /// <inheritdoc/>
    public async Task<string> ScheduleNewWorkflowAsync(
        string name, string? instanceId, object? input, DateTimeOffset? startTime, CancellationToken cancellation = default)
    {
        ArgumentException.ThrowIfNullOrWhiteSpace(name);
        instanceId ??= Guid.NewGuid().ToString("N");
        InstanceIds.Check(instanceId, nameof(instanceId));
        using Activity? span = WorkflowTracing.StartSchedule(name, instanceId);
        await _calls.StartAsync(
            new CreateInstanceRequest
            {
                InstanceId = instanceId,
                Name = name,
                Input = _payloads.Write(input, $"input of workflow '{name}'"),
                ScheduledStartTimestamp = startTime is { } time ? Timestamp.FromDateTimeOffset(time) : null,
                ParentTraceContext = WorkflowTracing.ToWire(Activity.Current),
            },
            cancellation);
        return instanceId;
    }

    /// <inheritdoc/>
    public async Task<WorkflowState> GetWorkflowStateAsync(string instanceId, bool getInputsAndOutputs = true, CancellationToken cancellation = default)
    {
        ArgumentException.ThrowIfNullOrEmpty(instanceId);
        return new WorkflowState(await _calls.GetAsync(instanceId, getInputsAndOutputs, cancellation), _payloads);
    }

    /// <inheritdoc/>
    public async Task<WorkflowState> WaitForWorkflowStartAsync(string instanceId, bool getInputsAndOutputs = true, CancellationToken cancellation = default)
    {
        ArgumentException.ThrowIfNullOrEmpty(instanceId);
        return new WorkflowState(
            await _calls.WaitAsync(
                instanceId,
                getInputsAndOutputs,
                (request, options) => _taskHub.WaitForInstanceStartAsync(request, options),
                status => status != OrchestrationStatus.Pending,
                cancellation),
            _payloads);
    }

    /// <inheritdoc/>
    public async Task<WorkflowState> WaitForWorkflowCompletionAsync(string instanceId, bool getInputsAndOutputs = true, CancellationToken cancellation = default)
    {
        ArgumentException.ThrowIfNullOrEmpty(instanceId);
        return new WorkflowState(
            await _calls.WaitAsync(
                instanceId,
                getInputsAndOutputs,
                (request, options) => _taskHub.WaitForInstanceCompletionAsync(request, options),
                SidecarCalls.IsEnd,
                cancellation),
            _payloads);
    }

    /// <inheritdoc/>
    public Task RaiseEventAsync(string instanceId, string eventName, object? eventPayload = null, CancellationToken cancellation = default)
    {
        ArgumentException.ThrowIfNullOrEmpty(instanceId);
        ArgumentException.ThrowIfNullOrEmpty(eventName);
        return RaiseRawEventAsync(instanceId, eventName, _payloads.Write(eventPayload, $"event '{eventName}'"), cancellation);
    }

    internal Task RaiseRawEventAsync(string instanceId, string eventName, string? data, CancellationToken cancellation) =>
        // Not repeated when it breaks off: the event might come twice.
        SidecarCalls.OnceAsync(
            instanceId,
            options => _taskHub.RaiseEventAsync(new RaiseEventRequest { InstanceId = instanceId, Name = eventName, Input = data }, options),
            cancellation);

    /// <inheritdoc/>
    public Task TerminateWorkflowAsync(string instanceId, object? output = null, CancellationToken cancellation = default)
    {
        ArgumentException.ThrowIfNullOrEmpty(instanceId);
        var request = new TerminateRequest { InstanceId = instanceId, Output = _payloads.Write(output, "output"), Recursive = true };
        return _calls.UntilAsync(instanceId, options => _taskHub.TerminateInstanceAsync(request, options), SidecarCalls.IsEnd, cancellation);
    }

    /// <inheritdoc/>
    public Task SuspendWorkflowAsync(string instanceId, string? reason = null, CancellationToken cancellation = default)
    {
        ArgumentException.ThrowIfNullOrEmpty(instanceId);
        var request = new SuspendRequest { InstanceId = instanceId, Reason = reason };
        return _calls.UntilAsync(
            instanceId,
            options => _taskHub.SuspendInstanceAsync(request, options),
            status => status == OrchestrationStatus.Suspended || SidecarCalls.IsEnd(status),
            cancellation);
    }

    /// <inheritdoc/>
    public Task ResumeWorkflowAsync(string instanceId, string? reason = null, CancellationToken cancellation = default)
    {
        ArgumentException.ThrowIfNullOrEmpty(instanceId);
        var request = new ResumeRequest { InstanceId = instanceId, Reason = reason };
        return _calls.UntilAsync(
            instanceId, options => _taskHub.ResumeInstanceAsync(request, options), status => status != OrchestrationStatus.Suspended, cancellation);
    }

    /// <inheritdoc/>
    public async Task<bool> PurgeInstanceAsync(string instanceId, CancellationToken cancellation = default)
    {
        ArgumentException.ThrowIfNullOrEmpty(instanceId);
        try
        {
            PurgeInstancesResponse purged = await _calls.RepeatAsync(
                options => _taskHub.PurgeInstancesAsync(new PurgeInstancesRequest { InstanceId = instanceId, Recursive = true }, options), cancellation);
            return purged.DeletedInstanceCount > 0;
        }
        catch (RpcException e) when (e.IsNoSuchInstance() || e.IsNotCompleted())
        {
            return false;
        }
    }

    /// <inheritdoc/>
    public async Task<WorkflowInstancePage> ListInstanceIdsAsync(string? continuationToken = null, int? pageSize = null, CancellationToken cancellation = default)
    {
        if (pageSize is { } size)
            ArgumentOutOfRangeException.ThrowIfLessThan(size, 1, nameof(pageSize));
        var request = new ListInstanceIDsRequest();
        if (continuationToken is not null)
            request.ContinuationToken = continuationToken;
        if (pageSize is not null)
            request.PageSize = (uint)pageSize;
        ListInstanceIDsResponse page = await SupportedAsync(
            "Listing instances", "1.17", _calls.RepeatAsync(options => _taskHub.ListInstanceIDsAsync(request, options), cancellation));
        return new WorkflowInstancePage([.. page.InstanceIds], string.IsNullOrEmpty(page.ContinuationToken) ? null : page.ContinuationToken);
    }

    /// <inheritdoc/>
    public async Task<IReadOnlyList<WorkflowHistoryEvent>> GetInstanceHistoryAsync(string instanceId, CancellationToken cancellation = default) =>
        [.. (await ReadHistoryAsync(instanceId, cancellation)).Select(HistoryEvents.ToPublic)];

    /// <summary>Reads the history of an instance's present run with all its payloads, for <c>WorkflowReplayer</c> of Danube.Dapr.Workflow.Testing.</summary>
    /// <param name="instanceId">The instance.</param>
    /// <param name="cancellation">Gives up.</param>
    /// <returns>JSON, to be kept beside a test.</returns>
    /// <exception cref="WorkflowInstanceNotFoundException">There is no such instance.</exception>
    /// <exception cref="NotSupportedException">The sidecar is older than 1.17.</exception>
    public async Task<string> GetInstanceHistoryJsonAsync(string instanceId, CancellationToken cancellation = default) =>
        HistoryEvents.ToJson(await ReadHistoryAsync(instanceId, cancellation));

    /// <inheritdoc/>
    public async Task<string> RerunWorkflowFromEventAsync(
        string sourceInstanceId, uint eventId, RerunWorkflowFromEventOptions? options = null, CancellationToken cancellation = default)
    {
        ArgumentException.ThrowIfNullOrEmpty(sourceInstanceId);
        if (options is { Input: not null, OverwriteInput: false })
            throw new ArgumentException("Input is given, so OverwriteInput must be true.", nameof(options));
        string newInstanceId = options?.NewInstanceId ?? Guid.NewGuid().ToString("N");
        InstanceIds.Check(newInstanceId, "options.NewInstanceId");
        var request = new RerunWorkflowFromEventRequest
        {
            SourceInstanceID = sourceInstanceId,
            EventID = eventId,
            NewInstanceID = newInstanceId,
            Input = _payloads.Write(options?.Input, "input"),
            OverwriteInput = options?.OverwriteInput ?? false,
        };
        RerunWorkflowFromEventResponse response = await SupportedAsync(
            "Running an instance again",
            "1.16",
            SidecarCalls.OnceAsync(sourceInstanceId, callOptions => _taskHub.RerunWorkflowFromEventAsync(request, callOptions), cancellation));
        return response.NewInstanceID;
    }

    /// <summary>Does nothing: the connection to the sidecar belongs to the app's services.</summary>
    public void Dispose()
    {
    }

    /// <summary>Does nothing: the connection to the sidecar belongs to the app's services.</summary>
    public ValueTask DisposeAsync() => ValueTask.CompletedTask;

    private async Task<IEnumerable<HistoryEvent>> ReadHistoryAsync(string instanceId, CancellationToken cancellation)
    {
        ArgumentException.ThrowIfNullOrEmpty(instanceId);
        try
        {
            GetInstanceHistoryResponse history = await SupportedAsync(
                "Reading a history",
                "1.17",
                _calls.RepeatAsync(options => _taskHub.GetInstanceHistoryAsync(new GetInstanceHistoryRequest { InstanceId = instanceId }, options), cancellation));
            return history.Events;
        }
        catch (RpcException e) when (e.IsNoSuchInstance())
        {
            throw new WorkflowInstanceNotFoundException(instanceId);
        }
    }

    private static async Task<T> SupportedAsync<T>(string what, string version, Task<T> call)
    {
        try
        {
            return await call;
        }
        catch (RpcException e) when (e.IsUnknownRpc())
        {
            throw new NotSupportedException($"{what} needs a sidecar of version {version} or later.", e);
        }
    }
}
