namespace Danube.Dapr.Contracts;

/// <summary>The closed list of reasons for which something is not done. The same words reach the API, the command line, the metrics and the history. <c>docs/reasons.md</c> explains each; a test compares.</summary>
public enum ReasonCode
{
    /// <summary>Nothing to do: within the target band.</summary>
    Balanced,

    /// <summary>Out of band, or without owner, but not for long enough yet.</summary>
    NotSustained,

    /// <summary>No move would improve the balance enough to pay for itself.</summary>
    NoBenefit,

    /// <summary>Fewer active brokers than <c>MinBrokers</c>.</summary>
    TooFewBrokers,

    /// <summary>Load reports are missing or too old.</summary>
    StaleReports,

    /// <summary>A snapshot contradicts itself.</summary>
    InvalidSnapshot,

    /// <summary>Another plan is running.</summary>
    PlanRunning,

    /// <summary>An operator paused moves.</summary>
    Paused,

    /// <summary>The mode is <c>observe</c>: nothing is moved that no operator commanded.</summary>
    ObserveMode,

    /// <summary>The mode is <c>advise</c>: the plan waits for approval.</summary>
    AwaitingApproval,

    /// <summary>Nobody approved in time.</summary>
    ApprovalExpired,

    /// <summary>The circuit breaker is open until an operator closes it.</summary>
    CircuitOpen,

    /// <summary>The kill switch is on.</summary>
    KillSwitch,

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

    /// <summary>Banned from that broker: an earlier failed unload left a dead copy there.</summary>
    DeadCopy,

    /// <summary>NonReliable: an unload would orphan it.</summary>
    NonReliable,

    /// <summary>Delivery mode not known.</summary>
    DeliveryUnknown,

    /// <summary>Its rates are not known yet, or have not come back since its move.</summary>
    RatesUnknown,

    /// <summary>The storage mode does not keep history when a topic moves.</summary>
    StorageMode,

    /// <summary>Two brokers list it, or its broker loaded it more than once.</summary>
    LoadedTwice,

    /// <summary>Danube resolves its name to another broker than its owner (names that begin alike).</summary>
    NameCollision,

    /// <summary>Its owner is not the one that the plan assumes.</summary>
    OwnerChanged,

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

    /// <summary>The broker is not in Danube's ranking.</summary>
    BrokerNotRanked,

    /// <summary>It would exceed the broker's capacity or band.</summary>
    Capacity,

    /// <summary>Too many partitions of one topic on one broker or zone.</summary>
    AntiAffinity,

    /// <summary>An affinity rule.</summary>
    Affinity,

    /// <summary>A requirement of the topic.</summary>
    Requirement,

    /// <summary>Heavier than any broker's fair share: moving it cannot help. Split it or give it a bigger broker.</summary>
    Unsplittable,

    /// <summary>The rules contradict each other or cannot be kept.</summary>
    Infeasible,

    /// <summary>A better place was chosen.</summary>
    WorseBalance,

    /// <summary>No leader, or the leader or Raft term changed.</summary>
    LeaderChanged,

    /// <summary>Danube's built-in rebalancer is active.</summary>
    BuiltInRebalancing,

    /// <summary>The inputs drifted too far from what was planned.</summary>
    Drift,

    /// <summary>The step did not finish in time.</summary>
    Timeout,

    /// <summary>The topic landed on another broker.</summary>
    LandedElsewhere,

    /// <summary>The broker refused.</summary>
    Refused,

    /// <summary>An operator cancelled.</summary>
    Cancelled,

    /// <summary>Publish latency or redirects rose too far while moving, or topics did not come back after their moves.</summary>
    ClientImpact,

    /// <summary>It is already where it should be.</summary>
    AlreadyThere,

    /// <summary>Has a schema, which a re-creation would lose.</summary>
    HasSchema,

    /// <summary>Is a partition, which cannot be re-created alone.</summary>
    IsPartition,

    /// <summary>The policy does not allow it.</summary>
    PolicyForbids,

    /// <summary>The idempotency key was used for another command.</summary>
    KeyReused,

    /// <summary>The state store does not answer.</summary>
    StoreUnavailable,

    /// <summary>An unexpected error; the detail has it.</summary>
    Fault,
}
