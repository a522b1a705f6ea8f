namespace Danube.Dapr.Planning;

/// <summary>How a topic delivers, which decides whether it can be moved without loss.</summary>
public enum Delivery
{
    /// <summary>Kept in a log; can be unloaded and loaded elsewhere without loss.</summary>
    Reliable,

    /// <summary>Not kept; moves only by re-creation, where the options allow it.</summary>
    NonReliable,

    /// <summary>Not known, and therefore treated as <see cref="NonReliable"/>.</summary>
    Unknown,
}

/// <summary>One topic of a <see cref="Snapshot"/>. Rates are means over the report's interval.</summary>
public sealed record TopicInfo
{
    /// <summary>Full name, as <c>/namespace/topic</c>; unique in the snapshot, not empty.</summary>
    public required string Name { get; init; }

    /// <summary>Id of the owning broker; null when nobody owns it.</summary>
    public string? Owner { get; init; }

    /// <summary>Default <see cref="Delivery.Reliable"/>.</summary>
    public Delivery Delivery { get; init; }

    /// <summary>The partitioned topic that this one is a part of; null for none.</summary>
    public string? PartitionGroup { get; init; }

    /// <summary>Messages published per second.</summary>
    public double MessagesInPerSecond { get; init; }

    /// <summary>Messages delivered per second, all subscriptions.</summary>
    public double MessagesOutPerSecond { get; init; }

    /// <summary>Payload published, bytes per second.</summary>
    public double BytesInPerSecond { get; init; }

    /// <summary>Payload delivered, bytes per second, all subscriptions.</summary>
    public double BytesOutPerSecond { get; init; }

    /// <summary>Connected producers.</summary>
    public int Producers { get; init; }

    /// <summary>Connected consumers.</summary>
    public int Consumers { get; init; }

    /// <summary>Undelivered messages of all subscriptions.</summary>
    public long BacklogMessages { get; init; }

    /// <summary>Bytes of the log that are not yet exported to shared storage.</summary>
    public long UnexportedBytes { get; init; }

    /// <summary>When the topic was first seen; null = unknown, taken as old.</summary>
    public DateTimeOffset? FirstSeen { get; init; }

    /// <summary>When the topic was last moved; null = never.</summary>
    public DateTimeOffset? LastMoved { get; init; }

    /// <summary>The broker that the topic was last moved away from; null = unknown or never.</summary>
    public string? MovedFrom { get; init; }

    /// <summary>False while the rates are not known yet: the topic is left alone. Default true.</summary>
    public bool RatesKnown { get; init; } = true;

    /// <summary>True when two brokers have the topic loaded: it is left alone.</summary>
    public bool LoadedTwice { get; init; }

    /// <summary>True while something else holds the topic (a running move): it is left alone.</summary>
    public bool Busy { get; init; }

    /// <summary>Load per resource where it is known for this very topic; null = derived from its rates by <see cref="LoadAttribution"/>.</summary>
    public ResourceVector? Load { get; init; }

    /// <summary>Connected clients, producers and consumers together.</summary>
    public int Clients => Producers + Consumers;

    /// <summary>The namespace, <c>ns</c> of <c>/ns/topic</c>; empty when the name has none.</summary>
    public string Namespace
    {
        get
        {
            if (!Name.StartsWith('/')) return "";
            var end = Name.IndexOf('/', 1);
            return end < 0 ? "" : Name[1..end];
        }
    }
}
