using Danube.Dapr.BrokerClient;
using Danube.Dapr.BrokerSimulator;
using Danube.Dapr.Contracts;
using Danube.Dapr.MetricsCollector.Cluster;
using Danube.Dapr.MetricsCollector.Tests.Rounds;
using Microsoft.Extensions.Time.Testing;

namespace Danube.Dapr.MetricsCollector.Tests.Runs;

/// <summary>
/// A simulated cluster in which all goes wrong in turn. After every round each rate that a report calls known is compared with what was really published. The clock is the
/// test's, so a round every ten seconds takes as long as its questions.
/// </summary>
public sealed class SimulatedRunTests : IAsyncLifetime, IDisposable
{
    /// <summary>The traffic is within 5 percent of its mean each second; counters are whole messages.</summary>
    private const double Tolerance = 0.11;
    private const double Seconds = 10;

    private readonly FakeTimeProvider _time = new(new DateTimeOffset(2026, 3, 1, 12, 0, 0, TimeSpan.Zero));
    private SimulatedCluster _cluster = null!;
    private DanubeCluster _client = null!;
    private CollectorBench _bench = null!;
    private string? _slow;

    public async Task InitializeAsync()
    {
        _cluster = await SimulatedCluster.StartAsync(new SimulatorOptions { Case = "steady", Brokers = 4, Topics = 60, Time = _time });
        _client = new DanubeCluster(new DanubeClientOptions { Seeds = _cluster.Seeds, TopologyMaxAge = TimeSpan.FromSeconds(1) }, _time);
        _bench = new CollectorBench(_ => new DanubeSource(_client), o => (o.IntervalSeconds, o.ScrapeTimeoutSeconds, o.CallTimeoutSeconds) = (2, 5, 30), _time);
    }

    public async Task DisposeAsync() => await _cluster.DisposeAsync();

    public void Dispose()
    {
        _bench.Dispose();
        _client.Dispose();
    }

    [Fact]
    public async Task Run_ResetsStaleSeriesDeadSlowAndGarbledBrokers_GivesRightRatesThroughout()
    {
        await RoundAsync();
        await RoundAsync();
        var known = Assert.Single(Alive, b => b == Alive[0]);
        Assert.Equal(_cluster.Truth().Topics.Count, _bench.Reports.Where(r => r.Sequence >= FirstOfRound()).Sum(r => r.Topics.Count(t => t.RatesKnown)));

        // A topic moves away and comes back: its old owner keeps its series.
        var moved = _cluster.Truth().Topics.Where(t => t.Reliable && t.ServedBy == known && !t.Name.Contains("part", StringComparison.Ordinal)).MaxBy(t => t.MessagesPerSecond)!.Name;
        var other = Alive[1];
        await MoveAsync(moved, other);
        await RoundAsync();
        Assert.Null(LastOf(known).Topic(moved));
        Assert.False(LastOf(other).Topic(moved)!.RatesKnown, "it was there for a part of the interval only");
        await RoundAsync();
        AssertRate(LastOf(other).Topic(moved)!);
        await MoveAsync(moved, known);
        await RoundAsync();
        await RoundAsync();
        AssertRate(LastOf(known).Topic(moved)!);

        // A broker answers with rubbish, another not in time: the rest goes on.
        _cluster.SetFault(Fault.GarbledMetrics, on: true, Alive[2]);
        _slow = Alive[3];
        _cluster.SetFault(Fault.SlowMetrics, on: true, _slow, value: 3_600_000);
        await RoundAsync();
        Assert.Contains(LastOf(Alive[2]).Gaps, g => g.Part == "metrics");
        Assert.Equal(2, _bench.Reports.Count(r => r.Sequence >= FirstOfRound() && r.Gaps.All(g => g.Part != "metrics")));
        await RoundAsync();
        _cluster.SetFault(Fault.GarbledMetrics, on: false, Alive[2]);
        _cluster.SetFault(Fault.SlowMetrics, on: false, _slow);
        await CollectorBench.UntilAsync(() => LastOf(_slow).Gaps.Any(g => g.Part == "metrics"), "the report of the slow broker");
        _slow = null;
        await RoundAsync();
        await RoundAsync();
        Assert.All(Alive, b => Assert.DoesNotContain(LastOf(b).Gaps, g => g.Part == "metrics"));

        // A broker dies and comes back with its topics before the cluster has noticed: every counter begins anew.
        var slot = _cluster.Brokers.Single(b => b.Id == known).Slot;
        await _cluster.KillSlotAsync(slot);
        await _cluster.ReviveSlotAsync(slot);
        await CollectorBench.UntilAsync(() => _cluster.Truth().Topics.Single(t => t.Name == moved).ServedBy == known, "the broker serves again", () => _time.Advance(TimeSpan.FromMilliseconds(100)));
        await RoundAsync();
        await RoundAsync();
        AssertRate(LastOf(known).Topic(moved)!);

        // A broker dies for good; Danube drops it and gives its topics to others.
        var dead = Alive[1];
        await _cluster.KillBrokerAsync(dead);
        await RoundAsync();
        Assert.Contains(LastOf(dead).Gaps, g => g.Part == "metrics");
        for (var i = 0; i < 6; i++)
            await RoundAsync();
        Assert.DoesNotContain(_bench.Collector.LastReports, r => r.BrokerId == dead);
        var truth = _cluster.Truth();
        Assert.Empty(truth.Stranded);
        Assert.Equal(truth.Topics.Count, _bench.Collector.LastReports.Sum(r => r.Topics.Count(t => t.RatesKnown)));
    }

