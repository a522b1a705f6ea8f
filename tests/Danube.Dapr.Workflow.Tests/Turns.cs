using System.Text.Json;
using Danube.Dapr.TaskHub;
using Danube.Dapr.Workflow.Engine;
using Google.Protobuf.WellKnownTypes;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Logging;

namespace Danube.Dapr.Workflow.Tests;

/// <summary>Builds work items by hand and runs single turns.</summary>
internal static class Turns
{
    public const string InstanceId = "wf-1";

    private static readonly DateTime Start = new(2026, 3, 1, 12, 0, 0, DateTimeKind.Utc);

    public static WorkflowEnvironment Environment(Action<WorkflowRuntimeOptions> configure, ILoggerFactory? logging = null)
    {
        var options = new WorkflowRuntimeOptions();
        configure(options);
        return WorkflowEnvironment.Create(options, new ServiceCollection().BuildServiceProvider(), logging ?? NullLoggerFactory.Instance);
    }

    public static WorkflowEnvironment Environment<TIn, TOut>(Func<WorkflowContext, TIn, Task<TOut>> workflow) =>
        Environment(options => options.RegisterWorkflow("Test", workflow));

    public static async Task<WorkflowResponse> RunAsync(WorkflowEnvironment environment, HistoryEvent[] past, params HistoryEvent[] next)
    {
        var request = new WorkflowRequest { InstanceId = InstanceId };
        request.PastEvents.AddRange(past);
        request.NewEvents.AddRange(next);
        return await WorkflowTurn.RunAsync(request, environment);
    }

    public static Task<WorkflowResponse> RunAsync<TOut>(Func<WorkflowContext, string?, Task<TOut>> workflow, HistoryEvent[] past, params HistoryEvent[] next) =>
        RunAsync(Environment(workflow), past, next);

    public static HistoryEvent[] Begin(object? input = null, string executionId = "run-1", int second = 0) =>
        [TurnStarted(second), Event(-1, second, e => e.ExecutionStarted = new ExecutionStartedEvent
        {
            Name = "Test",
            Input = input is null ? null : JsonSerializer.Serialize(input),
            WorkflowInstance = new WorkflowInstance { InstanceId = InstanceId, ExecutionId = executionId },
        })];

    public static HistoryEvent TurnStarted(int second, params string[] patches) => Event(-1, second, e => e.WorkflowStarted = new WorkflowStartedEvent
    {
        Version = patches.Length == 0 ? null : new WorkflowVersion { Patches = { patches } },
    });

    public static HistoryEvent Scheduled(int id, string name, string taskExecutionId = "") =>
        Event(id, 0, e => e.TaskScheduled = new TaskScheduledEvent { Name = name, TaskExecutionId = taskExecutionId });

    public static HistoryEvent Completed(int id, object? result, string taskExecutionId = "") => Event(-1, 0, e => e.TaskCompleted = new TaskCompletedEvent
    {
        TaskScheduledId = id,
        Result = result is null ? null : JsonSerializer.Serialize(result),
        TaskExecutionId = taskExecutionId,
    });

    public static HistoryEvent Failed(int id, TaskFailureDetails failure) =>
        Event(-1, 0, e => e.TaskFailed = new TaskFailedEvent { TaskScheduledId = id, FailureDetails = failure });

    public static HistoryEvent TimerCreated(int id, int fireAtSecond) => Event(id, 0, e => e.TimerCreated = new TimerCreatedEvent { FireAt = At(fireAtSecond) });

    public static HistoryEvent TimerFired(int id, int fireAtSecond) =>
        Event(-1, fireAtSecond, e => e.TimerFired = new TimerFiredEvent { TimerId = id, FireAt = At(fireAtSecond) });

    public static HistoryEvent ChildCreated(int id, string name) =>
        Event(id, 0, e => e.ChildWorkflowInstanceCreated = new ChildWorkflowInstanceCreatedEvent { Name = name, InstanceId = "child" });

    public static HistoryEvent Raised(string name, object? data = null) =>
        Event(-1, 0, e => e.EventRaised = new EventRaisedEvent { Name = name, Input = data is null ? null : JsonSerializer.Serialize(data) });

    public static HistoryEvent Suspended() => Event(-1, 0, e => e.ExecutionSuspended = new ExecutionSuspendedEvent());

    public static HistoryEvent Resumed() => Event(-1, 0, e => e.ExecutionResumed = new ExecutionResumedEvent());

    public static HistoryEvent Terminated(object? output = null) => Event(-1, 0, e => e.ExecutionTerminated = new ExecutionTerminatedEvent
    {
        Input = output is null ? null : JsonSerializer.Serialize(output),
    });

    public static Timestamp At(int second) => Timestamp.FromDateTime(Start.AddSeconds(second));

    public static string End(WorkflowResponse response)
    {
        CompleteWorkflowAction? end = response.Actions.LastOrDefault()?.CompleteWorkflow;
        return end is null
            ? $"waits after {response.Actions.Count} steps"
            : $"{end.WorkflowStatus} {end.Result}{end.FailureDetails?.ErrorType}{(end.FailureDetails is null ? "" : ": ")}{end.FailureDetails?.ErrorMessage}";
    }

    public static string[] Steps(WorkflowResponse response) => [.. response.Actions.Select(action => action.WorkflowActionTypeCase switch
    {
        WorkflowAction.WorkflowActionTypeOneofCase.ScheduleTask => $"{action.Id} activity {action.ScheduleTask.Name} {action.ScheduleTask.Input}".TrimEnd(),
        WorkflowAction.WorkflowActionTypeOneofCase.CreateChildWorkflow => $"{action.Id} child {action.CreateChildWorkflow.Name} {action.CreateChildWorkflow.Input}".TrimEnd(),
        WorkflowAction.WorkflowActionTypeOneofCase.CreateTimer => $"{action.Id} timer {action.CreateTimer.FireAt.ToDateTime():O} {action.CreateTimer.OriginCase}",
        _ => $"{action.Id} {action.CompleteWorkflow.WorkflowStatus} {action.CompleteWorkflow.Result}".TrimEnd(),
    })];

    private static HistoryEvent Event(int id, int second, Action<HistoryEvent> fill)
    {
        var e = new HistoryEvent { EventId = id, Timestamp = At(second) };
        fill(e);
        return e;
    }
}
