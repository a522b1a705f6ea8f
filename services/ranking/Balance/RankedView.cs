using Danube.Dapr.Contracts;
using Danube.Dapr.Planning;
using Danube.Dapr.Planning.Mapping;

namespace Danube.Dapr.Ranking.Balance;

/// <summary>A snapshot with what follows from it: ranking and balance. Computed once for each generation.</summary>
/// <param name="Snapshot">The snapshot.</param>
/// <param name="Ranking">The ranking of the brokers that answer and have a fresh report.</param>
/// <param name="Balance">The balance of the brokers that are active, answer and have a fresh report.</param>
/// <param name="Fresh">Ids of the brokers with a fresh report.</param>
internal sealed record RankedView(ClusterSnapshot Snapshot, RankingReport Ranking, BalanceReport Balance, IReadOnlySet<string> Fresh)
{
    internal static RankedView Of(ClusterSnapshot snapshot, RankingOptions options)
    {
        var oldest = snapshot.Time - TimeSpan.FromSeconds(options.StaleAfterSeconds);
        var fresh = snapshot.Brokers.Where(b => b.ReportTime >= oldest).Select(b => b.Id).ToHashSet(StringComparer.Ordinal);
        // A broker without a fresh report takes no part in ranking and balance, as one that does not answer: it would be ranked by old figures, or by none as the least loaded.
        var counted = snapshot with
        {
            Brokers = [.. snapshot.Brokers.Select(b => fresh.Contains(b.Id) ? b : b with { Reachable = false })],
        };
        var planned = SnapshotMapping.ToPlanning(counted);
        return new RankedView(snapshot, Rank(counted, planned, options), Measure(snapshot.Time, planned, options), fresh);
    }

    private static RankingReport Rank(ClusterSnapshot snapshot, Snapshot planned, RankingOptions options)
    {
        var weights = options.Weights.ToWeights();
        var scores = RankingStrategies.Get(options.Strategy, weights).Score(planned);
        var factors = options.Strategy == RankingStrategies.WeightedComposite ? Factors(planned, weights) : [];
        var ranked = snapshot.Brokers
            .Where(b => b.Reachable)
            .Select(b => (Broker: b, Index: planned.BrokerIndex(b.Id)))
            .OrderBy(b => scores[b.Index]).ThenBy(b => b.Broker.Id, StringComparer.Ordinal)
            .Select((b, place) => new RankedBroker
            {
                Rank = place + 1,
                BrokerId = b.Broker.Id,
                Score = scores[b.Index],
                State = b.Broker.State,
                Factors = factors.ToDictionary(f => f.Name, f => f.Scores[b.Index]),
            });
        return new RankingReport(snapshot.Time, options.Strategy, [.. ranked]);
    }

    /// <summary>The composite score is a weighted sum, so the strategy with all weight on one resource gives that resource's part of it.</summary>
    private static List<(string Name, double[] Scores)> Factors(Snapshot planned, RankingWeights weights)
    {
        var factors = new List<(string Name, double Weight, double[] Scores)>();
        foreach (var resource in Enum.GetValues<Resource>())
        {
            if (weights[resource] <= 0)
                continue;
            var alone = new ResourceVector().With(resource, 1);
            var scores = RankingStrategies.Get(RankingStrategies.WeightedComposite, new RankingWeights(
                alone.Cpu, alone.Memory, alone.DiskIo, alone.NetworkIo, alone.Throughput, alone.TopicCount, alone.DiskUsage)).Score(planned);
            if (scores.Any(s => s > 0))
                factors.Add((ResourceNames.Of(resource), weights[resource], scores));
        }

        // A resource without any load gives its weight to the others.
        var total = factors.Sum(f => f.Weight);
        return [.. factors.Select(f => (f.Name, f.Scores.Select(s => s * f.Weight / total).ToArray()))];
    }

    private static BalanceReport Measure(DateTimeOffset time, Snapshot planned, RankingOptions options)
    {
        var measure = ImbalanceMeasure.Of(planned);
        var resources = measure.Resources.Select(r => new ResourceBalance(
            ResourceNames.Of(r.Resource), r.Mean, r.CoefficientOfVariation, r.MaxOverMean, r.MinOverMean, r.MaxBroker)).ToArray();
        IEnumerable<string> counted = options.BalanceResources.Count > 0 ? options.BalanceResources : RankingOptions.DefaultBalanceResources;
        var worst = resources.Where(r => counted.Contains(r.Resource)).MaxBy(r => r.MaxOverMean);
        return new BalanceReport
        {
            Time = time,
            Brokers = measure.Brokers,
            Cause = worst?.Resource ?? "",
            CoefficientOfVariation = worst?.CoefficientOfVariation ?? 0,
            MaxOverMean = worst?.MaxOverMean ?? 1,
            MinOverMean = worst?.MinOverMean ?? 1,
            Resources = resources,
        };
    }
}
