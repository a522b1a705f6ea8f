using System.Text;
using Danube.Dapr.Contracts;
using Danube.Dapr.MetricsCollector.Topics;

namespace Danube.Dapr.MetricsCollector.Tests.Topics;

public sealed class BrokerSeriesTests
{
    /// <summary>Above 2^63, as half of all Danube ids are.</summary>
    private const string Broker = "17293822569102704640";
    private readonly BrokerSeries _series = new(Broker);
    private double _seconds;

    [Fact]
    public void Take_TwoTexts_GivesRatesOverTheMeasuredTime()
    {
        Take(Text().Topic("/default/t", 100, 1000, 50, 500));
        Take(Text().Topic("/default/t", 140, 5000, 70, 2500), after: 20);

        var load = Load("/default/t");

        Assert.Equal((2, 200, 1, 100), (load.MessagesInPerSecond, load.BytesInPerSecond, load.MessagesOutPerSecond, load.BytesOutPerSecond));
    }

    [Fact]
    public void Take_SeriesWithoutTopic_AreNoTopics()
    {
        Take(Text().Topic("/default/t", 1, 1));

        Assert.Equal(1, _series.TopicCount);
        Assert.Null(_series.Find(""));
    }

    [Fact]
    public void Take_CounterFellBack_TakesItsValueAsTheIncrease()
    {
        Take(Text().Topic("/default/t", 1_000_000, 1));
        Take(Text().Topic("/default/t", 30, 1));

        Assert.Equal(3, Load("/default/t").MessagesInPerSecond);
    }

    [Fact]
    public void Take_OneSubscriptionFellBackWhileAnotherGrew_ComparesEachByItself()
    {
        Take(Text().Topic("/default/t", 0, 0, messagesOut: 1000, subscription: "a").Line("danube_consumer_messages_out_total", "topic=\"/default/t\",subscription=\"b\"", 10));
        Take(Text().Topic("/default/t", 0, 0, messagesOut: 50, subscription: "a").Line("danube_consumer_messages_out_total", "topic=\"/default/t\",subscription=\"b\"", 2010));

        Assert.Equal((50 + 2000) / 10.0, Load("/default/t").MessagesOutPerSecond);
    }

    [Fact]
    public void Take_SeriesMissingOnceAndHigherAfterwards_BeganAnewInBetween()
    {
        Take(Text().Topic("/default/t", 100, 1));
        Take(Text().Topic("/default/other", 1, 1));
        Take(Text().Topic("/default/t", 400, 1));

        Assert.Equal(40, Load("/default/t").MessagesInPerSecond);
    }

    [Fact]
    public void Take_TopicAppearsBetweenTwoTexts_CountsFromZero()
    {
        Take(Text());
        Take(Text().Topic("/default/t", 50, 1));

        Assert.Equal(5, Load("/default/t").MessagesInPerSecond);
    }

    [Fact]
    public void Take_FirstTextOfAll_GivesNoIncrease()
    {
        Take(Text().Topic("/default/t", 1_000_000, 1));

        Assert.Equal(0, _series.Find("/default/t")!.MessagesIn.Increase(_series.Scrape));
    }

    [Fact]
    public void Take_TopicReturnsToTheBroker_GoesOnFromItsOldCounters()
    {
        Take(Text().Topic("/default/t", 1000, 1, consumers: 1));
        for (var i = 0; i < 5; i++)
            Take(Text().Topic("/default/t", 1000, 1, consumers: 0, producers: 0));
        Take(Text().Topic("/default/t", 1070, 1));

        Assert.Equal(7, Load("/default/t").MessagesInPerSecond);
    }

    [Theory]
    [InlineData("/default/orders-1", 1)]
    [InlineData("/default/orders-10", 10)]
    [InlineData("/default/orders", 100)]
    public void Take_NamesThatBeginAlike_AreKeptApart(string name, double rate)
    {
        for (var i = 0; i < 2; i++)
            Take(Text().Topic("/default/orders-10", i * 100, 1).Topic("/default/orders-1", i * 10, 1).Topic("/default/orders", i * 1000, 1));

        Assert.Equal(rate, Load(name).MessagesInPerSecond);
    }

    [Fact]
    public void Take_EscapedTopicName_IsDecoded()
    {
        Take(Text().Topic("/default/a\\\\b", 1, 1));

        Assert.NotNull(_series.Find("/default/a\\b"));
    }

