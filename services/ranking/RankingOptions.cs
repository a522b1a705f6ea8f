using Danube.Dapr.Planning;

namespace Danube.Dapr.Ranking;

/// <summary>Options of the ranking service, section <c>Ranking</c>.</summary>
internal sealed class RankingOptions
{
    internal const string SectionName = "Ranking";

    /// <summary>What decides the headline of the balance when nothing is configured.</summary>
    internal static readonly string[] DefaultBalanceResources = ["bytes", "messages"];

    /// <summary>Ranking strategy: fair, balanced, weighted_load or weighted_composite. Default weighted_composite.</summary>
    public string Strategy { get; set; } = RankingStrategies.WeightedComposite;

    /// <summary>Weights of weighted_composite, each 0 to 1, together 1.</summary>
    public WeightOptions Weights { get; set; } = new();

    /// <summary>Resources that decide the headline of the balance; empty: bytes and messages. All measured ones are shown besides.</summary>
    public IList<string> BalanceResources { get; } = [];

    /// <summary>Seconds after which a load report is too old to count, and after which another collector is taken for one that fell silent, 5 to 3,600. Default 90.</summary>
    public double StaleAfterSeconds { get; set; } = 90;

    /// <summary>Seconds without an owner after which a topic is told to be stranded, 0 to 3,600. Default 5.</summary>
    public double StrandedAfterSeconds { get; set; } = 5;

    /// <summary>Minutes after which a topic that is in no report any more is forgotten, 10 to 43,200. Default 120.</summary>
    public double ForgetTopicsAfterMinutes { get; set; } = 120;

    /// <summary>Samples of the balance curve that are kept, 10 to 10,000. Default 720.</summary>
    public int BalanceSamples { get; set; } = 720;

    /// <summary>Milliseconds for which an answer may be served from memory before the actor is asked again, 0 to 10,000. Default 200.</summary>
    public int CacheMilliseconds { get; set; } = 200;

    /// <summary>What is known of single brokers beyond what they report.</summary>
    public IList<BrokerOptions> Brokers { get; } = [];
}

/// <summary>Weights of the composite strategy; defaults of Danube's roadmap.</summary>
internal sealed class WeightOptions
{
    public double Cpu { get; set; } = 0.25;

    public double Memory { get; set; } = 0.20;

    public double DiskIo { get; set; } = 0.15;

    public double NetworkIo { get; set; } = 0.10;

    public double Throughput { get; set; } = 0.15;

    public double TopicCount { get; set; } = 0.10;

    public double DiskUsage { get; set; } = 0.05;

    internal RankingWeights ToWeights() => new(Cpu, Memory, DiskIo, NetworkIo, Throughput, TopicCount, DiskUsage);
}

/// <summary>Zone and capacity of one broker.</summary>
internal sealed class BrokerOptions
{
    /// <summary>Its id, or its client or admin address.</summary>
    public string Broker { get; set; } = "";

    /// <summary>Its failure domain.</summary>
    public string? Zone { get; set; }

    /// <summary>Relative size, above 0 and at most 1,000. Default 1.</summary>
    public double Weight { get; set; } = 1;

    /// <summary>Messages in and out per second that it can carry; above 0.</summary>
    public double? MessagesPerSecond { get; set; }

    /// <summary>Payload bytes in and out per second that it can carry; above 0.</summary>
    public double? BytesPerSecond { get; set; }

    /// <summary>Topics that it can carry, 1 or more.</summary>
    public int? Topics { get; set; }
}
