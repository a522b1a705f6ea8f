using Danube.Dapr.Planning;

namespace Danube.Dapr.Rebalancer.Options;

/// <summary>Configuration section <c>Rebalancer</c>. The defaults are those of production.</summary>
internal sealed class RebalancerOptions
{
    public const string Section = "Rebalancer";

    /// <summary>observe, advise or auto. Default advise: nothing moves until somebody said so.</summary>
    public string Mode { get; set; } = "advise";

    /// <summary>conservative, balanced or aggressive. Default balanced.</summary>
    public string Policy { get; set; } = "balanced";

    /// <summary>Time between two cycles. 1 to 86,400; default 300.</summary>
    public double CheckIntervalSeconds { get; set; } = 300;

    /// <summary>Longest time that a cycle, or a command, waits in all for those that it asks; then it is given up, and the next cycle goes on from what was stored. A command waits for the cycle at work. 2 to 300; default 10.</summary>
    public double MaxCycleSeconds { get; set; } = 10;

    /// <summary>How long the imbalance must last before anything is moved. 0 to 86,400; null (default) for the policy's own: 120, 60 or 30.</summary>
    public double? SustainedSeconds { get; set; }

    /// <summary>Moves of one plan. 1 to 1,000; default 3.</summary>
    public int MaxMovesPerCycle { get; set; } = 3;

    /// <summary>Moves in 60 minutes. 1 to 100,000; default 10.</summary>
    public int MaxMovesPerHour { get; set; } = 10;

    /// <summary>Moves from or to one broker in 60 minutes. 1 to 100,000; default 10.</summary>
    public int MaxMovesPerBrokerPerHour { get; set; } = 10;

    /// <summary>Moves of one namespace in 60 minutes. 1 to 100,000; default 10.</summary>
    public int MaxMovesPerNamespacePerHour { get; set; } = 10;

    /// <summary>Time that a topic rests after a move. 0 to 604,800; default 60.</summary>
    public double CoolDownSeconds { get; set; } = 60;

    /// <summary>Age below which a topic is not moved. 0 to 604,800; default 300.</summary>
    public double MinTopicAgeSeconds { get; set; } = 300;

    /// <summary>Active brokers below which nothing is moved. 2 to 1,000; default 2.</summary>
    public int MinBrokers { get; set; } = 2;

    /// <summary>Age above which a load report counts for nothing. 1 to 86,400; default 120.</summary>
    public double MaxReportAgeSeconds { get; set; } = 120;

    /// <summary>Topics that never move: exact names or globs.</summary>
    public IList<string> DeniedTopics { get; } = [];

    /// <summary>Brokers that take no part: decimal ids.</summary>
    public IList<string> ExcludedBrokers { get; } = [];

    /// <summary>At most this many partitions of one topic on a broker, 1 or more; null for no limit.</summary>
    public int? MaxPartitionsPerBroker { get; set; }

    /// <summary>Times of day in which nothing starts by itself, as <c>HH:mm-HH:mm</c> in UTC; may pass midnight.</summary>
    public IList<string> QuietHours { get; } = [];

    /// <summary>Storage mode of the cluster: shared_fs, object_store, local or unknown. Default unknown: nothing is unloaded.</summary>
    public string StorageMode { get; set; } = "unknown";

    /// <summary>True: topics are moved in storage mode local too, although consumers lose the history that they have not read.</summary>
    public bool AllowLocalStorage { get; set; }

    /// <summary>NonReliable topics (names or globs) that may be moved by being deleted and created again, which loses subscriptions and messages in flight.</summary>
    public IList<string> RecreateTopics { get; } = [];

    /// <summary>Time after which a topic that has not arrived counts as stuck; longer than a repair waits for an owner, 8 s. 10 to 600; default 45.</summary>
    public double MoveTimeoutSeconds { get; set; } = 45;

    /// <summary>Moves in one mask window, at most. 1 to 200; default 25.</summary>
    public int MaxMovesPerMask { get; set; } = 25;

    /// <summary>
    /// Unloads of one mask window that are in flight at the same time. 1 to 8; default 1. Above 1 at a risk: what is in flight when Danube's leader dies is left without owner, and with an unlucky
    /// seal a dead copy of it stays behind, so the number is how many topics one death can strand. It saves some ten milliseconds a move.
    /// </summary>
    public int UnloadsInFlight { get; set; } = 1;

    /// <summary>Moves in the first mask window, and by how many each window that clients did not notice lets the next one grow; one that they did notice halves it. 1 to 200; default 5.</summary>
    public int StartMovesPerMask { get; set; } = 5;

    /// <summary>Longest rest between two mask windows: it doubles with each window that clients noticed. 1 to 3,600; default 30.</summary>
    public double MaxRestSeconds { get; set; } = 30;

