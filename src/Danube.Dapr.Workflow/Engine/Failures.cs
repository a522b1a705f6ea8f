using Danube.Dapr.TaskHub;

namespace Danube.Dapr.Workflow.Engine;

/// <summary>Turns exceptions into failure details for the wire, and those into what users read.</summary>
internal static class Failures
{
    // Failure details live in the history like results do: deep chains and long traces are cut.
    private const int MaxDepth = 8;
    private const int MaxTextLength = 8 * 1024;

    public static TaskFailureDetails ToWire(Exception exception) => ToWire(exception, 1);

    public static TaskFailureDetails ToWire(string errorType, string message, bool isNonRetriable) =>
        new() { ErrorType = errorType, ErrorMessage = message, IsNonRetriable = isNonRetriable };

    public static WorkflowTaskFailureDetails FromWire(TaskFailureDetails? wire) => wire is null
        ? new WorkflowTaskFailureDetails("Unknown", "The sidecar reported a failure without details.")
        : new WorkflowTaskFailureDetails(wire.ErrorType, wire.ErrorMessage, string.IsNullOrEmpty(wire.StackTrace) ? null : wire.StackTrace)
        {
            InnerFailure = wire.InnerFailure is null ? null : FromWire(wire.InnerFailure),
            IsNonRetriable = wire.IsNonRetriable,
        };

    private static TaskFailureDetails ToWire(Exception exception, int depth)
    {
        var wire = new TaskFailureDetails
        {
            ErrorType = exception.GetType().FullName ?? exception.GetType().Name,
            ErrorMessage = Cut(exception.Message),
            StackTrace = Cut(exception.StackTrace ?? ""),
            IsNonRetriable = IsNonRetriable(exception),
        };
        if (depth < MaxDepth)
        {
            wire.InnerFailure = exception is WorkflowTaskFailedException failed
                ? ToWire(failed.FailureDetails, depth + 1)
                : exception.InnerException is { } inner ? ToWire(inner, depth + 1) : null;
        }
        return wire;
    }

    private static TaskFailureDetails ToWire(WorkflowTaskFailureDetails details, int depth) => new()
    {
        ErrorType = details.ErrorType,
        ErrorMessage = Cut(details.ErrorMessage),
        StackTrace = Cut(details.StackTrace ?? ""),
        IsNonRetriable = details.IsNonRetriable,
        InnerFailure = details.InnerFailure is { } inner && depth < MaxDepth ? ToWire(inner, depth + 1) : null,
    };

    private static bool IsNonRetriable(Exception exception) => exception switch
    {
        NonRetriableTaskException or NonDeterministicWorkflowException or WorkflowPayloadTooLargeException => true,
        WorkflowTaskFailedException failed => failed.FailureDetails.IsNonRetriable,
        _ => false,
    };

    private static string Cut(string text) => text.Length <= MaxTextLength ? text : string.Concat(text.AsSpan(0, MaxTextLength), "…");
}
