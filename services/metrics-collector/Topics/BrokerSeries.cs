using System.Text;
using Danube.Dapr.MetricsCollector.Exposition;

namespace Danube.Dapr.MetricsCollector.Topics;

/// <summary>
/// What one broker's metrics texts showed, kept from scrape to scrape so that rates are differences. Topics that the broker does not own stay here as long as it shows
/// them: their counters go on where they were when the topic comes back.
/// </summary>
internal sealed class BrokerSeries(string brokerId)
{
    private readonly byte[] _broker = Encoding.UTF8.GetBytes(brokerId);
    private readonly Dictionary<string, TopicSeries> _topics = new(StringComparer.Ordinal);
    private readonly Dictionary<string, Counter> _redirects = new(StringComparer.Ordinal);
    private Gauge _owned;
    private double _builtInMoves;
    private bool _builtInMovesSeen;

    /// <summary>Number of texts taken so far.</summary>
    public int Scrape { get; private set; }

    /// <summary>Moment of the last text, on the monotonic clock.</summary>
    public TimeSpan LastAt { get; private set; }

    /// <summary>Seconds between the last two texts; 0 with less than two.</summary>
    public double Seconds { get; private set; }

    public int TopicCount => _topics.Count;

    public int? OwnedGauge => _owned.Value(Scrape) is { } owned ? (int)Math.Clamp(owned, 0, int.MaxValue) : null;

    public double? BuiltInMovesTotal => _builtInMovesSeen ? _builtInMoves : null;

    public double RefusedIncrease { get; private set; }

    public double RedirectsIncrease { get; private set; }

    public TopicSeries? Find(string topic) => _topics.GetValueOrDefault(topic);

    /// <summary>Takes a whole metrics text.</summary>
    /// <param name="text">The text.</param>
    /// <param name="at">When it was written, on the monotonic clock.</param>
    /// <returns>What was wrong. With <see cref="ScrapeFaults.Refusal"/> nothing was taken.</returns>
    public ScrapeFaults Take(ReadOnlySpan<byte> text, TimeSpan at)
    {
        if (Refusal(text, out var other) is { } refusal)
            return new ScrapeFaults(refusal, 0, 0, other);
        var scrape = Scrape + 1;
        Scrape = scrape;
        Seconds = scrape == 1 ? 0 : (at - LastAt).TotalSeconds;
        LastAt = at;
        _builtInMovesSeen = false;
        _builtInMoves = 0;
        var foreign = 0;
        var reader = new ExpositionReader(text);
        var names = new MetricNames();
        while (reader.Read())
        {
            var metric = names.Find(reader.Name);
            if (metric == Metric.Other)
            {
                reader.PassOver();
                continue;
            }

            var labels = SeriesLabels.Of(reader.Labels);
            if (!labels.Broker.IsEmpty && !labels.Broker.SequenceEqual(_broker))
                foreign++;
            else
                Apply(metric, labels, reader.Value, scrape);
        }

        Settle(scrape);
        return new ScrapeFaults(null, reader.Malformed, foreign);
    }

    /// <summary>A text that cannot be this broker's whole text is not taken at all: a missing series would look like one that began anew.</summary>
    private string? Refusal(ReadOnlySpan<byte> text, out string? other)
    {
        other = null;
        if (text.IsEmpty)
            return "the text is empty";
        if (text[^1] != '\n')
            return "the text ends in the middle of a line";
        // Searched as bytes: it stands behind all counters, so that reading up to it is reading most of the text.
        for (int from = 0, at; (at = text[from..].IndexOf(MetricNames.OwnedGauge)) >= 0; from += at + 1)
        {
            var reader = new ExpositionReader(text[(from + at)..]);
            if ((from + at > 0 && text[from + at - 1] != '\n') || !reader.Read() || !reader.Name.SequenceEqual(MetricNames.OwnedGauge))
                continue;
            var labels = SeriesLabels.Of(reader.Labels);
            if (labels.Broker.SequenceEqual(_broker))
                return null;
            other = Encoding.UTF8.GetString(labels.Broker);
            return $"the text is that of broker '{other}'";
        }

        return "the text is not that of a Danube broker: it has no danube_broker_topics_owned";
    }

