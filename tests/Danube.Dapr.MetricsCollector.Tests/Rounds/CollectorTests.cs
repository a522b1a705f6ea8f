using Danube.Dapr.BrokerClient;
using Danube.Dapr.Contracts;
using Danube.Dapr.MetricsCollector.Api;
using Danube.Dapr.MetricsCollector.Publishing;
using Danube.Dapr.MetricsCollector.Resources;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.Extensions.Time.Testing;
using static Danube.Dapr.MetricsCollector.Tests.Rounds.ScriptedDanube;

namespace Danube.Dapr.MetricsCollector.Tests.Rounds;

/// <summary>Rounds over a scripted cluster: what gets into the reports, and what a bad broker costs.</summary>
public sealed class CollectorTests : IDisposable
{
    private readonly CollectorBench _bench;
    private ScriptedDanube _danube = null!;

    public CollectorTests() => _bench = new CollectorBench(time => _danube = new ScriptedDanube(time));

    public void Dispose() => _bench.Dispose();

    [Fact]
    public async Task Round_First_HasNoRatesAndSaysSo()
    {
        _danube.Text(A, Of(A).Topic("/default/t", 1_000_000, 1_000_000));

        await _bench.RoundAsync();

        Assert.Equal((false, 0.0), (_bench.Topic("/default/t").RatesKnown, _bench.Topic("/default/t").MessagesInPerSecond));
        Assert.Equal(_bench.Last().IntervalStart, _bench.Last().IntervalEnd);
    }

    [Fact]
    public async Task Round_Second_HasRatesOverTheTimeBetween()
    {
        _danube.Text(A, Of(A).Topic("/default/t", 100, 1000));
        await _bench.RoundAsync();
        _danube.Text(A, Of(A).Topic("/default/t", 300, 5000));
        await _bench.RoundAsync(afterSeconds: 20);

        Assert.Equal((true, 10.0, 200.0), (_bench.Topic("/default/t").RatesKnown, _bench.Topic("/default/t").MessagesInPerSecond, _bench.Topic("/default/t").BytesInPerSecond));
        Assert.Equal(TimeSpan.FromSeconds(20), _bench.Last().IntervalEnd - _bench.Last().IntervalStart);
    }

    [Fact]
    public async Task Round_SeriesOfATopicThatMovedAway_IsNotReported()
    {
        await TwoRoundsAsync();
        _danube.Owned[A] = [];
        _danube.Owned[B] = ["/default/t"];
        await _bench.RoundAsync();

        Assert.Empty(_bench.Last().Topics);
    }

    [Fact]
    public async Task Round_TopicCameBackWithItsOldCounters_CountsOnlyWhatCameSince()
    {
        await TwoRoundsAsync();
        _danube.Owned[A] = [];
        await _bench.RoundAsync();
        _danube.Owned[A] = ["/default/t"];
        _danube.Text(A, Of(A).Topic("/default/t", 250, 1));
        await _bench.RoundAsync();
        Assert.False(_bench.Topic("/default/t").RatesKnown, "the topic was here for a part of the interval only");
        _danube.Text(A, Of(A).Topic("/default/t", 300, 1));
        await _bench.RoundAsync();

        Assert.Equal((true, 5.0), (_bench.Topic("/default/t").RatesKnown, _bench.Topic("/default/t").MessagesInPerSecond));
    }

    [Fact]
    public async Task Round_NamesThatBeginAlike_KeepTheirOwnFigures()
    {
        _danube.Owned[A] = ["/default/orders-1", "/default/orders-10"];
        for (var i = 0; i < 2; i++)
        {
            _danube.Text(A, Of(A).Topic("/default/orders-10", i * 1000, 1).Topic("/default/orders-1", i * 10, 1));
            await _bench.RoundAsync();
        }

        Assert.Equal((1.0, 100.0), (_bench.Topic("/default/orders-1").MessagesInPerSecond, _bench.Topic("/default/orders-10").MessagesInPerSecond));
    }

    [Fact]
    public async Task Round_OwnedTopicWithoutSeries_IsInTheReport()
    {
        _danube.Owned[A] = ["/default/never-used"];
        _danube.NonReliable.Add("/default/never-used");
        _danube.Text(A, Of(A));

        await _bench.RoundAsync();

        Assert.Equal(((bool?)false, 0), (_bench.Topic("/default/never-used").Reliable, _bench.Topic("/default/never-used").Producers));
    }

