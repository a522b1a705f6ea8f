namespace Danube.Dapr.BrokerClient;

/// <summary>What became of a request to unload a topic.</summary>
public enum UnloadOutcome
{
    /// <summary>Danube wrote the request down. The topic has not moved yet, and may never: look.</summary>
    Accepted,

    /// <summary>Danube finds no owner.</summary>
    NotFound,

    /// <summary>Fewer than two brokers are registered, or the cluster's mode cannot move topics.</summary>
    Refused,
}

/// <summary>Answer to <see cref="DanubeCluster.UnloadTopicAsync"/>.</summary>
/// <param name="Outcome">What became of it.</param>
/// <param name="Detail">Danube's own words, or null.</param>
public sealed record UnloadResult(UnloadOutcome Outcome, string? Detail);

/// <summary>What became of a request to mask a broker.</summary>
public enum MaskOutcome
{
    /// <summary>The broker is drained: it keeps its topics and takes no new ones.</summary>
    Masked,

    /// <summary>Refused: no other active broker would remain, or fewer than two are registered.</summary>
    Refused,

    /// <summary>Danube began to move topics away: the broker is draining. Stop and look.</summary>
    MovedTopics,
}

/// <summary>Answer to <see cref="DanubeCluster.MaskBrokerAsync"/>.</summary>
/// <param name="Outcome">What became of it.</param>
/// <param name="TopicsTouched">Topics that Danube posted unloads for; 0 unless <see cref="MaskOutcome.MovedTopics"/>.</param>
/// <param name="Detail">Danube's own words, or null.</param>
public sealed record MaskResult(MaskOutcome Outcome, int TopicsTouched, string? Detail);

/// <summary>What became of a request to create a topic.</summary>
public enum CreateTopicOutcome
{
    /// <summary>The topic exists; a broker is assigned to it a moment later, or never when the cluster is too busy: look.</summary>
    Accepted,

    /// <summary>A topic of this name exists already.</summary>
    AlreadyExists,

    /// <summary>The name is the beginning of an existing topic's name, which Danube takes for a partitioned topic.</summary>
    PrefixOfExisting,

    /// <summary>The namespace does not exist.</summary>
    NamespaceMissing,

    /// <summary>Refused for another reason; see the detail.</summary>
    Refused,
}

/// <summary>Answer to <see cref="DanubeCluster.CreateTopicAsync"/>.</summary>
/// <param name="Outcome">What became of it.</param>
/// <param name="Detail">Danube's own words, or null.</param>
public sealed record CreateTopicResult(CreateTopicOutcome Outcome, string? Detail);

/// <summary>What became of a request to delete a topic.</summary>
public enum DeleteTopicOutcome
{
    /// <summary>Deleted, with its messages and subscriptions.</summary>
    Deleted,

    /// <summary>Danube finds no owner; a topic that nobody owns cannot be deleted.</summary>
    NotFound,

    /// <summary>One partition cannot be deleted alone.</summary>
    IsPartition,

    /// <summary>Refused for another reason; see the detail.</summary>
    Refused,
}

/// <summary>Answer to <see cref="DanubeCluster.DeleteTopicAsync"/>.</summary>
/// <param name="Outcome">What became of it.</param>
/// <param name="Detail">Danube's own words, or null.</param>
public sealed record DeleteTopicResult(DeleteTopicOutcome Outcome, string? Detail);

/// <summary>What a broker says about serving a topic.</summary>
public enum LookupOutcome
{
    /// <summary>This broker has the topic loaded and serves it.</summary>
    Connect,

    /// <summary>Another broker is assigned to it.</summary>
    Redirect,

    /// <summary>The broker could not tell.</summary>
    Failed,

    /// <summary>Nobody is assigned to it, or it does not exist.</summary>
    NotFound,
}

/// <summary>Answer to <see cref="DanubeCluster.LookupTopicAsync"/>.</summary>
/// <param name="Outcome">What the broker said.</param>
/// <param name="BrokerAddress">As advertised: where the topic is served, or null.</param>
/// <param name="Detail">Danube's own words, or null.</param>
public sealed record TopicLookupResult(LookupOutcome Outcome, string? BrokerAddress, string? Detail);

/// <summary>What became of a request to create a producer.</summary>
public enum CreateProducerOutcome
{
    /// <summary>The broker believes it owns the topic, has loaded it, and registered the producer.</summary>
    Created,

    /// <summary>The broker does not serve the topic (or created it just now); look it up again.</summary>
    NotServedHere,

    /// <summary>Refused for another reason, such as another delivery mode; see the detail.</summary>
    Refused,
}

/// <summary>Answer to <see cref="DanubeCluster.CreateProducerAsync"/>.</summary>
/// <param name="Outcome">What became of it.</param>
/// <param name="ProducerId">Decimal id of the producer; null unless created.</param>
/// <param name="Detail">Danube's own words, or null.</param>
public sealed record CreateProducerResult(CreateProducerOutcome Outcome, string? ProducerId, string? Detail);