    private void Apply(Metric metric, in SeriesLabels labels, double value, int scrape)
    {
        switch (metric)
        {
            case Metric.TopicsOwned:
                _owned.Observe(value, scrape);
                return;
            case Metric.BuiltInMoves:
                _builtInMoves += double.IsFinite(value) ? value : 0;
                _builtInMovesSeen = true;
                return;
            case Metric.Redirects:
                var key = string.Concat(Encoding.UTF8.GetString(labels.Reason), "\n", Encoding.UTF8.GetString(labels.TopicNamespace));
                ref var redirects = ref System.Runtime.InteropServices.CollectionsMarshal.GetValueRefOrAddDefault(_redirects, key, out _);
                redirects.Observe(value, scrape);
                return;
        }

        // Every metric is written once without labels, at 0, when the broker starts.
        if (labels.Topic.IsEmpty)
            return;
        var topic = GetOrAdd(_topics, labels.Topic);
        topic.LastScrape = scrape;
        switch (metric)
        {
            case Metric.MessagesIn: topic.MessagesIn.Observe(value, scrape); break;
            case Metric.BytesIn: topic.BytesIn.Observe(value, scrape); break;
            case Metric.Producers: topic.Producers.Observe(value, scrape); break;
            case Metric.Consumers: topic.Consumers.Observe(value, scrape); break;
            case Metric.Subscriptions: topic.Subscriptions.Observe(value, scrape); break;
            case Metric.SendLatency when labels.Quantile.SequenceEqual("0.99"u8): topic.LatencyP99.Observe(value, scrape); break;
            case Metric.SendLatencyCount: topic.Published.Observe(value, scrape); break;
            case Metric.ProducerSends when labels.ErrorCode.SequenceEqual("PermissionDenied"u8): topic.Refused.Observe(value, scrape); break;
            case Metric.MessagesOut or Metric.BytesOut or Metric.Lag or Metric.SubscriptionConsumers when !labels.Subscription.IsEmpty:
                Apply(metric, GetOrAdd(topic.BySubscription, labels.Subscription), value, scrape);
                break;
        }
    }

    private static void Apply(Metric metric, SubscriptionSeries subscription, double value, int scrape)
    {
        subscription.LastScrape = scrape;
        switch (metric)
        {
            case Metric.MessagesOut: subscription.MessagesOut.Observe(value, scrape); break;
            case Metric.BytesOut: subscription.BytesOut.Observe(value, scrape); break;
            case Metric.Lag: subscription.Lag.Observe(value, scrape); break;
            case Metric.SubscriptionConsumers: subscription.Consumers.Observe(value, scrape); break;
        }
    }

    /// <summary>Forgets what the text no longer shows (only a new process does that) and sums up.</summary>
    private void Settle(int scrape)
    {
        RefusedIncrease = 0;
        foreach (var (name, topic) in _topics)
        {
            if (topic.LastScrape != scrape)
            {
                _topics.Remove(name);
                continue;
            }

            RefusedIncrease += topic.Refused.Increase(scrape);
            foreach (var (subscription, series) in topic.BySubscription)
            {
                if (series.LastScrape != scrape)
                    topic.BySubscription.Remove(subscription);
            }
        }

        RedirectsIncrease = 0;
        foreach (var redirects in _redirects.Values)
            RedirectsIncrease += redirects.Increase(scrape);
    }

    private static T GetOrAdd<T>(Dictionary<string, T> dictionary, ReadOnlySpan<byte> encoded)
        where T : new()
    {
        Span<char> chars = encoded.Length <= 512 ? stackalloc char[encoded.Length] : new char[encoded.Length];
        var name = chars[..LabelReader.Decode(encoded, chars)];
        var lookup = dictionary.GetAlternateLookup<ReadOnlySpan<char>>();
        if (!lookup.TryGetValue(name, out var value))
        {
            value = new T();
            dictionary.Add(name.ToString(), value);
        }

        return value;
    }
}

/// <summary>What was wrong with a metrics text.</summary>
/// <param name="Refusal">Why nothing of it was taken; null when it was.</param>
/// <param name="MalformedLines">Lines that could not be read.</param>
/// <param name="ForeignSeries">Series with another broker's id, which were left out.</param>
/// <param name="OtherBroker">Whose text it is, when it was refused as another broker's.</param>
internal readonly record struct ScrapeFaults(string? Refusal, int MalformedLines, int ForeignSeries, string? OtherBroker = null);
