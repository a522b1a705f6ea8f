using System.Text;
using Danube.Dapr.Planning.Mapping;

namespace Danube.Dapr.Planning.Tests;

public sealed class OptionsTests
{
    private static readonly PlannerOptions Good = new();

    public static TheoryData<string, PlannerOptions, string> Bad()
    {
        var policy = ImbalancePolicy.Balanced;
        var limits = new PlanLimits();
        PlannerOptions Policy(ImbalancePolicy p) => Good with { Policy = p };
        PlannerOptions Limits(PlanLimits l) => Good with { Limits = l };
        PlannerOptions Rules(PlanRules r) => Good with { Rules = r };
        return new()
        {
            { "no name", Policy(policy with { Name = " " }), "policy.name must be a name" },
            { "trigger cv 0", Policy(policy with { TriggerCoefficientOfVariation = 0 }), "policy.triggerCoefficientOfVariation must be 0.01 to 10, is 0." },
            { "trigger cv NaN", Policy(policy with { TriggerCoefficientOfVariation = double.NaN }), "policy.triggerCoefficientOfVariation" },
            { "trigger max/mean 1", Policy(policy with { TriggerMaxOverMean = 1 }), "policy.triggerMaxOverMean must be 1.01 to 100, is 1." },
            { "target cv above trigger", Policy(policy with { TargetCoefficientOfVariation = .5 }), "policy.targetCoefficientOfVariation must be 0 up to" },
            { "target max/mean 1", Policy(policy with { TargetMaxOverMean = 1 }), "policy.targetMaxOverMean must be above 1" },
            { "target max/mean above trigger", Policy(policy with { TargetMaxOverMean = 3 }), "policy.targetMaxOverMean" },
            { "target min/mean 1", Policy(policy with { TargetMinOverMean = 1 }), "policy.targetMinOverMean must be 0 to below 1, is 1." },
            { "capacity share 0", Policy(policy with { MaxOverCapacity = 0 }), "policy.maxOverCapacity" },
            { "window negative", Policy(policy with { SustainedFor = TimeSpan.FromSeconds(-1) }), "policy.sustainedFor" },
            { "goal without brokers", Good with { Goal = PlanGoal.Drain }, "brokers must be at least one broker id for the goal Drain" },
            { "brokers without goal", Good with { Brokers = ["1"] }, "brokers must be empty for the goal rebalance, is 1." },
            { "unknown goal", Good with { Goal = (PlanGoal)9, Brokers = ["1"] }, "goal must be one of Rebalance, Drain, Evacuate, AddBroker, is 9." },
            { "no resources", Good with { Resources = [] }, "resources must be at least one resource" },
            { "resource twice", Good with { Resources = [Resource.Cpu, Resource.Cpu] }, "resources must be" },
            { "cost 0", Good with { Cost = new(0) }, "cost.perMove must be above 0, is 0." },
            { "cost per client negative", Good with { Cost = new(1, -1) }, "cost.perClient must be 0 or more, is -1." },
            { "cost per byte infinite", Good with { Cost = new(1, 0, double.PositiveInfinity) }, "cost.perUnexportedByte" },
            { "horizon 31 days", Good with { PaybackHorizon = TimeSpan.FromDays(31) }, "paybackHorizon must be 0 s to 30 days" },
            { "price negative", Good with { OverloadSecondsPerCost = -1 }, "overloadSecondsPerCost" },
            { "work negative", Good with { WorkBudget = -1 }, "workBudget must be 0 to 10^12, is -1." },
            { "cycle 0", Limits(limits with { MaxMovesPerCycle = 0 }), "limits.maxMovesPerCycle must be 1 to 1,000,000, is 0." },
            { "per broker 0", Limits(limits with { MaxMovesPerBroker = 0 }), "limits.maxMovesPerBroker" },
            { "per hour 0", Limits(limits with { MaxMovesPerHour = 0 }), "limits.maxMovesPerHour" },
            { "per namespace 0", Limits(limits with { MaxMovesPerNamespace = 0 }), "limits.maxMovesPerNamespace" },
            { "budget negative", Limits(limits with { NamespaceBudgets = new Dictionary<string, int> { ["a"] = -1 } }), "limits.namespaceBudgets[\"a\"] must be 0 or more, is -1." },
            { "cool-down negative", Limits(limits with { CoolDown = TimeSpan.FromSeconds(-1) }), "limits.coolDown" },
            { "cool-down 8 days", Limits(limits with { CoolDown = TimeSpan.FromDays(8) }), "limits.coolDown" },
            { "no return negative", Limits(limits with { NoReturnWithin = TimeSpan.FromSeconds(-1) }), "limits.noReturnWithin" },
            { "age negative", Limits(limits with { MinTopicAge = TimeSpan.FromSeconds(-1) }), "limits.minTopicAge" },
            { "report age 0", Limits(limits with { MaxReportAge = TimeSpan.Zero }), "limits.maxReportAge" },
            { "one broker", Limits(limits with { MinBrokers = 1 }), "limits.minBrokers must be 2 to 1,000, is 1." },
            { "empty quiet hours", Limits(limits with { QuietHours = [new(new(1, 0), new(1, 0))] }), "limits.quietHours[0]" },
            { "empty deny pattern", Rules(new() { DeniedTopics = ["a", ""] }), "rules.deniedTopics[1] must be a topic name or glob, is empty." },
            { "empty pin", Rules(new() { Pins = [new("", "1")] }), "rules.pins[0]" },
            { "empty ban", Rules(new() { Banned = [new(" ", "1")] }), "rules.banned[0]" },
            { "empty affinity", Rules(new() { Affinity = [new("a", [""], [], [])] }), "rules.affinity[0].topics[0]" },
            { "partitions 0", Rules(new() { MaxPartitionsPerBroker = 0 }), "rules.maxPartitionsPerBroker must be 1 or more, is 0." },
            { "zone 0", Rules(new() { MaxPartitionsPerZone = 0 }), "rules.maxPartitionsPerZone" },
            { "requirement NaN", Rules(new() { Requirements = [new("a", double.NaN)] }), "rules.requirements[0].throughputBytesPerSecond" },
            { "requirement size", Rules(new() { Requirements = [new("a", 0, -1)] }), "rules.requirements[0].sizeBytes must be 0 or more, is -1." },
        };
    }

