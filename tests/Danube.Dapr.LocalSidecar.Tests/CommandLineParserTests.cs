using Danube.Dapr.LocalSidecar.CommandLine;

namespace Danube.Dapr.LocalSidecar.Tests;

public sealed class CommandLineParserTests
{
    private static SidecarOptions Parse(params string[] args) => CommandLineParser.Parse(args, static _ => null, out _)!;

    private static string Error(params string[] args) => Assert.Throws<CommandLineException>(() => Parse(args)).Message;

    [Fact]
    public void Parse_DaprdFlags_DescribeOneApp()
    {
        var options = Parse("--app-id", "a", "--app-port=5000", "-dapr-http-port", "3600", "--dapr-grpc-port", "50002", "--resources-path", "x", "--resources-path", "y", "--config", "c", "--log-level", "debug");

        var app = Assert.Single(options.Apps);
        Assert.Equal(("a", 5000, 3600, 50002), (app.AppId, app.AppPort, app.DaprHttpPort, app.DaprGrpcPort));
        Assert.Equal(["x", "y"], options.ResourcePaths);
        Assert.Equal(["c"], options.ConfigPaths);
    }

    [Fact]
    public void Parse_SeveralApps_KeepsOrderAndInstances()
    {
        var options = Parse("--app", "app-id=a,app-port=5000,dapr-http-port=3600,dapr-grpc-port=50002", "--app", "app-id=a,app-port=5001,dapr-http-port=3601,dapr-grpc-port=50003");

        Assert.Equal(["a", "a"], options.Apps.Select(static a => a.AppId));
        Assert.Equal([5000, 5001], options.Apps.Select(static a => a.AppPort!.Value));
    }

    [Fact]
    public void Parse_AppProtocol_IsHttpGrpcOrAnError()
    {
        Assert.Equal(AppProtocol.Http, Assert.Single(Parse("--app-id", "a").Apps).AppProtocol);
        Assert.Equal(AppProtocol.Grpc, Assert.Single(Parse("--app-id", "a", "--app-protocol", "grpc").Apps).AppProtocol);
        Assert.Equal([AppProtocol.Http, AppProtocol.Grpc], Parse("--app", "app-id=a,dapr-http-port=3600,dapr-grpc-port=50002", "--app", "app-id=b,app-protocol=grpc,dapr-http-port=3601,dapr-grpc-port=50003").Apps.Select(static a => a.AppProtocol));
        Assert.Equal("--app-protocol 'grpcs' is not available here; http and grpc are", Error("--app-id", "a", "--app-protocol", "grpcs"));
        Assert.Contains("app-protocol 'h2c' is not available here", Error("--app", "app-id=a,dapr-http-port=3500,dapr-grpc-port=1,app-protocol=h2c"), StringComparison.Ordinal);
    }

    [Fact]
    public void Parse_FlagsOfDaprdWithoutMeaningHere_AreNamedAndIgnored()
    {
        var options = CommandLineParser.Parse(["--app-id", "a", "--placement-host-address", "localhost:50005", "--enable-metrics=false", "--metrics-port", "9090"], static _ => null, out var ignored);

        Assert.Equal("a", Assert.Single(options!.Apps).AppId);
        Assert.Equal(["--enable-metrics", "--metrics-port", "--placement-host-address"], ignored.Order(StringComparer.Ordinal));
    }

    [Fact]
    public void Parse_Tokens_ComeFromTheEnvironment()
    {
        var options = CommandLineParser.Parse(["--app-id", "a"], static name => name switch { "DAPR_API_TOKEN" => "in", "APP_API_TOKEN" => "out", "NAMESPACE" => "ns", _ => null }, out _);

        Assert.Equal(("in", "out", "ns"), (options!.ApiToken, options.AppToken, options.Namespace));
    }

    [Theory]
    [InlineData("--no-such-flag", "--app-id", "a")]
    [InlineData("--no-such-flag=1")]
    public void Parse_UnknownFlag_NamesIt(params string[] args) => Assert.Contains("--no-such-flag", Error(args), StringComparison.Ordinal);

    [Theory]
    [InlineData("--app-id is missing")]
    [InlineData("--app-port 'x' is not a whole number", "--app-id", "a", "--app-port", "x")]
    [InlineData("--log-level 'loud'", "--app-id", "a", "--log-level", "loud")]
    [InlineData("must not be empty nor hold a dot", "--app-id", "a.b")]
    [InlineData("dapr-grpc-port 3500 of a is the dapr-http-port of a too", "--app-id", "a", "--dapr-grpc-port", "3500")]
    [InlineData("app-port 3500 of a is the dapr-http-port of a too", "--app-id", "a", "--app-port", "3500")]
    [InlineData("'app-port' is not of the form name=value", "--app", "app-id=a,app-port")]
    [InlineData("'port' is not known", "--app", "app-id=a,port=1")]
    [InlineData("dapr-grpc-port is missing", "--app", "app-id=a,dapr-http-port=3500")]
    [InlineData("dapr-http-port '99999' is not a port", "--app", "app-id=a,dapr-http-port=99999,dapr-grpc-port=1")]
    [InlineData("--app-id and --app cannot be used together", "--app-id", "a", "--app", "app-id=a,dapr-http-port=3500,dapr-grpc-port=1")]
    [InlineData("--max-body-size 'big'", "--app-id", "a", "--max-body-size", "big")]
    public void Parse_WrongValue_NamesFlagAndValue(string expected, params string[] args) => Assert.Contains(expected, Error(args), StringComparison.Ordinal);
}
