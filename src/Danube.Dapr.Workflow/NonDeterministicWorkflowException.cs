namespace Danube.Dapr.Workflow;

/// <summary>
/// The workflow's code no longer takes the steps that its recorded history has. The instance fails with this error.
/// </summary>
/// <param name="message">Which step differs, and how.</param>
public sealed class NonDeterministicWorkflowException(string message) : Exception(message);
