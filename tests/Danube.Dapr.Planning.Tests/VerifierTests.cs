using Danube.Dapr.Contracts;
using Danube.Dapr.Planning.Mapping;
using WireMove = Danube.Dapr.Contracts.PlannedMove;

namespace Danube.Dapr.Planning.Tests;

/// <summary>The verifier finds every kind of tampering with a plan that holds.</summary>
public sealed class VerifierTests
{
    private static readonly DateTimeOffset Now = Cluster.Now;
    private static readonly PlannerOptions Options = new()
    {
        Resources = [Resource.Throughput, Resource.Messages], OnlyWhenTriggered = false,
        Limits = new PlanLimits { MaxMovesPerCycle = 20, MaxMovesPerHour = 20 },
        Rules = new PlanRules { DeniedTopics = ["/n/denied"], Pins = [new("/n/pinned", "1")], Banned = [new("/n/banned", "2")], ExcludedBrokers = ["6"], MaxPartitionsPerBroker = 2, MaxPartitionsPerZone = 2,
            Affinity = [new("home", ["/n/home"], ["1", "3"], [], true)] },
    };

    private static readonly ClusterSnapshot Snapshot = new()
    {
        Time = Now, Generation = 7,
        Brokers =
        [
            Broker("1"), Broker("2"), Broker("3"), Broker("4") with { State = Contracts.BrokerState.Draining }, Broker("5") with { Reachable = false }, Broker("6"),
            Broker("7") with { ReportTime = Now.AddHours(-1) },
        ],
        Topics =
        [
            .. Enumerable.Range(0, 12).Select(i => Topic($"/n/t{i:D2}", "1", 100 + i)),
            Topic("/n/denied", "1", 5), Topic("/n/pinned", "1", 5), Topic("/n/banned", "1", 5), Topic("/n/home", "1", 5),
            Topic("/n/cool", "1", 5) with { LastMoved = Now.AddMinutes(-1) }, Topic("/n/young", "1", 5) with { FirstSeen = Now.AddMinutes(-1) },
            Topic("/n/left", "1", 5) with { LastMoved = Now.AddMinutes(-20), MovedFrom = "2" },
            Topic("/n/unknown", "1", 5) with { RatesKnown = false }, Topic("/n/lost", "1", 5) with { Reliable = false }, Topic("/n/twice", "1", 5) with { LoadedTwice = true },
            Topic("/n/down", "5", 5), Topic("/n/excluded", "6", 5), Topic("/n/drained", "4", 5),
            Topic("/n/p0", "1", 5) with { PartitionGroup = "/n/p" }, Topic("/n/p1", "2", 5) with { PartitionGroup = "/n/p" }, Topic("/n/p2", "2", 5) with { PartitionGroup = "/n/p" },
        ],
    };

    private static readonly RebalancePlan Plan = PlanMapping.ToContract(Planner.Plan(SnapshotMapping.ToPlanning(Snapshot), Options), generation: 7);

    [Fact]
    public void Verify_PlanOfThePlanner_Holds()
    {
        Assert.Empty(PlanVerifier.Verify(Snapshot, Plan, Options));
        Assert.True(Plan.ReachesTarget);
        Assert.True(Plan.Moves.Count >= 3);
    }

    [Fact]
    public void Plan_OfAClusterWhoseClockWasSetBack_LetsTopicsAndBrokersOfTheOldClockRest()
    {
        // Times of before are an hour ahead: of two topics and of a broker that has not reported since.
        var snapshot = Snapshot with
        {
            Brokers = [.. Snapshot.Brokers.Select(b => b.Id == "3" ? b with { ReportTime = Now.AddHours(1) } : b)],
            Topics =
            [
                .. Snapshot.Topics.Select(t => t.Name switch
                {
                    "/n/t11" => t with { LastMoved = Now.AddHours(1) },
                    "/n/t10" => t with { FirstSeen = Now.AddHours(1) },
                    _ => t,
                }),
            ],
        };

        var plan = PlanMapping.ToContract(Planner.Plan(SnapshotMapping.ToPlanning(snapshot), Options), generation: 7);

        Assert.NotEmpty(plan.Moves);
        Assert.DoesNotContain(plan.Moves, m => m.Topic is "/n/t10" or "/n/t11" || m.From == "3" || m.To == "3");
        Assert.Contains(plan.Refusals, r => r.Subject == "3" && r.Reason == ReasonCode.StaleReports);
        Assert.Empty(PlanVerifier.Verify(snapshot, plan, Options));
    }

