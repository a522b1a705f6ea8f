using Danube.Dapr.Planning.Search;

namespace Danube.Dapr.Planning.Benchmarks;

/// <summary>Quantiles, and intervals by the bootstrap.</summary>
internal static class Statistics
{
    public static double Quantile(IReadOnlyList<double> values, double q)
    {
        if (values.Count == 0) return double.NaN;
        var sorted = values.Order().ToArray();
        var at = q * (sorted.Length - 1);
        var low = (int)Math.Floor(at);
        var high = Math.Min(sorted.Length - 1, low + 1);
        return sorted[low] + ((at - low) * (sorted[high] - sorted[low]));
    }

    /// <summary>95 % interval of the mean by 400 resamples with a fixed seed.</summary>
    public static (double Low, double High) MeanInterval(IReadOnlyList<double> values)
    {
        if (values.Count == 0) return (double.NaN, double.NaN);
        var random = new DeterministicRandom(7);
        var means = new double[400];
        for (var k = 0; k < means.Length; k++)
        {
            for (var j = 0; j < values.Count; j++) means[k] += values[random.Next(values.Count)];
            means[k] /= values.Count;
        }

        return (Quantile(means, .025), Quantile(means, .975));
    }
}