    [Fact]
    public void Faults_Defaults_AreNone() => Assert.Empty(Good.Faults());

    [Theory]
    [InlineData("conservative")]
    [InlineData("balanced")]
    [InlineData("aggressive")]
    public void Faults_NamedPolicies_AreNone(string name) => Assert.Empty(ImbalancePolicy.Get(name).Faults());

    [Theory]
    [MemberData(nameof(Bad))]
    public void Plan_BadOptions_IsRefusedWithNameValueAndRange(string what, PlannerOptions options, string expected)
    {
        var error = Assert.Throws<ArgumentException>(() => Planner.Plan(new Cluster().Brokers("1").Build(), options));
        Assert.True(error.Message.Contains(expected, StringComparison.Ordinal), $"{what}: {error.Message}");
    }

    [Fact]
    public void Faults_Several_AreAllNamed() =>
        Assert.Equal(3, (Good with { WorkBudget = -1, Cost = new(0), Limits = new() { MinBrokers = 0 } }).Faults().Count);

    [Fact]
    public void Get_UnknownPolicy_ListsTheKnown() =>
        Assert.Contains("conservative, balanced, aggressive", Assert.Throws<ArgumentException>(() => ImbalancePolicy.Get("wild")).Message, StringComparison.Ordinal);

    [Theory]
    [InlineData("""{"policy":"wild"}""", "$.policy must be one of conservative, balanced, aggressive, is \"wild\".")]
    [InlineData("""{"resources":["cpu","gpu"]}""", "$.resources[1] must be one of")]
    [InlineData("""{"coolDownSeconds":1e99}""", "$.coolDownSeconds must be within")]
    [InlineData("""{"coolDownSeconds":-1}""", "$.coolDownSeconds must be 0 s to 7 days")]
    [InlineData("""{"paybackHorizonSeconds":1e8}""", "$.paybackHorizonSeconds must be")]
    [InlineData("""{"maxMovesPerCycle":0}""", "$.maxMovesPerCycle must be 1 to 1,000,000, is 0.")]
    [InlineData("""{"costPerMove":0}""", "$.costPerMove must be above 0, is 0.")]
    [InlineData("""{"targetMaxOverMean":1}""", "$.targetMaxOverMean must be above 1")]
    [InlineData("""{"rules":{"affinityGroups":[{"name":"a","topics":[""],"preferBrokers":[],"avoidBrokers":[]}]}}""", "$.rules.affinityGroups[0].topics[0] must be a topic name or glob, is empty.")]
    public void ToOptions_BadValue_NamesItsPath(string json, string expected)
    {
        var fault = Assert.Single(Assert.Throws<SnapshotException>(() => PlanningFiles.ReadOptions(Encoding.UTF8.GetBytes(json)).ToOptions()).Faults);
        Assert.StartsWith(expected, $"{fault.Path} {fault.Message}", StringComparison.Ordinal);
    }

