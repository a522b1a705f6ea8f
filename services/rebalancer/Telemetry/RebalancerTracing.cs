using System.Diagnostics;

namespace Danube.Dapr.Rebalancer.Telemetry;

/// <summary>Spans of this service. A plan carries the trace of the cycle that made it, so that each of its steps joins it wherever it runs.</summary>
internal static class RebalancerTracing
{
    private static readonly ActivitySource Source = new("Danube.Dapr.Rebalancer");

    /// <summary>A span below the current one when that belongs to the plan's trace, else directly below the plan's.</summary>
    public static Activity? Start(string name, string? traceParent = null)
    {
        if (!ActivityContext.TryParse(traceParent, null, isRemote: true, out var plan) || Activity.Current?.TraceId == plan.TraceId)
            return Source.StartActivity(name);
        return Source.StartActivity(name, ActivityKind.Internal, plan);
    }
}
