namespace Danube.Dapr.Planning.Tests;

/// <summary>The strategies against figures computed by hand.</summary>
public sealed class RankingTests
{
    /// <summary>
    /// Broker 1: 2 topics, 4 + 2 = 6 MB/s in, 5 clients, 20,000 messages of backlog, CPU 2 of 4 cores, memory 6 of 8 GB.
    /// Broker 2: 1 topic, 1 MB/s in, 2 clients, no backlog, CPU 1 of 4 cores, memory 2 of 8 GB.
    /// </summary>
    private static Snapshot Two(bool measured = true)
    {
        BrokerInfo Host(BrokerInfo b, double cpu, double memory) =>
            measured ? b with { Capacity = new(Cpu: 4, Memory: 8e9), Measured = new(Cpu: cpu, Memory: memory, DiskIo: 1e6 * cpu, NetworkIo: 2e6 * cpu) } : b;
        return new Cluster().Broker("1", b => Host(b, 2, 6e9)).Broker("2", b => Host(b, 1, 2e9))
            .Topic("1", 4e6, null, t => t with { Producers = 1, Consumers = 2, BacklogMessages = 20_000, BytesOutPerSecond = 8e6 })
            .Topic("1", 2e6, null, t => t with { Producers = 1, Consumers = 1 })
            .Topic("2", 1e6, null, t => t with { Producers = 1, Consumers = 1 })
            .Build();
    }

    [Fact]
    public void Fair_Counts_AreTheScores() => Assert.Equal([2, 1], RankingStrategies.Get("fair").Score(Two()));

    // Topic load: 0.2·2 + 0.3·6 + 0.3·5 + 0.2·2 = 4.1, and 0.2·1 + 0.3·1 + 0.3·2 = 1.1.
    // 0.3·4.1 + 0.35·50 + 0.35·75 = 44.98, and 0.3·1.1 + 0.35·25 + 0.35·25 = 17.83; both truncated.
    [Fact]
    public void Balanced_Measured_IsAsDanubeComputesIt() => Assert.Equal([44, 17], RankingStrategies.Get("balanced").Score(Two()));

    [Fact]
    public void Balanced_NothingMeasured_FallsBackToTheCount() => Assert.Equal([2, 1], RankingStrategies.Get("balanced").Score(Two(false)));

    // Broker 1 has the maximum of every metric, all 1.0, CPU first: 0.5 + 0.2 + 0.15 + 0.15 = 1.
    // Broker 2: CPU 25/50 = .5, memory 25/75 = .333, disk and network .5, throughput 1/6 = .1667, topics 1.1/4.1 = .2683; worst .5, not above .7:
    // .25·.2683 + .25·.5 + .25·.3333 + .15·.1667 + .1·.5 = .3504.
    [Fact]
    public void WeightedLoad_Measured_IsAsDanubeComputesIt() => Assert.Equal([100, 35], RankingStrategies.Get("weighted_load").Score(Two()));

    // CPU .5/.25, memory .75/.25 of a known capacity; disk I/O, network, throughput and count relative to the maximum 1/.5, 1/.5, 1/(1/14), 1/.5; no disk usage (weight .05 left out).
    // Broker 1: .25·.5 + .2·.75 + .15 + .1 + .15 + .1 = .775 / .95 = 81.58.
    // Broker 2: .25·.25 + .2·.25 + .15·.5 + .1·.5 + .15/14 + .1·.5 = .29821 / .95 = 31.39.
    [Fact]
    public void WeightedComposite_Measured_IsTheWeightedSumOfUtilisations()
    {
        var scores = RankingStrategies.Get("weighted_composite").Score(Two());
        Assert.Equal(81.579, scores[0], 3);
        Assert.Equal(31.391, scores[1], 3);
    }

    [Fact]
    public void WeightedComposite_AllWeightOnTheCount_IsTheCountRelativeToTheMaximum() =>
        Assert.Equal([100, 50], RankingStrategies.Get("weighted_composite", new(0, 0, 0, 0, 0, 1, 0)).Score(Two()));

    [Fact]
    public void Get_UnknownName_ListsTheKnown() => Assert.Contains(
        "fair, balanced, weighted_load, weighted_composite", Assert.Throws<ArgumentException>(() => RankingStrategies.Get("best")).Message, StringComparison.Ordinal);

    [Theory]
    [InlineData(.3, .2, "must sum to 1")]
    [InlineData(-.1, .55, "weights.cpu must be 0 to 1, is -0.1")]
    [InlineData(double.NaN, .2, "weights.cpu")]
    public void Get_BadWeights_AreRefused(double cpu, double memory, string expected) =>
        Assert.Contains(expected, Assert.Throws<ArgumentException>(() => RankingStrategies.Get("weighted_composite", new(cpu, memory))).Message, StringComparison.Ordinal);

    [Fact]
    public void Weights_Defaults_AreThoseOfTheRoadmap() => Assert.Empty(new RankingWeights(.25, .20, .15, .10, .15, .10, .05).Faults());

    [Theory]
    [InlineData("fair")]
    [InlineData("balanced")]
    [InlineData("weighted_load")]
    [InlineData("weighted_composite")]
    public void Score_EmptyCluster_IsZeroForEveryBroker(string name) => Assert.Equal([0, 0], RankingStrategies.Get(name).Score(new Cluster().Brokers("1", "2").Build()));
}
