using Danube.Dapr.MetricsCollector.Rounds;
using Microsoft.Extensions.Options;
using static Danube.Dapr.MetricsCollector.Tests.Rounds.ScriptedDanube;

namespace Danube.Dapr.MetricsCollector.Tests.Rounds;

/// <summary>How soon the next round comes.</summary>
public sealed class PaceTests : IDisposable
{
    private static readonly TimeSpan Interval = TimeSpan.FromHours(1);
    private readonly CollectorBench _bench;
    private ScriptedDanube _danube = null!;

    public PaceTests()
    {
        _bench = new CollectorBench(time => _danube = new ScriptedDanube(time), o => o.IntervalSeconds = Interval.TotalSeconds);
        _danube.Listed.Add(B);
        _danube.Owned[B] = ["/default/u"];
        _danube.Text(A, Of(A));
        _danube.Text(B, Of(B));
    }

    private TimeSpan Pace => _bench.Collector.Pace;

    public void Dispose() => _bench.Dispose();

    [Fact]
    public async Task Pace_BrokerIsListedAndUnreachable_IsShortForTwoMinutes()
    {
        await _bench.RoundAsync();
        Assert.Equal(Interval, Pace);
        await LoseAsync(B);
        await _bench.RoundAsync(afterSeconds: 1);

        Assert.Equal(Collector.UrgentPace, Pace);
        _bench.Time.Advance(Collector.LostBrokerIsNewFor);
        Assert.Equal(Interval, Pace);
    }

    [Fact]
    public async Task Pace_BrokerIsBack_IsShortForOneRound()
    {
        await _bench.RoundAsync();
        await LoseAsync(B);
        await _bench.RoundAsync();
        _danube.Unreachable.Clear();
        await _bench.Collector.ProbeAsync(CancellationToken.None);

        Assert.Equal(Collector.UrgentPace, Pace);
        await _bench.RoundAsync();
        Assert.Equal(Interval, Pace);
    }

    [Fact]
    public async Task Pace_TopicHasLostItsOwner_IsShortUntilItWasToldAsStranded()
    {
        await _bench.RoundAsync();
        _danube.Topics = () => ["/default/t", "/default/u"];
        _danube.Owned[B] = [];
        await _bench.RoundAsync();
        Assert.Equal(Collector.UrgentPace, Pace);
        await _bench.RoundAsync(Collector.UnownedTopicIsNewFor.TotalSeconds);

        Assert.Equal(Interval, Pace);
    }

    [Fact]
    public async Task Pace_NoClusterReports_IsTheInterval()
    {
        _bench.Options.ClusterReports = false;
        await _bench.RoundAsync();
        await LoseAsync(B);

        Assert.Equal(Interval, Pace);
    }

    [Fact]
    public async Task RoundLoop_BrokerDiesAndItsTopicLosesItsOwner_IsToldWithoutWaitingForTheInterval()
    {
        using var loop = new RoundLoop(_bench.Collector, Options.Create(_bench.Options), _bench.Time);
        await loop.StartAsync(CancellationToken.None);
        await CollectorBench.UntilAsync(() => _bench.ClusterReports.Count == 1, "the first round");
        await LoseAsync(B);
        // The second one is the probe's.
        await CollectorBench.UntilAsync(() => _bench.ClusterReports.Count > 2, "a round after the loss", Pass);
        _danube.Topics = () => ["/default/t", "/default/u"];
        _danube.Owned[B] = [];
        await CollectorBench.UntilAsync(
            () => _bench.ClusterReports.Any(r => r.Unowned.Any(t => r.Time - t.Since >= TimeSpan.FromSeconds(5))), "a report by which the topic is stranded", Pass);
        await loop.StopAsync(CancellationToken.None);

        void Pass() => _bench.Time.Advance(TimeSpan.FromSeconds(0.1));
    }

    private async Task LoseAsync(string broker)
    {
        _danube.Unreachable.Add(Host(broker));
        for (var i = 0; i < _bench.Options.ProbeFailures; i++)
            await _bench.Collector.ProbeAsync(CancellationToken.None);
    }
}
