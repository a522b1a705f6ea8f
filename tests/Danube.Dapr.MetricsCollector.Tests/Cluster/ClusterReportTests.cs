using Danube.Dapr.BrokerClient;
using Danube.Dapr.Contracts;
using Danube.Dapr.MetricsCollector.Tests.Rounds;
using static Danube.Dapr.MetricsCollector.Tests.Rounds.ScriptedDanube;

namespace Danube.Dapr.MetricsCollector.Tests.Cluster;

/// <summary>What the cluster reports say of brokers and owners.</summary>
public sealed class ClusterReportTests : IDisposable
{
    private readonly CollectorBench _bench;
    private ScriptedDanube _danube = null!;

    public ClusterReportTests()
    {
        _bench = new CollectorBench(time => _danube = new ScriptedDanube(time));
        _danube.Listed.Add(B);
        _danube.Owned[B] = ["/default/u"];
        _danube.Text(A, Of(A));
        _danube.Text(B, Of(B));
    }

    private ClusterReport Last => _bench.ClusterReports[^1];

    public void Dispose() => _bench.Dispose();

    [Fact]
    public async Task Round_NamespaceListedOncePerTopic_IsAskedOnce()
    {
        _danube.Namespaces.AddRange(["default", "default", "shop"]);

        await _bench.RoundAsync();

        Assert.Equal(2, _danube.NamespaceQuestions);
        Assert.Equal(2, Last.TopicCount);
    }

    [Fact]
    public async Task Round_TopicWithoutOwner_IsNamedWithItsLastOwnerAndSinceWhen()
    {
        await _bench.RoundAsync();
        _danube.Topics = () => ["/default/t", "/default/u"];
        _danube.Owned[B] = [];
        // Danube answers so for a topic that it knows nothing of.
        _danube.NonReliable.Add("/default/u");
        await _bench.RoundAsync();
        var since = Last.Time;
        await _bench.RoundAsync();

        Assert.Equal([new UnownedTopic("/default/u", since, B, true)], Last.Unowned);
    }

    [Fact]
    public async Task Round_TopicThatMovedBetweenTwoQuestions_IsNeitherLostNorDouble()
    {
        _danube.Topics = () => ["/default/t", "/default/u"];
        // It leaves A after A was asked and is on B when B is asked.
        _danube.OwnedByLook = (broker, look) => broker == A ? (look == 1 ? ["/default/t", "/default/u"] : ["/default/t"]) : ["/default/u"];

        await _bench.RoundAsync();

        Assert.Empty(Last.Unowned);
        Assert.Empty(Last.MultiplyOwned);
    }

    [Fact]
    public async Task Round_TopicWithTwoOwnersInBothLooks_IsNamed()
    {
        _danube.Owned[B] = ["/default/t", "/default/u"];

        await _bench.RoundAsync();

        var twice = Assert.Single(Last.MultiplyOwned);
        Assert.Equal(("/default/t", A, B), (twice.Name, twice.BrokerIds[0], twice.BrokerIds[1]));
    }

    [Fact]
    public async Task Round_NotEveryListCouldBeRead_KeepsWhatWasKnownAndSaysSo()
    {
        await _bench.RoundAsync();
        _danube.Topics = () => ["/default/t", "/default/u", "/default/v"];
        _danube.OwnershipFault = new DanubeUnreachableException(new Uri("http://a:1"), "ListBrokerTopics", Grpc.Core.StatusCode.Unavailable, "down", null);
        await _bench.RoundAsync();

        Assert.Empty(Last.Unowned);
        Assert.Contains(Last.Gaps, g => g.Part == "ownership" && g.Detail.Contains("earlier round", StringComparison.Ordinal));
    }

    [Fact]
    public async Task Round_BrokerVanishes_IsNamedAsGoneForAWhile()
    {
        await _bench.RoundAsync();
        _danube.Listed.Remove(B);
        _danube.Owned.TryRemove(B, out _);
        await _bench.RoundAsync();
        var gone = Assert.Single(Last.Brokers, b => b.Id == B);
        Assert.Equal((BrokerState.Gone, false), (gone.State, gone.Reachable));

        await _bench.RoundAsync(afterSeconds: 301);
        await _bench.RoundAsync();

        Assert.DoesNotContain(Last.Brokers, b => b.Id == B);
    }

    [Fact]
    public async Task Probe_PortsRefuseTwice_ReportsAtOnceSinceTheFirstRefusal()
    {
        await _bench.RoundAsync();
        _danube.Unreachable.Add(Host(B));
        _bench.Time.Advance(TimeSpan.FromSeconds(2));
        var first = _bench.Time.GetUtcNow();
        Assert.False(await _bench.Collector.ProbeAsync(CancellationToken.None));
        _bench.Time.Advance(TimeSpan.FromSeconds(2));
        Assert.True(await _bench.Collector.ProbeAsync(CancellationToken.None));

        var lost = Assert.Single(Last.Brokers, b => b.Id == B);
        Assert.Equal((false, (DateTimeOffset?)first, BrokerState.Active), (lost.Reachable, lost.UnreachableSince, lost.State));
        _danube.Unreachable.Clear();
        Assert.True(await _bench.Collector.ProbeAsync(CancellationToken.None));
        Assert.True(Assert.Single(Last.Brokers, b => b.Id == B).Reachable);
    }

    [Fact]
    public async Task Probe_DuringTheFirstRound_ReportsNoClusterWithoutBrokers()
    {
        _danube.Unreachable.Add(Host(B));
        var probes = new List<Task>();
        _danube.Topics = () =>
        {
            for (var i = 0; i < _bench.Options.ProbeFailures; i++)
                probes.Add(_bench.Collector.ProbeAsync(CancellationToken.None));
            return ["/default/t", "/default/u"];
        };
        await _bench.RoundAsync();
        await Task.WhenAll(probes);

        Assert.All(_bench.ClusterReports, r => Assert.Equal((2, 2), (r.Brokers.Count, r.TopicCount)));
        Assert.False(Assert.Single(Last.Brokers, b => b.Id == B).Reachable);
    }

    [Fact]
    public async Task Round_AnotherBrokerAnswersAtItsAddress_IsUnreachableAlthoughThePortAccepts()
    {
        await _bench.RoundAsync();
        _danube.AtHostOfA.Add(B);
        _danube.Text(B, Of(A));
        await _bench.RoundAsync();
        var first = Last.Time;
        await _bench.Collector.ProbeAsync(CancellationToken.None);
        await _bench.RoundAsync();
        var replaced = Assert.Single(Last.Brokers, b => b.Id == B);

        Assert.Equal((false, (DateTimeOffset?)first), (replaced.Reachable, replaced.UnreachableSince));
        Assert.True(Assert.Single(Last.Brokers, b => b.Id == A).Reachable);
        _danube.Text(B, Of(B));
        await _bench.RoundAsync();
        Assert.True(Assert.Single(Last.Brokers, b => b.Id == B).Reachable);
    }

    [Fact]
    public async Task Round_TextIsThatOfABrokerAtAnotherAddress_SaysNothingOfReachability()
    {
        _danube.Text(B, Of(A));
        await _bench.RoundAsync();

        Assert.True(Assert.Single(Last.Brokers, b => b.Id == B).Reachable);
    }
}
