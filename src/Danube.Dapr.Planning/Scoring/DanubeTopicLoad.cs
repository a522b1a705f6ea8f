namespace Danube.Dapr.Planning;

/// <summary>The figures that Danube's own strategies compute per broker (broker v0.15.1, load manager rankings).</summary>
internal sealed class DanubeTopicLoad
{
    public DanubeTopicLoad(Snapshot snapshot)
    {
        var brokers = snapshot.Brokers.Count;
        TopicLoad = new double[brokers];
        MegabytesPerSecond = new double[brokers];
        for (var b = 0; b < brokers; b++)
        {
            // Danube counts published bytes only.
            MegabytesPerSecond[b] = snapshot.BytesInOn(b) / 1e6;
            TopicLoad[b] = (.2 * snapshot.TopicsOn(b)) + (.3 * MegabytesPerSecond[b]) + (.3 * snapshot.ClientsOn(b)) + (.2 * snapshot.BacklogOn(b) / 10_000);
        }
    }

    /// <summary>0.2 topics + 0.3 MB/s + 0.3 clients + 0.2 backlog / 10,000.</summary>
    public double[] TopicLoad { get; }

    public double[] MegabytesPerSecond { get; }

    /// <summary>Use in percent of the capacity, 0 when either is unknown.</summary>
    public static double Percent(Snapshot snapshot, int broker, Resource resource)
    {
        var capacity = snapshot.Brokers[broker].Capacity[resource];
        return capacity > 0 ? 100 * snapshot.BrokerLoad(broker, resource) / capacity : 0;
    }
}
