using System.Diagnostics;
using Danube.Dapr.TaskHub;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;

namespace Danube.Dapr.Workflow.Engine;

/// <summary>
/// One turn of one instance: runs the workflow's code from its beginning over the past events, lets it go on with the new ones, and
/// answers with the steps that it has newly asked for.
/// </summary>
/// <remarks>
/// The code runs on the thread of the turn only. There is no scheduler: with neither synchronization context nor task scheduler set,
/// the continuations of the tasks that the code awaits run inside the call that ends the task.
/// </remarks>
internal sealed partial class WorkflowTurn
{
    private readonly WorkflowRequest _request;
    private readonly WorkflowEnvironment _environment;
    private readonly IServiceProvider _services;
    private readonly TurnSteps _steps;
    private readonly ILogger _logger;
    private readonly Queue<HistoryEvent> _heldWhileSuspended = new();

    private ExecutionStartedEvent? _started;
    private DateTime _startedAt;
    private ExecutionTerminatedEvent? _terminated;
    private Task<object?>? _main;
    private bool _suspended;
    private bool _isRerun;

    private WorkflowTurn(WorkflowRequest request, WorkflowEnvironment environment, IServiceProvider services)
    {
        _request = request;
        _environment = environment;
        _services = services;
        _logger = environment.Logger;
        _steps = new TurnSteps(request, environment);
    }

    public static async ValueTask<WorkflowResponse> RunAsync(WorkflowRequest request, WorkflowEnvironment environment)
    {
        await using AsyncServiceScope scope = environment.Scopes.CreateAsyncScope();
        return new WorkflowTurn(request, environment, scope.ServiceProvider).Run();
    }

    private WorkflowResponse Run()
    {
        SynchronizationContext? callersContext = SynchronizationContext.Current;
        Activity? callersActivity = Activity.Current;
        SynchronizationContext.SetSynchronizationContext(null);
        Activity.Current = null;
        try
        {
            _steps.Enter();
            _steps.IsReplaying = true;
            foreach (HistoryEvent past in _request.PastEvents)
                Process(past);
            CheckHistoryIsUsedUp();
            _steps.IsReplaying = false;
            foreach (HistoryEvent next in _request.NewEvents)
                Process(next);
            return Answer();
        }
        catch (NonDeterministicWorkflowException e)
        {
            LogNonDeterministic(_request.InstanceId, e.Message);
            return End(new CompleteWorkflowAction { WorkflowStatus = OrchestrationStatus.Failed, FailureDetails = Failures.ToWire(e) }, []);
        }
        catch (WorkflowNotFoundException e)
        {
            return Fail(WorkflowNotFoundException.ErrorType, e.Message);
        }
        finally
        {
            _steps.Leave();
            Activity.Current = callersActivity;
            SynchronizationContext.SetSynchronizationContext(callersContext);
        }
    }

    private void Process(HistoryEvent next)
    {
        if (_terminated is not null)
            return;
        switch (next.EventTypeCase)
        {
            case HistoryEvent.EventTypeOneofCase.WorkflowStarted:
                _steps.CurrentUtc = next.Timestamp.ToDateTime();
                break;
            case HistoryEvent.EventTypeOneofCase.ExecutionTerminated:
                _terminated = next.ExecutionTerminated;
                break;
            case HistoryEvent.EventTypeOneofCase.ExecutionSuspended:
                _suspended = true;
                break;
            case HistoryEvent.EventTypeOneofCase.ExecutionResumed:
                _suspended = false;
                while (!_suspended && _heldWhileSuspended.TryDequeue(out HistoryEvent? held))
                    Deliver(held);
                break;
            case HistoryEvent.EventTypeOneofCase.TaskScheduled:
                _isRerun |= next.TaskScheduled.RerunParentInstanceInfo is not null;
                _steps.Acknowledge(next);
                break;
            case HistoryEvent.EventTypeOneofCase.TimerCreated:
                _isRerun |= next.TimerCreated.RerunParentInstanceInfo is not null;
                _steps.Acknowledge(next);
                break;
            case HistoryEvent.EventTypeOneofCase.ChildWorkflowInstanceCreated:
                _isRerun |= next.ChildWorkflowInstanceCreated.RerunParentInstanceInfo is not null;
                _steps.Acknowledge(next);
                break;
            default:
                if (_suspended)
                    _heldWhileSuspended.Enqueue(next);
                else
                    Deliver(next);
                break;
        }
    }

