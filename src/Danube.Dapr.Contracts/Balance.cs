namespace Danube.Dapr.Contracts;

/// <summary>How evenly load lies on the active brokers, for each resource and in sum.</summary>
public sealed record BalanceReport
{
    /// <summary>The moment it describes.</summary>
    public required DateTimeOffset Time { get; init; }

    /// <summary>Brokers that take part: active, reachable, with a fresh report.</summary>
    public required int Brokers { get; init; }

    /// <summary>The resource whose imbalance is worst; the headline figures below are its figures. Empty when nothing is measured.</summary>
    public string Cause { get; init; } = "";

    /// <summary>Coefficient of variation of the causing resource: population standard deviation / mean.</summary>
    public required double CoefficientOfVariation { get; init; }

    /// <summary>Highest load / mean.</summary>
    public required double MaxOverMean { get; init; }

    /// <summary>Lowest load / mean.</summary>
    public required double MinOverMean { get; init; }

    /// <summary>Each resource by itself.</summary>
    public IReadOnlyList<ResourceBalance> Resources { get; init; } = [];
}

/// <summary>Imbalance of one resource.</summary>
/// <param name="Resource">Its name: <c>bytes</c>, <c>messages</c>, <c>topics</c>, <c>cpu</c>, <c>memory</c>, …</param>
/// <param name="Mean">Mean over the brokers, in the resource's unit.</param>
/// <param name="CoefficientOfVariation">Population standard deviation / mean.</param>
/// <param name="MaxOverMean">Highest / mean.</param>
/// <param name="MinOverMean">Lowest / mean.</param>
/// <param name="MaxBroker">The broker with the highest load.</param>
public sealed record ResourceBalance(string Resource, double Mean, double CoefficientOfVariation, double MaxOverMean, double MinOverMean, string MaxBroker);

/// <summary>The balance at one moment, for a curve; <c>GET /balance/history</c> answers a list of them, oldest first.</summary>
/// <param name="Time">The moment.</param>
/// <param name="CoefficientOfVariation">As <see cref="BalanceReport.CoefficientOfVariation"/>.</param>
/// <param name="MaxOverMean">As <see cref="BalanceReport.MaxOverMean"/>.</param>
/// <param name="Cause">As <see cref="BalanceReport.Cause"/>.</param>
public sealed record BalanceSample(DateTimeOffset Time, double CoefficientOfVariation, double MaxOverMean, string Cause);

/// <summary>One place in the ranking; the first is the least loaded broker.</summary>
public sealed record RankedBroker
{
    /// <summary>Place, from 1.</summary>
    public required int Rank { get; init; }

    /// <summary>Broker id.</summary>
    public required string BrokerId { get; init; }

    /// <summary>Score of the strategy; lower is less loaded.</summary>
    public required double Score { get; init; }

    /// <summary>State in Danube's registry.</summary>
    public required BrokerState State { get; init; }

    /// <summary>Each factor's contribution to the score, by name.</summary>
    public IReadOnlyDictionary<string, double> Factors { get; init; } = new Dictionary<string, double>();
}

/// <summary>The ranking, as <c>GET /rankings</c> answers.</summary>
/// <param name="Time">The moment it describes.</param>
/// <param name="Strategy">Name of the strategy.</param>
/// <param name="Brokers">The brokers, least loaded first.</param>
public sealed record RankingReport(DateTimeOffset Time, string Strategy, IReadOnlyList<RankedBroker> Brokers);

/// <summary>A broker with the sums over its topics, as <c>GET /brokers</c> answers.</summary>
public sealed record BrokerView
{
    /// <summary>Broker id.</summary>
    public required string Id { get; init; }

    /// <summary>Client address.</summary>
    public string Address { get; init; } = "";

    /// <summary>State in Danube's registry.</summary>
    public required BrokerState State { get; init; }

    /// <summary>True for Danube's leader.</summary>
    public bool IsLeader { get; init; }

    /// <summary>False when its ports refuse.</summary>
    public bool Reachable { get; init; } = true;

    /// <summary>Topics that it owns.</summary>
    public int Topics { get; init; }

    /// <summary>Messages in and out per second.</summary>
    public double MessagesPerSecond { get; init; }

    /// <summary>Payload bytes in and out per second.</summary>
    public double BytesPerSecond { get; init; }

    /// <summary>Its machine; null when not measured.</summary>
    public ResourceUsage? Resources { get; init; }

    /// <summary>Score of the ranking strategy.</summary>
    public double Score { get; init; }

    /// <summary>Place in the ranking, from 1; 0 when not ranked.</summary>
    public int Rank { get; init; }

    /// <summary>Age of its last report in seconds; null when none has come.</summary>
    public double? ReportAgeSeconds { get; init; }
}

/// <summary>One page of a list.</summary>
/// <param name="Total">Entries in all.</param>
/// <param name="Offset">Entries before this page.</param>
/// <param name="Items">The entries.</param>
/// <typeparam name="T">What is listed.</typeparam>
public sealed record Page<T>(int Total, int Offset, IReadOnlyList<T> Items);
