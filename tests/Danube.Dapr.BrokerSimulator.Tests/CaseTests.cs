using Danube.Dapr.BrokerSimulator.Cases;

namespace Danube.Dapr.BrokerSimulator.Tests;

public sealed class CaseTests
{
    [Fact]
    public void Catalog_AllCases_AreListedWithOneLineEach() =>
        Assert.Equal(
            ["skew", "hot-topic", "scale-out", "broker-loss", "steady", "unsplittable", "lossy-failover"],
            CaseCatalog.List().Select(entry => entry.Description.Contains('\n', StringComparison.Ordinal) ? "two lines" : entry.Name));

    [Fact]
    public void Find_UnknownCase_NamesTheValueAndWhatIsAllowed()
    {
        var error = Assert.Throws<ArgumentException>(() => CaseCatalog.Find("nope"));

        Assert.StartsWith("Case is 'nope': allowed are skew, hot-topic, scale-out", error.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("skew", 5, 1)]
    [InlineData("broker-loss", 4, 1)]
    [InlineData("scale-out", 5, 1)]
    [InlineData("hot-topic", 5, 10)]
    public void Plan_AnySeed_CanBeBalancedByMovingReliableTopics(string name, int brokersAtTheEnd, double hotFactor)
    {
        var simulated = CaseCatalog.Find(name);
        for (var seed = 1; seed <= 20; seed++)
        {
            var plan = simulated.Plan(new Random(seed), simulated.Brokers, simulated.Topics);
            Assert.Equal(simulated.Topics, plan.Placement.Select(placed => placed.Topic.Name).Distinct().Count());
            double Cost(PlannedTopic topic) => topic.Cost * (topic.Name == HotTopicCase.HotTopic ? hotFactor : 1);

            // What cannot be unloaded stays; on a broker that is lost or new nothing stays.
            var loads = new double[brokersAtTheEnd];
            foreach (var (topic, broker) in plan.Placement.Where(placed => !placed.Topic.Reliable && placed.Broker < brokersAtTheEnd))
                loads[broker] += Cost(topic);
            foreach (var topic in plan.Placement.Select(placed => placed.Topic).Where(topic => topic.Reliable).OrderByDescending(Cost))
                loads[Array.IndexOf(loads, loads.Min())] += Cost(topic);

            Assert.True(loads.Max() / loads.Average() < 1.1, $"seed {seed}: {string.Join(", ", loads)}");
        }
    }

    [Theory]
    [InlineData("skew", 0)]
    [InlineData("hot-topic", 10)]
    [InlineData("scale-out", 11)]
    [InlineData("broker-loss", 27)]
    [InlineData("lossy-failover", 21)]
    public void SettledAfterSeconds_Case_CoversItsConsequences(string name, double seconds)
    {
        var simulated = CaseCatalog.Find(name);

        Assert.Equal(seconds, simulated.SettledAfterSeconds(simulated.Brokers));
    }

    [Fact]
    public void Plan_SameSeed_IsTheSame()
    {
        var first = new SkewCase().Plan(new Random(7), 5, 300);
        var second = new SkewCase().Plan(new Random(7), 5, 300);

        Assert.Equal(first.Placement, second.Placement);
    }

    [Fact]
    public async Task Skew_GreedyMover_PassesInTheEnd()
    {
        await using var arena = await Arena.StartAsync("skew", brokers: 5, topics: 60);
        Assert.False(arena.Cluster.Judge().Passed);

        for (var move = 0; move < 60 && !arena.Cluster.Judge().Passed; move++)
        {
            var truth = arena.Cluster.Truth();
            var loads = truth.Brokers.OrderBy(broker => broker.CostPerSecond).ToList();
            var (target, source) = (loads[0], loads[^1]);
            var gap = (source.CostPerSecond - target.CostPerSecond) / 2;
            var topic = truth.Topics.Where(topic => topic.Reliable && topic.AssignedTo[0] == source.Broker.Id).MinBy(topic => Math.Abs(topic.CostPerSecond - gap))!;
            await arena.MoveAsync(topic.Name, target.Broker.Id);
            await arena.UntilAsync(() => arena.Topic(topic.Name).ServedBy == target.Broker.Id, "served");
        }

        Assert.Empty(arena.Cluster.Judge().Wrong);
    }

    [Fact]
    public async Task Steady_NothingMoves_PassesAndOneMoveIsNamed()
    {
        await using var arena = await Arena.StartAsync("steady", brokers: 3, topics: 30);
        Assert.Empty(arena.Cluster.Judge().Wrong);
        var topic = arena.Cluster.Truth().Topics[^1];

        await arena.MoveAsync(topic.Name, arena.Ids.First(id => id != topic.AssignedTo[0]));

        Assert.Contains(arena.Cluster.Judge().Wrong, wrong => wrong.Contains(topic.Name, StringComparison.Ordinal));
    }

    [Fact]
    public async Task Unsplittable_GiantStays_PassesAndItsMoveIsNamed()
    {
        await using var arena = await Arena.StartAsync("unsplittable", brokers: 5, topics: 100);
        Assert.Empty(arena.Cluster.Judge().Wrong);
        Assert.True(arena.Cluster.Judge().MaxOverMean > 1.6);

        await arena.MoveAsync(UnsplittableCase.Giant, arena.Ids[1]);

        Assert.Contains(arena.Cluster.Judge().Wrong, wrong => wrong.StartsWith(UnsplittableCase.Giant, StringComparison.Ordinal));
    }

    [Fact]
    public async Task HotTopic_AfterTheStep_ItsBrokerIsHotAndTheCaseIsNotPassed()
    {
        await using var arena = await Arena.StartAsync("hot-topic", brokers: 5, topics: 300);
        Assert.Equal(["the topic has not become hot yet"], arena.Cluster.Judge().Wrong);
        Assert.InRange(arena.Cluster.Judge().MaxOverMean, 1, 1.15);

        await arena.UntilEventAsync("rate", HotTopicCase.HotTopic);

        Assert.True(arena.Cluster.Judge().MaxOverMean > 1.5);
        Assert.False(arena.Cluster.Judge().Passed);
    }

    [Fact]
    public async Task ScaleOut_BrokerJoins_ShowsUpDrainedAndIsActivated()
    {
        await using var arena = await Arena.StartAsync("scale-out", brokers: 4, topics: 100);
        await arena.UntilAsync(() => arena.Cluster.Events().Any(entry => entry.Event == "state" && entry.Detail == "drained (joined)"), "drained");
        await arena.UntilAsync(() => arena.Cluster.Events().Any(entry => entry.Event == "state" && entry.Detail == "active (operator)"), "active");

        Assert.Equal(5, (await arena.Client.DiscoverAsync()).Brokers.Count);
        Assert.True(arena.Cluster.Judge().CoefficientOfVariation > 0.4);
    }

    [Fact]
    public async Task BrokerLoss_TenMovesEndedOrTimeIsUp_ABrokerDiesAndItsTopicsAreRePlaced()
    {
        await using var arena = await Arena.StartAsync("broker-loss", brokers: 5, topics: 60);
        bool Killed() => arena.Cluster.Events().Any(entry => entry.Event == "kill");
        foreach (var topic in arena.Cluster.Truth().Topics.Where(topic => topic.Reliable).Take(11).Select(topic => topic.Name))
        {
            if (!Killed())
                await arena.Client.UnloadTopicAsync(topic);
            await arena.UntilAsync(() => arena.Topic(topic).AssignedTo.Count == 1 || Killed(), "landed");
        }

        await arena.UntilEventAsync("deregister");
        await arena.UntilAsync(() => arena.Cluster.Truth().Topics.All(topic => topic.ServedBy is not null), "all topics are served");
        var events = arena.Cluster.Events();
        var kill = events.Single(entry => entry.Event == "kill");
        Assert.True(events.Count(entry => entry.Event == "unload-end" && entry.Seq < kill.Seq) >= 10 || kill.Ms >= 15_000, $"killed at {kill.Ms} ms");
        Assert.Equal((3, 4), (arena.Broker(kill.Broker!).Slot, arena.Ids.Count));
    }

    [Fact]
    public async Task LossyFailover_CrowdedBrokerDies_AQuarterOfItsTopicsIsStranded()
    {
        await using var cluster = await SimulatedCluster.StartAsync(new SimulatorOptions { Case = "lossy-failover", BrokerTtl = TimeSpan.FromSeconds(1) });
        var started = TimeProvider.System.GetTimestamp();
        while (cluster.Events().Count(entry => entry.Event == "assign") < 224 && TimeProvider.System.GetElapsedTime(started) < TimeSpan.FromSeconds(60))
            await Task.Delay(50);

        // 300 events come at once for 224 places; the leader may already hold the first one in its hand, or not yet.
        Assert.InRange(cluster.Judge().Stranded, 75, 76);
        Assert.Contains(cluster.Judge().Wrong, wrong => wrong.EndsWith("is owned by nobody", StringComparison.Ordinal));
    }
}
