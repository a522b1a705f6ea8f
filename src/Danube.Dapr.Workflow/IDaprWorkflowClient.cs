using Danube.Dapr.Workflow.Client;

namespace Danube.Dapr.Workflow;

/// <summary>Starts workflow instances and manages them.</summary>
public interface IDaprWorkflowClient : IDisposable, IAsyncDisposable
{
    /// <summary>Starts an instance. If one of this id runs already, that one is meant: nothing is started and its id is returned.</summary>
    /// <param name="name">The name of the workflow.</param>
    /// <param name="instanceId">The id of the instance; default a new one. Letters, digits, <c>_ - . :</c>, at most 128 characters.</param>
    /// <param name="input">The input; JSON-serializable.</param>
    /// <returns>The id of the instance.</returns>
    /// <exception cref="ArgumentException">The name is empty, or the id holds something that the sidecar cannot bear.</exception>
    /// <exception cref="WorkflowPayloadTooLargeException">The input is too large.</exception>
    Task<string> ScheduleNewWorkflowAsync(string name, string? instanceId = null, object? input = null);

    /// <inheritdoc cref="ScheduleNewWorkflowAsync(string, string?, object?)"/>
    /// <param name="name">The name of the workflow.</param>
    /// <param name="instanceId">The id of the instance; default a new one.</param>
    /// <param name="input">The input; JSON-serializable.</param>
    /// <param name="startTime">When it starts; default at once. Times without a kind are local.</param>
    Task<string> ScheduleNewWorkflowAsync(string name, string? instanceId, object? input, DateTime? startTime);

    /// <inheritdoc cref="ScheduleNewWorkflowAsync(string, string?, object?)"/>
    /// <param name="name">The name of the workflow.</param>
    /// <param name="instanceId">The id of the instance; default a new one.</param>
    /// <param name="input">The input; JSON-serializable.</param>
    /// <param name="startTime">When it starts; default at once.</param>
    /// <param name="cancellation">Gives up.</param>
    Task<string> ScheduleNewWorkflowAsync(string name, string? instanceId, object? input, DateTimeOffset? startTime, CancellationToken cancellation = default);

    /// <summary>Asks for the state of an instance.</summary>
    /// <param name="instanceId">The instance.</param>
    /// <param name="getInputsAndOutputs">Whether input, output, custom status and failure are wanted too.</param>
    /// <param name="cancellation">Gives up.</param>
    /// <returns>The state; if there is no such instance, its <see cref="WorkflowState.Exists"/> is <see langword="false"/>.</returns>
    Task<WorkflowState> GetWorkflowStateAsync(string instanceId, bool getInputsAndOutputs = true, CancellationToken cancellation = default);

    /// <summary>Waits until an instance has begun.</summary>
    /// <param name="instanceId">The instance.</param>
    /// <param name="getInputsAndOutputs">Whether input, output, custom status and failure are wanted too.</param>
    /// <param name="cancellation">Gives up.</param>
    /// <returns>The state of the begun, or already ended, instance.</returns>
    /// <exception cref="WorkflowInstanceNotFoundException">There is no such instance.</exception>
    Task<WorkflowState> WaitForWorkflowStartAsync(string instanceId, bool getInputsAndOutputs = true, CancellationToken cancellation = default);

    /// <summary>Waits until an instance has ended, for as long as that takes.</summary>
    /// <param name="instanceId">The instance.</param>
    /// <param name="getInputsAndOutputs">Whether input, output, custom status and failure are wanted too.</param>
    /// <param name="cancellation">Gives up.</param>
    /// <returns>The state of the ended instance.</returns>
    /// <exception cref="WorkflowInstanceNotFoundException">There is no such instance.</exception>
    Task<WorkflowState> WaitForWorkflowCompletionAsync(string instanceId, bool getInputsAndOutputs = true, CancellationToken cancellation = default);

