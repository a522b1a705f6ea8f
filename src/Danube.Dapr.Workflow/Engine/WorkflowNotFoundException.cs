namespace Danube.Dapr.Workflow.Engine;

/// <summary>An instance names a workflow that this app does not run.</summary>
internal sealed class WorkflowNotFoundException(string name, WorkflowRegistry registry)
    : Exception($"The workflow '{name}' is not registered in this app; registered are: {string.Join(", ", registry.WorkflowNames)}.")
{
    public const string ErrorType = "WorkflowNotFound";
}
