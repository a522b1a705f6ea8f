namespace Danube.Dapr.Planning;

/// <summary>Danube's <c>balanced</c>: 0.3 topic load + 0.35 CPU % + 0.35 memory %; the topic count when no broker reports CPU or memory.</summary>
internal sealed class BalancedStrategy : IRankingStrategy
{
    public string Name => RankingStrategies.Balanced;

    public double[] Score(Snapshot snapshot)
    {
        var load = new DanubeTopicLoad(snapshot);
        var scores = new double[snapshot.Brokers.Count];
        var measured = false;
        for (var b = 0; b < scores.Length; b++)
        {
            var cpu = DanubeTopicLoad.Percent(snapshot, b, Resource.Cpu);
            var memory = DanubeTopicLoad.Percent(snapshot, b, Resource.Memory);
            measured |= cpu > 0 || memory > 0;
            scores[b] = Math.Truncate((.3 * load.TopicLoad[b]) + (.35 * cpu) + (.35 * memory));
        }

        return measured ? scores : new FairStrategy().Score(snapshot);
    }
}
