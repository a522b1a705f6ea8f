using Microsoft.Extensions.Configuration;

namespace Danube.Dapr.Ranking.Tests;

public sealed class RankingOptionsTests
{
    private readonly RankingOptionsValidator _validator = new();

    [Fact]
    public void Defaults_AreValidAndThoseOfTheDocumentation()
    {
        var options = new RankingOptions();

        Assert.True(_validator.Validate(null, options).Succeeded);
        Assert.Equal(("weighted_composite", 90d, 5d, 120d, 720, 200), (
            options.Strategy, options.StaleAfterSeconds, options.StrandedAfterSeconds, options.ForgetTopicsAfterMinutes, options.BalanceSamples, options.CacheMilliseconds));
        Assert.Equal(["bytes", "messages"], RankingOptions.DefaultBalanceResources);
    }

    [Theory]
    [InlineData("Strategy", "best", "'best'")]
    [InlineData("Weights:Cpu", "0.9", "sum to 1")]
    [InlineData("StaleAfterSeconds", "4", "5 to 3600")]
    [InlineData("StrandedAfterSeconds", "-1", "0 to 3600")]
    [InlineData("ForgetTopicsAfterMinutes", "9", "10 to 43200")]
    [InlineData("BalanceSamples", "0", "10 to 10000")]
    [InlineData("CacheMilliseconds", "-1", "0 to 10000")]
    [InlineData("BalanceResources:0", "petrol", "'petrol'")]
    [InlineData("Brokers:0:Zone", "a", "Brokers:0:Broker is empty")]
    [InlineData("Brokers:0:Weight", "0", "Brokers:0:Weight is 0")]
    [InlineData("Brokers:0:BytesPerSecond", "-5", "Brokers:0:BytesPerSecond is -5")]
    public void Validate_BadValue_IsNamedWithWhatIsAllowed(string key, string value, string expected)
    {
        var result = _validator.Validate(null, Bind((key, value)));

        Assert.True(result.Failed);
        Assert.Contains(expected, result.FailureMessage, StringComparison.Ordinal);
    }

    [Fact]
    public void Validate_SeveralFaults_NamesAll()
    {
        var result = _validator.Validate(null, Bind(("Strategy", "best"), ("CacheMilliseconds", "-1"), ("Brokers:0:Broker", "1"), ("Brokers:1:Broker", "1")));

        Assert.Equal(3, result.Failures!.Count());
    }

    private static RankingOptions Bind(params (string Key, string Value)[] values)
    {
        var options = new RankingOptions();
        new ConfigurationBuilder().AddInMemoryCollection(values.Select(v => KeyValuePair.Create<string, string?>(v.Key, v.Value))).Build().Bind(options);
        return options;
    }
}
