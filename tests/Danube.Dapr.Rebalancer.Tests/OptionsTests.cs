using Danube.Dapr.Rebalancer.Options;

namespace Danube.Dapr.Rebalancer.Tests;

/// <summary>Values that contradict each other, or that could never do anything, stop the service at its start.</summary>
public sealed class OptionsTests
{
    [Fact]
    public void Options_AsTheyAre_AreTaken() => Assert.True(new RebalancerOptionsValidator().Validate(null, new RebalancerOptions()).Succeeded);

    [Theory]
    [InlineData("excluded", "Rebalancer:ExcludedBrokers:1 is 'broker-2', allowed: a broker's decimal id.")]
    [InlineData("latency", "Rebalancer:SlowLatencyRatio is '6', allowed: MaxLatencyRatio (5) or less.")]
    [InlineData("redirects", "Rebalancer:SlowRedirectsPerClient is '21', allowed: MaxRedirectsPerClient (20) or less.")]
    [InlineData("timeout", "Rebalancer:MoveTimeoutSeconds is '9', allowed: 10 to 600.")]
    [InlineData("cycle", "Rebalancer:MaxCycleSeconds is '1', allowed: 2 to 300.")]
    public void Options_ThatCannotBe_AreNamedWithWhatIsAllowed(string what, string fault)
    {
        var options = new RebalancerOptions();
        switch (what)
        {
            case "excluded":
                options.ExcludedBrokers.Add("2");
                options.ExcludedBrokers.Add("broker-2");
                break;
            case "latency":
                options.SlowLatencyRatio = 6;
                break;
            case "redirects":
                options.SlowRedirectsPerClient = 21;
                break;
            case "timeout":
                options.MoveTimeoutSeconds = 9;
                break;
            default:
                options.MaxCycleSeconds = 1;
                break;
        }

        Assert.Equal([fault], new RebalancerOptionsValidator().Validate(null, options).Failures);
    }
}