    public static TheoryData<string, RebalancePlan, string> Tampered()
    {
        RebalancePlan First(Func<WireMove, WireMove> change) => Plan with { Moves = [change(Plan.Moves[0]), .. Plan.Moves.Skip(1)] };
        RebalancePlan Also(string topic, string from, string to) => Plan with { Moves = [.. Plan.Moves, new WireMove { Topic = topic, From = from, To = to, Cost = 1.05 }] };
        RebalancePlan Prediction(Func<Contracts.BrokerPrediction, Contracts.BrokerPrediction> change) => Plan with { Brokers = [change(Plan.Brokers[0]), .. Plan.Brokers.Skip(1)] };
        Dictionary<string, double> Load(IReadOnlyDictionary<string, double> load, string resource) => new(load) { [resource] = load[resource] + 1 };
        BalanceReport Balance(BalanceReport report) => report with { Resources = [report.Resources[0] with { MaxOverMean = report.Resources[0].MaxOverMean + .1 }, .. report.Resources.Skip(1)] };
        return new()
        {
            { "other generation", Plan with { SnapshotGeneration = 8 }, "$.snapshotGeneration" },
            { "unknown topic", First(m => m with { Topic = "/n/none" }), "$.moves[0].topic" },
            { "moved twice", Also(Plan.Moves[0].Topic, "1", "2"), "].topic" },
            { "wrong source", First(m => m with { From = "2" }), "$.moves[0].from" },
            { "no move", First(m => m with { To = m.From }), "$.moves[0].to" },
            { "unknown target", First(m => m with { To = "99" }), "$.moves[0].to" },
            { "draining target", First(m => m with { To = "4" }), "$.moves[0].to" },
            { "unreachable target", First(m => m with { To = "5" }), "$.moves[0].to" },
            { "excluded target", First(m => m with { To = "6" }), "$.moves[0].to" },
            { "stale target", First(m => m with { To = "7" }), "$.moves[0].to" },
            { "denied", Also("/n/denied", "1", "2"), "].topic" },
            { "pinned", Also("/n/pinned", "1", "2"), "].to" },
            { "banned", Also("/n/banned", "1", "2"), "].to" },
            { "affinity", Also("/n/home", "1", "2"), "].to" },
            { "cool-down", Also("/n/cool", "1", "2"), "].topic" },
            { "too young", Also("/n/young", "1", "2"), "].topic" },
            { "went back", Also("/n/left", "1", "2"), "].to" },
            { "rates unknown", Also("/n/unknown", "1", "2"), "].topic" },
            { "not reliable", Also("/n/lost", "1", "2"), "].topic" },
            { "loaded twice", Also("/n/twice", "1", "2"), "].topic" },
            { "source down", Also("/n/down", "5", "2"), "].from" },
            { "source excluded", Also("/n/excluded", "6", "2"), "].from" },
            { "third partition", Also("/n/p0", "1", "2"), "$.moves" },
            { "move left out", Plan with { Moves = [.. Plan.Moves.Skip(1)] }, ".topicsAfter" },
            { "cost of a move", First(m => m with { Cost = m.Cost + 1 }), "$.moves[0].cost" },
            { "clients of a move", First(m => m with { Clients = 99 }), "$.moves[0].clients" },
            { "bytes of a move", First(m => m with { BytesPerSecond = 1 }), "$.moves[0].bytesPerSecond" },
            { "cost of the plan", Plan with { Cost = Plan.Cost - 1 }, "$.cost" },
            { "topics before", Prediction(b => b with { TopicsBefore = 1 }), ".topicsBefore" },
            { "topics after", Prediction(b => b with { TopicsAfter = 1 }), ".topicsAfter" },
            { "load before", Prediction(b => b with { LoadBefore = Load(b.LoadBefore, "bytes") }), ".loadBefore.bytes" },
            { "load after", Prediction(b => b with { LoadAfter = Load(b.LoadAfter, "messages") }), ".loadAfter.messages" },
            { "load invented", Prediction(b => b with { LoadAfter = Load(b.LoadAfter, "topics") }), "loadAfter.topics in sum" },
            { "broker left out", Plan with { Brokers = [.. Plan.Brokers.Skip(1)] }, "$.brokers[brokerId=1]" },
            { "balance before", Plan with { Before = Balance(Plan.Before) }, "$.before" },
            { "balance after", Plan with { PredictedAfter = Balance(Plan.PredictedAfter) }, "$.predictedAfter" },
            { "bound above the moves", Plan with { LowerBoundMoves = Plan.Moves.Count + 1 }, "$.lowerBoundMoves" },
            { "bound below zero", Plan with { LowerBoundMoves = -1 }, "$.lowerBoundMoves" },
            { "cost bound above the cost", Plan with { LowerBoundCost = Plan.Cost * 2 }, "$.lowerBoundCost" },
        };
    }