    /// <summary>Raises an event to an instance. An instance that has ended ignores it.</summary>
    /// <param name="instanceId">The instance.</param>
    /// <param name="eventName">The event's name; case does not matter.</param>
    /// <param name="eventPayload">The event's data; JSON-serializable.</param>
    /// <param name="cancellation">Gives up.</param>
    /// <exception cref="WorkflowInstanceNotFoundException">There is no such instance.</exception>
    Task RaiseEventAsync(string instanceId, string eventName, object? eventPayload = null, CancellationToken cancellation = default);

    /// <summary>Ends an instance and its children. Activities that have begun go on. An instance that has ended stays as it is.</summary>
    /// <param name="instanceId">The instance.</param>
    /// <param name="output">What becomes its result; JSON-serializable.</param>
    /// <param name="cancellation">Gives up.</param>
    /// <exception cref="WorkflowInstanceNotFoundException">There is no such instance.</exception>
    Task TerminateWorkflowAsync(string instanceId, object? output = null, CancellationToken cancellation = default);

    /// <summary>Suspends an instance: it takes no step until it is resumed.</summary>
    /// <param name="instanceId">The instance.</param>
    /// <param name="reason">Why; kept in the history.</param>
    /// <param name="cancellation">Gives up.</param>
    /// <exception cref="WorkflowInstanceNotFoundException">There is no such instance.</exception>
    Task SuspendWorkflowAsync(string instanceId, string? reason = null, CancellationToken cancellation = default);

    /// <summary>Lets a suspended instance go on.</summary>
    /// <param name="instanceId">The instance.</param>
    /// <param name="reason">Why; kept in the history.</param>
    /// <param name="cancellation">Gives up.</param>
    /// <exception cref="WorkflowInstanceNotFoundException">There is no such instance.</exception>
    Task ResumeWorkflowAsync(string instanceId, string? reason = null, CancellationToken cancellation = default);

    /// <summary>Deletes an ended instance and its children.</summary>
    /// <param name="instanceId">The instance.</param>
    /// <param name="cancellation">Gives up.</param>
    /// <returns>Whether anything was deleted; not if there is no such instance or it has not ended.</returns>
    Task<bool> PurgeInstanceAsync(string instanceId, CancellationToken cancellation = default);

    /// <summary>Lists the ids of all instances of this app, page by page.</summary>
    /// <param name="continuationToken">The token of the page before; default the first page.</param>
    /// <param name="pageSize">The most ids to return; default what the sidecar likes.</param>
    /// <param name="cancellation">Gives up.</param>
    /// <returns>A page.</returns>
    /// <exception cref="NotSupportedException">The sidecar is older than 1.17.</exception>
    Task<WorkflowInstancePage> ListInstanceIdsAsync(string? continuationToken = null, int? pageSize = null, CancellationToken cancellation = default);

    /// <summary>Reads the history of an instance's present run.</summary>
    /// <param name="instanceId">The instance.</param>
    /// <param name="cancellation">Gives up.</param>
    /// <returns>The events, oldest first.</returns>
    /// <exception cref="WorkflowInstanceNotFoundException">There is no such instance.</exception>
    /// <exception cref="NotSupportedException">The sidecar is older than 1.17.</exception>
    Task<IReadOnlyList<WorkflowHistoryEvent>> GetInstanceHistoryAsync(string instanceId, CancellationToken cancellation = default);

    /// <summary>Runs an ended instance again, as a new one, from one of its steps.</summary>
    /// <param name="sourceInstanceId">The ended instance.</param>
    /// <param name="eventId">The number of the step.</param>
    /// <param name="options">Id of the new instance, another input for the step.</param>
    /// <param name="cancellation">Gives up.</param>
    /// <returns>The id of the new instance.</returns>
    /// <exception cref="WorkflowInstanceNotFoundException">There is no such instance.</exception>
    /// <exception cref="NotSupportedException">The sidecar is older than 1.16.</exception>
    Task<string> RerunWorkflowFromEventAsync(
        string sourceInstanceId, uint eventId, RerunWorkflowFromEventOptions? options = null, CancellationToken cancellation = default);
}
