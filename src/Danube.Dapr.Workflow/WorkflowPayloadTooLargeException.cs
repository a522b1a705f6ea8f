namespace Danube.Dapr.Workflow;

/// <summary>An input, a result, an event or a status is larger than what may be stored (see <see cref="WorkflowRuntimeOptions.MaxPayloadBytes"/>).</summary>
/// <param name="message">Which payload, its size and the limit.</param>
public sealed class WorkflowPayloadTooLargeException(string message) : Exception(message);
