using Danube.Dapr.Cli.Commands;

namespace Danube.Dapr.Cli.Tests;

public sealed class UpCommandTests
{
    [Theory]
    [InlineData("--timeout is 0, but must be 1 to 86400.", "--timeout", "0")]
    [InlineData("--port-base is 70000, but must be 0 to 65000.", "--port-base", "70000")]
    [InlineData("--dapr is 'other', but must be one of auto, daprd, local.", "--dapr", "other")]
    [InlineData("--state is 'disk', but must be one of sqlite, memory, etcd.", "--state", "disk")]
    [InlineData("--until-balanced and --for exclude each other.", "--until-balanced", "--for", "10")]
    [InlineData("--move goes with --seeds: in a simulated cluster topics are always moved.", "--move")]
    [InlineData("--etcd goes with --state etcd.", "--etcd", "localhost:2379")]
    [InlineData("--case names a simulated cluster, --seeds a real one: give one of them.", "--case", "skew", "--seeds", "http://a:1")]
    [InlineData("Unrecognized command or argument '--cse'.", "--cse")]
    public void Up_WrongArguments_AreToldInOneLine(string expected, params string[] arguments) =>
        Assert.Contains(expected, UpCommand.Create().Parse(arguments).Errors.Select(e => e.Message));

    [Fact]
    public void Up_NoArguments_IsFine() => Assert.Empty(UpCommand.Create().Parse([]).Errors);

    [Fact]
    public void Seeds_CommasAndRepeats_AreAllTaken() =>
        Assert.Equal(["http://a:1/", "http://b:2/", "https://c:3/"], UpCommand.ParseSeeds(["http://a:1,http://b:2", "https://c:3"]).Select(u => u.ToString()));

    [Theory]
    [InlineData("broker1:50051")]
    [InlineData("ftp://broker1")]
    public void Seeds_NoAddress_NamesTheText(string text)
    {
        var error = Assert.Throws<CliException>(() => UpCommand.ParseSeeds([text]));
        Assert.Contains($"'{text}'", error.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("http://localhost:9411", "http://localhost:9411/api/v2/spans")]
    [InlineData("http://localhost:9411/", "http://localhost:9411/api/v2/spans")]
    [InlineData("http://zipkin/other/spans", "http://zipkin/other/spans")]
    public void Zipkin_BaseOrWholeAddress_BecomesTheSpanEndpoint(string given, string expected) =>
        Assert.Equal(expected, UpCommand.ParseZipkin(given)!.ToString());
}
