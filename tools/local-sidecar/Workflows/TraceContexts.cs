using System.Diagnostics;
using Danube.Dapr.LocalSidecar.Tracing;
using Danube.Dapr.TaskHub;
using TraceContext = Danube.Dapr.TaskHub.TraceContext;

namespace Danube.Dapr.LocalSidecar.Workflows;

/// <summary>The W3C trace contexts that a workflow's events carry.</summary>
internal static class TraceContexts
{
    public static string NewSpanId() => ActivitySpanId.CreateRandom().ToHexString();

    /// <summary>A context under <paramref name="parent"/>, or the first one of a new trace when there is none.</summary>
    public static TraceContext Under(string? parent, string? traceState, Tracer? tracer)
    {
        if (parent is not null && ActivityContext.TryParse(parent, traceState, out var context))
        {
            var child = Make(context.TraceId.ToHexString(), NewSpanId(), context.TraceFlags);
            if (!string.IsNullOrEmpty(traceState)) child.TraceState = traceState;
            return child;
        }
        return NewTrace(tracer);
    }

    /// <summary>Sampled as the tracer says; always without one.</summary>
    public static TraceContext NewTrace(Tracer? tracer) => tracer?.NewTrace() is { } root
        ? new() { TraceParent = root.TraceParent }
        : Make(ActivityTraceId.CreateRandom().ToHexString(), NewSpanId(), ActivityTraceFlags.Recorded);

    /// <summary>The context whose span is the workflow itself: what its activities, children and timers are under.</summary>
    public static TraceContext? OfWorkflow(ExecutionStartedEvent started) => WithSpan(started.ParentTraceContext, started.WorkflowSpanID);

    /// <summary>The same trace with another span.</summary>
    public static TraceContext? WithSpan(TraceContext? context, string? spanId)
    {
        if (context is null || spanId is null || !ActivityContext.TryParse(context.TraceParent, context.TraceState, out var parsed)) return null;
        return Make(parsed.TraceId.ToHexString(), spanId, parsed.TraceFlags);
    }

    private static TraceContext Make(string traceId, string spanId, ActivityTraceFlags flags) =>
        new() { TraceParent = $"00-{traceId}-{spanId}-{(flags.HasFlag(ActivityTraceFlags.Recorded) ? "01" : "00")}" };
}
