namespace Danube.Dapr.MetricsCollector;

/// <summary>Section <c>Collector</c>: what is measured, how often, and within which limits.</summary>
internal sealed class CollectorOptions
{
    public const string SectionName = "Collector";

    /// <summary>Admin addresses to find the cluster through, <c>http://host:50051</c>; one that answers is enough. At least one. A single text with commas is taken too.</summary>
    public IList<string> Seeds { get; set; } = [];

    /// <summary>Which brokers get a load report: <c>all</c> (default), <c>local</c> (those whose address is this machine's: an agent), <c>none</c> (cluster reports alone).</summary>
    public string Scope { get; set; } = "all";

    /// <summary>Brokers that get a load report, by id or by client address <c>host:port</c>; empty (default): as <see cref="Scope"/> says.</summary>
    public IList<string> Brokers { get; set; } = [];

    /// <summary>Whether this collector publishes cluster reports. Default true; agents leave it to the central collector.</summary>
    public bool ClusterReports { get; set; } = true;

    /// <summary>Seconds between two rounds, 0.5 to 3600. Default 30. At most 3 for up to two minutes after a broker, or 15 s after a topic's owner, was lost.</summary>
    public double IntervalSeconds { get; set; } = 30;

    /// <summary>Seconds between two probes of the brokers' ports, 0.2 to 60. Default 2.</summary>
    public double ProbeIntervalSeconds { get; set; } = 2;

    /// <summary>Seconds that a probe waits for a connection, 0.1 to 30. Default 1.</summary>
    public double ProbeTimeoutSeconds { get; set; } = 1;

    /// <summary>Failed probes in a row after which a broker counts as unreachable, 1 to 10. Default 2.</summary>
    public int ProbeFailures { get; set; } = 2;

    /// <summary>Limit in seconds of one admin question, 0.1 to 300. Default 5. After half of it the next broker is asked.</summary>
    public double CallTimeoutSeconds { get; set; } = 5;

    /// <summary>Limit in seconds of one metrics scrape, 0.1 to 300. Default 5.</summary>
    public double ScrapeTimeoutSeconds { get; set; } = 5;

    /// <summary>Limit in bytes of one metrics text, 1,024 to 1,073,741,824. Default 64 MiB; a broker writes about 4.6 KB per active topic.</summary>
    public int ScrapeMaxBytes { get; set; } = 64 * 1024 * 1024;

    /// <summary>Brokers that are asked at the same time, 1 to 256. Default 16.</summary>
    public int ParallelBrokers { get; set; } = 16;

    /// <summary>Limit in seconds of one publication, 0.1 to 300. Default 5.</summary>
    public double PublishTimeoutSeconds { get; set; } = 5;

    /// <summary>Seconds between two samples of the resources, 0.1 to 60. Default 1.</summary>
    public double SampleSeconds { get; set; } = 1;

    /// <summary>A report goes out early when a resource figure differs from the last report's by more than this many percent of that figure, 1 to 1,000; 0 turns it off. Default 25.</summary>
    public double EarlyReportChangePercent { get; set; } = 25;

    /// <summary>Seconds that lie at least between an early report and the report before it, 1 to 3600. Default 5.</summary>
    public double EarlyReportMinSeconds { get; set; } = 5;

    /// <summary>Of load reports that need more than one message every how manyth has its topic names in full, 1 (all) to 1,000; the others refer to them. Default 10.</summary>
    public int FullNamesEvery { get; set; } = 10;

    /// <summary>Replacements of advertised addresses, each <c>host:port=host:port</c>; for containers with mapped ports.</summary>
    public IList<string> AddressMap { get; set; } = [];

    /// <summary>JSON web token for a cluster with authentication; empty sends none.</summary>
    public string Token { get; set; } = "";

    /// <summary>True when the admin ports speak TLS. Default false.</summary>
    public bool AdminTls { get; set; }

    /// <summary>True when the client ports speak TLS. Default false.</summary>
    public bool ClientTls { get; set; }

    /// <summary>PEM file of the certificate authorities to trust; empty trusts the machine's.</summary>
    public string TrustedCaFile { get; set; } = "";

    /// <summary>Where the machine's <c>/proc</c> and <c>/sys</c> are mounted, for instance <c>/host</c> in a node agent; empty (default): at the root.</summary>
    public string HostRoot { get; set; } = "";

    /// <summary>How the resources of single brokers are measured; a broker without an entry is measured as <c>auto</c>.</summary>
    public IList<TargetOptions> Targets { get; set; } = [];
}

/// <summary>How the resources of one broker are measured.</summary>
internal sealed class TargetOptions
{
    /// <summary>Broker id, client address <c>host:port</c>, or <c>*</c> (default) for every broker without an entry of its own.</summary>
    public string Broker { get; set; } = "*";

    /// <summary><c>auto</c> (default), <c>host</c>, <c>process</c>, <c>cgroup</c>, <c>container</c> or <c>none</c>.</summary>
    public string Kind { get; set; } = "auto";

    /// <summary>For <c>process</c>: its id. Default 0: found by <see cref="Port"/> or <see cref="ProcessName"/>.</summary>
    public int Pid { get; set; }

    /// <summary>For <c>process</c>: the TCP port on which it listens, 1 to 65535. Default 0: the broker's client port.</summary>
    public int Port { get; set; }

    /// <summary>For <c>process</c>: its name, when exactly one process has it. Default empty.</summary>
    public string ProcessName { get; set; } = "";

    /// <summary>For <c>cgroup</c>: the group's path below the hierarchy's root, such as <c>/system.slice/danube.service</c>.</summary>
    public string CgroupPath { get; set; } = "";

    /// <summary>For <c>container</c>: the beginning of its id, or of a Kubernetes pod's uid; empty: the container that the collector itself runs in.</summary>
    public string ContainerId { get; set; } = "";

    /// <summary>The broker's storage path, for the free space of its file system. Default empty: not measured, except the root file system for <c>host</c>.</summary>
    public string StoragePath { get; set; } = "";
}
