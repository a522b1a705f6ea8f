namespace Danube.Dapr.Workflow;

/// <summary>What the worker runs as a workflow. Derive from <see cref="Workflow{TInput, TOutput}"/> instead of implementing it.</summary>
public interface IWorkflow
{
    /// <summary>The type that the input is read into.</summary>
    Type InputType { get; }

    /// <summary>The type of the result.</summary>
    Type OutputType { get; }

    /// <summary>Runs the workflow from its beginning.</summary>
    /// <param name="context">The only door from workflow code to the world.</param>
    /// <param name="input">The input, of type <see cref="InputType"/>.</param>
    /// <returns>The result, of type <see cref="OutputType"/>.</returns>
    Task<object?> RunAsync(WorkflowContext context, object? input);
}
