namespace Danube.Dapr.BrokerClient.Tests;

public sealed class AddressTests
{
    [Theory]
    [InlineData("http://0.0.0.0:50051", "http", "http://broker2:50051/")]
    [InlineData("https://0.0.0.0:50051", "http", "http://broker2:50051/")]
    [InlineData("0.0.0.0:9040", "http", "http://broker2:9040/")]
    [InlineData("[::]:9040", "http", "http://broker2:9040/")]
    [InlineData("http://10.0.0.7:50051", "https", "https://10.0.0.7:50051/")]
    [InlineData("http://[fd00::7]:50051/", "http", "http://[fd00::7]:50051/")]
    [InlineData("broker9:50051", "http", "http://localhost:50059/")]
    [InlineData("0.0.0.0:7777", "http", "http://localhost:50052/")]
    public void Rewrite_Advertised_BecomesDialable(string advertised, string scheme, string expected)
    {
        var rewriter = new AddressRewriter(new Dictionary<string, string> { ["broker9:50051"] = "localhost:50059", ["broker2:7777"] = "localhost:50052" });

        Assert.Equal(expected, rewriter.Rewrite(advertised, scheme, "broker2")!.ToString());
    }

    [Theory]
    [InlineData("")]
    [InlineData("http://")]
    [InlineData("broker:99999")]
    [InlineData("broker")]
    [InlineData("bro ker:1")]
    public void Rewrite_NoAddress_IsNull(string advertised) =>
        Assert.Null(new AddressRewriter(new Dictionary<string, string>()).Rewrite(advertised, "http", "host"));

    [Theory]
    [InlineData("Seeds is empty", "seeds")]
    [InlineData("Seeds has 'ftp://x/'", "scheme")]
    [InlineData("CallTimeout is 00:00:00", "timeout")]
    [InlineData("MaxAttempts is 9: allowed is 1 to 5", "attempts")]
    [InlineData("MetricsMaxBytes is 10: allowed is 1024 or more", "size")]
    [InlineData("AddressMap has 'a' to 'b:1': allowed is host:port", "map")]
    public void Options_BadValue_IsNamedWithWhatIsAllowed(string message, string what)
    {
        var good = new DanubeClientOptions { Seeds = [new Uri("http://broker1:50051")] };
        var bad = what switch
        {
            "seeds" => good with { Seeds = [] },
            "scheme" => good with { Seeds = [new Uri("ftp://x")] },
            "timeout" => good with { CallTimeout = TimeSpan.Zero },
            "attempts" => good with { MaxAttempts = 9 },
            "size" => good with { MetricsMaxBytes = 10 },
            _ => good with { AddressMap = new Dictionary<string, string> { ["a"] = "b:1" } },
        };

        var error = Assert.Throws<ArgumentException>(() => new DanubeCluster(bad));

        Assert.StartsWith(message, error.Message, StringComparison.Ordinal);
    }
}
