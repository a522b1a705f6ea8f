using Danube.Dapr.Contracts;
using Danube.Dapr.Ranking.Api;

namespace Danube.Dapr.Ranking.Tests;

public sealed class TopicQueryTests
{
    private static readonly TopicSnapshot[] Topics =
    [
        new() { Name = "/a/one", BrokerId = "1", BytesInPerSecond = 5 },
        new() { Name = "/a/two", BrokerId = "2", BytesInPerSecond = 9, BacklogMessages = 4 },
        new() { Name = "/ab/three", BrokerId = null, BytesInPerSecond = 1 },
    ];

    [Fact]
    public void Apply_SortedByBytes_PutsTheHeaviestFirstAndPages()
    {
        var page = new TopicQuery(1, 1, Sort: "bytes").Apply(Topics);

        Assert.Equal((3, 1), (page.Total, page.Offset));
        Assert.Equal("/a/one", page.Items.Single().Name);
    }

    [Theory]
    [InlineData("2", null, "/a/two")]
    [InlineData("", null, "/ab/three")]
    [InlineData(null, "/ab", "/ab/three")]
    [InlineData("1", "a", "/a/one")]
    public void Apply_Filter_GivesOnlyWhatMatches(string? broker, string? ns, string expected) =>
        Assert.Equal(expected, new TopicQuery(Broker: broker, Namespace: ns).Apply(Topics).Items.Single().Name);
}
