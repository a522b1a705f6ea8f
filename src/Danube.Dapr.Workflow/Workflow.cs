namespace Danube.Dapr.Workflow;

/// <summary>
/// A workflow: code that decides what happens, in which order, and survives the process it runs in.
/// </summary>
/// <remarks>
/// The code runs again from its beginning whenever something new happened, and every step that was done already answers from the
/// recorded history. So it has to take the same steps each time: no clock, random number, environment, I/O or awaiting of anything
/// but the tasks that <see cref="WorkflowContext"/> returns (and <see cref="Task.WhenAll(Task[])"/>,
/// <see cref="Task.WhenAny(Task[])"/> of them). Work with side effects belongs in a <see cref="WorkflowActivity{TInput, TOutput}"/>.
/// </remarks>
/// <typeparam name="TInput">The type of the input; JSON-serializable.</typeparam>
/// <typeparam name="TOutput">The type of the result; JSON-serializable.</typeparam>
public abstract class Workflow<TInput, TOutput> : IWorkflow
{
    Type IWorkflow.InputType => typeof(TInput);

    Type IWorkflow.OutputType => typeof(TOutput);

    async Task<object?> IWorkflow.RunAsync(WorkflowContext context, object? input) => await RunAsync(context, (TInput)input!);

    /// <summary>The workflow's code.</summary>
    /// <param name="context">Calls activities and children, waits for time and events.</param>
    /// <param name="input">The input that the instance was started with.</param>
    /// <returns>The result of the instance. An exception that leaves this method fails the instance.</returns>
    public abstract Task<TOutput> RunAsync(WorkflowContext context, TInput input);
}
