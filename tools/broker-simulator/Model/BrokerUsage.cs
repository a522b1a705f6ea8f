namespace Danube.Dapr.BrokerSimulator;

/// <summary>What a broker's host is busy with: follows from the topics that clients use on it.</summary>
/// <param name="CpuPercent">0 to 100 of the host.</param>
/// <param name="MemoryPercent">0 to 100 of the host.</param>
/// <param name="DiskReadBytesPerSecond">Bytes per second.</param>
/// <param name="DiskWriteBytesPerSecond">Bytes per second.</param>
/// <param name="NetworkInBytesPerSecond">Bytes per second.</param>
/// <param name="NetworkOutBytesPerSecond">Bytes per second.</param>
/// <param name="DiskUsedPercent">0 to 100 of the storage path.</param>
public sealed record BrokerUsage(
    double CpuPercent,
    double MemoryPercent,
    double DiskReadBytesPerSecond,
    double DiskWriteBytesPerSecond,
    double NetworkInBytesPerSecond,
    double NetworkOutBytesPerSecond,
    double DiskUsedPercent)
{
    internal const double IdleCpuPercent = 3;

    /// <summary>Cost of a topic to its broker in units of one small message per second.</summary>
    internal static double Cost(TopicState topic, double seconds) => topic.ClientsAway ? 0 : Cost(topic.Traffic.RateAt(seconds), topic.Traffic.MessageBytes, topic.Subscriptions.Count);

    internal static double Cost(double messagesPerSecond, int messageBytes, int subscriptions) =>
        messagesPerSecond * (1 + messageBytes / 2048.0) * (1 + 0.3 * subscriptions);

    internal static BrokerUsage Of(BrokerInstance broker, double seconds, double capacity)
    {
        double cost = 0, written = 0, received = 0, sent = 0;
        foreach (var copy in broker.Copies.Values)
        {
            var topic = copy.Topic;
            if (topic.Serving != copy || topic.ClientsAway)
                continue;
            var bytes = topic.Traffic.RateAt(seconds) * topic.Traffic.MessageBytes;
            cost += Cost(topic, seconds);
            received += bytes;
            sent += bytes * topic.Subscriptions.Count(subscription => subscription.Consumers > 0 && !subscription.Stalled);
            written += topic.Reliable ? bytes : 0;
        }

        var share = cost / capacity;
        return new BrokerUsage(
            Math.Min(100, IdleCpuPercent + 100 * share),
            Math.Min(95, 22 + 12 * share + 0.01 * broker.Copies.Count),
            0.02 * written,
            1.15 * written,
            received,
            sent,
            35);
    }
}
