using Danube.Dapr.BrokerClient;
using Danube.Dapr.Contracts;
using Danube.Dapr.Rebalancer.Control;
using Danube.Dapr.Rebalancer.Execution;
using Danube.Dapr.Rebalancer.Options;
using BrokerStatus = Danube.Dapr.BrokerClient.BrokerStatus;
using RankedBroker = Danube.Dapr.BrokerClient.RankedBroker;

namespace Danube.Dapr.Rebalancer.Tests;

/// <summary>Each reason for which a batch or a topic is refused before anything is touched.</summary>
public sealed class PreflightRulesTests
{
    private const string Topic = "/default/a";
    private static readonly DateTimeOffset Now = new(2026, 1, 2, 3, 4, 5, TimeSpan.Zero);
    private static readonly Uri Somewhere = new("http://broker");

    public static TheoryData<string, ReasonCode> Batches() => new()
    {
        { "storage unknown", ReasonCode.StorageMode },
        { "storage local", ReasonCode.StorageMode },
        { "no leader", ReasonCode.LeaderChanged },
        { "raft disagrees", ReasonCode.LeaderChanged },
        { "built-in moves", ReasonCode.BuiltInRebalancing },
        { "built-in moved", ReasonCode.BuiltInRebalancing },
        { "target stuck", ReasonCode.BrokerStuck },
        { "target gone", ReasonCode.BrokerNotActive },
        { "target drained", ReasonCode.BrokerNotActive },
        { "target draining", ReasonCode.BrokerNotActive },
        { "target dead", ReasonCode.BrokerUnreachable },
        { "target not ranked", ReasonCode.BrokerNotRanked },
    };

    [Theory]
    [MemberData(nameof(Batches))]
    public void Batch_WithSomethingWrong_IsRefusedForThat(string wrong, ReasonCode reason)
    {
        var options = new RebalancerOptions { StorageMode = wrong switch { "storage unknown" => "unknown", "storage local" => "local", _ => "shared_fs" } };
        var target = wrong switch { "target drained" => BrokerStatus.Drained, "target draining" => BrokerStatus.Draining, _ => BrokerStatus.Active };
        var facts = Facts(
            brokers: [Node("1", leader: wrong != "no leader"), .. wrong == "target gone" ? Array.Empty<BrokerNode>() : [Node("2", target)]],
            raftLeader: wrong == "raft disagrees" ? "2" : "1",
            ranked: wrong == "target not ranked" ? ["1"] : ["1", "2"],
            unreachable: wrong == "target dead" ? ["2"] : [],
            control: new ControlState { BuiltIn = new BuiltInWatch("1", 3, wrong == "built-in moved" ? Now.AddMinutes(-9) : null), StuckBrokers = wrong == "target stuck" ? ["2"] : [] },
            builtIn: wrong == "built-in moves" ? 4 : 3);

        Assert.Equal(reason, PreflightRules.WhyNotBatch(facts, "2", options, forced: false, Now)?.Reason);
    }

    [Fact]
    public void Batch_WithNothingWrong_MayBegin()
    {
        Assert.Null(PreflightRules.WhyNotBatch(Facts(), "2", new RebalancerOptions { StorageMode = "object_store" }, forced: false, Now));
        Assert.Null(PreflightRules.WhyNotBatch(Facts(), "2", new RebalancerOptions { StorageMode = "local", AllowLocalStorage = true }, forced: false, Now));
        Assert.Null(PreflightRules.WhyNotBatch(Facts(control: new ControlState { BuiltIn = new BuiltInWatch("1", 3, null) }, builtIn: 4), "2", new RebalancerOptions { StorageMode = "shared_fs" }, forced: true, Now));
    }

    public static TheoryData<string, ReasonCode?> Topics() => new()
    {
        { "fine", null },
        { "nobody", ReasonCode.Stranded },
        { "two owners", ReasonCode.LoadedTwice },
        { "there already", ReasonCode.AlreadyThere },
        { "elsewhere", ReasonCode.OwnerChanged },
        { "source stuck", ReasonCode.BrokerStuck },
        { "source dead", ReasonCode.BrokerUnreachable },
        { "resolved wrongly", ReasonCode.NameCollision },
        { "non-reliable", ReasonCode.NonReliable },
        { "described non-reliable", ReasonCode.NonReliable },
        { "recreate", null },
        { "recreate with schema", ReasonCode.HasSchema },
        { "recreate with longer name", ReasonCode.NameCollision },
    };

    [Theory]
    [MemberData(nameof(Topics))]
    public void Topic_AsItIs_IsRefusedForThatOrNot(string how, ReasonCode? reason)
    {
        var recreate = how.StartsWith("recreate", StringComparison.Ordinal);
        var options = new RebalancerOptions();
        if (recreate)
            options.RecreateTopics.Add("/default/*");
        var owners = new Dictionary<string, IReadOnlyList<string>>();
        if (how != "nobody")
            owners[Topic] = how switch { "two owners" => ["1", "2"], "there already" => ["2"], "elsewhere" => ["3"], _ => ["1"] };
        if (how == "recreate with longer name")
            owners["/default/a-longer"] = ["2"];
        var facts = Facts(
            owners: owners,
            delivery: recreate || how == "non-reliable" ? TopicDelivery.NonReliable : TopicDelivery.Reliable,
            unreachable: how == "source dead" ? ["1"] : [],
            control: new ControlState { StuckBrokers = how == "source stuck" ? ["1"] : [] });
        var described = new TopicDescription(
            Topic, how == "resolved wrongly" ? "2" : "1",
            recreate || how is "non-reliable" or "described non-reliable" ? TopicDelivery.NonReliable : TopicDelivery.Reliable, [], how == "recreate with schema" ? "orders" : null);

        Assert.Equal(reason, PreflightRules.WhyNotTopic(facts, Topic, "1", "2", described, options)?.Reason);
    }

    [Fact]
    public void Recreate_OfAPartition_IsRefusedWhateverThePolicy()
    {
        var options = new RebalancerOptions();
        options.RecreateTopics.Add("/default/*");

        Assert.Equal(ReasonCode.IsPartition, RecreateRules.WhyNot("/default/a-part-1", options)?.Reason);
        Assert.Equal(ReasonCode.NonReliable, RecreateRules.WhyNot("/other/a", options)?.Reason);
        Assert.Null(RecreateRules.WhyNot("/default/a", options));
    }

    private static ClusterFacts Facts(
        IReadOnlyList<BrokerNode>? brokers = null, string raftLeader = "1", IReadOnlyList<string>? ranked = null, IReadOnlyList<string>? unreachable = null,
        Dictionary<string, IReadOnlyList<string>>? owners = null, TopicDelivery delivery = TopicDelivery.Reliable, ControlState? control = null, double? builtIn = null) => new(
        new ClusterTopology(brokers ?? [Node("1", leader: true), Node("2"), Node("3")], Somewhere, DateTimeOffset.UnixEpoch),
        new RaftStatus("1", raftLeader, 1, 1, [], []),
        new ClusterBalance("Fair", 0, 0, 0, 0, 0, [.. (ranked ?? ["1", "2", "3"]).Select(b => new RankedBroker(b, 1, 1, false, false))], Somewhere),
        owners ?? [],
        new Dictionary<string, TopicDelivery> { [Topic] = delivery },
        control ?? new ControlState(),
        builtIn,
        (unreachable ?? []).ToHashSet());

    private static BrokerNode Node(string id, BrokerStatus status = BrokerStatus.Active, bool leader = false) =>
        new(id, leader ? BrokerRole.Leader : BrokerRole.Follower, status, Somewhere, Somewhere, null);
}