    [Fact]
    public async Task Round_SameTopicListedTwiceByDanube_IsReportedOnce()
    {
        _danube.Owned[A] = ["/default/t", "/default/t"];
        _danube.Text(A, Of(A));

        await _bench.RoundAsync();

        Assert.Single(_bench.Last().Topics);
    }

    [Fact]
    public async Task Round_BrokerIdBeyondTheSignedRange_IsKeptToTheDigit()
    {
        _danube.Text(A, Of(A));

        await _bench.RoundAsync();

        Assert.Equal("17293822569102704640", _bench.Last().BrokerId);
        Assert.Equal("17293822569102704640", _bench.ClusterReports[^1].LeaderId);
    }

    [Fact]
    public async Task Round_ScrapeFails_KeepsTheLastRatesWithTheirAgeAndLaterNone()
    {
        await TwoRoundsAsync();
        _danube.Texts.Clear();
        await _bench.RoundAsync(afterSeconds: 5);
        Assert.Equal((true, 10.0), (_bench.Topic("/default/t").RatesKnown, _bench.Topic("/default/t").MessagesInPerSecond));
        var gap = Assert.Single(_bench.Last().Gaps, g => g.Part == "metrics");
        Assert.Equal(5.0, gap.AgeSeconds);
        Assert.Contains("refused", gap.Detail, StringComparison.Ordinal);

        await _bench.RoundAsync(afterSeconds: 30);

        Assert.False(_bench.Topic("/default/t").RatesKnown);
        Assert.Equal(35.0, Assert.Single(_bench.Last().Gaps, g => g.Part == "metrics").AgeSeconds);
    }

    [Theory]
    [InlineData("", "empty")]
    [InlineData("<html>busy</html>\n", "not that of a Danube broker")]
    [InlineData("danube_broker_topics_owned{broker=\"42\"} 1\n", "that of broker '42'")]
    [InlineData("danube_broker_topics_owned{broker=\"17293822569102704640\"} 1\ndanube_topic_mess", "middle of a line")]
    [InlineData(null, "without a metrics exporter")]
    public async Task Round_TextThatCannotBeUsed_IsAGapAndSpoilsNoRate(string? text, string reason)
    {
        await TwoRoundsAsync();
        _danube.Texts[A] = _ => Task.FromResult(text);
        await _bench.RoundAsync(afterSeconds: 5);
        Assert.Contains(reason, Assert.Single(_bench.Last().Gaps, g => g.Part == "metrics").Detail, StringComparison.Ordinal);
        _danube.Text(A, Of(A).Topic("/default/t", 300, 1));
        await _bench.RoundAsync(afterSeconds: 5);

        Assert.Equal(10, _bench.Topic("/default/t").MessagesInPerSecond);
    }

    [Fact]
    public async Task Round_OwnershipCannotBeAsked_KeepsTheLastListWithItsAge()
    {
        await TwoRoundsAsync();
        _danube.OwnershipFault = new DanubeUnreachableException(new Uri("http://a:1"), "ListBrokerTopics", Grpc.Core.StatusCode.Unavailable, "down", null);
        await _bench.RoundAsync(afterSeconds: 5);

        Assert.Equal(5.0, Assert.Single(_bench.Last().Gaps, g => g.Part == "ownership").AgeSeconds);
        Assert.Single(_bench.Last().Topics);
    }