    private void Deliver(HistoryEvent next)
    {
        switch (next.EventTypeCase)
        {
            case HistoryEvent.EventTypeOneofCase.ExecutionStarted:
                Start(next);
                break;
            case HistoryEvent.EventTypeOneofCase.EventRaised when _main is null or { IsCompleted: true }:
                _steps.Events.Keep(next);
                break;
            case HistoryEvent.EventTypeOneofCase.EventRaised:
                _steps.Events.Deliver(next);
                break;
            default:
                // Whatever ends after the code has ended is of no interest to it any more.
                if (_main is { IsCompleted: false })
                    _steps.Complete(next);
                break;
        }
        _steps.CancelWaits();
    }

    private void Start(HistoryEvent first)
    {
        if (_started is not null)
            return;
        _started = first.ExecutionStarted;
        _startedAt = first.Timestamp.ToDateTime();
        _isRerun |= _started.WorkflowInstance is { InstanceId: { Length: > 0 } source } && source != _request.InstanceId;
        _steps.Begin(_started, first.Router);
        // No span of its own, for it would be one per turn: it lets the code's log lines carry the trace.
        if (WorkflowTracing.Parse(_started.ParentTraceContext) is { TraceId: var trace } parent && trace != default)
            new Activity("workflow").SetParentId(trace, parent.SpanId, parent.TraceFlags).Start();
        Func<IServiceProvider, IWorkflow> factory = _environment.Registry.FindWorkflow(_started.Name) ?? throw new WorkflowNotFoundException(_started.Name, _environment.Registry);
        _main = RunCodeAsync(factory, _started);
    }

    private async Task<object?> RunCodeAsync(Func<IServiceProvider, IWorkflow> factory, ExecutionStartedEvent started)
    {
        IWorkflow workflow = factory(_services);
        object? input = _environment.Payloads.Read(workflow.InputType, started.Input, $"input of workflow '{started.Name}'");
        return await workflow.RunAsync(new TurnContext(_steps, started.Name), input);
    }

    /// <summary>
    /// Every step of a saved turn is in the history. What the code has asked for and the history lacks, at the end of the past, is a change
    /// of the code. A rerun copies only a part of the history of another instance, and a suspended turn saves no step.
    /// </summary>
    private void CheckHistoryIsUsedUp()
    {
        if (_request.PastEvents.Count == 0 || _suspended || _isRerun || _terminated is not null)
            return;
        if (_steps.Unsaved.FirstOrDefault() is { } step)
        {
            throw new NonDeterministicWorkflowException(
                $"The code of workflow '{_started?.Name}' asks for {step} as step #{step.Id}, but its history went on without it.");
        }
        if (_main is { IsCompleted: true })
        {
            throw new NonDeterministicWorkflowException(
                $"The code of workflow '{_started?.Name}' ends where its history went on{(_main.Exception is { } e ? $" ({e.InnerException?.Message})" : "")}.");
        }
    }

