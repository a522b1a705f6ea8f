using Danube.Dapr.MetricsCollector.Exposition;

namespace Danube.Dapr.MetricsCollector.Topics;

/// <summary>The metrics of a Danube broker that a load report is made from.</summary>
internal enum Metric
{
    Other,
    TopicsOwned,
    MessagesIn,
    BytesIn,
    MessagesOut,
    BytesOut,
    Producers,
    Consumers,
    Subscriptions,
    Lag,
    SubscriptionConsumers,
    SendLatency,
    SendLatencyCount,
    ProducerSends,
    Redirects,
    BuiltInMoves,
}

/// <summary>Finds a metric by its name. Lines of one metric follow each other, so the last name is compared first.</summary>
internal ref struct MetricNames
{
    private ReadOnlySpan<byte> _lastName;
    private Metric _last;

    public static ReadOnlySpan<byte> OwnedGauge => "danube_broker_topics_owned"u8;

    public Metric Find(ReadOnlySpan<byte> name)
    {
        if (_lastName.SequenceEqual(name))
            return _last;
        _lastName = name;
        _last = Lookup(name);
        return _last;
    }

    private static Metric Lookup(ReadOnlySpan<byte> name)
    {
        if (!name.StartsWith("danube_"u8))
            return Metric.Other;
        name = name["danube_"u8.Length..];
        return IsOwnedGaugeTail(name) ? Metric.TopicsOwned
            : name.SequenceEqual("topic_messages_in_total"u8) ? Metric.MessagesIn
            : name.SequenceEqual("topic_bytes_in_total"u8) ? Metric.BytesIn
            : name.SequenceEqual("consumer_messages_out_total"u8) ? Metric.MessagesOut
            : name.SequenceEqual("consumer_bytes_out_total"u8) ? Metric.BytesOut
            : name.SequenceEqual("topic_active_producers"u8) ? Metric.Producers
            : name.SequenceEqual("topic_active_consumers"u8) ? Metric.Consumers
            : name.SequenceEqual("topic_active_subscriptions"u8) ? Metric.Subscriptions
            : name.SequenceEqual("subscription_lag_messages"u8) ? Metric.Lag
            : name.SequenceEqual("subscription_active_consumers"u8) ? Metric.SubscriptionConsumers
            : name.SequenceEqual("producer_send_latency_ms"u8) ? Metric.SendLatency
            : name.SequenceEqual("producer_send_latency_ms_count"u8) ? Metric.SendLatencyCount
            : name.SequenceEqual("producer_send_total"u8) ? Metric.ProducerSends
            : name.SequenceEqual("client_redirects_total"u8) ? Metric.Redirects
            : name.SequenceEqual("rebalancing_moves_total"u8) ? Metric.BuiltInMoves
            : Metric.Other;
    }

    private static bool IsOwnedGaugeTail(ReadOnlySpan<byte> name) => name.SequenceEqual("broker_topics_owned"u8);
}

/// <summary>The labels of a series that matter here; empty where the series has none of that name.</summary>
internal readonly ref struct SeriesLabels
{
    public ReadOnlySpan<byte> Broker { get; private init; }

    public ReadOnlySpan<byte> Topic { get; private init; }

    public ReadOnlySpan<byte> Subscription { get; private init; }

    public ReadOnlySpan<byte> Quantile { get; private init; }

    public ReadOnlySpan<byte> ErrorCode { get; private init; }

    public ReadOnlySpan<byte> Reason { get; private init; }

    public ReadOnlySpan<byte> TopicNamespace { get; private init; }

    public static SeriesLabels Of(ReadOnlySpan<byte> labels)
    {
        ReadOnlySpan<byte> broker = default, topic = default, subscription = default, quantile = default, errorCode = default, reason = default, ns = default;
        var reader = new LabelReader(labels);
        while (reader.Read())
        {
            var name = reader.Name;
            if (name.SequenceEqual("broker"u8))
                broker = reader.Value;
            else if (name.SequenceEqual("topic"u8))
                topic = reader.Value;
            else if (name.SequenceEqual("subscription"u8))
                subscription = reader.Value;
            else if (name.SequenceEqual("quantile"u8))
                quantile = reader.Value;
            else if (name.SequenceEqual("error_code"u8))
                errorCode = reader.Value;
            else if (name.SequenceEqual("reason"u8))
                reason = reader.Value;
            else if (name.SequenceEqual("topic_ns"u8))
                ns = reader.Value;
        }

        return new SeriesLabels { Broker = broker, Topic = topic, Subscription = subscription, Quantile = quantile, ErrorCode = errorCode, Reason = reason, TopicNamespace = ns };
    }
}
