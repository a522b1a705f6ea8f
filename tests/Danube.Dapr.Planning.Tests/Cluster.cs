namespace Danube.Dapr.Planning.Tests;

/// <summary>Builds small clusters in a line or two.</summary>
internal sealed class Cluster
{
    public static readonly DateTimeOffset Now = new(2026, 1, 1, 12, 0, 0, TimeSpan.Zero);

    private readonly SnapshotBuilder _builder = new() { Time = Now };
    private int _topics;

    public SnapshotBuilder Builder => _builder;

    public static PlannerOptions Unlimited { get; } = new()
    {
        Resources = [Resource.Throughput], Cost = MoveCost.CountOnly, Limits = PlanLimits.None, OnlyWhenTriggered = false, WorkBudget = 500_000, PaybackHorizon = TimeSpan.Zero,
        Policy = ImbalancePolicy.Balanced with { TargetCoefficientOfVariation = 0 },
    };

    public Cluster Broker(string id, Func<BrokerInfo, BrokerInfo>? change = null)
    {
        var broker = new BrokerInfo { Id = id };
        _builder.Add(change is null ? broker : change(broker));
        return this;
    }

    public Cluster Brokers(params string[] ids)
    {
        foreach (var id in ids) Broker(id);
        return this;
    }

    public Cluster Topic(string? owner, double bytesPerSecond, string? name = null, Func<TopicInfo, TopicInfo>? change = null)
    {
        var topic = new TopicInfo { Name = name ?? $"/default/t{_topics}", Owner = owner, BytesInPerSecond = bytesPerSecond };
        _topics++;
        _builder.Add(change is null ? topic : change(topic));
        return this;
    }

    public Cluster Topics(string owner, params double[] loads)
    {
        foreach (var load in loads) Topic(owner, load);
        return this;
    }

    /// <summary>Partitions /d/pN of the group /d/p.</summary>
    public Cluster Partitions(string owner, int count, int first = 0)
    {
        for (var i = first; i < first + count; i++) Topic(owner, 10, $"/d/p{i}", t => t with { PartitionGroup = "/d/p" });
        return this;
    }

    public Snapshot Build() => _builder.Build();

    /// <summary>Loads after a plan, computed without the planner's code.</summary>
    public static Dictionary<string, double> After(Snapshot snapshot, Plan plan)
    {
        var owner = snapshot.Topics.ToDictionary(t => t.Name, t => t.Owner);
        foreach (var move in plan.Moves)
        {
            Assert.Equal(owner[move.Topic], move.From);
            owner[move.Topic] = move.To;
        }

        return snapshot.Brokers.ToDictionary(b => b.Id, b => snapshot.Topics.Where(t => owner[t.Name] == b.Id).Sum(t => t.BytesInPerSecond));
    }
}