    [Theory]
    [MemberData(nameof(Tampered))]
    public void Verify_TamperedPlan_NamesThePlace(string what, RebalancePlan plan, string path)
    {
        var faults = PlanVerifier.Verify(Snapshot, plan, Options);
        Assert.True(faults.Any(f => f.Path.Contains(path, StringComparison.Ordinal)), $"{what}: {string.Join("; ", faults)}");
    }

    public static TheoryData<string, PlannerOptions, int> Tightened()
    {
        PlannerOptions Limits(PlanLimits limits) => Options with { Limits = limits };
        return new()
        {
            { "moves per cycle", Limits(Options.Limits with { MaxMovesPerCycle = 2 }), 0 },
            { "moves per hour", Options, 19 },
            { "moves per broker", Limits(Options.Limits with { MaxMovesPerBroker = 1 }), 0 },
            { "namespace", Limits(Options.Limits with { NamespaceBudgets = new Dictionary<string, int> { ["n"] = 1 } }), 0 },
            { "quiet hours", Limits(Options.Limits with { QuietHours = [new(new(11, 0), new(13, 0))] }), 0 },
        };
    }

    [Theory]
    [MemberData(nameof(Tightened))]
    public void Verify_PlanBeyondALimit_NamesIt(string what, PlannerOptions options, int before) =>
        Assert.True(PlanVerifier.Verify(Snapshot, Plan, options, before).Any(f => f.Path == "$.moves"), what);

    [Fact]
    public void Verify_PlanThatOnlyClaimsToReachTheTarget_NamesTheBroker()
    {
        // Consistent in itself: the empty plan, said to be enough.
        var empty = PlanMapping.ToContract(Planner.Plan(SnapshotMapping.ToPlanning(Snapshot), Options with { Policy = ImbalancePolicy.Balanced with { TriggerMaxOverMean = 50, TargetMaxOverMean = 40, TargetCoefficientOfVariation = 0 }, Rules = Options.Rules with { ExcludedBrokers = ["6", "4"] } }));
        Assert.Empty(empty.Moves);
        Assert.Contains(PlanVerifier.Verify(Snapshot, empty with { ReachesTarget = true, Refusals = [] }, Options), f => f.Path == "$.reachesTarget");
    }

    [Fact]
    public void OptionsOf_PlanWithoutItsOptions_StillFindsWrongFigures()
    {
        var snapshot = Snapshot with { Rules = null };
        Assert.DoesNotContain(PlanVerifier.Verify(snapshot, Plan, PlanVerifier.OptionsOf(snapshot, Plan)), f => f.Path.StartsWith("$.moves", StringComparison.Ordinal) || f.Path.StartsWith("$.brokers", StringComparison.Ordinal));
        Assert.NotEmpty(PlanVerifier.Verify(snapshot, Plan with { Cost = 1 }, PlanVerifier.OptionsOf(snapshot, Plan)));
    }

    private static BrokerSnapshot Broker(string id) => new() { Id = id, Zone = "z" + id, ReportTime = Now };

    private static TopicSnapshot Topic(string name, string broker, double bytes) => new() { Name = name, BrokerId = broker, Reliable = true, BytesInPerSecond = bytes, MessagesInPerSecond = bytes / 10, Producers = 1 };
}
