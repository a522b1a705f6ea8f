using System.Diagnostics;
using Danube.Dapr.LocalSidecar.Tracing;
using Danube.Dapr.TaskHub;
using Google.Protobuf.WellKnownTypes;
using TraceContext = Danube.Dapr.LocalSidecar.Tracing.TraceContext;
using WireContext = Danube.Dapr.TaskHub.TraceContext;

namespace Danube.Dapr.LocalSidecar.Workflows;

/// <summary>
/// The spans that daprd exports of a workflow, under the same names: <c>create_orchestration||name</c> below the caller, <c>orchestration||name</c>
/// below that (or below the parent workflow's), and below it <c>activity||name</c> and <c>timer</c>. Their ids are in the history and in what
/// workers get before the spans end; each is exported once, when what it spans is saved.
/// </summary>
internal sealed class WorkflowSpans(Tracer? tracer)
{
    /// <summary>A client's request made an instance.</summary>
    public void Created(ExecutionStartedEvent started, string? caller, DateTimeOffset since)
    {
        if (Context(started.ParentTraceContext) is not { } span) return;
        var parent = TraceContext.Parse(caller, null);
        Export("create_orchestration||", "orchestration", started.Name, ActivityKind.Client, span, parent.Context.SpanId, since, null, started.WorkflowInstance.InstanceId);
    }

    /// <summary>An instance, or one generation of it, has come to its end.</summary>
    public void Ended(ExecutionStartedEvent started, OrchestrationStatus status, TaskFailureDetails? failure, Timestamp since)
    {
        if (Context(TraceContexts.OfWorkflow(started)) is not { } span) return;
        var error = failure is not null ? $"{failure.ErrorType}: {failure.ErrorMessage}" : status == OrchestrationStatus.Failed ? "failed" : null;
        Export("orchestration||", "orchestration", started.Name, ActivityKind.Server, span, Context(started.ParentTraceContext)!.Value.Context.SpanId, since.ToDateTimeOffset(), error,
            started.WorkflowInstance.InstanceId, KeyValuePair.Create("durabletask.runtime_status", status.ToString()));
    }

    /// <summary>An activity was answered, or nobody waits for its answer any more.</summary>
    public void Ran(ActivityWork work, ExecutionStartedEvent? started, string? error)
    {
        if (started is null || Context(work.Request.ParentTraceContext) is not { } span || Context(TraceContexts.OfWorkflow(started)) is not { } workflow) return;
        Export("activity||", "activity", work.Request.Name, ActivityKind.Server, span, workflow.Context.SpanId, work.CreatedAt, error,
            work.Key.InstanceId, KeyValuePair.Create("durabletask.task.task_id", work.Request.TaskId.ToString(System.Globalization.CultureInfo.InvariantCulture)));
    }

    /// <summary>A timer has fired.</summary>
    public void Fired(ExecutionStartedEvent? started, HistoryEvent timer)
    {
        if (started is null || Context(TraceContexts.OfWorkflow(started)) is not { } workflow) return;
        Export("timer", "timer", timer.TimerCreated.Name ?? "", ActivityKind.Internal, Tracer.Child(workflow), workflow.Context.SpanId, timer.Timestamp.ToDateTimeOffset(), null, started.WorkflowInstance.InstanceId);
    }

    // Null when the span would go nowhere.
    private TraceContext? Context(WireContext? wire) =>
        tracer is not null && wire is not null && TraceContext.Parse(wire.TraceParent, wire.TraceState) is var context && tracer.Exports(context) ? context : null;

    private void Export(string prefix, string type, string name, ActivityKind kind, TraceContext span, ActivitySpanId parent, DateTimeOffset since, string? error, string instanceId, params KeyValuePair<string, string>[] more) =>
        tracer!.Export(type == "timer" ? prefix : prefix + name, kind, span, parent, since, error,
            [new("durabletask.type", type), new("durabletask.task.name", name), new("durabletask.task.instance_id", instanceId), .. more]);
}
