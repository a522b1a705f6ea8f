namespace Danube.Dapr.BrokerSimulator;

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