    [Fact]
    public void Take_BadValues_LeaveTheCounterAlone()
    {
        Take(Text().Topic("/default/t", 100, 1));
        Take(Text().Topic("/default/t", 110, 1).Line("danube_topic_messages_in_total", "topic=\"/default/t\"", double.NaN).Line("danube_topic_messages_in_total", "topic=\"/default/t\"", -5));

        Assert.Equal(1, Load("/default/t").MessagesInPerSecond);
    }

    [Theory]
    [InlineData("", "empty")]
    [InlineData("danube_broker_topics_owned{broker=\"17293822569102704640\"} 1\ndanube_topic_messages_in_total{topic=\"/d", "middle of a line")]
    [InlineData("<html>\n", "no danube_broker_topics_owned")]
    [InlineData("up 1\n", "no danube_broker_topics_owned")]
    [InlineData("danube_broker_topics_owned{broker=\"5\"} 1\n", "that of broker '5'")]
    public void Take_TextThatIsNotThisBrokersWholeText_TakesNothing(string text, string reason)
    {
        Take(Text().Topic("/default/t", 100, 1));
        var faults = _series.Take(Encoding.UTF8.GetBytes(text), TimeSpan.FromSeconds(_seconds + 5));
        Assert.Contains(reason, faults.Refusal, StringComparison.Ordinal);
        Take(Text().Topic("/default/t", 120, 1), after: 20);

        Assert.Equal(1, Load("/default/t").MessagesInPerSecond);
    }

    [Fact]
    public void Take_SameSeriesTwiceInOneText_TheLaterLineHolds()
    {
        Take(Text().Topic("/default/t", 100, 1));
        Take(Text().Topic("/default/t", 150, 1).Line("danube_topic_messages_in_total", "topic=\"/default/t\"", 160));

        Assert.Equal(6, Load("/default/t").MessagesInPerSecond);
    }

    [Fact]
    public void Take_SeriesOfAnotherBroker_AreLeftOutAndCounted()
    {
        var text = Text().Topic("/default/t", 5, 1).Text() + "danube_topic_messages_in_total{broker=\"7\",topic=\"/default/x\"} 9\n";

        var faults = _series.Take(Encoding.UTF8.GetBytes(text), TimeSpan.Zero);

        Assert.Equal((null, 0, 1), (faults.Refusal, faults.MalformedLines, faults.ForeignSeries));
        Assert.Null(_series.Find("/default/x"));
    }

    [Fact]
    public void ToLoad_LagWithoutAnyConsumer_IsFrozenAndNotReported()
    {
        Take(Text().Topic("/default/t", 10, 1, lag: 7, consumers: 0));

        Assert.Null(Load("/default/t").BacklogMessages);
    }

    [Fact]
    public void ToLoad_MessagesArriveButLagAndDeliveryStand_IsFrozenThoughTheGaugeCountsAConsumer()
    {
        Take(Text().Topic("/default/t", 10, 1, messagesOut: 3, lag: 7));
        Take(Text().Topic("/default/t", 20, 1, messagesOut: 3, lag: 7));

        Assert.Null(Load("/default/t").BacklogMessages);
    }

    [Fact]
    public void ToLoad_LagStandsWhileMessagesFlowThrough_IsTheBacklog()
    {
        Take(Text().Topic("/default/t", 10, 1, messagesOut: 3, lag: 7));
        Take(Text().Topic("/default/t", 20, 1, messagesOut: 13, lag: 7));

        Assert.Equal(7, Load("/default/t").BacklogMessages);
    }

    [Fact]
    public void ToLoad_StalledDispatcher_ShowsAGrowingBacklog()
    {
        Take(Text().Topic("/default/t", 10, 1, messagesOut: 3, lag: 7));
        Take(Text().Topic("/default/t", 60, 1, messagesOut: 3, lag: 57));

        Assert.Equal(57, Load("/default/t").BacklogMessages);
    }

    [Fact]
    public void ToLoad_NonReliableTopic_HasNoBacklog()
    {
        Take(Text().Topic("/default/t", 10, 1, lag: 7));

        Assert.Null(_series.Find("/default/t")!.ToLoad("/default/t", reliable: false, _series.Scrape, 1, true).BacklogMessages);
    }

