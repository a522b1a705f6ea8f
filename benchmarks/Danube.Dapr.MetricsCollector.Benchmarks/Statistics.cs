namespace Danube.Dapr.MetricsCollector.Benchmarks;

internal static class Statistics
{
    /// <summary>The smallest value that at least the share <paramref name="q"/> of all does not exceed.</summary>
    public static double Quantile(IEnumerable<double> values, double q)
    {
        var sorted = values.Order().ToArray();
        return sorted.Length == 0 ? double.NaN : sorted[Math.Max(0, (int)Math.Ceiling(q * sorted.Length) - 1)];
    }
}
