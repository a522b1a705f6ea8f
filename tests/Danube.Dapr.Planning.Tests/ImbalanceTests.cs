namespace Danube.Dapr.Planning.Tests;

public sealed class ImbalanceTests
{
    private static readonly DateTimeOffset Start = Cluster.Now;

    // 10, 20, 30: mean 20, population deviation 8.165.
    [Fact]
    public void Of_ThreeLoads_GivesFiguresComputedByHand()
    {
        var measure = ImbalanceMeasure.Of(Resource.Throughput, ["1", "2", "3"], [10, 20, 30]);
        Assert.Equal((20, 1.5, .5, "3"), (measure.Mean, measure.MaxOverMean, measure.MinOverMean, measure.MaxBroker));
        Assert.Equal(.40825, measure.CoefficientOfVariation, 5);
    }

    [Fact]
    public void Of_UnequalBrokers_ComparesUtilisation()
    {
        var snapshot = new Cluster().Broker("1").Broker("2", b => b with { Weight = 3 }).Topics("1", 10).Topics("2", 30).Build();
        var worst = ImbalanceMeasure.Of(snapshot, [Resource.Throughput]).Worst!;
        Assert.Equal((0, 1), (worst.CoefficientOfVariation, worst.MaxOverMean));
    }

    [Fact]
    public void Of_SeveralResources_NamesTheWorst()
    {
        var snapshot = new Cluster().Brokers("1", "2").Topic("1", 11, null, t => t with { MessagesInPerSecond = 30 }).Topic("2", 9, null, t => t with { MessagesInPerSecond = 10 }).Build();
        var measure = ImbalanceMeasure.Of(snapshot, [Resource.Throughput, Resource.Messages]);
        Assert.Equal((Resource.Messages, 1.5), (measure.Worst!.Resource, measure.MaxOverMean));
    }

    [Fact]
    public void Of_NoLoad_IsBalanced()
    {
        var measure = ImbalanceMeasure.Of(new Cluster().Brokers("1", "2").Build());
        Assert.Equal((0, 1, 1), (measure.CoefficientOfVariation, measure.MaxOverMean, measure.MinOverMean));
    }

    [Fact]
    public void Of_KnownCapacity_GivesMaxOverCapacity()
    {
        var snapshot = new Cluster().Broker("1", b => b with { Capacity = new(Throughput: 40) }).Broker("2", b => b with { Capacity = new(Throughput: 10) }).Topics("1", 10).Topics("2", 9).Build();
        Assert.Equal(.9, ImbalanceMeasure.Of(snapshot, [Resource.Throughput]).Worst!.MaxOverCapacity!.Value, 9);
    }

    // One broker at four times ninety-nine equals: CV .297, below .30, and the trigger on max/mean finds it.
    [Fact]
    public void IsTriggeredBy_OneHotBrokerOfAHundred_FindsItByMaxOverMean()
    {
        var cluster = new Cluster();
        for (var b = 0; b < 100; b++) cluster.Broker($"{b}").Topic($"{b}", b == 0 ? 40 : 10);
        var measure = ImbalanceMeasure.Of(cluster.Build(), [Resource.Throughput]);
        Assert.InRange(measure.CoefficientOfVariation, .25, .30);
        Assert.True(ImbalancePolicy.Balanced.IsTriggeredBy(measure));
    }

    [Fact]
    public void IsTriggeredBy_Capacity_TriggersWhereTheSpreadDoesNot()
    {
        var snapshot = new Cluster().Broker("1", b => b with { Capacity = new(Throughput: 10) }).Broker("2", b => b with { Capacity = new(Throughput: 10) }).Topics("1", 9).Topics("2", 9).Build();
        Assert.True(ImbalancePolicy.Balanced.IsTriggeredBy(ImbalanceMeasure.Of(snapshot, [Resource.Throughput])));
    }

    [Fact]
    public void Observe_ShorterThanTheWindow_DoesNotCount()
    {
        var (trigger, first) = default(ImbalanceTrigger).Observe(Loads(10, 40), Start, ImbalancePolicy.Balanced);
        var (_, second) = trigger.Observe(Loads(10, 40), Start.AddSeconds(59), ImbalancePolicy.Balanced);
        Assert.Equal((false, false), (first, second));
    }

