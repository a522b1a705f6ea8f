using CsCheck;
using Danube.Dapr.Contracts;

namespace Danube.Dapr.Planning.Tests;

/// <summary>A random question in the wire's form: a small cluster and the options to plan it with.</summary>
internal sealed record Question(ClusterSnapshot Snapshot, PlannerOptions Options)
{
    public override string ToString() => string.Join('\n',
        Snapshot.Topics.Select(t => $"{t.Name} on {t.BrokerId}: {t.BytesInPerSecond} B/s, {t.MessagesInPerSecond} msg/s, group {t.PartitionGroup}")
            .Prepend($"{string.Join(", ", Snapshot.Brokers.Select(b => $"{b.Id} {b.State} zone {b.Zone} weight {b.Capacity.Weight}"))}; {Options.Goal} {string.Join(',', Options.Brokers)}; {Options.Rules}; {Options.Limits}"));
}

/// <summary>Generators of random clusters with CsCheck, so that a failure shrinks to a small one.</summary>
internal static class RandomClusters
{
    public static readonly DateTimeOffset Now = Cluster.Now;

    /// <summary>Clusters with every kind of rule, limit and odd topic.</summary>
    public static Gen<Question> Any { get; } =
        from brokers in Gen.Int[2, 6]
        from draining in Gen.Int[0, 9]
        from weights in Gen.Int[1, 3].Array[6]
        from topics in Gen.Select(Gen.Int[0, 5], Gen.Int[0, 60], Gen.Int[0, 60], Gen.Int[0, 19], Gen.Int[0, 8]).Array[0, 30]
        from rules in Gen.Select(Gen.Int[0, 3], Gen.Int[0, 2], Gen.Int[0, 9], Gen.Int[0, 9])
        from limits in Gen.Select(Gen.Int[1, 12], Gen.Int[0, 3], Gen.Bool, Gen.Int[0, 3])
        select Make(brokers, draining, weights, topics, rules, limits);

    /// <summary>Instances that can be solved by trying every placement: at most 3 brokers and 8 topics, without limits on numbers.</summary>
    public static Gen<Question> Tiny { get; } =
        from brokers in Gen.Int[2, 3]
        from topics in Gen.Select(Gen.Int[0, 2], Gen.Int[1, 30], Gen.Int[0, 30], Gen.Int[0, 5]).Array[2, 8]
        from shape in Gen.Select(Gen.Int[0, 3], Gen.Int[0, 3], Gen.Bool)
        select new Question(
            new ClusterSnapshot
            {
                Time = Now,
                Brokers = [.. Enumerable.Range(0, brokers).Select(b => Broker(b, shape.Item2 == 0 ? 1 + (b % 2) : 1, Contracts.BrokerState.Active))],
                Topics = [.. topics.Select((t, i) => Topic(i, t.Item1 % brokers, t.Item2, t.Item3) with { PartitionGroup = shape.Item1 == 0 && t.Item4 < 4 ? $"g{t.Item4 % 2}" : null })],
            },
            Cluster.Unlimited with
            {
                WorkBudget = 300_000,
                Resources = shape.Item3 ? [Resource.Throughput, Resource.Messages] : [Resource.Throughput],
                Rules = new PlanRules { MaxPartitionsPerBroker = shape.Item1 == 0 ? 2 : null },
            });

    public static BrokerSnapshot Broker(int b, double weight, Contracts.BrokerState state) => new()
    {
        Id = Id(b), State = state, Zone = $"z{b % 3}", Capacity = new BrokerCapacity { Weight = weight }, ReportTime = Now,
    };

    public static TopicSnapshot Topic(int i, int owner, double bytes, double messages) => new()
    {
        Name = $"/n{i % 3}/t{i:D2}", BrokerId = Id(owner), Reliable = true, BytesInPerSecond = bytes, MessagesInPerSecond = messages, Producers = i % 4, UnexportedBytes = i * 1_000_000,
    };

    private static string Id(int b) => FormattableString.Invariant($"{b + 1}");

    private static Question Make(
        int brokers, int draining, int[] weights, (int Owner, int Bytes, int Messages, int Flag, int Group)[] topics, (int PerBroker, int PerZone, int Pin, int Ban) rules,
        (int Cycle, int Goal, bool Triggered, int Budget) limits)
    {
        var snapshot = new ClusterSnapshot
        {
            Time = Now,
            Brokers = [.. Enumerable.Range(0, brokers).Select(b => Broker(b, weights[b], b == draining ? Contracts.BrokerState.Draining : Contracts.BrokerState.Active) with { Reachable = b != draining - 4 })],
            Topics = [.. topics.Select((t, i) => Odd(Topic(i, t.Owner % brokers, t.Bytes, t.Messages), t.Flag) with { PartitionGroup = t.Group < 4 ? $"g{t.Group}" : null })],
        };
        var goal = limits.Goal == 1 && draining > 6 ? PlanGoal.Drain : limits.Goal == 2 && draining > 6 ? PlanGoal.Evacuate : limits.Goal == 3 && draining > 6 ? PlanGoal.AddBroker : PlanGoal.Rebalance;
        var options = new PlannerOptions
        {
            Goal = goal,
            Brokers = goal == PlanGoal.Rebalance ? [] : [Id(0)],
            Resources = [Resource.Throughput, Resource.Messages],
            OnlyWhenTriggered = limits.Triggered,
            WorkBudget = 50_000,
            PaybackHorizon = TimeSpan.FromHours(limits.Budget),
            Policy = ImbalancePolicy.Balanced with { TargetMinOverMean = limits.Budget == 1 ? .5 : 0 },
            Limits = new PlanLimits
            {
                MaxMovesPerCycle = limits.Cycle, MaxMovesPerHour = 10, MaxMovesPerBroker = Math.Max(1, limits.Cycle - 2),
                NamespaceBudgets = limits.Budget == 2 ? new Dictionary<string, int> { ["n1"] = 1 } : new Dictionary<string, int>(),
            },
            Rules = new PlanRules
            {
                MaxPartitionsPerBroker = rules.PerBroker == 0 ? null : rules.PerBroker,
                MaxPartitionsPerZone = rules.PerZone == 0 ? null : rules.PerZone + 1,
                DeniedTopics = ["/n0/t0?"],
                Pins = rules.Pin < 6 ? [new($"/n1/t{rules.Pin:D2}", Id(rules.Pin % brokers))] : [],
                Banned = rules.Ban < 6 ? [new("/n2/*", Id(rules.Ban % brokers))] : [],
            },
        };
        return new(snapshot, options);
    }

    private static TopicSnapshot Odd(TopicSnapshot topic, int flag) => flag switch
    {
        0 => topic with { LastMoved = Now.AddMinutes(-3), MovedFrom = "2" },
        1 => topic with { FirstSeen = Now.AddMinutes(-1) },
        2 => topic with { Reliable = false },
        3 => topic with { Reliable = null },
        4 => topic with { RatesKnown = false },
        5 => topic with { LoadedTwice = true },
        6 => topic with { BrokerId = null },
        7 => topic with { LastMoved = Now.AddMinutes(-30), MovedFrom = "1" },
        _ => topic,
    };
}
