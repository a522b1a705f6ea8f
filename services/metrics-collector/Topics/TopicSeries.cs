using Danube.Dapr.Contracts;

namespace Danube.Dapr.MetricsCollector.Topics;

/// <summary>The series of one topic on one broker.</summary>
internal sealed class TopicSeries
{
    public Counter MessagesIn;
    public Counter BytesIn;
    public Counter Refused;
    public Counter Published;
    public Gauge Producers;
    public Gauge Consumers;
    public Gauge Subscriptions;
    public Gauge LatencyP99;

    private readonly PublishedHistory _history = new();

    public int LastScrape { get; set; }

    public Dictionary<string, SubscriptionSeries> BySubscription { get; } = new(StringComparer.Ordinal);

    /// <summary>Takes note that the broker owns the topic at <paramref name="scrape"/>, which was taken at <paramref name="at"/>.</summary>
    public void Remember(int scrape, TimeSpan at) => _history.Add(scrape, at, MessagesIn.Value(scrape));

    /// <summary>The topic's load over the last two scrapes, which lie <paramref name="seconds"/> apart.</summary>
    public TopicLoad ToLoad(string name, bool reliable, int scrape, double seconds, bool ratesKnown)
    {
        double messagesOut = 0, bytesOut = 0;
        foreach (var subscription in BySubscription.Values)
        {
            messagesOut += subscription.MessagesOut.Increase(scrape);
            bytesOut += subscription.BytesOut.Increase(scrape);
        }

        var (backlog, furthestBehind) = reliable ? Backlog(scrape) : default;
        var oldest = backlog is null ? null : _history.AgeSeconds(furthestBehind);
        return new TopicLoad
        {
            Name = name,
            Reliable = reliable,
            RatesKnown = ratesKnown,
            MessagesInPerSecond = ratesKnown ? MessagesIn.Increase(scrape) / seconds : 0,
            BytesInPerSecond = ratesKnown ? BytesIn.Increase(scrape) / seconds : 0,
            MessagesOutPerSecond = ratesKnown ? messagesOut / seconds : 0,
            BytesOutPerSecond = ratesKnown ? bytesOut / seconds : 0,
            Producers = Producers.Count(scrape),
            Consumers = Consumers.Count(scrape),
            Subscriptions = Subscriptions.Count(scrape),
            BacklogMessages = backlog,
            OldestUnackedSeconds = oldest?.Seconds,
            OldestUnackedIsAtLeast = oldest is { AtLeast: true },
            PublishLatencyP99Ms = Published.Increase(scrape) > 0 && LatencyP99.Value(scrape) is >= 0 and var p99 ? p99 : null,
        };
    }

    /// <summary>
    /// Sum of the subscriptions' lags, and the largest; null when one is not known. Danube refreshes a lag only while a consumer is active, and its consumer gauge does not fall when
    /// consumers go. So a lag is frozen when nobody is registered, or when messages came in while neither the lag nor the delivered count moved.
    /// </summary>
    private (long? Sum, double Largest) Backlog(int scrape)
    {
        double sum = 0, largest = 0;
        var arrived = MessagesIn.Increase(scrape) > 0;
        foreach (var subscription in BySubscription.Values)
        {
            if (subscription.Lag.Value(scrape) is not { } lag)
                continue;
            if (subscription.Consumers.Count(scrape) == 0)
                return (null, 0);
            if (arrived && subscription.Lag.SameAsBefore(scrape) && subscription.MessagesOut.Increase(scrape) == 0)
                return (null, 0);
            sum += Math.Max(0, lag);
            largest = Math.Max(largest, lag);
        }

        return ((long)Math.Min(sum, long.MaxValue / 2), largest);
    }
}

/// <summary>The series of one subscription of a topic on one broker.</summary>
internal sealed class SubscriptionSeries
{
    public Counter MessagesOut;
    public Counter BytesOut;
    public Gauge Lag;
    public Gauge Consumers;

    public int LastScrape { get; set; }
}