    /// <summary>Time of a move above which the pace slows down. 0.1 to 600; default 2.</summary>
    public double SlowMoveSeconds { get; set; } = 2;

    /// <summary>Publish latency (99th percentile, worst broker of the window) over its value before the plan above which the pace slows down. 1.1 to <see cref="MaxLatencyRatio"/>; default 2.</summary>
    public double SlowLatencyRatio { get; set; } = 2;

    /// <summary>Publish latency in milliseconds below which it counts as this much: ratios of less mean nothing. 0.1 to 10,000; default 10.</summary>
    public double LatencyFloorMs { get; set; } = 10;

    /// <summary>Redirected lookups for each client of the moved topics above which the pace slows down. 1 to <see cref="MaxRedirectsPerClient"/>; default 5.</summary>
    public double SlowRedirectsPerClient { get; set; } = 5;

    /// <summary>The same above which the circuit breaker opens. 1 to 10,000; default 20.</summary>
    public double MaxRedirectsPerClient { get; set; } = 20;

    /// <summary>Time after which a plan that still runs is stopped. 1 to 10,080; default 240.</summary>
    public double MaxPlanMinutes { get; set; } = 240;

    /// <summary>Time after a plan's end at which its effect is measured, on load reports that are newer. 0 to 3,600; default 30.</summary>
    public double EffectAfterSeconds { get; set; } = 30;

    /// <summary>
    /// Time after a plan's end at which a moved topic that is still silent, or whose backlog still grows, counts as not come back; clients that take longer to connect again need more.
    /// Counts as <see cref="EffectAfterSeconds"/> when it is less. 1 to 86,400; default 600.
    /// </summary>
    public double EffectPatienceSeconds { get; set; } = 600;

    /// <summary>Time that consumers must get nothing, while their backlog grows, to count as stalled. 0 to 86,400; default 60.</summary>
    public double StalledAfterSeconds { get; set; } = 60;

    /// <summary>Time after which a mask window closes by itself, whatever became of its moves. 10 to 3,600; default 120.</summary>
    public double MaxMaskSeconds { get; set; } = 120;

    /// <summary>Time that a plan waits for approval. 1 to 10,080; default 60.</summary>
    public double ApprovalTimeoutMinutes { get; set; } = 60;

    /// <summary>
    /// How far a plan that was made for balance may be from what it said, when it is approved and before each of its mask windows: the share of the moves left that can no longer be made, and the share by which a broker that they take from
    /// or give to would end with more or less load, over the mean, than was said (or than the mean, where that was less). 0 to 1; default 0.2.
    /// </summary>
    public double MaxDrift { get; set; } = 0.2;

    /// <summary>Share of failed moves of a plan (of at least 3) that opens the circuit breaker. Above 0 to 1; default 0.3.</summary>
    public double MaxFailureShare { get; set; } = 0.3;

    /// <summary>Publish latency (99th percentile, worst broker) over its value before the plan that opens the circuit breaker. 1.1 to 1,000; default 5.</summary>
    public double MaxLatencyRatio { get; set; } = 5;

    /// <summary>off, advise or auto: what is done about topics that nobody owns. Default advise.</summary>
    public string Repair { get; set; } = "advise";

    /// <summary>Time that a topic must be without owner to count as stranded: before it is no finding, and no repair takes it on unless forced. 2 to 3,600; default 60.</summary>
    public double StrandedAfterSeconds { get; set; } = 60;

    /// <summary>How often a cycle that decides the same as the one before is published, in seconds. 0 publishes each; 0 to 86,400; default 600.</summary>
    public double RepeatedCycleSeconds { get; set; } = 600;

    internal double SustainedValue => SustainedSeconds ?? ImbalancePolicy.Get(Policy).SustainedFor.TotalSeconds;

    internal TimeSpan EffectPatience => TimeSpan.FromSeconds(Math.Max(EffectAfterSeconds, EffectPatienceSeconds));

    internal RebalancerMode ModeValue => Enum.Parse<RebalancerMode>(Mode, ignoreCase: true);

    internal RepairPolicy RepairValue => Enum.Parse<RepairPolicy>(Repair, ignoreCase: true);

    internal StorageMode StorageValue => StorageMode switch
    {
        "shared_fs" => Options.StorageMode.SharedFs,
        "object_store" => Options.StorageMode.ObjectStore,
        "local" => Options.StorageMode.Local,
        _ => Options.StorageMode.Unknown,
    };

    /// <summary>True when a topic keeps its history when it moves, or the operator accepted that it does not.</summary>
    internal bool StorageKeepsHistory => StorageValue is Options.StorageMode.SharedFs or Options.StorageMode.ObjectStore
        || (StorageValue is Options.StorageMode.Local && AllowLocalStorage);
}
