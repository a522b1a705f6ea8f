using Danube.Dapr.Contracts;

namespace Danube.Dapr.Ranking.View;

/// <summary>What must survive a restart so that no event is told twice or lost. Immutable; written only when it changed.</summary>
internal sealed record ClusterMemory
{
    /// <summary>The brokers as last told, ordered by id; those that are gone are left out.</summary>
    public IReadOnlyList<KnownBroker> Brokers { get; init; } = [];

    /// <summary>The last leader that was known.</summary>
    public string? LeaderId { get; init; }

    /// <summary>Topics that were told to be stranded and have not recovered.</summary>
    public IReadOnlyList<StrandedTopic> Stranded { get; init; } = [];

    /// <summary>Topics that were told to be loaded twice and still are.</summary>
    public IReadOnlyList<string> LoadedTwice { get; init; } = [];

    /// <summary>Events that are not yet known to be published, oldest first.</summary>
    public IReadOnlyList<BrokerEvent> Outbox { get; init; } = [];
}

/// <summary>A broker as it was last told.</summary>
/// <param name="Id">Its id.</param>
/// <param name="State">State in Danube's registry.</param>
/// <param name="Reachable">False when its ports refused.</param>
internal sealed record KnownBroker(string Id, BrokerState State, bool Reachable);

/// <summary>A topic that was told to be stranded.</summary>
/// <param name="Name">Its name.</param>
/// <param name="Since">Since when nobody owned it.</param>
/// <param name="LastUnowned">The last cluster report in which nobody owned it.</param>
internal sealed record StrandedTopic(string Name, DateTimeOffset Since, DateTimeOffset LastUnowned);
