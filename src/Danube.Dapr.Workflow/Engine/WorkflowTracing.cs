using System.Diagnostics;
using Danube.Dapr.TaskHub;

namespace Danube.Dapr.Workflow.Engine;

/// <summary>The spans of workflows, activities and retries, joined to the trace that scheduled them.</summary>
internal static class WorkflowTracing
{
    public const string SourceName = "Danube.Dapr.Workflow";

    private static readonly ActivitySource Source = new(SourceName);

    public static ActivityContext Parse(TraceContext? wire) =>
        wire is not null && ActivityContext.TryParse(wire.TraceParent, wire.TraceState, isRemote: true, out ActivityContext context) ? context : default;

    public static TraceContext? ToWire(Activity? activity) => activity is { IdFormat: ActivityIdFormat.W3C, Id: not null }
        ? new TraceContext { TraceParent = activity.Id, TraceState = string.IsNullOrEmpty(activity.TraceStateString) ? null : activity.TraceStateString }
        : null;

    public static Activity? StartSchedule(string name, string instanceId) =>
        Tag(Source.StartActivity($"schedule {name}", ActivityKind.Producer), instanceId);

    /// <summary>One span for the whole run of an instance, made when it ends; it began when the run did.</summary>
    public static void RecordWorkflow(string name, string instanceId, TraceContext? parent, DateTime startedAt, CompleteWorkflowAction end)
    {
        using Activity? span = Tag(Source.StartActivity(ActivityKind.Internal, Parse(parent), startTime: startedAt, name: $"workflow {name}"), instanceId);
        span?.SetTag("dapr.workflow.status", end.WorkflowStatus.ToString());
        if (end.WorkflowStatus == OrchestrationStatus.Failed)
            span?.SetStatus(ActivityStatusCode.Error, $"{end.FailureDetails?.ErrorType}: {end.FailureDetails?.ErrorMessage}");
    }

    /// <summary>One span for a retry: from the failure until the next attempt begins.</summary>
    public static void RecordRetry(string task, string instanceId, TraceContext? parent, DateTime failedAt, int nextAttempt, string error)
    {
        using Activity? span = Tag(Source.StartActivity(ActivityKind.Internal, Parse(parent), startTime: failedAt, name: $"retry {task}"), instanceId);
        span?.SetTag("dapr.workflow.attempt", nextAttempt);
        span?.SetTag("dapr.workflow.retried_error", error);
    }

    public static Activity? StartActivityRun(ActivityRequest request) =>
        Tag(Source.StartActivity(ActivityKind.Consumer, Parse(request.ParentTraceContext), name: $"activity {request.Name}"), request.WorkflowInstance.InstanceId)
            ?.SetTag("dapr.workflow.task_id", request.TaskId);

    private static Activity? Tag(Activity? span, string instanceId) => span?.SetTag("dapr.workflow.instance_id", instanceId);
}
