using Danube.Dapr.TaskHub;

namespace Danube.Dapr.Workflow.Engine;

internal enum TaskKind
{
    Activity,
    ChildWorkflow,
    Timer,
}

/// <summary>A step that the workflow has asked for and that has not ended.</summary>
internal sealed class OpenTask(TaskKind kind, WorkflowAction action, string name)
{
    // Continuations run inside SetResult, on the thread of the turn: that is what keeps workflow code on one thread without a scheduler.
    private readonly TaskCompletionSource<string?> _source = new();

    public TaskKind Kind { get; } = kind;

    public WorkflowAction Action { get; } = action;

    public int Id => Action.Id;

    /// <summary>The name of the activity or child; for a timer what it is for.</summary>
    public string Name { get; } = name;

    /// <summary>Ends with the result's JSON.</summary>
    public Task<string?> Result => _source.Task;

    /// <summary>The attempt's key: what the history says once it has said it, else what was derived.</summary>
    public string TaskExecutionId { get; set; } = action.ScheduleTask?.TaskExecutionId ?? "";

    /// <summary>When a timer fires; what the history says once it has said it.</summary>
    public DateTime FireAt { get; set; } = action.CreateTimer?.FireAt.ToDateTime() ?? default;

    /// <summary>
    /// Whether the step is no longer to be started: its end came before its beginning was saved, or it was given up in the same turn.
    /// </summary>
    public bool IsWithdrawn { get; set; }

    /// <summary>Whether workflow code may wait for its end.</summary>
    public bool IsAwaited { get; set; } = true;

    public void Complete(string? result) => _source.TrySetResult(result);

    public void Fail(TaskFailureDetails? failure)
    {
        WorkflowTaskFailureDetails details = Failures.FromWire(failure);
        string kind = Kind == TaskKind.Activity ? "Activity" : "Child workflow";
        _source.TrySetException(new WorkflowTaskFailedException($"{kind} '{Name}' (#{Id}) failed: {details.ErrorType}: {details.ErrorMessage}", details));
    }

    public void Cancel(CancellationToken token) => _source.TrySetCanceled(token);

    public override string ToString() => Describe(Kind, Name);

    public static string Describe(TaskKind kind, string name) => kind switch
    {
        TaskKind.Activity => $"activity '{name}'",
        TaskKind.ChildWorkflow => $"child workflow '{name}'",
        _ => "timer",
    };
}