    [Fact]
    public void Observe_TheWholeWindow_Counts()
    {
        var (trigger, _) = default(ImbalanceTrigger).Observe(Loads(10, 40), Start, ImbalancePolicy.Balanced);
        Assert.True(trigger.Observe(Loads(10, 40), Start.AddSeconds(60), ImbalancePolicy.Balanced).Sustained);
    }

    [Fact]
    public void Observe_ABreak_StartsTheWindowAnew()
    {
        var (trigger, _) = default(ImbalanceTrigger).Observe(Loads(10, 40), Start, ImbalancePolicy.Balanced);
        (trigger, _) = trigger.Observe(Loads(10, 11), Start.AddSeconds(30), ImbalancePolicy.Balanced);
        (trigger, _) = trigger.Observe(Loads(10, 40), Start.AddSeconds(40), ImbalancePolicy.Balanced);
        Assert.False(trigger.Observe(Loads(10, 40), Start.AddSeconds(70), ImbalancePolicy.Balanced).Sustained);
        Assert.True(trigger.Observe(Loads(10, 40), Start.AddSeconds(100), ImbalancePolicy.Balanced).Sustained);
    }

    [Fact]
    public void Observe_AClockThatWentBack_StartsTheWindowAnew()
    {
        var (trigger, _) = default(ImbalanceTrigger).Observe(Loads(10, 40), Start, ImbalancePolicy.Balanced);
        (trigger, var sustained) = trigger.Observe(Loads(10, 40), Start.AddHours(-1), ImbalancePolicy.Balanced);
        Assert.False(sustained);
        Assert.Equal(Start.AddHours(-1), trigger.Since);
    }

    // Balanced: target 1.2, trigger 1.5, settled up to 1.275.
    [Theory]
    [InlineData(1.19, true, true, false)]
    [InlineData(1.26, false, true, false)]
    [InlineData(1.3, false, false, false)]
    [InlineData(1.6, false, false, true)]
    public void Policy_MaxOverMean_HasTargetSettledAndTriggerInThatOrder(double maxOverMean, bool reached, bool settled, bool triggered)
    {
        // Ten brokers, so that the coefficient of variation says nothing.
        double[] loads = [maxOverMean, .. Enumerable.Repeat((10 - maxOverMean) / 9, 9)];
        var measure = Loads(loads);
        var policy = ImbalancePolicy.Balanced;
        Assert.Equal((reached, settled, triggered), (policy.IsTargetReached(measure), policy.IsSettled(measure), policy.IsTriggeredBy(measure)));
    }

    [Fact]
    public void Plan_WithinTheTrigger_MovesOnlyWhileNotSettledFromBefore()
    {
        // Max/mean 1.3 and 1.26: within the trigger of 1.5, above the target of 1.2.
        var policy = ImbalancePolicy.Balanced with { TargetCoefficientOfVariation = 0 };
        var snapshot = new Cluster().Brokers("1", "2").Topics("1", 10, 10, 10, 10, 10, 5, 5, 5).Topics("2", 10, 10, 10, 5).Build();
        Assert.Empty(Planner.Plan(snapshot, new PlannerOptions { Policy = policy }).Moves);
        Assert.NotEmpty(Planner.Plan(snapshot, new PlannerOptions { Policy = policy, AlreadyTriggered = true }).Moves);
        var settled = new Cluster().Brokers("1", "2").Topics("1", 10, 10, 10, 10, 10, 5, 5).Topics("2", 10, 10, 10, 5).Build();
        Assert.Empty(Planner.Plan(settled, new PlannerOptions { Policy = policy, AlreadyTriggered = true }).Moves);
    }

    private static ImbalanceMeasure Loads(params double[] loads)
    {
        var cluster = new Cluster();
        for (var b = 0; b < loads.Length; b++) cluster.Broker($"{b}").Topic($"{b}", loads[b]);
        return ImbalanceMeasure.Of(cluster.Build(), [Resource.Throughput]);
    }
}
