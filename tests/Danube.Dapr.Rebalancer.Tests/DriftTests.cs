using System.Text.Json;
using Danube.Dapr.Contracts;
using Danube.Dapr.Rebalancer.Control;
using Danube.Dapr.Rebalancer.Cycle;
using Danube.Dapr.Rebalancer.Execution;
using Danube.Dapr.Rebalancer.Options;
using Danube.Dapr.Rebalancer.Tests.Bench;

namespace Danube.Dapr.Rebalancer.Tests;

/// <summary>Which change of a plan's inputs stops it, and which does not. The plan takes four topics from broker 1, which carries twice the mean, to broker 4, which carries nothing.</summary>
public sealed class DriftTests
{
    private static readonly DateTimeOffset Now = new(2026, 1, 2, 12, 0, 0, TimeSpan.Zero);

    private readonly RebalancerOptions _options = new() { Mode = "advise", StorageMode = "shared_fs", MaxMovesPerCycle = 10 };
    private readonly ClusterSnapshot _then = Cluster();

    public static TheoryData<string, string?> Changes() => new()
    {
        { "nothing", null },
        { "all loads are three times as high", null },
        { "the target is a little hotter", null },
        { "the target is hotter", "Broker 4 would end at 1.26 times the mean of bytes; the plan said 1.00, allowed are 0.80 to 1.20" },
        { "the source is hotter", "Broker 1 would end at 1.26 times" },
        { "the source is cooler", "Broker 1 would end at 0.57 times" },
        { "the topics to move are hotter", "Broker 4 would end at 1.33 times" },
        { "the topics to move are idle", "Broker 1 would end at 1.33 times" },
        { "everything is idle", "Broker 1 would end at 0.00 times" },
        { "a broker that it does not touch is a little hotter", null },
        { "the target has half the weight", "Broker 4 would end at 1.75 times the mean of bytes" },
        { "the backlog and the clients of the topics have grown", null },
        { "the target is draining", "4 of 4 moves that are left can no longer be made as planned, the limit is 20 %: broker 4 is Draining" },
        { "the target does not answer", "broker 4 does not answer" },
        { "the target is gone", "broker 4 is gone" },
        { "the target is excluded", "broker 4 is excluded" },
        { "the source does not answer", "broker 1 does not answer" },
        { "a topic is elsewhere", "1 of 4 moves that are left can no longer be made as planned, the limit is 20 %: /default/1-" },
        { "a topic is with nobody", "is with nobody and not with broker 1" },
        { "a topic was deleted", "does not exist any more" },
    };

