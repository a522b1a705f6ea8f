using System.Buffers.Binary;
using System.Diagnostics;

namespace Danube.Dapr.LocalSidecar.Tracing;

/// <summary>
/// Makes the spans of one app's sidecar. Without a sampling rate the caller's context passes through unchanged; with rate 0 tracing is off;
/// otherwise each call has a span of its own, which is exported when there is somewhere to. A trace that came in sampled stays sampled.
/// </summary>
internal sealed class Tracer(string appId, double? samplingRate, ZipkinExporter? exporter, TimeProvider time)
{
    // daprd samples one trace in ten thousand when an exporter is set without a rate.
    private readonly double? _rate = samplingRate ?? (exporter is null ? null : 0.0001);

    /// <summary>Begins a span. Dispose it to end and export it.</summary>
    public Span Start(string name, TraceContext parent, ActivityKind kind = ActivityKind.Client) => Start(name, static n => n, parent, kind);

    /// <summary>Begins a span whose name is made only when somebody will see it.</summary>
    public Span Start<T>(T of, Func<T, string> name, TraceContext parent, ActivityKind kind = ActivityKind.Client)
    {
        var context = Answer(parent);
        return new Span(context, exporter is not null && context is { IsValid: true, IsSampled: true } && _rate is not null ? new OpenSpan(this, name(of), kind, context, parent.Context.SpanId, time.GetUtcNow()) : null);
    }

    /// <summary>The context that the answer to a call carries: that of the call's own span when spans are made here.</summary>
    public TraceContext Answer(TraceContext parent) => _rate switch
    {
        0 => default,
        null => parent,
        _ => parent.IsValid ? Child(parent) : NewTrace(),
    };

    /// <summary>The context of a new span in the trace of <paramref name="parent"/>.</summary>
    public static TraceContext Child(TraceContext parent) =>
        new(new ActivityContext(parent.Context.TraceId, ActivitySpanId.CreateRandom(), parent.Context.TraceFlags, parent.Context.TraceState));

    /// <summary>The first span of a new trace, sampled at the configured rate.</summary>
    public TraceContext NewTrace()
    {
        var traceId = ActivityTraceId.CreateRandom();
        return new(new ActivityContext(traceId, ActivitySpanId.CreateRandom(), IsSampled(traceId, _rate ?? 1) ? ActivityTraceFlags.Recorded : ActivityTraceFlags.None));
    }

    /// <summary>Whether a span with this context goes anywhere: making one for nothing can be left out.</summary>
    public bool Exports(TraceContext context) => exporter is not null && _rate != 0 && context is { IsValid: true, IsSampled: true };

    /// <summary>Exports a span whose id was given out before, now that it has ended.</summary>
    public void Export(string name, ActivityKind kind, TraceContext context, ActivitySpanId parent, DateTimeOffset start, string? error, params IReadOnlyList<KeyValuePair<string, string>> tags)
    {
        if (Exports(context)) exporter!.Export(new FinishedSpan(appId, name, kind, context, parent, start, time.GetUtcNow(), tags, error));
    }

    private static bool IsSampled(ActivityTraceId traceId, double rate)
    {
        if (rate >= 1) return true;
        Span<byte> bytes = stackalloc byte[16];
        traceId.CopyTo(bytes);
        return (BinaryPrimitives.ReadUInt64BigEndian(bytes) >> 1) < (ulong)(rate * long.MaxValue);
    }
}

/// <summary>A span that is under way and will be exported.</summary>
internal sealed class OpenSpan(Tracer tracer, string name, ActivityKind kind, TraceContext context, ActivitySpanId parent, DateTimeOffset start)
{
    public string? Error { get; set; }

    public void End() => tracer.Export(name, kind, context, parent, start, Error);
}

/// <summary>What a call knows of its span: at least the context that it passes on.</summary>
internal readonly struct Span(TraceContext context, OpenSpan? open) : IDisposable
{
    public TraceContext Context { get; } = context;

    public void Failed(string problem)
    {
        if (open is not null) open.Error = problem;
    }

    public void Dispose() => open?.End();
}