    [Fact]
    public void ToOptions_SeveralBadValues_NamesAll()
    {
        var file = PlanningFiles.ReadOptions("""{"policy":"wild","resources":["gpu"],"workBudget":-1,"minTopicAgeSeconds":1e99,"maxMovesPerHour":0}"""u8.ToArray());
        Assert.Equal(
            ["$.maxMovesPerHour", "$.minTopicAgeSeconds", "$.policy", "$.resources[0]", "$.workBudget"],
            Assert.Throws<SnapshotException>(() => file.ToOptions()).Faults.Select(f => f.Path).Order(StringComparer.Ordinal));
    }

    [Fact]
    public void ToOptions_EveryMember_Arrives()
    {
        const string Json = """
            {"policy":"aggressive","triggerCoefficientOfVariation":0.5,"triggerMaxOverMean":2,"targetCoefficientOfVariation":0.1,"targetMaxOverMean":1.1,"targetMinOverMean":0.5,
             "maxOverCapacity":0.7,"goal":"Drain","brokers":["1"],"resources":["bytes","cpu"],"onlyWhenTriggered":false,"alreadyTriggered":true,"costPerMove":2,"costPerClient":3,
             "costPerUnexportedByte":4,"maxMovesPerCycle":5,"maxMovesPerBroker":6,"maxMovesPerHour":7,"maxMovesPerNamespace":8,"namespaceBudgets":{"a":9},"coolDownSeconds":10,
             "noReturnWithinSeconds":11,"minTopicAgeSeconds":12,"maxReportAgeSeconds":13,"minBrokers":14,"quietHours":[{"from":"22:00:00","to":"04:00:00"}],"moveNonReliable":true,
             "paybackHorizonSeconds":15,"overloadSecondsPerCost":16,"seed":17,"workBudget":18,"rules":{"deniedTopics":["x"],"maxPartitionsPerBroker":2}}
            """;

        var o = PlanningFiles.ReadOptions(Encoding.UTF8.GetBytes(Json)).ToOptions();

        Assert.Equal((.5, 2, .1, 1.1, .5, .7), (o.Policy.TriggerCoefficientOfVariation, o.Policy.TriggerMaxOverMean, o.Policy.TargetCoefficientOfVariation, o.Policy.TargetMaxOverMean, o.Policy.TargetMinOverMean, o.Policy.MaxOverCapacity));
        Assert.Equal((PlanGoal.Drain, "1", false, true), (o.Goal, o.Brokers.Single(), o.OnlyWhenTriggered, o.AlreadyTriggered));
        Assert.Equal([Resource.Throughput, Resource.Cpu], o.Resources);
        Assert.Equal(new MoveCost(2, 3, 4), o.Cost);
        Assert.Equal((5, 6, 7, 8, 9), (o.Limits.MaxMovesPerCycle, o.Limits.MaxMovesPerBroker, o.Limits.MaxMovesPerHour, o.Limits.MaxMovesPerNamespace, o.Limits.NamespaceBudgets["a"]));
        Assert.Equal((10, 11, 12, 13), (o.Limits.CoolDown.TotalSeconds, o.Limits.NoReturnWithin.TotalSeconds, o.Limits.MinTopicAge.TotalSeconds, o.Limits.MaxReportAge.TotalSeconds));
        Assert.Equal((14, true, new QuietHours(new(22, 0), new(4, 0))), (o.Limits.MinBrokers, o.Limits.MoveNonReliable, o.Limits.QuietHours.Single()));
        Assert.Equal((15, 16, 17, 18), (o.PaybackHorizon.TotalSeconds, o.OverloadSecondsPerCost, o.Seed, o.WorkBudget));
        Assert.Equal(("x", 2), (o.Rules.DeniedTopics.Single(), o.Rules.MaxPartitionsPerBroker));
    }
}
