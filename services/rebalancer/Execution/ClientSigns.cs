using Danube.Dapr.BrokerClient;

namespace Danube.Dapr.Rebalancer.Execution;

/// <summary>What clients notice of a batch, as the brokers that take part in it show it.</summary>
/// <param name="LatencyP99Ms">Worst publish latency (99th percentile) of a topic on any of them; null when not known.</param>
/// <param name="Redirects">Lookups that they have sent elsewhere, together; null when one of them could not be read.</param>
internal sealed record ClientSigns(double? LatencyP99Ms, double? Redirects)
{
    private const int MostBrokers = 8;

    public static ClientSigns Unknown { get; } = new(null, null);

    /// <summary>Reads the first brokers of a list; more would cost more than they tell.</summary>
    public static async Task<ClientSigns> ReadAsync(DanubeCluster danube, IEnumerable<string> brokers, CancellationToken cancellationToken)
    {
        var scans = await Task.WhenAll(brokers.Distinct(StringComparer.Ordinal).Take(MostBrokers).Select(b => TargetScan.ReadAsync(danube, b, cancellationToken)));
        return Of(scans);
    }

    internal static ClientSigns Of(IReadOnlyList<MetricsScan?> scans) => new(
        scans.Max(s => s?.WorstLatencyP99Ms),
        scans.Count > 0 && scans.All(s => s is not null) ? scans.Sum(s => s!.Redirects) : null);
}
