namespace Danube.Dapr.Planning;

/// <summary>The closed list of reasons for which the planner leaves a cluster, a broker or a topic alone.</summary>
public enum Reason
{
    /// <summary>Within the band: nothing to do.</summary>
    Balanced,

    /// <summary>No move would improve the balance enough to pay for itself.</summary>
    NoBenefit,

    /// <summary>Fewer brokers take part than the limit asks for.</summary>
    TooFewBrokers,

    /// <summary>The broker's report is missing or too old.</summary>
    StaleReports,

    /// <summary>Quiet hours.</summary>
    QuietHours,

    /// <summary>Moves per cycle are used up.</summary>
    CycleLimit,

    /// <summary>Moves per hour are used up.</summary>
    HourlyLimit,

    /// <summary>Moves per broker are used up.</summary>
    BrokerLimit,

    /// <summary>Moves of the namespace are used up.</summary>
    NamespaceLimit,

    /// <summary>Moved too recently.</summary>
    CoolDown,

    /// <summary>Too young.</summary>
    TopicTooYoung,

    /// <summary>On the deny list.</summary>
    Denied,

    /// <summary>Pinned to a broker.</summary>
    Pinned,

    /// <summary>Banned from that broker.</summary>
    DeadCopy,

    /// <summary>NonReliable, which an unload would orphan.</summary>
    NonReliable,

    /// <summary>Delivery mode not known.</summary>
    DeliveryUnknown,

    /// <summary>Its rates are not known yet.</summary>
    RatesUnknown,

    /// <summary>Two brokers have it loaded.</summary>
    LoadedTwice,

    /// <summary>Nobody owns it.</summary>
    Stranded,

    /// <summary>Another move holds it.</summary>
    Reserved,

    /// <summary>The broker is not active.</summary>
    BrokerNotActive,

    /// <summary>The broker does not answer.</summary>
    BrokerUnreachable,

    /// <summary>The broker is excluded.</summary>
    BrokerExcluded,

    /// <summary>The broker has an unload that does not finish.</summary>
    BrokerStuck,

    /// <summary>It would exceed the broker's capacity or band.</summary>
    Capacity,

    /// <summary>Too many partitions of one topic on one broker or zone.</summary>
    AntiAffinity,

    /// <summary>An affinity rule.</summary>
    Affinity,

    /// <summary>A requirement of the topic.</summary>
    Requirement,

    /// <summary>Heavier than any broker's share: no placement can help.</summary>
    Unsplittable,

    /// <summary>The rules contradict each other or cannot be kept.</summary>
    Infeasible,

    /// <summary>A better place was chosen.</summary>
    WorseBalance,

    /// <summary>The resource is not caused by topics enough for moves to help.</summary>
    NotCausedByTopics,
}

/// <summary>Why a topic is moved.</summary>
public enum MoveCause
{
    /// <summary>Its broker carries too much.</summary>
    BrokerOverload,

    /// <summary>Its target carries too little.</summary>
    BrokerUnderUse,

    /// <summary>It makes room for another topic of the plan.</summary>
    MakesRoom,

    /// <summary>Its broker is to be emptied.</summary>
    Drain,

    /// <summary>A rule forbids where it is.</summary>
    RuleViolation,
}

/// <summary>What a refusal is about.</summary>
public enum SubjectKind
{
    /// <summary>The cluster as a whole.</summary>
    Cluster,

    /// <summary>A broker.</summary>
    Broker,

    /// <summary>A topic.</summary>
    Topic,
}
