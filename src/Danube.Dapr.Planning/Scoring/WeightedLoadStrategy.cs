namespace Danube.Dapr.Planning;

/// <summary>
/// Danube's <c>weighted_load</c>: every metric divided by the cluster's maximum (at least 1); the weight of the worst rises to 0.5 when it is above
/// 0.7; times 100, truncated. As the divisor is the maximum, the busiest broker is at 1.0 and the rise is nearly always on.
/// </summary>
internal sealed class WeightedLoadStrategy : IRankingStrategy
{
    public string Name => RankingStrategies.WeightedLoad;

    public double[] Score(Snapshot snapshot)
    {
        var n = snapshot.Brokers.Count;
        var load = new DanubeTopicLoad(snapshot);
        var cpu = Normalised(n, b => DanubeTopicLoad.Percent(snapshot, b, Resource.Cpu));
        var memory = Normalised(n, b => DanubeTopicLoad.Percent(snapshot, b, Resource.Memory));
        var disk = Normalised(n, b => snapshot.BrokerLoad(b, Resource.DiskIo));
        var network = Normalised(n, b => snapshot.BrokerLoad(b, Resource.NetworkIo));
        var throughput = Normalised(n, b => load.MegabytesPerSecond[b]);
        var topics = Normalised(n, b => load.TopicLoad[b]);
        var scores = new double[n];
        for (var b = 0; b < n; b++)
        {
            var worst = Math.Max(Math.Max(Math.Max(cpu[b], memory[b]), Math.Max(disk[b], network[b])), Math.Max(throughput[b], topics[b]));
            double score;
            if (worst <= .7) score = (.25 * topics[b]) + (.25 * cpu[b]) + (.25 * memory[b]) + (.15 * throughput[b]) + (.1 * network[b]);
            else if (worst == cpu[b]) score = (.5 * cpu[b]) + (.2 * memory[b]) + (.15 * throughput[b]) + (.15 * topics[b]);
            else if (worst == memory[b]) score = (.5 * memory[b]) + (.2 * cpu[b]) + (.15 * throughput[b]) + (.15 * topics[b]);
            else if (worst == throughput[b]) score = (.5 * throughput[b]) + (.2 * network[b]) + (.15 * cpu[b]) + (.15 * memory[b]);
            else if (worst == network[b]) score = (.5 * network[b]) + (.2 * throughput[b]) + (.15 * cpu[b]) + (.15 * memory[b]);
            else score = (.5 * topics[b]) + (.2 * cpu[b]) + (.2 * memory[b]) + (.1 * throughput[b]);
            scores[b] = Math.Truncate(100 * score);
        }

        return scores;
    }

    private static double[] Normalised(int n, Func<int, double> value)
    {
        var values = new double[n];
        double max = 1;
        for (var b = 0; b < n; b++) max = Math.Max(max, values[b] = value(b));
        for (var b = 0; b < n; b++) values[b] /= max;
        return values;
    }
}
