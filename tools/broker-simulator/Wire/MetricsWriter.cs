using System.Buffers;
using System.Buffers.Text;
using System.Text;

namespace Danube.Dapr.BrokerSimulator;

/// <summary>Writes one broker's metrics as Danube 0.15 does: every family once without labels at 0, histograms as summaries, nothing ever removed.</summary>
internal sealed class MetricsWriter
{
    private static readonly (double Quantile, byte[] Label)[] Quantiles =
    [
        (0, ",quantile=\"0\"} "u8.ToArray()), (0.5, ",quantile=\"0.5\"} "u8.ToArray()), (0.9, ",quantile=\"0.9\"} "u8.ToArray()),
        (0.95, ",quantile=\"0.95\"} "u8.ToArray()), (0.99, ",quantile=\"0.99\"} "u8.ToArray()), (0.999, ",quantile=\"0.999\"} "u8.ToArray()),
        (1, ",quantile=\"1\"} "u8.ToArray()),
    ];

    private readonly ArrayBufferWriter<byte> _out;
    private readonly Cluster _cluster;
    private readonly BrokerInstance _broker;
    private readonly byte[] _brokerLabel;
    private readonly List<(TopicSeries Series, byte[] Labels, TopicCopy? Copy)> _topics;

    private MetricsWriter(Cluster cluster, BrokerInstance broker)
    {
        _cluster = cluster;
        _broker = broker;
        _brokerLabel = Encoding.UTF8.GetBytes($"{{broker=\"{broker.Id}\"");
        _topics =
        [
            .. broker.Series.Values.Where(series => series.Touched).Select(series => (
                series,
                Encoding.UTF8.GetBytes($"{{broker=\"{broker.Id}\",topic=\"{series.Topic}\""),
                broker.Copies.GetValueOrDefault(series.Topic))),
        ];
        _out = new ArrayBufferWriter<byte>(4096 + 6000 * _topics.Count);
    }

    /// <summary>The text as of now. Called with the gate held.</summary>
    public static ReadOnlyMemory<byte> Write(Cluster cluster, BrokerInstance broker)
    {
        foreach (var copy in broker.Copies.Values)
            copy.Topic.Advance(cluster.Now);
        var writer = new MetricsWriter(cluster, broker);
        writer.WriteCounters();
        writer.WriteGauges();
        writer.WriteSummaries();
        return writer._out.WrittenMemory;
    }

    private void WriteCounters()
    {
        PerSubscription("danube_consumer_bytes_out_total", "counter", "Total bytes delivered to consumer (bytes)", (_, _, series) => Whole(series.BytesOut));
        Single("danube_dispatcher_notifier_polls_total", "counter", "Total number of polls triggered by notifier (normal fast path)",
            Whole(_topics.Sum(topic => topic.Series.MessagesIn)));
        PerTopic("danube_wal_flush_total", "counter", null, ReliableOnly(series => Whole(series.MessagesIn / 50) + series.Loads));
        Labelled("danube_broker_assignments_total", "counter", "Total number of topic assignment operations performed (assign/unassign)",
            _broker.Assignments.Select(entry => ($",broker_id=\"{entry.Key.BrokerId}\",action=\"{entry.Key.Action}\"", (double)entry.Value)));
        Single("danube_subscription_nack_total", "counter", "Total number of negative acknowledgments accepted for a reliable subscription", 0);
        Single("danube_dispatcher_heartbeat_polls_total", "counter",
            "Total number of polls triggered by the heartbeat watchdog (indicates missed notifications)", 0);
        Single("danube_rebalancing_failures_total", "counter", "Total number of failed rebalancing move attempts", 0);
        PerSubscription("danube_consumer_messages_out_total", "counter", "Total messages delivered to consumer (msg).", (_, _, series) => Whole(series.MessagesOut));
        Labelled("danube_broker_rpc_total", "counter", "Total RPC requests handled by the broker", Rpcs());
        Single("danube_subscription_dlq_total", "counter",
            "Total number of messages successfully routed to a dead letter topic for a reliable subscription", 0);
        PerTopic("danube_wal_append_bytes_total", "counter", null, ReliableOnly(series => Whole(series.BytesIn)));
        Labelled("danube_authz_allow_total", "counter", "Total number of successful authorization decisions",
            [(",resource=\"topic\",permission=\"Produce\"", Whole(_topics.Sum(topic => topic.Series.MessagesIn)))]);
        Head("danube_producer_send_total", "counter", "Total producer send attempts at the broker API boundary");
        Line("danube_producer_send_total", _brokerLabel, "", 0);
        foreach (var (series, labels, _) in _topics)
        {
            Line("danube_producer_send_total", labels, ",result=\"ok\",error_code=\"OK\"", Whole(series.MessagesIn));
            if (series.SendsDenied > 0)
                Line("danube_producer_send_total", labels, ",result=\"error\",error_code=\"PermissionDenied\"", series.SendsDenied);
        }

        Blank();
        Single("danube_subscription_redelivery_total", "counter", "Total number of retry deliveries successfully re-sent for a reliable subscription", 0);
        PerTopic("danube_topic_bytes_in_total", "counter", "Total bytes published to the topic (bytes)", (series, _) => Whole(series.BytesIn));
        PerTopic("danube_topic_messages_in_total", "counter", "Total messages published to the topic (msg).", (series, _) => Whole(series.MessagesIn));
        PerTopic("danube_wal_append_total", "counter", null, ReliableOnly(series => Whole(series.MessagesIn)));
        Labelled("danube_client_redirects_total", "counter", "Total number of client redirects suggested by the broker during lookup",
            _broker.RedirectsByNamespace.Select(entry => ($",reason=\"not_local\",topic_ns=\"{entry.Key}\"", (double)entry.Value)));
        Single("danube_subscription_retry_exhausted_total", "counter",
            "Total number of times a reliable subscription exhausted retry attempts and entered terminal poison handling", 0);
        Single("danube_schema_validation_failures_total", "counter", "Total number of schema validation failures", 0);
        PerTopic("danube_schema_validation_total", "counter", "Total number of schema validation attempts", (series, _) => Whole(series.MessagesIn), ",policy=\"Warn\"");
        if (_broker.RebalancingMoves > 0)
        {
            Labelled("danube_rebalancing_moves_total", "counter", "Total number of topic rebalancing moves executed",
                [(",reason=\"LoadImbalance\"", _broker.RebalancingMoves)]);
        }
        else
        {
            Single("danube_rebalancing_moves_total", "counter", "Total number of topic rebalancing moves executed", 0);
        }

        Single("danube_authz_deny_total", "counter", "Total number of denied authorization decisions", 0);
        Single("danube_subscription_ack_timeout_total", "counter", "Total number of ack timeouts detected for a reliable subscription", 0);
        PerTopic("danube_wal_reader_create_total", "counter", null, ReliableOnly(series => series.Loads), ",mode=\"wal_only\"");
    }

