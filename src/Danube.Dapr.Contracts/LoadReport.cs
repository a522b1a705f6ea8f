namespace Danube.Dapr.Contracts;

/// <summary>What one broker carried over one interval, with every topic that it owns.</summary>
public sealed record LoadReport
{
    /// <summary>The version that this code writes.</summary>
    public const int CurrentVersion = 2;

    /// <summary>Collectors count sequences of reports from the time of day: Unix milliseconds times this, plus a number of the collector below this.</summary>
    public const int SequencesPerMillisecond = 1024;

    /// <summary>Format version; a reader takes older and newer ones and ignores what it does not know.</summary>
    public int Version { get; init; } = CurrentVersion;

    /// <summary>Danube's broker id as decimal text (an unsigned 64-bit number).</summary>
    public required string BrokerId { get; init; }

    /// <summary>Grows with every report about this broker, also over restarts of the collector and between collectors; a report with a number not above the last one is a duplicate or late.</summary>
    public required long Sequence { get; init; }

    /// <summary>Which collector process measured: the number at which its sequence began, so that of two processes the one that started later has the higher one. 0 in reports of version 1.</summary>
    public long Collector { get; init; }

    /// <summary>Start of the interval that the rates cover.</summary>
    public required DateTimeOffset IntervalStart { get; init; }

    /// <summary>End of the interval: the moment of the last scrape.</summary>
    public required DateTimeOffset IntervalEnd { get; init; }

    /// <summary>Use of the broker's machine, container or process.</summary>
    public required ResourceUsage Resources { get; init; }

    /// <summary>Topics that the broker has loaded, by its own gauge <c>danube_broker_topics_owned</c>; null when the scrape failed.</summary>
    public int? OwnedGauge { get; init; }

    /// <summary>Publishes that this broker refused with PermissionDenied in the interval, per second.</summary>
    public double RefusedPublishesPerSecond { get; init; }

    /// <summary>Lookups that this broker redirected in the interval, per second.</summary>
    public double RedirectsPerSecond { get; init; }

    /// <summary>Moves that Danube's built-in rebalancer has made, by its counter; growth means that it is active. Null when not exported.</summary>
    public double? BuiltInMovesTotal { get; init; }

    /// <summary>The topics that the broker owns by <c>ListBrokerTopics</c>, ordered by name.</summary>
    public IReadOnlyList<TopicLoad> Topics { get; init; } = [];

    /// <summary>Parts of the report that are missing or older than the interval, with the reason.</summary>
    public IReadOnlyList<ReportGap> Gaps { get; init; } = [];

    /// <summary>All payload bytes in and out of the broker, per second.</summary>
    public double TotalBytesPerSecond() => Topics.Sum(t => t.BytesInPerSecond + t.BytesOutPerSecond);

    /// <summary>All messages in and out of the broker, per second.</summary>
    public double TotalMessagesPerSecond() => Topics.Sum(t => t.MessagesInPerSecond + t.MessagesOutPerSecond);
}

/// <summary>A part of a report that could not be had.</summary>
/// <param name="Part">Which part: <c>metrics</c>, <c>ownership</c>, <c>resources</c>, <c>cpu</c>, <c>network</c>, …</param>
/// <param name="Detail">Why, in one sentence.</param>
/// <param name="AgeSeconds">Age of the figures that were used instead, in seconds; null when there are none.</param>
public sealed record ReportGap(string Part, string Detail, double? AgeSeconds = null)
{
    /// <summary>The part of a cluster report that names the brokers: while it is missing, one that is not named may be there.</summary>
    public const string Discovery = "discovery";
}

/// <summary>Mean, 95th percentile and maximum of a figure over a report's interval.</summary>
/// <param name="Mean">Arithmetic mean of the samples.</param>
/// <param name="P95">95th percentile of the samples.</param>
/// <param name="Max">Largest sample.</param>
public sealed record Figure(double Mean, double P95, double Max)
{
    /// <summary>One sample: mean, percentile and maximum are the same.</summary>
    public static Figure Of(double value) => new(value, value, value);
}

/// <summary>Use of the machine, container or process that a broker runs in. A figure that could not be measured is null, never zero.</summary>
public sealed record ResourceUsage
{
    /// <summary>Where the figures come from: <c>host</c>, <c>process</c>, <c>cgroup-v1</c>, <c>cgroup-v2</c>, <c>container</c> or <c>none</c>.</summary>
    public required string Source { get; init; }

    /// <summary>What the source was chosen from, for the operator.</summary>
    public string Evidence { get; init; } = "";

    /// <summary>True when the configured target could not be read and the host was measured instead.</summary>
    public bool Fallback { get; init; }

    /// <summary>How many brokers of the cluster share the measured machine; above 1 the figures say nothing about one broker and take no part in scores.</summary>
    public int SharedByBrokers { get; init; } = 1;

    /// <summary>CPU use in percent (0 to 100) of what the broker may use.</summary>
    public Figure? CpuPercent { get; init; }

    /// <summary>Share of the interval's CPU periods in which the broker was throttled, in percent (0 to 100).</summary>
    public Figure? CpuThrottledPercent { get; init; }

