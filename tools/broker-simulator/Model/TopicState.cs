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

    /// <summary>True while the clients of a topic that is served have not found it again.</summary>
    public bool ClientsAway => Serving is { ClientsAtSeconds: double.PositiveInfinity };

    /// <summary>Clients find the topic again a moment after it was loaded; at infinity they do not.</summary>
    public void Attach(TopicCopy copy, double nowSeconds, double clientsAtSeconds)
    {
        Advance(nowSeconds);
        Serving = copy;
        copy.ClientsAtSeconds = clientsAtSeconds;
        foreach (var subscription in Subscriptions)
            subscription.Stalled = false;
        if (ClientsAway || (Traffic.Producers == 0 && Subscriptions.Count == 0))
            return;
        copy.Series.Touch(this);
    }

    /// <summary>Clients that stayed away find the topic.</summary>
    public void Find(double nowSeconds)
    {
        if (!ClientsAway)
            return;
        Advance(nowSeconds);
        Serving!.ClientsAtSeconds = nowSeconds;
        Serving.Series.Touch(this);
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