    [Fact]
    public async Task Round_OneBrokerHangs_TheOthersReportsAndTheClustersDoNotWaitForIt()
    {
        _danube.Listed.Add(B);
        _danube.Owned[B] = [];
        _danube.Texts[A] = async token =>
        {
            await Task.Delay(Timeout.Infinite, token);
            return "";
        };
        _danube.Text(B, Of(B));

        var summary = await _bench.RoundAsync();

        Assert.Equal([B], _bench.Reports.Select(r => r.BrokerId));
        Assert.Single(_bench.ClusterReports);
        Assert.Equal((2, 1), (summary.Brokers, summary.Reports));
        await CollectorBench.UntilAsync(() => _bench.Reports.Any(r => r.BrokerId == A), "the slow broker's own report");
        Assert.Contains("no answer within 1 s", Assert.Single(_bench.Last().Gaps, g => g.Part == "metrics").Detail, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Round_BrokerStillBusyFromTheLastRound_IsNotAskedTwice()
    {
        // The scrape must not end between the rounds, however long a busy machine takes to the second one.
        ScriptedDanube danube = null!;
        using var bench = new CollectorBench(time => danube = new ScriptedDanube(time), o => o.ScrapeTimeoutSeconds = 60);
        var answer = new TaskCompletionSource<string?>();
        danube.Texts[A] = _ => answer.Task;

        await bench.RoundAsync();
        await bench.RoundAsync();

        Assert.Equal(1, danube.Scrapes);
        answer.SetResult("");
    }

    [Fact]
    public async Task ReportEarly_WhileAnotherBrokerHangs_GoesOutAtOnce()
    {
        _danube.Listed.Add(B);
        _danube.Text(A, Of(A));
        _danube.Text(B, Of(B));
        await _bench.RoundAsync();
        _danube.Texts[A] = async token =>
        {
            await Task.Delay(Timeout.Infinite, token);
            return "";
        };
        _bench.Time.Advance(TimeSpan.FromSeconds(5));
        var round = _bench.Collector.RunRoundAsync(CancellationToken.None);
        await CollectorBench.UntilAsync(() => _bench.Reports.Count(r => r.BrokerId == B) == 2, "the round's report of the other broker");
        _bench.Time.Advance(TimeSpan.FromSeconds(5));

        await _bench.Collector.ReportEarlyAsync([B], CancellationToken.None);

        Assert.Equal(3, _bench.Reports.Count(r => r.BrokerId == B));
        await round;
    }

    [Fact]
    public async Task Round_TwiceAtOnce_ScrapesOnce()
    {
        _danube.Text(A, Of(A));
        await _bench.RoundAsync();
        await _bench.RoundAsync(afterSeconds: 0.1);

        Assert.Equal((1, 2), (_danube.Scrapes, _bench.Reports.Count));
    }

    [Fact]
    public async Task Round_SidecarDoesNotTakeReports_GoesOnAndSaysHowManyWereLost()
    {
        _danube.Text(A, Of(A));
        _bench.PublishFault = new InvalidOperationException("no sidecar");
        var lost = await _bench.RoundAsync();
        _bench.PublishFault = null;
        var next = await _bench.RoundAsync();

        Assert.Equal((0, 2), (lost.Published, next.Published));
        Assert.NotNull(_bench.Collector.LastReports);
    }

    [Fact]
    public async Task Round_Sequence_GrowsAndDiffersBetweenCollectors()
    {
        _danube.Text(A, Of(A));
        await _bench.RoundAsync();
        await _bench.RoundAsync();
        var time = new FakeTimeProvider(_bench.Time.GetUtcNow());

        Assert.True(_bench.Reports[1].Sequence > _bench.Reports[0].Sequence);
        Assert.NotEqual(new SequenceNumbers(time, 1).Next(), new SequenceNumbers(time, 2).Next());
        time.Advance(TimeSpan.FromMilliseconds(1));
        Assert.True(new SequenceNumbers(time, 1).Next() > _bench.Reports[1].Sequence, "a collector that measured later wins");
        Assert.True(_bench.Reports[1].Sequence < 1L << 53, "numbers of JSON hold 53 bits");
    }

    [Fact]
    public async Task Reports_OfOneCollector_NameItAndALaterOneHasAHigherNumber()
    {
        await TwoRoundsAsync();
        var time = new FakeTimeProvider(_bench.Time.GetUtcNow());

        Assert.Equal(_bench.Reports[0].Collector, _bench.Reports[1].Collector);
        Assert.True(_bench.Reports[0].Collector <= _bench.Reports[0].Sequence);
        Assert.True(new SequenceNumbers(time, 1).Origin > _bench.Reports[0].Collector);
        Assert.NotEqual(new SequenceNumbers(time, 1).Origin, new SequenceNumbers(time, 2).Origin);
        Assert.All(_bench.Messages, m => Assert.Equal(_bench.Reports[0].Collector, m.Collector));
    }

    [Fact]
    public async Task Reports_ManyTopics_HaveTheirNamesAtFirstWhenAskedAndAfterAFault()
    {
        var random = new Random(1);
        _danube.Owned[A] = [.. Enumerable.Range(0, 1200).Select(_ => $"/default/{random.NextInt64():x16}")];
        _danube.Text(A, _danube.Owned[A].Aggregate(Of(A), (text, topic) => text.Topic(topic, 1, 1)));

        Assert.True(await HasNamesAsync(() => _bench.RoundAsync()));
        Assert.False(await HasNamesAsync(() => _bench.RoundAsync()));
        Assert.True(await HasNamesAsync(() => CollectorApi.RefreshAsync(_bench.Collector, CancellationToken.None)));
        Assert.False(await HasNamesAsync(() => _bench.RoundAsync()));
        // Names that the sidecar did not take are not known to anyone.
        _bench.PublishFault = new InvalidOperationException("no sidecar");
        await CollectorApi.RefreshAsync(_bench.Collector, CancellationToken.None);
        _bench.PublishFault = null;
        Assert.True(await HasNamesAsync(() => _bench.RoundAsync()));
        Assert.Equal(6, _bench.Collector.LastReports.Single().Topics.Count / 200);

        async Task<bool> HasNamesAsync(Func<Task> round)
        {
            await round();
            return _bench.Messages[^1].Names is null;
        }
    }

    [Fact]
    public void Sequence_ClockSetBack_StillGrows()
    {
        var time = new FakeTimeProvider(new DateTimeOffset(2026, 3, 1, 12, 0, 0, TimeSpan.Zero)) { AutoAdvanceAmount = TimeSpan.Zero };
        var numbers = new SequenceNumbers(time, 0);
        var first = numbers.Next();

        Assert.True(numbers.Next() > first, "twice in the same millisecond");
    }

    [Theory]
    [InlineData("all", new string[0], 2)]
    [InlineData("none", new string[0], 0)]
    [InlineData("local", new string[0], 1)]
    [InlineData("all", new[] { "42" }, 1)]
    [InlineData("none", new[] { "broker-a:6650" }, 1)]
    public async Task Round_Scope_SaysWhichBrokersAreMeasured(string scope, string[] brokers, int expected)
    {
        _bench.Options.Scope = scope;
        _bench.Options.Brokers = brokers;
        _bench.Here = b => b.Id == B;
        _danube.Listed.Add(B);
        _danube.Text(A, Of(A));
        _danube.Text(B, Of(B));

        Assert.Equal(expected, (await _bench.RoundAsync()).Reports);
    }

    [Fact]
    public async Task Round_Agent_PublishesNoClusterReport()
    {
        _bench.Options.ClusterReports = false;
        _danube.Text(A, Of(A));

        await _bench.RoundAsync();

        Assert.Empty(_bench.ClusterReports);
        Assert.Equal(0, _danube.NamespaceQuestions);
    }

    [Fact]
    public async Task Round_ResourcesOfTheHostInPlaceOfTheTarget_AreMarkedInTheReport()
    {
        _danube.Text(A, Of(A));
        _bench.Target = _ => new ResolvedTarget("process", new CountingReader("host"), "there is no process 7; the host is measured instead", true, "");

        await _bench.RoundAsync();

        Assert.True(_bench.Last().Resources.Fallback);
        Assert.Contains("no process 7", Assert.Single(_bench.Last().Gaps, g => g.Part == "resources").Detail, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Api_LoadReports_AreThoseOfAllBrokersOrOfTheOneAskedFor()
    {
        _danube.Listed.Add(B);
        _danube.Text(A, Of(A));
        _danube.Text(B, Of(B));
        await _bench.RoundAsync();

        var all = Assert.IsType<Ok<IReadOnlyList<LoadReport>>>(CollectorApi.GetLoadReports(new(), _bench.Collector).Result);
        var one = Assert.IsType<Ok<IReadOnlyList<LoadReport>>>(CollectorApi.GetLoadReports(new(B), _bench.Collector).Result);
        var unknown = Assert.IsType<ProblemHttpResult>(CollectorApi.GetLoadReports(new("7"), _bench.Collector).Result);

        Assert.Equal([A, B], all.Value!.Select(r => r.BrokerId));
        Assert.Equal([B], one.Value!.Select(r => r.BrokerId));
        Assert.Equal(404, unknown.StatusCode);
    }

    [Fact]
    public async Task Round_BrokerThatDanubeNoLongerLists_HasNoLastReport()
    {
        _danube.Listed.Add(B);
        _danube.Text(A, Of(A));
        _danube.Text(B, Of(B));
        await _bench.RoundAsync();
        _danube.Listed.Remove(B);
        await _bench.RoundAsync();

        Assert.Equal([A], _bench.Collector.LastReports.Select(r => r.BrokerId));
    }

    /// <summary>A topic with 10 messages per second over the last interval.</summary>
    private async Task TwoRoundsAsync()
    {
        _danube.Text(A, Of(A).Topic("/default/t", 100, 1));
        await _bench.RoundAsync();
        _danube.Text(A, Of(A).Topic("/default/t", 200, 1));
        await _bench.RoundAsync();
    }
}