    /// <summary>CPU cores that 100 percent stand for.</summary>
    public double? CpuCores { get; init; }

    /// <summary>Memory in use (working set, without reclaimable page cache) in percent (0 to 100) of the limit.</summary>
    public Figure? MemoryPercent { get; init; }

    /// <summary>Bytes that 100 percent of memory stand for.</summary>
    public double? MemoryLimitBytes { get; init; }

    /// <summary>Bytes read from block devices per second.</summary>
    public Figure? DiskReadBytesPerSecond { get; init; }

    /// <summary>Bytes written to block devices per second.</summary>
    public Figure? DiskWriteBytesPerSecond { get; init; }

    /// <summary>Share of time in which the machine's busiest block device was busy, whoever used it, in percent (0 to 100).</summary>
    public Figure? DiskBusyPercent { get; init; }

    /// <summary>Used share of the file system of the broker's storage path, in percent (0 to 100).</summary>
    public Figure? DiskUsedPercent { get; init; }

    /// <summary>Free bytes on the file system of the broker's storage path.</summary>
    public double? DiskFreeBytes { get; init; }

    /// <summary>Bytes received per second in the broker's network namespace, loopback left out.</summary>
    public Figure? NetworkInBytesPerSecond { get; init; }

    /// <summary>Bytes sent per second in the broker's network namespace, loopback left out.</summary>
    public Figure? NetworkOutBytesPerSecond { get; init; }

    /// <summary>Share of time in which some task waited for CPU (PSI <c>some avg10</c>), in percent (0 to 100).</summary>
    public double? CpuPressurePercent { get; init; }

    /// <summary>The same for memory.</summary>
    public double? MemoryPressurePercent { get; init; }

    /// <summary>The same for block I/O.</summary>
    public double? IoPressurePercent { get; init; }
}

/// <summary>The load of one topic on its owner. Rates are differences over the report's interval.</summary>
public sealed record TopicLoad
{
    /// <summary>Full name, <c>/namespace/topic</c>.</summary>
    public required string Name { get; init; }

    /// <summary>True for Reliable delivery, false for NonReliable, null when not known.</summary>
    public bool? Reliable { get; init; }

    /// <summary>Messages accepted per second.</summary>
    public double MessagesInPerSecond { get; init; }

    /// <summary>Payload bytes accepted per second.</summary>
    public double BytesInPerSecond { get; init; }

    /// <summary>Messages delivered per second, over all subscriptions.</summary>
    public double MessagesOutPerSecond { get; init; }

    /// <summary>Payload bytes delivered per second, over all subscriptions.</summary>
    public double BytesOutPerSecond { get; init; }

    /// <summary>Producers registered on this broker: an upper bound of those connected, Danube only counts down when the topic closes.</summary>
    public int Producers { get; init; }

    /// <summary>Consumers registered: an upper bound, as <see cref="Producers"/>.</summary>
    public int Consumers { get; init; }

    /// <summary>Subscriptions.</summary>
    public int Subscriptions { get; init; }

    /// <summary>Messages not yet acknowledged, over all subscriptions; null when Danube does not know (NonReliable, or frozen because nobody consumes).</summary>
    public long? BacklogMessages { get; init; }

    /// <summary>
    /// Estimated age in seconds of the oldest message that is not acknowledged: since when the broker has taken more messages than it had when the slowest subscription's next one
    /// came. 0 without a backlog; null when the backlog or the past is not known.
    /// </summary>
    public double? OldestUnackedSeconds { get; init; }

    /// <summary>True when the message is older than this collector's knowledge of the topic, so that <see cref="OldestUnackedSeconds"/> is the least that its age can be.</summary>
    public bool OldestUnackedIsAtLeast { get; init; }

    /// <summary>99th percentile of the broker's publish latency in milliseconds; null without publishes.</summary>
    public double? PublishLatencyP99Ms { get; init; }

    /// <summary>False while there is only one scrape of this topic on this broker, so that the rates are not known yet.</summary>
    public bool RatesKnown { get; init; } = true;
}

/// <summary>A load report as it travels: the body is compressed, the head is readable so that a consumer can drop duplicates without unpacking.</summary>
/// <param name="BrokerId">As <see cref="LoadReport.BrokerId"/>.</param>
/// <param name="Sequence">As <see cref="LoadReport.Sequence"/>.</param>
/// <param name="Encoding">How <paramref name="Body"/> is packed; see <see cref="LoadReportCodec"/>.</param>
/// <param name="Body">The packed report, or one chunk of it.</param>
/// <param name="Chunk">Number of this chunk, from 0.</param>
/// <param name="Chunks">How many chunks make the report.</param>
/// <param name="Collector">As <see cref="LoadReport.Collector"/>.</param>
/// <param name="Names">The <see cref="LoadReportNames.Id"/> of the list of names that the body refers to; null when it has its names itself.</param>
public sealed record LoadReportMessage(string BrokerId, long Sequence, string Encoding, byte[] Body, int Chunk = 0, int Chunks = 1, long Collector = 0, string? Names = null);
