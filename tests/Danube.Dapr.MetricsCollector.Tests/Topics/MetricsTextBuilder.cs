using System.Globalization;
using System.Text;

namespace Danube.Dapr.MetricsCollector.Tests.Topics;

/// <summary>Writes metrics texts as a broker does, with the unlabelled series that every metric begins with.</summary>
internal sealed class MetricsTextBuilder(string broker)
{
    private readonly StringBuilder _text = new();

    public MetricsTextBuilder Owned(int count) => Line("danube_broker_topics_owned", "", count);

    public MetricsTextBuilder Line(string metric, string labels, double value)
    {
        _text.Append(CultureInfo.InvariantCulture, $"{metric}{{broker=\"{broker}\"{(labels.Length > 0 ? "," + labels : "")}}} {value:R}\n");
        return this;
    }

    /// <summary>A topic with one subscription.</summary>
    public MetricsTextBuilder Topic(
        string name, double messagesIn, double bytesIn, double messagesOut = 0, double bytesOut = 0, double lag = 0, int consumers = 1, int producers = 1, double p99 = 1, string subscription = "sub")
    {
        var topic = $"topic=\"{name}\"";
        var sub = $"{topic},subscription=\"{subscription}\"";
        return Line("danube_topic_messages_in_total", topic, messagesIn)
            .Line("danube_topic_bytes_in_total", topic, bytesIn)
            .Line("danube_producer_send_latency_ms", topic + ",quantile=\"0.99\"", p99)
            .Line("danube_producer_send_latency_ms_count", topic, messagesIn)
            .Line("danube_topic_active_producers", topic, producers)
            .Line("danube_topic_active_consumers", topic, consumers)
            .Line("danube_topic_active_subscriptions", topic, 1)
            .Line("danube_consumer_messages_out_total", sub, messagesOut)
            .Line("danube_consumer_bytes_out_total", sub, bytesOut)
            .Line("danube_subscription_lag_messages", sub, lag)
            .Line("danube_subscription_active_consumers", sub, consumers);
    }

    public string Text() =>
        "# TYPE danube_topic_messages_in_total counter\n"
        + $"danube_topic_messages_in_total{{broker=\"{broker}\"}} 0\n"
        + $"danube_consumer_messages_out_total{{broker=\"{broker}\"}} 0\n"
        + _text;

    public byte[] Bytes() => Encoding.UTF8.GetBytes(Text());
}
