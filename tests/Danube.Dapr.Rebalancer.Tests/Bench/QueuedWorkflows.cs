using Danube.Dapr.Workflow;
using Danube.Dapr.Workflow.Client;
using Danube.Dapr.Workflow.Testing;

namespace Danube.Dapr.Rebalancer.Tests.Bench;

/// <summary>
/// A workflow client on the test host. Starts and events wait until the test lets the workflows run: the host runs activities at once, and one that is started from
/// within an actor's turn would wait for that turn.
/// </summary>
internal sealed class QueuedWorkflows(WorkflowTestHost host) : IDaprWorkflowClient
{
    private readonly Queue<(string Name, string Id, object? Input)> _starts = new();
    private readonly Queue<(string Id, string Event, object? Payload)> _events = new();
    private readonly List<string> _started = [];

    /// <summary>True: what is started never reaches the sidecar, as when the process dies at that moment.</summary>
    public bool LoseStarts { get; set; }

    /// <summary>True: the sidecar does not answer.</summary>
    public bool Hanging { get; set; }

    /// <summary>Runs everything that was started to its end.</summary>
    public async Task RunAsync()
    {
        await RunUntilIdleAsync();
        foreach (var id in _started.ToList())
        {
            await host.RunToEndAsync(id);
            var state = host.GetState(id);
            Assert.True(state.RuntimeStatus == WorkflowRuntimeStatus.Completed, $"{state.RuntimeStatus}: {state.FailureDetails?.ErrorMessage} {state.FailureDetails?.StackTrace}");
            _started.Remove(id);
        }
    }

    /// <summary>Starts and raises what waits.</summary>
    public async Task RunUntilIdleAsync()
    {
        while (_starts.TryDequeue(out var start))
        {
            await host.StartAsync(start.Name, start.Input, start.Id);
            _started.Add(start.Id);
        }

        while (_events.TryDequeue(out var raised))
            await host.RaiseEventAsync(raised.Id, raised.Event, raised.Payload);
    }

    public Task<string> ScheduleNewWorkflowAsync(string name, string? instanceId = null, object? input = null)
    {
        if (!LoseStarts && !_started.Contains(instanceId!) && _starts.All(s => s.Id != instanceId))
            _starts.Enqueue((name, instanceId!, input));
        // It got through, and only its answer did not.
        return Hanging ? new TaskCompletionSource<string>().Task : Task.FromResult(instanceId!);
    }

    public Task<string> ScheduleNewWorkflowAsync(string name, string? instanceId, object? input, DateTime? startTime) => ScheduleNewWorkflowAsync(name, instanceId, input);

    public Task<string> ScheduleNewWorkflowAsync(string name, string? instanceId, object? input, DateTimeOffset? startTime, CancellationToken cancellation = default) =>
        ScheduleNewWorkflowAsync(name, instanceId, input);

    public Task<WorkflowState> GetWorkflowStateAsync(string instanceId, bool getInputsAndOutputs = true, CancellationToken cancellation = default) => Task.FromResult(host.GetState(instanceId));

    public Task RaiseEventAsync(string instanceId, string eventName, object? eventPayload = null, CancellationToken cancellation = default)
    {
        if (Hanging)
            return Task.Delay(Timeout.Infinite, cancellation);
        _events.Enqueue((instanceId, eventName, eventPayload));
        return Task.CompletedTask;
    }

    public Task<WorkflowState> WaitForWorkflowStartAsync(string instanceId, bool getInputsAndOutputs = true, CancellationToken cancellation = default) => throw new NotSupportedException();

    public Task<WorkflowState> WaitForWorkflowCompletionAsync(string instanceId, bool getInputsAndOutputs = true, CancellationToken cancellation = default) => throw new NotSupportedException();

    public Task TerminateWorkflowAsync(string instanceId, object? output = null, CancellationToken cancellation = default) => throw new NotSupportedException();

    public Task SuspendWorkflowAsync(string instanceId, string? reason = null, CancellationToken cancellation = default) => throw new NotSupportedException();

    public Task ResumeWorkflowAsync(string instanceId, string? reason = null, CancellationToken cancellation = default) => throw new NotSupportedException();

    public Task<bool> PurgeInstanceAsync(string instanceId, CancellationToken cancellation = default) => throw new NotSupportedException();

    public Task<WorkflowInstancePage> ListInstanceIdsAsync(string? continuationToken = null, int? pageSize = null, CancellationToken cancellation = default) => throw new NotSupportedException();

    public Task<IReadOnlyList<WorkflowHistoryEvent>> GetInstanceHistoryAsync(string instanceId, CancellationToken cancellation = default) => throw new NotSupportedException();

    public Task<string> RerunWorkflowFromEventAsync(
        string sourceInstanceId, uint eventId, RerunWorkflowFromEventOptions? options = null, CancellationToken cancellation = default) => throw new NotSupportedException();

    public void Dispose()
    {
    }

    public ValueTask DisposeAsync() => ValueTask.CompletedTask;
}
