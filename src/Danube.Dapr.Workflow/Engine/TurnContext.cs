using Danube.Dapr.TaskHub;
using Microsoft.Extensions.Logging;

namespace Danube.Dapr.Workflow.Engine;

/// <summary>The context that workflow code sees during one turn.</summary>
internal sealed class TurnContext(TurnSteps steps, string name) : WorkflowContext
{
    public override string Name => name;

    public override string InstanceId => steps.InstanceId;

    public override DateTime CurrentUtcDateTime => steps.CurrentUtc;

    public override bool IsReplaying => steps.IsReplaying;

    public override bool IsPatched(string patchName)
    {
        steps.CheckCaller();
        ArgumentException.ThrowIfNullOrWhiteSpace(patchName);
        return steps.IsPatched(patchName);
    }

    public override async Task<T> CallActivityAsync<T>(string name, object? input = null, WorkflowTaskOptions? options = null)
    {
        steps.CheckCaller();
        ArgumentException.ThrowIfNullOrWhiteSpace(name);
        string? json = steps.Payloads.Write(input, $"input of activity '{name}'");
        string? result = await RunWithRetriesAsync(
            options?.RetryPolicy,
            () => steps.StartActivity(name, json, options?.TargetAppId),
            failed => new CreateTimerAction { ActivityRetry = new TimerOriginActivityRetry { TaskExecutionId = failed.TaskExecutionId } });
        return steps.Payloads.Read<T>(result, $"result of activity '{name}'");
    }

    public override async Task<TResult> CallChildWorkflowAsync<TResult>(string workflowName, object? input = null, ChildWorkflowTaskOptions? options = null)
    {
        steps.CheckCaller();
        ArgumentException.ThrowIfNullOrWhiteSpace(workflowName);
        if (options?.InstanceId is { } childId)
            InstanceIds.Check(childId, "options.InstanceId");
        string? json = steps.Payloads.Write(input, $"input of child workflow '{workflowName}'");
        string? result = await RunWithRetriesAsync(
            options?.RetryPolicy,
            () => steps.StartChild(workflowName, json, options?.InstanceId, options?.TargetAppId),
            failed => new CreateTimerAction
            {
                ChildWorkflowRetry = new TimerOriginChildWorkflowRetry { InstanceId = failed.Action.CreateChildWorkflow.InstanceId },
            });
        return steps.Payloads.Read<TResult>(result, $"result of child workflow '{workflowName}'");
    }

    public override async Task CreateTimer(DateTime fireAt, CancellationToken cancellationToken)
    {
        steps.CheckCaller();
        cancellationToken.ThrowIfCancellationRequested();
        OpenTask timer = steps.StartTimer(fireAt, new CreateTimerAction { CreateTimer = new TimerOriginCreateTimer() });
        steps.CancelWith(timer.Result, () =>
        {
            steps.GiveUp(timer);
            timer.Cancel(cancellationToken);
        }, cancellationToken);
        await timer.Result;
    }

    public override async Task<T> WaitForExternalEventAsync<T>(string eventName, CancellationToken cancellationToken = default)
    {
        steps.CheckCaller();
        ArgumentException.ThrowIfNullOrWhiteSpace(eventName);
        if (steps.Events.TryTake(eventName, out HistoryEvent? raised))
            return ReadEvent<T>(eventName, raised.EventRaised.Input);
        cancellationToken.ThrowIfCancellationRequested();
        EventInbox.Waiter waiter = steps.Events.Wait(eventName);
        steps.CancelWith(waiter.Data, () =>
        {
            steps.Events.GiveUp(waiter);
            waiter.Cancel(cancellationToken);
        }, cancellationToken);
        return ReadEvent<T>(eventName, await waiter.Data);
    }

