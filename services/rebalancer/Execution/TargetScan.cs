using Danube.Dapr.BrokerClient;

namespace Danube.Dapr.Rebalancer.Execution;

/// <summary>Reads a broker's metrics for a verification.</summary>
internal static class TargetScan
{
    /// <summary>Null when the broker has no exporter, or its metrics cannot be had: a verification then rests on ownership and lookup alone.</summary>
    public static async Task<MetricsScan?> ReadAsync(DanubeCluster danube, string broker, CancellationToken cancellationToken)
    {
        try
        {
            return await danube.GetMetricsTextAsync(broker, cancellationToken) is { } text ? MetricsScan.Of(text) : null;
        }
        catch (DanubeException)
        {
            return null;
        }
    }
}
