namespace Danube.Dapr.BrokerClient;

/// <summary>How a topic delivers.</summary>
public enum TopicDelivery
{
    /// <summary>Kept in memory only. Unloading such a topic orphans it. Danube also answers this when it does not know.</summary>
    NonReliable,

    /// <summary>Kept in a log; moves with its offsets.</summary>
    Reliable,
}

/// <summary>A topic that a broker owns.</summary>
/// <param name="Name">Full name, <c>/namespace/topic</c>.</param>
/// <param name="Delivery">How it delivers.</param>
public sealed record OwnedTopic(string Name, TopicDelivery Delivery);

/// <summary>A topic as the namespace's list names it.</summary>
/// <param name="Name">Full name, <c>/namespace/topic</c>.</param>
/// <param name="Delivery">How it delivers.</param>
/// <param name="ResolvedOwner">
/// Owner that Danube found by searching its keys for the name as a <em>substring</em>: it may be the owner of another topic whose name begins the same.
/// Null when it found none. Never take it for the owner; that is <see cref="DanubeCluster.ListBrokerTopicsAsync"/>.
/// </param>
public sealed record ListedTopic(string Name, TopicDelivery Delivery, string? ResolvedOwner);

/// <summary>A topic's description.</summary>
/// <param name="Name">Full name.</param>
/// <param name="ResolvedOwner">
/// Owner by Danube's substring search, the same search that unloading and deleting use; null when it found none, also for a topic that does not exist.
/// When it is not the true owner, an unload would reach the wrong broker.
/// </param>
/// <param name="Delivery">How it delivers; <see cref="TopicDelivery.NonReliable"/> also for a topic that does not exist.</param>
/// <param name="Subscriptions">Distinct names of its subscriptions.</param>
/// <param name="SchemaSubject">Schema it is bound to, or null.</param>
public sealed record TopicDescription(
    string Name,
    string? ResolvedOwner,
    TopicDelivery Delivery,
    IReadOnlyList<string> Subscriptions,
    string? SchemaSubject);

/// <summary>Who owns which topic, read from every registered broker's own list.</summary>
/// <param name="OwnersByTopic">Owners of each owned topic; more than one is a split brain.</param>
/// <param name="Topics">Every topic of every namespace.</param>
/// <param name="Stranded">
/// Topics that exist and that nobody owns, sorted by name. The lists are read one after the other, so a topic that moves at that moment can show up here:
/// take one for lost only when it stays.
/// </param>
/// <param name="ReadAt">When the reading began.</param>
public sealed record TopicOwnership(
    IReadOnlyDictionary<string, IReadOnlyList<string>> OwnersByTopic,
    IReadOnlyList<ListedTopic> Topics,
    IReadOnlyList<string> Stranded,
    DateTimeOffset ReadAt);