    [Theory]
    [MemberData(nameof(Changes))]
    public void Plan_WhenTheClusterChanged_DriftsIfItWouldEndElsewhere(string change, string? detail)
    {
        var plan = Plan(_then);

        var why = Why(plan, Records(plan), Changed(_then, change, plan.Moves[0].Topic, [.. plan.Moves.Select(m => m.Topic)]), _options);

        Assert.Equal(detail is null ? null : ReasonCode.Drift, why?.Reason);
        Assert.Contains(detail ?? "", why?.Detail ?? "", StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(1, 0.5, "Broker 4 would end at 1.75 times the mean of bytes")]
    [InlineData(3, 1, "Broker 4 would end with 120 % of its capacity in use; the plan said 40 %, allowed are 85 %")]
    [InlineData(2, 1, null)]
    public void Plan_WhereCapacityIsKnown_DriftsWhenATargetWouldHaveTooLittleOfIt(double growth, double targetCapacity, string? detail)
    {
        var then = WithCapacity(_then, _ => 1_000_000);
        var plan = Plan(then);

        var why = Why(plan, Records(plan), Loaded(WithCapacity(then, id => id == "4" ? targetCapacity * 1_000_000 : 1_000_000), _ => growth), _options);

        Assert.Equal(detail is null ? null : ReasonCode.Drift, why?.Reason);
        Assert.Contains(detail ?? "", why?.Detail ?? "", StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("4", false, ReasonCode.StaleReports)]
    [InlineData("1", false, ReasonCode.StaleReports)]
    [InlineData("4", true, ReasonCode.StaleReports)]
    [InlineData("2", false, null)]
    [InlineData("", false, ReasonCode.RatesUnknown)]
    public void Plan_WhoseBrokersAreNotKnown_IsNeitherTheSameNorOther(string broker, bool never, ReasonCode? reason)
    {
        var plan = Plan(_then);
        var silent = _then with
        {
            Brokers = [.. _then.Brokers.Select(b => b.Id == broker ? b with { ReportTime = never ? null : Now.AddSeconds(-121) } : b)],
            Topics = [.. _then.Topics.Select(t => broker.Length == 0 && t.Name == plan.Moves[3].Topic ? t with { RatesKnown = false } : t)],
        };

        Assert.Equal(reason, Why(plan, Records(plan), silent, _options)?.Reason);
    }

    [Fact]
    public void Policy_ChangedMeanwhile_IsDrift()
    {
        var plan = Plan(_then);
        _options.Policy = "conservative";

        Assert.Equal("The plan was made with the policy balanced; the policy is conservative now.", Why(plan, Records(plan), _then, _options)?.Detail);
    }

    [Fact]
    public void Limit_IsThatOfTheConfiguration()
    {
        var plan = Plan(_then);
        var elsewhere = Changed(_then, "a topic is elsewhere", plan.Moves[0].Topic, []);
        var hotter = Changed(_then, "the target is hotter", "", []);
        _options.MaxDrift = 0.3;

        Assert.Null(Why(plan, Records(plan), elsewhere, _options));
        Assert.Null(Why(plan, Records(plan), hotter, _options));
    }

    [Theory]
    [InlineData("4", true, 0)]
    [InlineData("4", false, 3)]
    [InlineData("1", true, 1)]
    public void Moves_ThatThePlanHasMade_AreNoDrift_WhateverIsReportedOfThem(string owner, bool known, double factor)
    {
        var plan = Plan(_then);
        var made = plan.Moves.Take(3).Select(m => m.Topic).ToHashSet();
        var now = Loaded(_then, t => made.Contains(t.Name) ? factor : 1);
        now = now with { Topics = [.. now.Topics.Select(t => made.Contains(t.Name) ? t with { BrokerId = owner, RatesKnown = known } : t)] };

        Assert.Null(Why(plan, Records(plan, MoveState.Done, MoveState.Done, MoveState.Verifying), now, _options));
        Assert.Null(Why(plan, Records(plan, MoveState.Done, MoveState.Done, MoveState.Done, MoveState.Done), now with { Brokers = [] }, _options));
    }

    [Fact]
    public void Moves_ThatThePlanDidNotMakeAfterAll_AreNoDrift()
    {
        var plan = Plan(_then);
        var now = Changed(_then, "a topic is elsewhere", plan.Moves[0].Topic, []);

        Assert.Null(Why(plan, Records(plan, MoveState.LandedElsewhere, MoveState.Skipped, MoveState.Failed), now, _options));
    }

    [Fact]
    public void Cluster_ThatIsSteady_DoesNotDriftForTheNoiseOfItsRates()
    {
        var random = new Random(7);
        ClusterSnapshot Noisy(ClusterSnapshot of) => Loaded(of, _ => 0.9 + (0.2 * random.NextDouble()));
        // Rates of very different size, a third of all on each of the first two of six brokers.
        var uneven = Cluster(brokers: 6) with
        {
            Topics = [.. Enumerable.Range(1, 120).Select(i => Topic($"/default/t-{i}", $"{(i % 3 == 0 ? 3 + (i % 4) : i % 3)}", 4_000_000 / i))],
        };
        _options.MaxMovesPerCycle = 100;
        var plan = Plan(Noisy(uneven));

        Assert.True(plan.Moves.Count > 5, plan.Summary);
        Assert.All(Enumerable.Range(0, 1_000), _ => Assert.Null(Why(plan, Records(plan), Noisy(uneven), _options)?.Detail));
    }

    [Fact]
    public void Plan_StoredByAnOlderVersion_IsReadAndComparedWithoutLoads()
    {
        var plan = Plan(_then);
        var stored = JsonSerializer.Serialize(plan with { Brokers = [.. plan.Brokers.Select(b => b with { OverMeanAfter = null })] }, ContractsJson.Wire);
        Assert.DoesNotContain("overMeanAfter", stored, StringComparison.Ordinal);
        var old = JsonSerializer.Deserialize<RebalancePlan>(stored, ContractsJson.Wire)!;

        Assert.Null(Why(old, Records(old), Changed(_then, "the target is hotter", "", []), _options));
        Assert.NotNull(Why(old, Records(old), Changed(_then, "the target is draining", "", []), _options));
        Assert.Equal(plan.Brokers.Select(b => b.OverMeanAfter), JsonSerializer.Deserialize<RebalancePlan>(JsonSerializer.Serialize(plan, ContractsJson.Wire), ContractsJson.Wire)!.Brokers.Select(b => b.OverMeanAfter));
    }

    [Theory]
    [InlineData(MoveCause.BrokerOverload, false, true)]
    [InlineData(MoveCause.MakesRoom, false, true)]
    [InlineData(MoveCause.BrokerOverload, true, false)]
    [InlineData(MoveCause.RuleViolation, false, false)]
    [InlineData(MoveCause.Drain, false, false)]
    public void Topic_ThatHasNotComeBackMeanwhile_IsNotMovedForBalance(MoveCause cause, bool force, bool rests)
    {
        var plan = Plan(_then);
        plan = plan with { Moves = [.. plan.Moves.Select(m => m with { Cause = cause, Force = force })] };
        var resting = new HashSet<string> { plan.Moves[2].Topic };

        var why = Why(plan, Records(plan), _then, _options, resting);

        Assert.Equal(rests, PreflightRules.Rests(plan.Moves[2].Topic, cause, force, resting));
        Assert.Equal(rests ? $"1 of 4 moves that are left can no longer be made as planned, the limit is 20 %: {plan.Moves[2].Topic} has not come back since its last move." : null, why?.Detail);
    }

    [Fact]
    public void Plan_MadeForWhatIsMeasuredOfHosts_IsComparedUntilItsMovesBegin()
    {
        var then = WithCpu(_then, 90, 20, 20, 5);
        var plan = Plan(then);
        Assert.Equal("cpu", plan.Before.Cause);
        Assert.True(plan.Moves.Count > 2);
        var first = plan.Moves[0].Topic;
        // Reported over a time that began before the topic had left: the source's figure has not fallen yet.
        var now = then with { Topics = [.. then.Topics.Select(t => t.Name == first ? t with { BrokerId = plan.Moves[0].To } : t)] };

        Assert.Null(Why(plan, Records(plan), then, _options)?.Detail);
        Assert.Equal(ReasonCode.Drift, Why(plan, Records(plan), WithCpu(then, 40, 40, 40, 20), _options)?.Reason);
        Assert.Null(Why(plan, Records(plan, MoveState.Done), now, _options)?.Detail);
        Assert.Null(Why(plan, Records(plan, MoveState.Unloading), now, _options)?.Detail);
        Assert.Equal(ReasonCode.Drift, Why(plan, Records(plan, MoveState.Done), Changed(now, "the target is draining", first, []), _options)?.Reason);
    }

    private static Denial? Why(RebalancePlan plan, IReadOnlyList<MoveRecord> moves, ClusterSnapshot now, RebalancerOptions options, IReadOnlySet<string>? resting = null) =>
        Drift.Why(plan, moves, now, options, resting ?? new HashSet<string>());

    private static ClusterSnapshot WithCpu(ClusterSnapshot snapshot, params double[] percent) => snapshot with
    {
        Brokers = [.. snapshot.Brokers.Select((b, i) => b with { Resources = new ResourceUsage { Source = "host", CpuPercent = Figure.Of(percent[i]), CpuCores = 4 } })],
    };

    private static ClusterSnapshot Changed(ClusterSnapshot then, string change, string first, IReadOnlyList<string> moved)
    {
        BrokerSnapshot Target(BrokerSnapshot b, Func<BrokerSnapshot, BrokerSnapshot> with) => b.Id == "4" ? with(b) : b;
        ClusterSnapshot OfTarget(Func<BrokerSnapshot, BrokerSnapshot> with) => then with { Brokers = [.. then.Brokers.Select(b => Target(b, with))] };
        ClusterSnapshot OfFirst(Func<TopicSnapshot, TopicSnapshot> with) => then with { Topics = [.. then.Topics.Select(t => t.Name == first ? with(t) : t)] };
        ClusterSnapshot And(params TopicSnapshot[] topics) => then with { Topics = [.. then.Topics, .. topics] };
        return change switch
        {
            "nothing" => then with { Time = Now.AddMinutes(1) },
            "all loads are three times as high" => Loaded(then, _ => 3),
            "the target is a little hotter" => And(Topic("/default/new", "4", 80_000)),
            "the target is hotter" => And(Topic("/default/new", "4", 150_000)),
            "the source is hotter" => And(Topic("/default/new", "1", 150_000)),
            "the source is cooler" => Loaded(then, t => t.BrokerId == "1" && !moved.Contains(t.Name) ? 0.5 : 1),
            "the topics to move are hotter" => Loaded(then, t => moved.Contains(t.Name) ? 1.5 : 1),
            "the topics to move are idle" => Loaded(then, t => moved.Contains(t.Name) ? 0 : 1),
            "everything is idle" => Loaded(then, _ => 0),
            "a broker that it does not touch is a little hotter" => And(Topic("/default/new", "2", 150_000)),
            "the target has half the weight" => OfTarget(b => b with { Capacity = new BrokerCapacity { Weight = 0.5 } }),
            "the backlog and the clients of the topics have grown" => then with { Topics = [.. then.Topics.Select(t => t with { BacklogMessages = 1_000_000, Consumers = 100 })] },
            "the target is draining" => OfTarget(b => b with { State = BrokerState.Draining }),
            "the target does not answer" => OfTarget(b => b with { Reachable = false }),
            "the target is gone" => then with { Brokers = [.. then.Brokers.Where(b => b.Id != "4")] },
            "the target is excluded" => then with { Rules = new PlacementRules { ExcludedBrokers = ["4"] } },
            "the source does not answer" => then with { Brokers = [.. then.Brokers.Select(b => b.Id == "1" ? b with { Reachable = false } : b)] },
            "a topic is elsewhere" => OfFirst(t => t with { BrokerId = "2" }),
            "a topic is with nobody" => OfFirst(t => t with { BrokerId = null }),
            "a topic was deleted" => then with { Topics = [.. then.Topics.Where(t => t.Name != first)] },
            _ => throw new ArgumentOutOfRangeException(nameof(change), change, "No such change."),
        };
    }

    private static ClusterSnapshot Loaded(ClusterSnapshot snapshot, Func<TopicSnapshot, double> factor) => snapshot with
    {
        Topics = [.. snapshot.Topics.Select(t => (Topic: t, Factor: factor(t))).Select(t => t.Topic with { BytesInPerSecond = t.Factor * t.Topic.BytesInPerSecond, MessagesInPerSecond = t.Factor * t.Topic.MessagesInPerSecond })],
    };

    private static ClusterSnapshot WithCapacity(ClusterSnapshot snapshot, Func<string, double> bytes) => snapshot with
    {
        Brokers = [.. snapshot.Brokers.Select(b => b with { Capacity = new BrokerCapacity { BytesPerSecond = bytes(b.Id) } })],
    };

    /// <summary>800 kB/s on broker 1, 400 on 2 and 3, nothing on 4 and above.</summary>
    private static ClusterSnapshot Cluster(int brokers = 4) => new()
    {
        Time = Now,
        Brokers = [.. Enumerable.Range(1, brokers).Select(i => new BrokerSnapshot { Id = $"{i}", ReportTime = Now })],
        Topics = [.. Enumerable.Range(0, 16).Select(i => i switch { < 8 => "1", < 12 => "2", _ => "3" }).Select((broker, i) => Topic($"/default/{broker}-{i}", broker, 100_000))],
    };

    private static TopicSnapshot Topic(string name, string broker, double bytes) => new()
    {
        Name = name,
        BrokerId = broker,
        Reliable = true,
        BytesInPerSecond = bytes,
        MessagesInPerSecond = bytes / 1_000,
        FirstSeen = Now.AddDays(-1),
        BacklogMessages = 0,
    };

    private RebalancePlan Plan(ClusterSnapshot snapshot) => new PlanMaker(new FixedOptions(_options)).Make(snapshot, new PlanRequest
    {
        Policy = _options.Policy,
        MaxMoves = _options.MaxMovesPerCycle,
        Trigger = PlanTrigger.Imbalance,
        Ledger = new MoveLedger(),
        Now = Now,
    }).Plan!;

    private static IReadOnlyList<MoveRecord> Records(RebalancePlan plan, params MoveState[] states) =>
        [.. plan.Moves.Select((m, i) => Danube.Dapr.Rebalancer.Plans.PlanProgress.FirstRecord(plan, m) with { State = i < states.Length ? states[i] : MoveState.Planned })];
}
