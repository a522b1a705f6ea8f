using Grpc.Core;

namespace Danube.Dapr.LocalSidecar.Tracing;

/// <summary>The trace headers of a call over gRPC.</summary>
internal static class GrpcTrace
{
    public static TraceContext Parent(ServerCallContext call)
    {
        if (call.RequestHeaders.GetValueBytes("grpc-trace-bin") is { } binary && TraceContext.Parse(binary) is { IsValid: true } context) return context;
        return TraceContext.Parse(call.RequestHeaders.GetValue("traceparent"), call.RequestHeaders.GetValue("tracestate"));
    }

    /// <summary>Sets the header of the answer. It is not sent yet: an rpc may have more headers to give, and a call needs one flush less.</summary>
    public static void Answer(ServerCallContext call, TraceContext context)
    {
        if (context.IsValid) call.GetHttpContext().Response.Headers["grpc-trace-bin"] = Convert.ToBase64String(context.ToBinary()).TrimEnd('=');
    }
}