    private WorkflowResponse Answer()
    {
        if (_terminated is not null)
            return End(new CompleteWorkflowAction { WorkflowStatus = OrchestrationStatus.Terminated, Result = _terminated.Input }, []);
        if (_suspended)
            return Respond([]);
        if (_main is null)
            return Fail("WorkflowHistoryInvalid", "The history has no executionStarted event.");
        if (_main.IsCompleted)
        {
            // A timer that nobody waits for is not worth starting.
            return End(GetEnd(_main), _steps.Unsaved.Where(step => step.Kind != TaskKind.Timer));
        }
        if (_steps.WaitsForNothing)
        {
            return Fail(
                "WorkflowAwaitsForeignTask",
                $"The code of workflow '{_started?.Name}' awaits something that is no activity, child workflow, timer or event of its context, and would wait for ever. Move it into an activity.");
        }
        return Respond(_steps.Unsaved);
    }

    private CompleteWorkflowAction GetEnd(Task<object?> main)
    {
        try
        {
            object? result = main.GetAwaiter().GetResult();
            if (_steps.Continuation is not { } continuation)
            {
                string? output = _environment.Payloads.Write(result, $"result of workflow '{_started!.Name}'");
                return new CompleteWorkflowAction { WorkflowStatus = OrchestrationStatus.Completed, Result = output };
            }
            var end = new CompleteWorkflowAction { WorkflowStatus = OrchestrationStatus.ContinuedAsNew, Result = continuation.Input };
            if (continuation.KeepEvents)
                end.CarryoverEvents.AddRange(_steps.Events.Unclaimed);
            return end;
        }
        catch (Exception e)
        {
            return new CompleteWorkflowAction { WorkflowStatus = OrchestrationStatus.Failed, FailureDetails = Failures.ToWire(e) };
        }
    }

    private WorkflowResponse Fail(string errorType, string message) =>
        End(new CompleteWorkflowAction { WorkflowStatus = OrchestrationStatus.Failed, FailureDetails = Failures.ToWire(errorType, message, isNonRetriable: true) }, []);

    private WorkflowResponse End(CompleteWorkflowAction end, IEnumerable<OpenTask> steps)
    {
        WorkflowResponse response = Respond(steps, end);
        if (_started is not null)
        {
            end = response.Actions[^1].CompleteWorkflow;
            WorkflowTracing.RecordWorkflow(_started.Name, _request.InstanceId, _started.ParentTraceContext, _startedAt, end);
            LogEnded(_started.Name, _request.InstanceId, end.WorkflowStatus, end.FailureDetails?.ErrorMessage);
        }
        return response;
    }

    private WorkflowResponse Respond(IEnumerable<OpenTask> steps, CompleteWorkflowAction? end = null)
    {
        var response = new WorkflowResponse { InstanceId = _request.InstanceId, CustomStatus = _steps.CustomStatus };
        if (_steps.Patches.Any())
            response.Version = new WorkflowVersion { Patches = { _steps.Patches } };
        response.Actions.AddRange(steps.Select(step => step.Action));
        if (end is not null)
            response.Actions.Add(new WorkflowAction { Id = _steps.NextId, CompleteWorkflow = end });

        int bytes = response.CalculateSize();
        if (bytes <= _environment.MaxTurnBytes)
            return response;
        response.Actions.Clear();
        response.Actions.Add(new WorkflowAction
        {
            Id = _steps.NextId,
            CompleteWorkflow = new CompleteWorkflowAction
            {
                WorkflowStatus = OrchestrationStatus.Failed,
                FailureDetails = Failures.ToWire(new WorkflowPayloadTooLargeException(
                    $"One turn of workflow '{_started?.Name}' answers with {bytes} bytes; at most {_environment.MaxTurnBytes} are allowed (WorkflowRuntimeOptions.MaxTurnBytes). Start fewer steps at a time or pass references to data.")),
            },
        });
        return response;
    }

    [LoggerMessage(1, LogLevel.Error, "Workflow instance {InstanceId} no longer fits its history and fails: {Reason}")]
    private partial void LogNonDeterministic(string instanceId, string reason);

    [LoggerMessage(2, LogLevel.Information, "Workflow {Workflow}, instance {InstanceId}, ended as {Status} {Error}")]
    private partial void LogEnded(string workflow, string instanceId, OrchestrationStatus status, string? error);
}