    [Fact]
    public void ToLoad_Backlog_IsAsOldAsTheCountThatItReachesBackTo()
    {
        // 10 messages a second; the subscription is 250 behind, so its oldest came 25 s ago.
        for (var i = 0; i <= 10; i++)
            TakeOwned(Text().Topic("/default/t", 100 * i, 1, messagesOut: i, lag: i < 10 ? 0 : 250));

        Assert.Equal((250, 25, false), (Load("/default/t").BacklogMessages, Math.Round(Load("/default/t").OldestUnackedSeconds!.Value), Load("/default/t").OldestUnackedIsAtLeast));
    }

    [Fact]
    public void ToLoad_SeveralSubscriptions_AgeIsThatOfTheSlowestNotOfTheSum()
    {
        for (var i = 0; i <= 10; i++)
        {
            TakeOwned(Text().Topic("/default/t", 100 * i, 1, messagesOut: i, lag: 200)
                .Line("danube_subscription_lag_messages", "topic=\"/default/t\",subscription=\"other\"", 300 + i)
                .Line("danube_subscription_active_consumers", "topic=\"/default/t\",subscription=\"other\"", 1));
        }

        Assert.Equal((510, 31.0), (Load("/default/t").BacklogMessages, Math.Round(Load("/default/t").OldestUnackedSeconds!.Value)));
    }

    [Fact]
    public void ToLoad_NoBacklog_HasNoAgeToTell()
    {
        TakeOwned(Text().Topic("/default/t", 10, 1, lag: 0));

        Assert.Equal(0, Load("/default/t").OldestUnackedSeconds);
    }

    [Fact]
    public void ToLoad_BacklogFromBeforeTheFirstScrape_IsAtLeastThatOld()
    {
        TakeOwned(Text().Topic("/default/t", 1000, 1, lag: 500));
        Assert.Null(Load("/default/t").OldestUnackedSeconds);
        TakeOwned(Text().Topic("/default/t", 1010, 1, messagesOut: 1, lag: 510));

        Assert.Equal((10, true), (Load("/default/t").OldestUnackedSeconds, Load("/default/t").OldestUnackedIsAtLeast));
    }

    [Fact]
    public void ToLoad_FrozenBacklog_HasNoAge()
    {
        TakeOwned(Text().Topic("/default/t", 10, 1, messagesOut: 3, lag: 7));
        TakeOwned(Text().Topic("/default/t", 20, 1, messagesOut: 3, lag: 7));

        Assert.Equal((null, null), (Load("/default/t").BacklogMessages, Load("/default/t").OldestUnackedSeconds));
    }

    [Fact]
    public void ToLoad_CounterBeganAnew_AgeReachesBackToThatOnly()
    {
        for (var i = 0; i <= 5; i++)
            TakeOwned(Text().Topic("/default/t", 100 * i, 1, lag: 20 * i));
        TakeOwned(Text().Topic("/default/t", 30, 1, messagesOut: 1, lag: 130));
        TakeOwned(Text().Topic("/default/t", 60, 1, messagesOut: 2, lag: 160));

        Assert.Equal((10, true), (Load("/default/t").OldestUnackedSeconds, Load("/default/t").OldestUnackedIsAtLeast));
    }

    [Fact]
    public void ToLoad_TopicWasElsewhereMeanwhile_AgeReachesBackToItsReturnOnly()
    {
        for (var i = 0; i <= 5; i++)
            TakeOwned(Text().Topic("/default/t", 100 * i, 1, lag: 20 * i));
        // What was published elsewhere is not in this broker's counter.
        Take(Text().Topic("/default/t", 500, 1, lag: 100));
        TakeOwned(Text().Topic("/default/t", 510, 1, lag: 400));
        TakeOwned(Text().Topic("/default/t", 520, 1, messagesOut: 1, lag: 410));

        Assert.Equal((10, true), (Load("/default/t").OldestUnackedSeconds, Load("/default/t").OldestUnackedIsAtLeast));
    }

