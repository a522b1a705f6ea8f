namespace Danube.Dapr.Workflow;

/// <summary>
/// Thrown by an activity (or a workflow that is a child) to say that trying again is pointless: retry policies give up at once.
/// </summary>
/// <param name="message">What is wrong.</param>
/// <param name="innerException">What caused it, if anything.</param>
public class NonRetriableTaskException(string message, Exception? innerException = null) : Exception(message, innerException);
