namespace Danube.Dapr.Planning;

/// <summary>Score = number of topics, as Danube's <c>fair</c>.</summary>
internal sealed class FairStrategy : IRankingStrategy
{
    public string Name => RankingStrategies.Fair;

    public double[] Score(Snapshot snapshot)
    {
        var scores = new double[snapshot.Brokers.Count];
        for (var b = 0; b < scores.Length; b++) scores[b] = snapshot.TopicsOn(b);
        return scores;
    }
}