    private IReadOnlyList<string> Alive => [.. _cluster.Brokers.Where(b => b.Alive).OrderBy(b => b.Slot).Select(b => b.Id)];

    /// <summary>Ten seconds later a round; every known rate of its reports must be right.</summary>
    private async Task RoundAsync()
    {
        for (var i = 0; i < Seconds * 10; i++)
        {
            _time.Advance(TimeSpan.FromMilliseconds(100));
            await Task.Yield();
        }

        // A topic that is assigned and not loaded yet has a whole interval behind it in which less was published: on a busy machine loading lags behind this clock.
        await CollectorBench.UntilAsync(
            () => _cluster.Truth().Topics.All(t => t.AssignedTo.All(b => !Alive.Contains(b) || t.ServedBy == b)), "every topic is loaded where it is assigned", () => _time.Advance(TimeSpan.FromMilliseconds(20)));
        var before = _bench.Reports.Count;
        await _bench.Collector.RunRoundAsync(CancellationToken.None);
        // On a busy machine reports can follow the round.
        await CollectorBench.UntilAsync(
            () => _bench.Collector.Brokers.All(b => b.Id == _slow || _bench.Reports.Skip(before).Any(r => r.BrokerId == b.Id)), "a report of every broker that is not slow");
        foreach (var topic in _bench.Reports.Skip(before).Where(r => r.Gaps.All(g => g.Part != "metrics")).SelectMany(r => r.Topics).Where(t => t.RatesKnown))
            AssertRate(topic);
    }

    private long FirstOfRound() => _bench.ClusterReports[^2].Sequence;

    private LoadReport LastOf(string broker) => _bench.Last(broker);

    private void AssertRate(TopicLoad topic)
    {
        var truth = _cluster.Truth().Topics.Single(t => t.Name == topic.Name);
        Assert.True(topic.RatesKnown, $"{topic.Name}: its rates are not known");
        var slack = (Tolerance * truth.MessagesPerSecond) + (1.1 / Seconds);
        Assert.True(
            Math.Abs(topic.MessagesInPerSecond - truth.MessagesPerSecond) <= slack,
            FormattableString.Invariant($"{topic.Name}: {topic.MessagesInPerSecond} messages per second are reported, {truth.MessagesPerSecond} were published"));
    }

    private async Task MoveAsync(string topic, string target)
    {
        var source = _cluster.Truth().Topics.Single(t => t.Name == topic).AssignedTo.Single();
        var masked = Alive.Where(b => b != target && b != source).ToArray();
        foreach (var broker in masked)
            Assert.Equal(MaskOutcome.Masked, (await _client.MaskBrokerAsync(broker)).Outcome);
        Assert.Equal(UnloadOutcome.Accepted, (await _client.UnloadTopicAsync(topic)).Outcome);
        await CollectorBench.UntilAsync(() => _cluster.Truth().Topics.Single(t => t.Name == topic).ServedBy == target, $"{topic} on {target}", () => _time.Advance(TimeSpan.FromMilliseconds(20)));
        foreach (var broker in masked)
            await _client.ActivateBrokerAsync(broker, "test");
    }
}
