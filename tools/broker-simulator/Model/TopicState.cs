namespace Danube.Dapr.BrokerSimulator;

/// <summary>A topic in the cluster's metadata and shared storage, wherever it is loaded.</summary>
internal sealed class TopicState(string name, bool reliable, TopicTraffic traffic)
{
    public string Name { get; } = name;

    public string Namespace { get; } = name.Split('/')[1];

    public bool Reliable { get; } = reliable;

    public TopicTraffic Traffic { get; } = traffic;

    public List<SubscriptionState> Subscriptions { get; } = [];

    /// <summary>Messages in the log so far; the next offset.</summary>
    public double Head { get; set; }

    /// <summary>The copy that clients are attached to, or null in the gap of a move.</summary>
    public TopicCopy? Serving { get; private set; }

    /// <summary>Messages of real clients, in order.</summary>
    public MessageLog Messages { get; } = new();

    private double _advancedTo;

    /// <summary>Clients find the topic again a moment after it was loaded.</summary>
    public void Attach(TopicCopy copy, double nowSeconds, double clientsAtSeconds)
    {
        Advance(nowSeconds);
        Serving = copy;
        copy.ClientsAtSeconds = clientsAtSeconds;
        foreach (var subscription in Subscriptions)
            subscription.Stalled = false;
        if (Traffic.Producers == 0 && Subscriptions.Count == 0)
            return;
        copy.Series.Touch(this);
    }

    public void Detach(double nowSeconds)
    {
        Advance(nowSeconds);
        Serving = null;
    }

    /// <summary>Publishes and delivers what falls between the last call and now.</summary>
    public void Advance(double nowSeconds)
    {
        var from = _advancedTo;
        _advancedTo = nowSeconds;
        if (Serving is not { } copy)
            return;
        from = Math.Max(from, copy.ClientsAtSeconds);
        var messages = Traffic.MessagesBetween(from, nowSeconds);
        if (nowSeconds <= from)
            return;
        Head += messages;
        copy.Series.Published(messages, messages * Traffic.MessageBytes);
        foreach (var subscription in Subscriptions)
        {
            if (subscription.IsReal)
                continue;
            var waiting = subscription.Backlog + messages;
            var delivered = subscription.Stalled || subscription.Consumers == 0
                ? 0
                : Math.Min(waiting, subscription.MaxMessagesPerSecond * (nowSeconds - from));
            subscription.Backlog = Reliable ? waiting - delivered : 0;
            copy.Series.Delivered(subscription.Name, delivered, delivered * Traffic.MessageBytes);
        }
    }
}

/// <summary>A subscription with its simulated consumers.</summary>
internal sealed class SubscriptionState(string name, int consumers)
{
    public string Name { get; } = name;

    public int Consumers { get; set; } = consumers;

    /// <summary>Messages behind the log's head.</summary>
    public double Backlog { get; set; }

    /// <summary>Its dispatcher has stopped for good, as long as the topic stays where it is.</summary>
    public bool Stalled { get; set; }

    public double MaxMessagesPerSecond { get; set; } = double.PositiveInfinity;

    /// <summary>Real clients consume it: what they receive and acknowledge counts, not what is simulated.</summary>
    public bool IsReal { get; init; }
}

/// <summary>A topic in the memory of one broker.</summary>
internal sealed class TopicCopy(TopicState topic, TopicSeries series)
{
    public TopicState Topic { get; } = topic;

    public TopicSeries Series { get; } = series;

    /// <summary>Refuses publishes: it is being unloaded, or its unload never ended (a dead copy).</summary>
    public bool Draining { get; set; }

    /// <summary>Its unload never ended and never will.</summary>
    public bool Dead { get; set; }

    /// <summary>Two loads raced: two logs exist.</summary>
    public bool LoadedTwice { get; set; }

    public double ClientsAtSeconds { get; set; }

    /// <summary>Ends the streams of real clients.</summary>
    public CancellationTokenSource Closed { get; } = new();

    /// <summary>Producers and consumers that real clients registered on this copy.</summary>
    public HashSet<ulong> ClientIds { get; } = [];
}

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