    private void WriteGauges()
    {
        PerSubscription("danube_subscription_active_consumers", "gauge", "Total number of active consumers per subscription",
            (copy, name, _) => Subscription(copy, name)?.Consumers ?? 0);
        PerSubscription("danube_subscription_terminal_blocked", "gauge",
            "Whether a reliable subscription is currently blocked on a retry-exhausted poison message (0 or 1)", (_, _, _) => 0, reliableOnly: true);
        PerTopic("danube_topic_active_producers", "gauge", "Total number of producers per topic",
            (_, copy) => Attached(copy) ? copy!.Topic.Traffic.Producers + copy.ClientIds.Count : 0);
        Single("danube_leader_election_state", "gauge", "Leader election state of this broker (0=follower,1=leader)",
            _cluster.LeaderKey == _broker.Id ? 1 : 0);
        Single("danube_cluster_imbalance_cv", "gauge",
            "Current cluster load imbalance coefficient of variation (CV). Lower is better, 0 is perfectly balanced.", _broker.ImbalanceCv);
        PerSubscription("danube_subscription_pending_redelivery", "gauge",
            "Whether a reliable subscription currently has a message waiting for redelivery (0 or 1)", (_, _, _) => 0, reliableOnly: true);
        PerSubscription("danube_subscription_lag_messages", "gauge", "Number of messages the subscription is behind the topic WAL head",
            (copy, name, _) => Whole(Subscription(copy, name)?.Backlog ?? 0), reliableOnly: true);
        PerTopic("danube_topic_active_subscriptions", "gauge", "Total number of subscriptions per topic",
            (_, copy) => Attached(copy) ? copy!.Topic.Subscriptions.Count : 0);
        Single("danube_broker_topics_owned", "gauge", "Total number of topics served by broker", _broker.TopicsOwnedGauge);
        PerTopic("danube_topic_active_consumers", "gauge", "Total number of consumers per topic",
            (_, copy) => Attached(copy) ? copy!.Topic.Subscriptions.Sum(subscription => subscription.Consumers) : 0);
    }

    private void WriteSummaries()
    {
        Head("danube_topic_message_size_bytes", "summary", "Distribution of incoming message sizes per topic (bytes)");
        Summary("danube_topic_message_size_bytes", _brokerLabel, _ => 0, 0, 0);
        foreach (var (series, labels, _) in _topics)
            Summary("danube_topic_message_size_bytes", labels, _ => series.MessageBytes, Whole(series.BytesIn), Whole(series.MessagesIn));
        Blank();

        Head("danube_wal_flush_latency_ms", "summary", null);
        foreach (var (series, labels, _) in _topics.Where(topic => topic.Series.Reliable))
        {
            var flushes = Whole(series.MessagesIn / 50) + series.Loads;
            Summary("danube_wal_flush_latency_ms", labels, quantile => 0.07 + 0.2 * quantile * quantile, flushes * 0.13, flushes);
        }

        Blank();
        Head("danube_rebalancing_cycle_duration_seconds", "summary", "Duration of rebalancing cycle execution in seconds");
        Summary("danube_rebalancing_cycle_duration_seconds", _brokerLabel, _ => 0, 0, 0);
        Blank();

        // A queue in front of a busy processor: the wait grows with one over what is left idle.
        var busy = Math.Min(0.97, BrokerUsage.Of(_broker, _cluster.Now, _cluster.CapacityPerBroker).CpuPercent / 100);
        var slow = 1 / (1 - busy);
        Head("danube_producer_send_latency_ms", "summary", "End-to-end producer send latency in milliseconds (broker-side).");
        Summary("danube_producer_send_latency_ms", _brokerLabel, _ => 0, 0, 0);
        foreach (var (series, labels, _) in _topics)
        {
            Summary("danube_producer_send_latency_ms", labels, quantile => (0.01 + 0.05 * quantile + Math.Pow(quantile, 40)) * slow,
                Whole(series.MessagesIn) * 0.06, Whole(series.MessagesIn));
        }

        Blank();
    }

