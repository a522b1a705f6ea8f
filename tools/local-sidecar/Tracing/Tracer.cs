using System.Buffers.Binary;
using System.Diagnostics;
using OpenTelemetry;
using OpenTelemetry.Resources;
using OpenTelemetry.Trace;

namespace Danube.Dapr.LocalSidecar.Tracing;

/// <summary>
/// Makes the spans of one app's sidecar. Without a sampling rate the caller's context passes through unchanged; with rate 0 tracing is off;
/// otherwise each call has a span of its own, which goes to Zipkin when an endpoint is set.
/// </summary>
internal sealed class Tracer : IDisposable
{
    private readonly ActivitySource _source;
    private readonly TracerProvider? _provider;
    private readonly double? _rate;

    public Tracer(string appId, double? samplingRate, Uri? zipkinEndpoint)
    {
        // daprd samples one trace in ten thousand when an exporter is set without a rate.
        _rate = samplingRate ?? (zipkinEndpoint is null ? null : 0.0001);
        _source = new ActivitySource("local-sidecar/" + appId);
        if (zipkinEndpoint is null || _rate == 0) return;
#pragma warning disable CS0618 // The Zipkin exporter is deprecated upstream; Dapr's Configuration names Zipkin.
        _provider = Sdk.CreateTracerProviderBuilder()
            .ConfigureResource(r => r.AddService(appId))
            .SetSampler(new ParentBasedSampler(new TraceIdRatioBasedSampler(_rate!.Value)))
            .AddSource(_source.Name)
            .AddZipkinExporter(o => o.Endpoint = zipkinEndpoint)
            .Build();
#pragma warning restore CS0618
    }

    public Span Start(string name, TraceContext parent, ActivityKind kind = ActivityKind.Client)
    {
        if (_rate == 0) return default;
        if (_rate is not { } rate) return new Span(parent, null);
        if (_provider is not null && _source.StartActivity(kind, parent.IsValid ? parent.Context : default, name: name) is { } activity)
            return new Span(new TraceContext(activity.Context), activity);
        var traceId = parent.IsValid ? parent.Context.TraceId : ActivityTraceId.CreateRandom();
        var sampled = parent.IsValid ? parent.Context.TraceFlags : IsSampled(traceId, rate) ? ActivityTraceFlags.Recorded : ActivityTraceFlags.None;
        return new Span(new TraceContext(new ActivityContext(traceId, ActivitySpanId.CreateRandom(), sampled, parent.Context.TraceState)), null);
    }

    public void Dispose()
    {
        _provider?.Dispose();
        _source.Dispose();
    }

    private static bool IsSampled(ActivityTraceId traceId, double rate)
    {
        if (rate >= 1) return true;
        Span<byte> bytes = stackalloc byte[16];
        traceId.CopyTo(bytes);
        return (BinaryPrimitives.ReadUInt64BigEndian(bytes) >> 1) < (ulong)(rate * long.MaxValue);
    }
}

/// <summary>A span that is under way.</summary>
internal readonly struct Span(TraceContext context, Activity? activity) : IDisposable
{
    public TraceContext Context { get; } = context;

    public void Tag(string key, string value) => activity?.SetTag(key, value);

    public void Failed(string problem) => activity?.SetStatus(ActivityStatusCode.Error, problem);

    // Activity.Current is not used: stopping must not disturb it.
    public void Dispose() => activity?.Dispose();
}
