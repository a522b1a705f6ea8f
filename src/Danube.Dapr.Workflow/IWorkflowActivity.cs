namespace Danube.Dapr.Workflow.Abstractions;

/// <summary>What the worker runs as an activity. Derive from <see cref="WorkflowActivity{TInput, TOutput}"/> instead of implementing it.</summary>
public interface IWorkflowActivity
{
    /// <summary>The type that the input is read into.</summary>
    Type InputType { get; }

    /// <summary>The type of the result.</summary>
    Type OutputType { get; }

    /// <summary>Runs the activity once.</summary>
    /// <param name="context">Whom the activity works for.</param>
    /// <param name="input">The input, of type <see cref="InputType"/>.</param>
    /// <returns>The result, of type <see cref="OutputType"/>.</returns>
    Task<object?> RunAsync(WorkflowActivityContext context, object? input);
}