    public override async Task<T> WaitForExternalEventAsync<T>(string eventName, TimeSpan timeout)
    {
        if (timeout == Timeout.InfiniteTimeSpan)
            return await WaitForExternalEventAsync<T>(eventName, CancellationToken.None);
        steps.CheckCaller();
        ArgumentException.ThrowIfNullOrWhiteSpace(eventName);
        if (steps.Events.TryTake(eventName, out HistoryEvent? raised))
            return ReadEvent<T>(eventName, raised.EventRaised.Input);
        EventInbox.Waiter waiter = steps.Events.Wait(eventName);
        OpenTask timer = steps.StartTimer(
            steps.CurrentUtc.Add(timeout),
            new CreateTimerAction { ExternalEvent = new TimerOriginExternalEvent { Name = eventName } });
        if (await Task.WhenAny(waiter.Data, timer.Result) == waiter.Data)
        {
            steps.GiveUp(timer);
            return ReadEvent<T>(eventName, await waiter.Data);
        }
        steps.Events.GiveUp(waiter);
        throw new TaskCanceledException($"The event '{eventName}' did not come within {timeout}.");
    }

    public override void SendEvent(string instanceId, string eventName, object payload)
    {
        steps.CheckCaller();
        InstanceIds.Check(instanceId, nameof(instanceId));
        ArgumentException.ThrowIfNullOrWhiteSpace(eventName);
        var request = new RaiseEventActivity.Request(instanceId, eventName, steps.Payloads.Write(payload, $"event '{eventName}'"));
        steps.StartActivity(RaiseEventActivity.ReservedName, steps.Payloads.Write(request, $"event '{eventName}'"), targetAppId: null).IsAwaited = false;
    }

    public override void SetCustomStatus(object? customStatus)
    {
        steps.CheckCaller();
        steps.CustomStatus = steps.Payloads.Write(customStatus, "custom status");
    }

    public override ILogger CreateReplaySafeLogger(string categoryName) =>
        new ReplaySafeLogger(steps.Environment.LoggerFactory.CreateLogger(categoryName), this);

    public override ILogger CreateReplaySafeLogger(Type type) => new ReplaySafeLogger(steps.Environment.LoggerFactory.CreateLogger(type), this);

    public override ILogger CreateReplaySafeLogger<T>() => new ReplaySafeLogger(steps.Environment.LoggerFactory.CreateLogger<T>(), this);

    public override void ContinueAsNew(object? newInput = null, bool preserveUnprocessedEvents = true)
    {
        steps.CheckCaller();
        steps.Continuation = (steps.Payloads.Write(newInput, "input of the new run"), preserveUnprocessedEvents);
    }

    public override Guid NewGuid()
    {
        steps.CheckCaller();
        return steps.NewGuid();
    }

    private T ReadEvent<T>(string eventName, string? data) => steps.Payloads.Read<T>(data, $"data of event '{eventName}'");

    private async Task<string?> RunWithRetriesAsync(WorkflowRetryPolicy? policy, Func<OpenTask> start, Func<OpenTask, CreateTimerAction> timerOrigin)
    {
        DateTime firstBegan = steps.CurrentUtc;
        for (int attempt = 1; ; attempt++)
        {
            OpenTask task = start();
            WorkflowTaskFailedException failure;
            try
            {
                return await task.Result;
            }
            catch (WorkflowTaskFailedException e) when (policy is not null && MayRetry(policy, e, attempt, firstBegan))
            {
                failure = e;
            }
            DateTime failedAt = steps.CurrentUtc;
            await steps.StartTimer(failedAt + policy.GetPauseAfter(attempt), timerOrigin(task)).Result;
            if (!steps.IsReplaying)
                WorkflowTracing.RecordRetry(task.ToString(), InstanceId, steps.ParentTrace, failedAt, attempt + 1, failure.FailureDetails.ToString());
        }
    }

    private bool MayRetry(WorkflowRetryPolicy policy, WorkflowTaskFailedException failure, int attempt, DateTime firstBegan) =>
        !failure.FailureDetails.IsNonRetriable
        && attempt < policy.MaxNumberOfAttempts
        && (policy.RetryTimeout == Timeout.InfiniteTimeSpan || steps.CurrentUtc + policy.GetPauseAfter(attempt) - firstBegan <= policy.RetryTimeout);
}
