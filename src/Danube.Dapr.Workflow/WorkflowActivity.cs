using Danube.Dapr.Workflow.Abstractions;

namespace Danube.Dapr.Workflow;

/// <summary>
/// One step of work that a workflow asks for. It may do anything, but has to be idempotent.
/// </summary>
/// <remarks>
/// An activity runs at least once: when the sidecar cannot save the turn that asked for it, or the process ends before the result was
/// taken, it runs again, possibly while the first run still goes on. Key what it does by
/// <see cref="WorkflowActivityContext.InstanceId"/> and <see cref="WorkflowActivityContext.TaskExecutionKey"/>, or look before acting.
/// A new instance is made by dependency injection, in a scope of its own, for each run.
/// </remarks>
/// <typeparam name="TInput">The type of the input; JSON-serializable.</typeparam>
/// <typeparam name="TOutput">The type of the result; JSON-serializable.</typeparam>
public abstract class WorkflowActivity<TInput, TOutput> : IWorkflowActivity
{
    Type IWorkflowActivity.InputType => typeof(TInput);

    Type IWorkflowActivity.OutputType => typeof(TOutput);

    async Task<object?> IWorkflowActivity.RunAsync(WorkflowActivityContext context, object? input) => await RunAsync(context, (TInput)input!);

    /// <summary>The activity's code.</summary>
    /// <param name="context">Whom the activity works for.</param>
    /// <param name="input">The input that the workflow gave.</param>
    /// <returns>
    /// The result. An exception that leaves this method fails this attempt, and reaches the workflow as
    /// <see cref="WorkflowTaskFailedException"/> once the retry policy of the call is used up.
    /// </returns>
    public abstract Task<TOutput> RunAsync(WorkflowActivityContext context, TInput input);
}
