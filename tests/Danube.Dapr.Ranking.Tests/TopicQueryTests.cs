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
        var page = Query(offset: 1, limit: 1, sort: "bytes").Apply(Topics);

        Assert.Equal((3, 1), (page.Total, page.Offset));
        Assert.Equal("/a/one", page.Items.Single().Name);
    }

    [Theory]
    [InlineData("2", null, "/a/two")]
    [InlineData("", null, "/ab/three")]
    [InlineData(null, "/ab", "/ab/three")]
    [InlineData("1", "a", "/a/one")]
    public void Apply_Filter_GivesOnlyWhatMatches(string? broker, string? ns, string expected) =>
        Assert.Equal(expected, Query(broker: broker, ns: ns).Apply(Topics).Items.Single().Name);

    [Fact]
    public void Parse_BadValues_NamesAllWithWhatIsAllowed()
    {
        var (query, faults) = TopicQuery.Parse(-1, 1_001, null, null, "weight");

        Assert.Null(query);
        Assert.Equal(["limit", "offset", "sort"], faults.Keys.Order());
        Assert.Contains("bytes, messages", faults["sort"][0], StringComparison.Ordinal);
    }

    private static TopicQuery Query(int? offset = null, int? limit = null, string? broker = null, string? ns = null, string? sort = null) =>
        TopicQuery.Parse(offset, limit, broker, ns, sort).Query!;
}
