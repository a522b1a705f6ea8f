namespace Danube.Dapr.Planning;

/// <summary>
/// 100 × the weighted sum of utilisations. A resource's utilisation is its share of the capacity where every broker states one, else its share of the
/// cluster's maximum. Resources that no broker has any load of give their weight to the others.
/// </summary>
internal sealed class WeightedCompositeStrategy(RankingWeights weights) : IRankingStrategy
{
    public string Name => RankingStrategies.WeightedComposite;

    public double[] Score(Snapshot snapshot)
    {
        var scores = new double[snapshot.Brokers.Count];
        double used = 0;
        foreach (var resource in Enum.GetValues<Resource>())
        {
            var weight = weights[resource];
            double max = 0;
            for (var b = 0; b < scores.Length; b++) max = Math.Max(max, snapshot.Utilization(b, resource));
            if (weight == 0 || max == 0) continue;
            used += weight;
            var divisor = snapshot.HasCapacity(resource) ? 1 : max;
            for (var b = 0; b < scores.Length; b++) scores[b] += 100 * weight * snapshot.Utilization(b, resource) / divisor;
        }

        if (used > 0) for (var b = 0; b < scores.Length; b++) scores[b] /= used;
        return scores;
    }
}
