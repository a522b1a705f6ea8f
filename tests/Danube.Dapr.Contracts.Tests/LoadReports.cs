using System.Globalization;

namespace Danube.Dapr.Contracts.Tests;

/// <summary>Load reports to test with.</summary>
internal static class LoadReports
{
    private static readonly DateTimeOffset End = new(2026, 3, 1, 12, 0, 30, TimeSpan.Zero);
    private static readonly int[] Sizes = [128, 256, 512, 1024, 4096];

    /// <summary>One topic for each kind of value.</summary>
    public static LoadReport Small() => new()
    {
        BrokerId = "17293822569102704640",
        Sequence = 1_838_587_906_488_069,
        IntervalStart = End.AddSeconds(-30),
        IntervalEnd = End,
        OwnedGauge = 3,
        RefusedPublishesPerSecond = 0.5,
        BuiltInMovesTotal = 7,
        Resources = new ResourceUsage
        {
            Source = "cgroup-v2",
            Evidence = "process 42 (danube-broker) listens on port 6650; Docker",
            CpuPercent = new Figure(41.5, 70.25, 99),
            CpuCores = 1.5,
            MemoryPercent = new Figure(10, 11, 12),
        },
        Topics =
        [
            new TopicLoad { Name = "/default/idle", Reliable = false },
            new TopicLoad
            {
                Name = "/default/orders-part-0", Reliable = true, MessagesInPerSecond = 1000, BytesInPerSecond = 512_000, MessagesOutPerSecond = 2000, BytesOutPerSecond = 1_024_000,
                Producers = 3, Consumers = 4, Subscriptions = 2, BacklogMessages = 17, OldestUnackedSeconds = 45, OldestUnackedIsAtLeast = true, PublishLatencyP99Ms = 1.25,
            },
            new TopicLoad { Name = "/default/zwölf", Reliable = null, RatesKnown = false, Producers = 70_000, Consumers = 1, Subscriptions = 1, BacklogMessages = 0 },
        ],
        Gaps = [new ReportGap("network", "shared namespace"), new ReportGap("metrics", "no answer", 31.5)],
    };

    /// <summary>The broker of <paramref name="report"/> some intervals later: the same topics, every figure another.</summary>
    public static LoadReport Later(LoadReport report, int intervals)
    {
        var random = new Random(100 + intervals);
        return report with
        {
            Sequence = report.Sequence + intervals,
            IntervalStart = report.IntervalStart.AddSeconds(30 * intervals),
            IntervalEnd = report.IntervalEnd.AddSeconds(30 * intervals),
            Topics = [.. report.Topics.Select(t => Topic(t.Name, random))],
        };
    }

    /// <summary>A name that nothing can compress: 16 random hexadecimal digits.</summary>
    public static string RandomName(int number, Random random) => string.Create(CultureInfo.InvariantCulture, $"/default/{random.NextInt64():x16}");

    /// <summary>A broker whose topics are all busy, each with rates of its own over four decades.</summary>
    public static LoadReport Busy(int topics, Func<int, Random, string> name)
    {
        var random = new Random(5);
        return Small() with
        {
            Topics =
            [
                .. Enumerable.Range(0, topics).Select(i => Topic(name(i, random), random)).DistinctBy(t => t.Name).OrderBy(t => t.Name, StringComparer.Ordinal),
            ],
        };
    }

    private static TopicLoad Topic(string name, Random random)
    {
        var rate = Math.Exp(random.NextDouble() * 9);
        var size = Sizes[random.Next(Sizes.Length)] * (1 + (0.1 * random.NextDouble()));
        var subscriptions = random.Next(10) == 0 ? 2 : 1;
        var delivered = rate * subscriptions * (0.97 + (0.06 * random.NextDouble()));
        // Within an interval messages are taken to come evenly, so a small backlog is as old as the rate says; a large one had other traffic.
        var backlog = random.Next(10) == 0 ? random.Next(10_000) : random.Next(5);
        return new TopicLoad
        {
            Name = name,
            Reliable = random.Next(10) > 0,
            RatesKnown = random.Next(50) > 0,
            MessagesInPerSecond = rate,
            BytesInPerSecond = rate * size,
            MessagesOutPerSecond = delivered,
            BytesOutPerSecond = delivered * size,
            Producers = 1 + random.Next(3),
            Consumers = subscriptions * (1 + random.Next(2)),
            Subscriptions = subscriptions,
            BacklogMessages = backlog,
            OldestUnackedSeconds = backlog / rate * (backlog < 5 ? 1 : 0.5 + random.NextDouble()),
            PublishLatencyP99Ms = 0.5 + random.NextDouble(),
        };
    }
}
