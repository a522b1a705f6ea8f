using Microsoft.Extensions.Logging;

namespace Danube.Dapr.Workflow;

/// <summary>
/// The only door from workflow code to the world. Usable only by the code of the workflow, while it runs; any other use throws
/// <see cref="InvalidOperationException"/>.
/// </summary>
public abstract class WorkflowContext : IWorkflowContext
{
    /// <summary>The name of the workflow.</summary>
    public abstract string Name { get; }

    /// <summary>The id of this instance.</summary>
    public abstract string InstanceId { get; }

    /// <inheritdoc/>
    public abstract DateTime CurrentUtcDateTime { get; }

    /// <inheritdoc/>
    public abstract bool IsReplaying { get; }

    /// <inheritdoc/>
    public abstract bool IsPatched(string patchName);

    /// <summary>Calls an activity and waits for its end.</summary>
    /// <param name="name">The name that the activity is registered under.</param>
    /// <param name="input">Its input; JSON-serializable.</param>
    /// <param name="options">Retry policy and app.</param>
    /// <exception cref="WorkflowTaskFailedException">The activity failed and no retry is left.</exception>
    /// <exception cref="WorkflowPayloadTooLargeException">The input is too large.</exception>
    public virtual Task CallActivityAsync(string name, object? input = null, WorkflowTaskOptions? options = null) =>
        CallActivityAsync<object>(name, input, options);

    /// <summary>Calls an activity and waits for its result.</summary>
    /// <typeparam name="T">The type of the result.</typeparam>
    /// <param name="name">The name that the activity is registered under.</param>
    /// <param name="input">Its input; JSON-serializable.</param>
    /// <param name="options">Retry policy and app.</param>
    /// <returns>The activity's result.</returns>
    /// <exception cref="WorkflowTaskFailedException">The activity failed and no retry is left.</exception>
    /// <exception cref="WorkflowPayloadTooLargeException">The input is too large.</exception>
    public abstract Task<T> CallActivityAsync<T>(string name, object? input = null, WorkflowTaskOptions? options = null);

    /// <summary>Waits for a span of time with a durable timer.</summary>
    /// <param name="delay">How long.</param>
    /// <param name="cancellationToken">Ends the wait early, with <see cref="TaskCanceledException"/>.</param>
    public virtual Task CreateTimer(TimeSpan delay, CancellationToken cancellationToken = default) =>
        CreateTimer(CurrentUtcDateTime.Add(delay), cancellationToken);

    /// <summary>Waits until a point in time with a durable timer.</summary>
    /// <param name="fireAt">When; local times are converted, times without a kind are UTC.</param>
    /// <param name="cancellationToken">Ends the wait early, with <see cref="TaskCanceledException"/>.</param>
    public abstract Task CreateTimer(DateTime fireAt, CancellationToken cancellationToken);

    /// <summary>
    /// Waits for an event that is raised to this instance. Events that come before they are waited for are kept, in order; each one
    /// ends one wait, the oldest.
    /// </summary>
    /// <typeparam name="T">The type of the event's data.</typeparam>
    /// <param name="eventName">The event's name; case does not matter.</param>
    /// <param name="cancellationToken">Ends the wait, with <see cref="TaskCanceledException"/>.</param>
    /// <returns>The event's data.</returns>
    public abstract Task<T> WaitForExternalEventAsync<T>(string eventName, CancellationToken cancellationToken = default);

    /// <summary>Waits for an event, but no longer than given.</summary>
    /// <typeparam name="T">The type of the event's data.</typeparam>
    /// <param name="eventName">The event's name; case does not matter.</param>
    /// <param name="timeout">How long; <see cref="Timeout.InfiniteTimeSpan"/> means for ever.</param>
    /// <returns>The event's data.</returns>
    /// <exception cref="TaskCanceledException">The event did not come in time.</exception>
    public abstract Task<T> WaitForExternalEventAsync<T>(string eventName, TimeSpan timeout);

    /// <summary>
    /// Raises an event to another instance of this app. Nobody waits for its arrival, and it is lost if there is no such instance.
    /// The sidecar cannot do this for a workflow, so the worker does it as an activity of its own.
    /// </summary>
    /// <param name="instanceId">The instance that gets it.</param>
    /// <param name="eventName">The event's name.</param>
    /// <param name="payload">The event's data; JSON-serializable.</param>
    public abstract void SendEvent(string instanceId, string eventName, object payload);

    /// <summary>Sets what status queries show beside the status.</summary>
    /// <param name="customStatus">Anything JSON-serializable; <see langword="null"/> clears it.</param>
    public abstract void SetCustomStatus(object? customStatus);

    /// <summary>Runs a child workflow and waits for its result.</summary>
    /// <typeparam name="TResult">The type of the result.</typeparam>
    /// <param name="workflowName">The name that the child is registered under.</param>
    /// <param name="input">Its input; JSON-serializable.</param>
    /// <param name="options">Instance id, retry policy and app.</param>
    /// <returns>The child's result.</returns>
    /// <exception cref="WorkflowTaskFailedException">The child failed or was terminated, and no retry is left.</exception>
    /// <exception cref="WorkflowPayloadTooLargeException">The input is too large.</exception>
    public abstract Task<TResult> CallChildWorkflowAsync<TResult>(string workflowName, object? input = null, ChildWorkflowTaskOptions? options = null);

    /// <summary>Runs a child workflow and waits for its end.</summary>
    /// <param name="workflowName">The name that the child is registered under.</param>
    /// <param name="input">Its input; JSON-serializable.</param>
    /// <param name="options">Instance id, retry policy and app.</param>
    /// <exception cref="WorkflowTaskFailedException">The child failed or was terminated, and no retry is left.</exception>
    /// <exception cref="WorkflowPayloadTooLargeException">The input is too large.</exception>
    public virtual Task CallChildWorkflowAsync(string workflowName, object? input = null, ChildWorkflowTaskOptions? options = null) =>
        CallChildWorkflowAsync<object>(workflowName, input, options);

    /// <summary>Makes a logger that is silent while steps of earlier turns are replayed.</summary>
    /// <param name="categoryName">The logger's category.</param>
    /// <returns>The logger.</returns>
    public abstract ILogger CreateReplaySafeLogger(string categoryName);

    /// <summary>Makes a logger that is silent while steps of earlier turns are replayed.</summary>
    /// <param name="type">The type that names the category.</param>
    /// <returns>The logger.</returns>
    public abstract ILogger CreateReplaySafeLogger(Type type);

    /// <summary>Makes a logger that is silent while steps of earlier turns are replayed.</summary>
    /// <typeparam name="T">The type that names the category.</typeparam>
    /// <returns>The logger.</returns>
    public abstract ILogger CreateReplaySafeLogger<T>();

    /// <summary>
    /// Starts the instance over with a new input and an empty history, under the same id, as soon as the workflow's code returns;
    /// it should do so at once. What is still open is dropped.
    /// </summary>
    /// <param name="newInput">The input of the new run; JSON-serializable.</param>
    /// <param name="preserveUnprocessedEvents">Whether events that were raised and not yet waited for go over into the new run.</param>
    public abstract void ContinueAsNew(object? newInput = null, bool preserveUnprocessedEvents = true);

    /// <summary>Makes a GUID that is the same at each replay: a version 5 UUID of instance, run and a counter.</summary>
    /// <returns>The GUID.</returns>
    public abstract Guid NewGuid();
}
