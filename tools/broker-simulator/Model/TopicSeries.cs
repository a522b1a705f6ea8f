namespace Danube.Dapr.BrokerSimulator;

/// <summary>One broker's metrics of one topic. They stay when the topic leaves, and go on when it comes back.</summary>
internal sealed class TopicSeries(string topic)
{
    public string Topic { get; } = topic;

    /// <summary>No client has ever touched the topic here: Danube has no series for it.</summary>
    public bool Touched { get; private set; }

    public bool Reliable { get; private set; }

    public int MessageBytes { get; private set; }

    public double MessagesIn { get; private set; }

    public double BytesIn { get; private set; }

    public double SendsDenied { get; set; }

    public int Loads { get; private set; }

    public Dictionary<string, SubscriptionSeries> Subscriptions { get; } = [];

    public void Touch(TopicState state)
    {
        Touched = true;
        Reliable = state.Reliable;
        MessageBytes = state.Traffic.MessageBytes;
        Loads++;
        foreach (var subscription in state.Subscriptions)
            Subscriptions.TryAdd(subscription.Name, new SubscriptionSeries());
    }

    public void Published(double messages, double bytes)
    {
        MessagesIn += messages;
        BytesIn += bytes;
    }

    public void Delivered(string subscription, double messages, double bytes)
    {
        if (!Subscriptions.TryGetValue(subscription, out var series))
            Subscriptions[subscription] = series = new SubscriptionSeries();
        series.MessagesOut += messages;
        series.BytesOut += bytes;
    }
}

/// <summary>Delivery counters of one subscription on one broker.</summary>
internal sealed class SubscriptionSeries
{
    public double MessagesOut { get; set; }

    public double BytesOut { get; set; }
}