    [Fact]
    public void AgeSeconds_ADayOfUnevenTraffic_IsWithinAThird()
    {
        var history = new PublishedHistory();
        var random = new Random(4);
        var counts = new List<double> { 0 };
        for (var scrape = 1; scrape <= 2880; scrape++)
        {
            history.Add(scrape, TimeSpan.FromSeconds(30 * scrape), counts[^1]);
            counts.Add(counts[^1] + (random.Next(4) == 0 ? 0 : random.Next(1, 2000)));
        }

        for (var back = 2; back < 2870; back += 7)
        {
            // The oldest message is the first of those that came between two scrapes.
            var (published, total) = (counts[2879 - back], counts[2879]);
            var (seconds, atLeast) = history.AgeSeconds(total - published)!.Value;
            Assert.False(atLeast);
            var quiet = counts.Skip(2879 - back).TakeWhile(c => c == published).Count() - 1;
            Assert.InRange(seconds, (30 * (back - quiet) / 1.5) - 30, (30 * back * 1.5) + 30);
        }
    }

    [Fact]
    public void ToLoad_NoPublishInTheInterval_HasNoLatency()
    {
        Take(Text().Topic("/default/t", 10, 1, p99: 3.5));
        Take(Text().Topic("/default/t", 20, 1, p99: 4.5));
        Assert.Equal(4.5, Load("/default/t").PublishLatencyP99Ms);
        Take(Text().Topic("/default/t", 20, 1, p99: 4.5));
        Assert.Null(Load("/default/t").PublishLatencyP99Ms);
    }

    [Fact]
    public void Take_RecordedMoveOfATopic_CountsItOnTheNewOwnerFromZero()
    {
        var owner = new BrokerSeries("6304970211437395541");
        Assert.Null(owner.Take("danube_broker_topics_owned{broker=\"6304970211437395541\"} 7\n"u8, TimeSpan.Zero).Refusal);
        Assert.Null(owner.Take(Fixture.Recording("metrics-new-owner-after-move"), TimeSpan.FromSeconds(10)).Refusal);

        var load = owner.Find("/default/orders-1")!.ToLoad("/default/orders-1", true, owner.Scrape, owner.Seconds, true);

        Assert.Equal((12, 2532, 12, 2532, 1, 1, 0L), (
            load.MessagesInPerSecond, load.BytesInPerSecond, load.MessagesOutPerSecond, load.BytesOutPerSecond, load.Producers, load.Consumers, load.BacklogMessages));
        Assert.Equal(8, owner.OwnedGauge);
        Assert.Equal(0.894, load.PublishLatencyP99Ms!.Value, 3);
    }

    [Fact]
    public void Take_RefusedPublishesRedirectsAndBuiltInMoves_AreSummedUp()
    {
        for (var i = 1; i <= 2; i++)
        {
            Take(Text().Topic("/default/t", 1, 1)
                .Line("danube_producer_send_total", "topic=\"/default/t\",result=\"ok\",error_code=\"OK\"", i * 1000)
                .Line("danube_producer_send_total", "topic=\"/default/t\",result=\"error\",error_code=\"PermissionDenied\"", i * 4)
                .Line("danube_client_redirects_total", "", 0)
                .Line("danube_client_redirects_total", "reason=\"not_local\",topic_ns=\"default\"", i * 3)
                .Line("danube_client_redirects_total", "reason=\"post_create\",topic_ns=\"default\"", i * 2)
                .Line("danube_rebalancing_moves_total", "", 0)
                .Line("danube_rebalancing_moves_total", "reason=\"LoadImbalance\"", 6));
        }

        Assert.Equal((4, 5, 6), (_series.RefusedIncrease, _series.RedirectsIncrease, _series.BuiltInMovesTotal));
    }

    [Fact]
    public void Take_ManyTextsWithEverNewTopics_ForgetsThoseThatAreNoLongerShown()
    {
        for (var i = 0; i < 1000; i++)
            Take(Text().Topic($"/default/t{i}", i, 1));

        Assert.Equal(1, _series.TopicCount);
    }

    private static MetricsTextBuilder Text() => new MetricsTextBuilder(Broker).Owned(1);

    private void Take(MetricsTextBuilder text, double after = 10)
    {
        _seconds += after;
        Assert.Null(_series.Take(text.Bytes(), TimeSpan.FromSeconds(_seconds)).Refusal);
    }

    private void TakeOwned(MetricsTextBuilder text)
    {
        Take(text);
        _series.Find("/default/t")!.Remember(_series.Scrape, _series.LastAt);
    }

    private TopicLoad Load(string name) => _series.Find(name)!.ToLoad(name, reliable: true, _series.Scrape, _series.Seconds > 0 ? _series.Seconds : 1, ratesKnown: true);
}
