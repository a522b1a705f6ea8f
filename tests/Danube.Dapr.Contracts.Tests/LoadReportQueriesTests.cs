namespace Danube.Dapr.Contracts.Tests;

public sealed class LoadReportQueriesTests
{
    private readonly LoadReport _report = LoadReports.Small();

    [Fact]
    public void Usage_KnownResource_GivesItsFigure()
    {
        Assert.Equal(41.5, _report.Usage("cpu")!.Mean);
        Assert.Null(_report.Usage("network-in"));
        Assert.All(LoadReportQueries.Resources, r => _report.Usage(r));
    }

    [Fact]
    public void Usage_UnknownResource_NamesTheKnownOnes() =>
        Assert.Contains("known are cpu, memory", Assert.Throws<ArgumentException>(() => _report.Usage("gpu")).Message, StringComparison.Ordinal);

    [Fact]
    public void Topic_Name_IsComparedWhole()
    {
        Assert.NotNull(_report.Topic("/default/orders-part-0"));
        Assert.Null(_report.Topic("/default/orders"));
    }

    [Fact]
    public void Score_Topic_FollowsTheRoadmapsWeights() =>
        Assert.Equal((0.4 * 1.536) + (0.3 * 7) + (0.1 * 0.0125), LoadReportQueries.Score(_report.Topics[1]), 9);

    [Fact]
    public void HeaviestAndLightest_Topics_AreOrderedByScore()
    {
        Assert.Equal(["/default/zwölf", "/default/orders-part-0"], _report.Heaviest(2).Select(t => t.Name));
        Assert.Equal(["/default/idle", "/default/orders-part-0"], _report.Lightest(2).Select(t => t.Name));
        Assert.Equal(_report.Topics.Sum(LoadReportQueries.Score), _report.TotalScore());
    }

    [Theory]
    [InlineData("/default/orders-part-12", "/default/orders")]
    [InlineData("/default/a-part-b-part-3", "/default/a-part-b")]
    [InlineData("/default/orders", null)]
    [InlineData("/default/orders-part-", null)]
    [InlineData("/default/orders-part-x1", null)]
    public void PartitionGroup_Name_IsTheBaseOfAPartition(string name, string? group) =>
        Assert.Equal(group, new TopicLoad { Name = name }.PartitionGroup());
}
