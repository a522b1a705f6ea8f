namespace Danube.Dapr.Workflow;

/// <summary>Why an activity, a child workflow or an instance failed.</summary>
/// <param name="errorType">The exception's type, with namespace, or a word of the sidecar's.</param>
/// <param name="errorMessage">The exception's message.</param>
/// <param name="stackTrace">Where it was thrown, if known.</param>
public class WorkflowTaskFailureDetails(string errorType, string errorMessage, string? stackTrace = null)
{
    /// <summary>The exception's type, with namespace, or a word of the sidecar's.</summary>
    public string ErrorType { get; } = errorType ?? throw new ArgumentNullException(nameof(errorType));

    /// <summary>The exception's message.</summary>
    public string ErrorMessage { get; } = errorMessage ?? throw new ArgumentNullException(nameof(errorMessage));

    /// <summary>Where it was thrown, if known.</summary>
    public string? StackTrace { get; } = stackTrace;

    /// <summary>What caused it, if that is known.</summary>
    public WorkflowTaskFailureDetails? InnerFailure { get; init; }

    /// <summary>Whether trying again is pointless: no retry policy does then.</summary>
    public bool IsNonRetriable { get; init; }

    /// <summary>Whether the failure is an exception of the given type or of one derived from it.</summary>
    /// <typeparam name="T">The exception type.</typeparam>
    /// <returns><see langword="false"/> also when the type of the failure is not known in this process.</returns>
    public bool IsCausedBy<T>() where T : Exception
    {
        Type? type = typeof(T).FullName == ErrorType ? typeof(T) : Type.GetType(ErrorType, throwOnError: false);
        type ??= AppDomain.CurrentDomain.GetAssemblies().Select(assembly => assembly.GetType(ErrorType, throwOnError: false)).FirstOrDefault(found => found is not null);
        return typeof(T).IsAssignableFrom(type);
    }

    /// <summary>Type and message.</summary>
    public override string ToString() => $"{ErrorType}: {ErrorMessage}";
}