    /// <summary>Gauges fall to 0 when the topic leaves; its counters stay.</summary>
    private bool Attached(TopicCopy? copy) => copy is { Draining: false } && copy.ClientsAtSeconds <= _cluster.Now;

    private SubscriptionState? Subscription(TopicCopy? copy, string name) =>
        Attached(copy) ? copy!.Topic.Subscriptions.Find(subscription => subscription.Name == name) : null;

    private IEnumerable<(string Labels, double Value)> Rpcs()
    {
        var sends = Whole(_topics.Sum(topic => topic.Series.MessagesIn));
        var receipts = Whole(_topics.Sum(topic => topic.Series.Subscriptions.Values.Sum(subscription => subscription.MessagesOut)));
        foreach (var ((service, method, result), count) in _broker.Rpcs.Where(entry => entry.Key is not { Method: "send_message" or "ack", Result: "ok" }))
            yield return (RpcLabels(service, method, result), count);
        if (sends > 0)
            yield return (RpcLabels("producer", "send_message", "ok"), sends);
        if (receipts > 0)
            yield return (RpcLabels("consumer", "ack", "ok"), receipts);
    }

    private static string RpcLabels(string service, string method, string result) => $",service=\"{service}\",method=\"{method}\",result=\"{result}\"";

    private static Func<TopicSeries, TopicCopy?, double?> ReliableOnly(Func<TopicSeries, double> value) =>
        (series, _) => series.Reliable ? value(series) : null;

    private static double Whole(double value) => Math.Floor(value);

    private void Single(string name, string type, string help, double value)
    {
        Head(name, type, help);
        Line(name, _brokerLabel, "", value);
        Blank();
    }

    private void Labelled(string name, string type, string help, IEnumerable<(string Labels, double Value)> lines)
    {
        Head(name, type, help);
        Line(name, _brokerLabel, "", 0);
        foreach (var (labels, value) in lines)
            Line(name, _brokerLabel, labels, value);
        Blank();
    }

    /// <summary>A family that is not described is not pre-registered either.</summary>
    private void PerTopic(string name, string type, string? help, Func<TopicSeries, TopicCopy?, double?> value, string more = "")
    {
        Head(name, type, help);
        if (help is not null)
            Line(name, _brokerLabel, "", 0);
        foreach (var (series, labels, copy) in _topics)
        {
            if (value(series, copy) is { } figure)
                Line(name, labels, more, figure);
        }

        Blank();
    }

    private void PerSubscription(
        string name, string type, string help, Func<TopicCopy?, string, SubscriptionSeries, double> value, bool reliableOnly = false)
    {
        Head(name, type, help);
        Line(name, _brokerLabel, "", 0);
        foreach (var (series, labels, copy) in _topics)
        {
            if (reliableOnly && !series.Reliable)
                continue;
            foreach (var (subscription, figures) in series.Subscriptions)
                Line(name, labels, $",subscription=\"{subscription}\"", value(copy, subscription, figures));
        }

        Blank();
    }

    private void Summary(string name, byte[] labels, Func<double, double> value, double sum, double count)
    {
        foreach (var (quantile, label) in Quantiles)
        {
            Raw(name);
            Raw(labels);
            Raw(label);
            Number(count > 0 ? value(quantile) : 0);
        }

        Line(name + "_sum", labels, "", sum);
        Line(name + "_count", labels, "", count);
    }

    private void Head(string name, string type, string? help)
    {
        if (help is not null)
            Raw($"# HELP {name} {help}\n");
        Raw($"# TYPE {name} {type}\n");
    }

    private void Line(string name, byte[] labels, string more, double value)
    {
        Raw(name);
        Raw(labels);
        Raw(more);
        Raw("} "u8);
        Number(value);
    }

    private void Number(double value)
    {
        var span = _out.GetSpan(32);
        int written;
        // Large counters are whole numbers, never in exponent form.
        if (value == Math.Floor(value) && Math.Abs(value) < 1e18)
            Utf8Formatter.TryFormat((long)value, span, out written);
        else
            Utf8Formatter.TryFormat(value, span, out written);
        span[written] = (byte)'\n';
        _out.Advance(written + 1);
    }

    private void Blank() => Raw("\n"u8);

    private void Raw(string ascii)
    {
        var span = _out.GetSpan(ascii.Length);
        _out.Advance(Encoding.ASCII.GetBytes(ascii, span));
    }

    private void Raw(ReadOnlySpan<byte> bytes) => _out.Write(bytes);
}
