namespace Danube.Dapr.BrokerSimulator.Tests;

/// <summary>The three rankings of Danube's leader, with figures worked out by hand.</summary>
public sealed class RankingTests
{
    [Fact]
    public void Fair_Reports_AreRankedByTopics() =>
        Assert.Equal([("b", 1L), ("c", 2L), ("a", 5L)], Rank(AssignmentStrategy.Fair, Report("a", topics: 5), Report("b", topics: 1), Report("c", topics: 2)));

    [Fact]
    public void Balanced_CpuSkewUnderEqualMemory_IsHardlySeen() =>
        Assert.Equal(
            [("a", 24L), ("b", 24L), ("c", 35L)],
            Rank(AssignmentStrategy.Balanced, Report("a", cpu: 10, memory: 60), Report("b", cpu: 10, memory: 60), Report("c", cpu: 40, memory: 60)));

    [Fact]
    public void Balanced_NoHostFigures_FallsBackToTopics() =>
        Assert.Equal([("b", 1L), ("a", 5L)], Rank(AssignmentStrategy.Balanced, Report("a", topics: 5), Report("b", topics: 1)));

    [Fact]
    public void WeightedLoad_TwoIdleBrokers_LooksLikeHalfAndFull() =>
        // cpu 1 of 2 and 2 of 2: below the threshold 0.25 x 0.5, above it 0.5 x 1; the floor of 1 keeps all else at 0.
        Assert.Equal([("b", 12L), ("a", 50L)], Rank(AssignmentStrategy.WeightedLoad, Report("a", cpu: 2), Report("b", cpu: 1)));

    private static IEnumerable<(string Id, long Score)> Rank(AssignmentStrategy strategy, params LoadReport[] reports) =>
        BrokerRankings.Rank(strategy, reports).Select(entry => (entry.BrokerId, entry.Score));

    private static LoadReport Report(string id, int topics = 0, double cpu = 0, double memory = 0) => new(id, topics, cpu, memory, 0, 0, 0, 0);
}
