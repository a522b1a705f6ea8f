using Danube.Dapr.TaskHub;
using Google.Protobuf.WellKnownTypes;

namespace Danube.Dapr.LocalSidecar.Tests.Workflows;

/// <summary>Workflows as functions from a turn to its answer.</summary>
internal static class Scripts
{
    public static IReadOnlyDictionary<string, Func<WorkflowRequest, WorkflowResponse>> Workflows { get; } = new Dictionary<string, Func<WorkflowRequest, WorkflowResponse>>(StringComparer.Ordinal)
    {
        ["NoTasks"] = static r => Complete(0, "done " + r.Input()),
        ["Hello"] = static r => r.Result(0) is { } result ? Complete(1, result) : Schedule((0, "Greet", r.Input())),
        ["Sequence"] = static r => r.Result(2) is { } last ? Complete(3, last)
            : r.Result(1) is { } second ? Schedule((2, "Greet", second))
            : r.Result(0) is { } first ? Schedule((1, "Greet", first))
            : Schedule((0, "Greet", r.Input())),
        ["FanOut"] = static r => Enumerable.Range(0, 100).All(i => r.Result(i) is not null) ? Complete(100, "100")
            : r.PastEvents.Count == 0 ? Schedule([.. Enumerable.Range(0, 100).Select(i => (i, "Greet", (string?)$"{i}"))])
            : Answer(),
        ["WaitEvent"] = static r => r.Terminated() ?? (r.Suspended() ? Answer() : r.Raised("go") is { } e ? Complete(0, e.Input ?? "") : Answer()),
        ["Timer"] = static r => r.All().Any(static e => e.TimerFired is not null) ? Complete(1, "fired")
            : r.PastEvents.Count == 0 ? Answer(new WorkflowAction { CreateTimer = new CreateTimerAction { FireAt = Timestamp.FromDateTimeOffset(r.Now() + TimeSpan.FromHours(1)), CreateTimer = new TimerOriginCreateTimer() } })
            : Answer(),
        ["Parent"] = static r => r.Terminated()
            ?? (r.All().Select(static e => e.ChildWorkflowInstanceCompleted).FirstOrDefault(static e => e is not null) is { } done ? Complete(1, "child: " + done.Result)
            : r.All().Select(static e => e.ChildWorkflowInstanceFailed).FirstOrDefault(static e => e is not null) is { } failed ? Complete(1, "failed: " + failed.FailureDetails.ErrorMessage)
            : r.PastEvents.Count == 0 ? Answer(new WorkflowAction { CreateChildWorkflow = new CreateChildWorkflowAction { Name = r.Input() ?? "Hello", Input = "kid", InstanceId = r.InstanceId + "-child" } })
            : Answer()),
        ["Count"] = static r => int.Parse(r.Input() ?? "0", System.Globalization.CultureInfo.InvariantCulture) is var n && n == 3 ? Complete(0, "3")
            : Answer(new WorkflowAction { CompleteWorkflow = new CompleteWorkflowAction { WorkflowStatus = OrchestrationStatus.ContinuedAsNew, Result = $"{n + 1}" } }),
        ["SendEvent"] = static r => Answer(new WorkflowAction { SendEvent = new SendEventAction { Instance = new WorkflowInstance { InstanceId = "other" }, Name = "go" } }),
        ["Fail"] = static r => Answer(new WorkflowAction
        {
            CompleteWorkflow = new CompleteWorkflowAction { WorkflowStatus = OrchestrationStatus.Failed, FailureDetails = new TaskFailureDetails { ErrorType = "T", ErrorMessage = "it fails" } },
        }),
    };

    public static Task<ActivityResponse> Activity(ActivityRequest request) => Task.FromResult(new ActivityResponse { Result = request.Input + "!" });

    public static WorkflowResponse Answer(params WorkflowAction[] actions) => new() { Actions = { actions } };

    public static WorkflowResponse Complete(int id, string result) =>
        Answer(new WorkflowAction { Id = id, CompleteWorkflow = new CompleteWorkflowAction { WorkflowStatus = OrchestrationStatus.Completed, Result = result } });

    public static WorkflowResponse Schedule(params (int Id, string Name, string? Input)[] tasks) =>
        Answer([.. tasks.Select(static t => new WorkflowAction { Id = t.Id, ScheduleTask = new ScheduleTaskAction { Name = t.Name, Input = t.Input, TaskExecutionId = $"task-{t.Id}" } })]);

    public static IEnumerable<HistoryEvent> All(this WorkflowRequest request) => request.PastEvents.Concat(request.NewEvents);

    public static string? Input(this WorkflowRequest request) => request.All().First(static e => e.ExecutionStarted is not null).ExecutionStarted.Input;

    public static DateTimeOffset Now(this WorkflowRequest request) => request.All().Last(static e => e.WorkflowStarted is not null).Timestamp.ToDateTimeOffset();

    public static string? Result(this WorkflowRequest request, int id) => request.All().FirstOrDefault(e => e.TaskCompleted?.TaskScheduledId == id)?.TaskCompleted.Result;

    public static EventRaisedEvent? Raised(this WorkflowRequest request, string name) =>
        request.All().FirstOrDefault(e => string.Equals(e.EventRaised?.Name, name, StringComparison.OrdinalIgnoreCase))?.EventRaised;

    public static bool Suspended(this WorkflowRequest request) => request.All().LastOrDefault(static e => e.ExecutionSuspended is not null || e.ExecutionResumed is not null)?.ExecutionSuspended is not null;

    public static WorkflowResponse? Terminated(this WorkflowRequest request) => request.All().FirstOrDefault(static e => e.ExecutionTerminated is not null) is { } e
        ? Answer(new WorkflowAction { Id = 9, CompleteWorkflow = new CompleteWorkflowAction { WorkflowStatus = OrchestrationStatus.Terminated, Result = e.ExecutionTerminated.Input } })
        : null;
}
