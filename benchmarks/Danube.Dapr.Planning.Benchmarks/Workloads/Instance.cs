namespace Danube.Dapr.Planning.Benchmarks;

/// <summary>One static question: who owns what, and which limits are to be reached. Loads are whole numbers, so that every planner and the solver see the same sums.</summary>
internal sealed class Instance
{
    private static readonly MoveCost Costs = new();

    public required string Kind { get; init; }

    public required int Seed { get; init; }

    public required int B { get; init; }

    public required int T { get; init; }

    public required int R { get; init; }

    /// <summary>Load of topic t in resource r at t * R + r.</summary>
    public required long[] W { get; init; }

    public required int[] Home { get; init; }

    /// <summary>Relative size of each broker.</summary>
    public required double[] Size { get; init; }

    /// <summary>Brokers that must be emptied.</summary>
    public required bool[] Drained { get; init; }

    /// <summary>Partition group, -1 = none; at most <see cref="PerBroker"/> of one on one broker.</summary>
    public required int[] Group { get; init; }

    public int PerBroker { get; init; } = int.MaxValue;

    /// <summary>Producers and consumers of each topic, and the bytes of its log that are not exported yet: what moving it costs by <see cref="MoveCost"/>.</summary>
    public int[]? Clients { get; init; }

    public long[]? UnexportedBytes { get; init; }

    /// <summary>Upper limit = (1 + Slack) × the broker's share.</summary>
    public required double Slack { get; init; }

    /// <summary>What moving a topic costs by the planner's default costs.</summary>
    public double Cost(int t) => Costs.PerMove + (Costs.PerClient * (Clients?[t] ?? 0)) + (Costs.PerUnexportedByte * (UnexportedBytes?[t] ?? 0));

    public double[] Limits()
    {
        var total = new double[R];
        double size = 0;
        for (var t = 0; t < T; t++) for (var r = 0; r < R; r++) total[r] += W[(t * R) + r];
        for (var d = 0; d < B; d++) if (!Drained[d]) size += Size[d];
        var limits = new double[B * R];
        for (var b = 0; b < B; b++) for (var r = 0; r < R; r++) limits[(b * R) + r] = Drained[b] ? 0 : (1 + Slack) * total[r] * Size[b] / size;
        return limits;
    }

    public Snapshot ToSnapshot()
    {
        var builder = new SnapshotBuilder { Time = new DateTimeOffset(2026, 1, 1, 0, 0, 0, TimeSpan.Zero) };
        for (var b = 0; b < B; b++) builder.Add(new BrokerInfo { Id = Id(b), Weight = Size[b] });
        for (var t = 0; t < T; t++)
        {
            builder.Add(new TopicInfo
            {
                Name = FormattableString.Invariant($"/bench/t{t:D7}"), Owner = Id(Home[t]), Producers = Clients?[t] ?? 0, UnexportedBytes = UnexportedBytes?[t] ?? 0, PartitionGroup = Group[t] < 0 ? null : FormattableString.Invariant($"g{Group[t]}"),
                Load = new ResourceVector(Throughput: W[t * R], Cpu: R > 1 ? W[(t * R) + 1] : 0, Memory: R > 2 ? W[(t * R) + 2] : 0),
            });
        }

        return builder.Build();
    }

    public PlannerOptions ToOptions(long workBudget)
    {
        var drained = Enumerable.Range(0, B).Where(b => Drained[b]).Select(Id).ToArray();
        return new PlannerOptions
        {
            Policy = ImbalancePolicy.Aggressive with { TargetCoefficientOfVariation = 0, TargetMaxOverMean = 1 + Slack, TriggerMaxOverMean = 2 + Slack },
            Resources = [.. new[] { Resource.Throughput, Resource.Cpu, Resource.Memory }.Take(R)],
            OnlyWhenTriggered = false, Cost = MoveCost.CountOnly, Limits = PlanLimits.None, PaybackHorizon = TimeSpan.Zero, WorkBudget = workBudget,
            Goal = drained.Length > 0 ? PlanGoal.Evacuate : PlanGoal.Rebalance, Brokers = drained,
            Rules = new PlanRules { MaxPartitionsPerBroker = PerBroker == int.MaxValue ? null : PerBroker },
        };
    }

    public static string Id(int b) => (b + 1).ToString(System.Globalization.CultureInfo.InvariantCulture);
}
