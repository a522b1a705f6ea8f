using System.Globalization;

namespace Danube.Dapr.BrokerSimulator.Cases;

/// <summary>Makes topics with Zipf rates, and spreads them.</summary>
internal static class Workload
{
    /// <summary>Mean CPU of a balanced cluster.</summary>
    public const double BalancedCpuShare = 0.30;

    private const double Exponent = 0.9;
    private const double MessagesPerSecondPerBroker = 4_000;
    private const int Partitions = 12;

    private static readonly string[] Names = ["orders", "payments", "clicks", "audit", "inventory"];
    private static readonly int[] Sizes = [256, 512, 1024, 2048];

    /// <summary>
    /// Topics in random order of weight. The lightest are one topic of twelve partitions, whose names begin alike, and some NonReliable ones: both are
    /// what an operator cannot simply move, and neither weighs enough to stand in the way of balance.
    /// </summary>
    public static List<PlannedTopic> Zipf(Random random, int brokers, int topics)
    {
        var total = MessagesPerSecondPerBroker * brokers;
        var sum = Enumerable.Range(1, topics).Sum(rank => Math.Pow(rank, -Exponent));
        var partitions = topics >= 10 * Partitions ? Partitions : 0;
        var nonReliable = topics / 50;
        var digits = Math.Max(3, topics.ToString(CultureInfo.InvariantCulture).Length);
        var planned = new List<PlannedTopic>(topics);
        for (var rank = 1; rank <= topics; rank++)
        {
            var rate = total * Math.Pow(rank, -Exponent) / sum;
            // The heaviest have the mean size: otherwise one of them alone could be more bytes than a broker's share.
            var bytes = rank <= topics / 20 + 1 ? 1024 : Sizes[random.Next(Sizes.Length)];
            var fromLast = topics - rank;
            var isPartition = fromLast < partitions;
            var name = isPartition
                ? string.Create(CultureInfo.InvariantCulture, $"/default/events-part-{fromLast}")
                : $"/default/{Names[rank % Names.Length]}-{rank.ToString(CultureInfo.InvariantCulture).PadLeft(digits, '0')}";
            planned.Add(new PlannedTopic(
                name,
                isPartition || fromLast >= partitions + nonReliable,
                rate,
                bytes,
                1 + random.Next(3),
                random.Next(10) == 0 ? 2 : 1));
        }

        var shuffled = planned.ToArray();
        random.Shuffle(shuffled);
        return [.. shuffled];
    }

    public static double Capacity(IEnumerable<PlannedTopic> topics, int brokers) => topics.Sum(topic => topic.Cost) / brokers / BalancedCpuShare;

    /// <summary>Heaviest first, each to the broker that has least.</summary>
    public static IReadOnlyList<(PlannedTopic Topic, int Broker)> Balanced(IEnumerable<PlannedTopic> topics, IReadOnlyList<int> brokers)
    {
        var loads = brokers.ToDictionary(broker => broker, _ => 0.0);
        var placement = new List<(PlannedTopic, int)>();
        foreach (var topic in topics.OrderByDescending(topic => topic.Cost))
        {
            var least = brokers.MinBy(broker => loads[broker]);
            loads[least] += topic.Cost;
            placement.Add((topic, least));
        }

        return placement;
    }
}
