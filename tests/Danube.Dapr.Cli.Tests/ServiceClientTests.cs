using Danube.Dapr.Cli.Commands;
using Danube.Dapr.Cli.Services;

namespace Danube.Dapr.Cli.Tests;

public sealed class ServiceClientTests
{
    [Theory]
    [InlineData("""{"title":"x","detail":"MaxMoves is 0.","code":"invalid"}""", "invalid", "MaxMoves is 0.")]
    [InlineData("""{"errors":{"maxMoves":["0 is not 1 to 10,000."],"policy":["'x' is not known."]},"code":"invalid"}""", "invalid", "maxMoves: 0 is not 1 to 10,000. policy: 'x' is not known.")]
    [InlineData("""{"errorCode":"ERR_DIRECT_INVOKE","message":"no host"}""", "ERR_DIRECT_INVOKE", "no host")]
    [InlineData("plain", null, "plain")]
    [InlineData("", null, "no detail")]
    public void ReadProblem_AnyBody_GivesCodeAndDetail(string body, string? code, string detail) =>
        Assert.Equal((code, detail), ServiceClient.ReadProblem(body));

    [Fact]
    public void Address_ThroughSidecar_IsAnInvocation() =>
        Assert.Equal("http://127.0.0.1:3500/v1.0/invoke/ranking/method/topics?limit=1", new ServiceAddresses("", 0, new Uri("http://127.0.0.1:3500")).Of("ranking", "/topics?limit=1").ToString());

    [Fact]
    public void Address_Direct_IsTheServicesPort() =>
        Assert.Equal("http://host:5103/status", new ServiceAddresses("host", 5100, null).Of("rebalancer", "/status").ToString());

    [Fact]
    public void Query_EmptyValues_AreLeftOut() => Assert.Equal("?b=x%20y&c=3", ReadCommands.Query(("a", null), ("b", "x y"), ("c", "3"), ("d", "")));

    [Fact]
    public void TopicPath_Name_KeepsItsSlashes() => Assert.Equal("/topics/default/a%20b", ReadCommands.TopicPath("/default/a b"));
}
