using System.Diagnostics;

namespace Danube.Dapr.LocalSidecar.Tracing;

/// <summary>A W3C trace context; the default value is none.</summary>
internal readonly record struct TraceContext(ActivityContext Context)
{
    public static readonly TraceContext None;

    public bool IsValid => Context.TraceId != default && Context.SpanId != default;

    public bool IsSampled => (Context.TraceFlags & ActivityTraceFlags.Recorded) != 0;

    public string TraceParent => IsValid ? $"00-{Context.TraceId}-{Context.SpanId}-0{(IsSampled ? '1' : '0')}" : "";

    public string TraceState => Context.TraceState ?? "";

    public static TraceContext Parse(string? traceParent, string? traceState) =>
        !string.IsNullOrEmpty(traceParent) && ActivityContext.TryParse(traceParent, traceState, isRemote: true, out var context) ? new TraceContext(context) : None;

    /// <summary>The binary form of gRPC's <c>grpc-trace-bin</c>: version, field 0 trace id, field 1 span id, field 2 flags.</summary>
    public static TraceContext Parse(ReadOnlySpan<byte> binary) =>
        binary.Length >= 29 && binary[0] == 0 && binary[1] == 0 && binary[18] == 1 && binary[27] == 2
            ? new TraceContext(new ActivityContext(ActivityTraceId.CreateFromBytes(binary[2..18]), ActivitySpanId.CreateFromBytes(binary[19..27]), (ActivityTraceFlags)binary[28], isRemote: true))
            : None;

    public byte[] ToBinary()
    {
        var binary = new byte[29];
        Context.TraceId.CopyTo(binary.AsSpan(2, 16));
        binary[18] = 1;
        Context.SpanId.CopyTo(binary.AsSpan(19, 8));
        binary[27] = 2;
        binary[28] = (byte)Context.TraceFlags;
        return binary;
    }
}
