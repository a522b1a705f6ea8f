namespace Danube.Dapr.BrokerSimulator;

/// <summary>A broker and where it listens.</summary>
/// <param name="Id">Decimal id.</param>
/// <param name="Slot">Its place, 0 and up; another broker may come there after it died.</param>
/// <param name="Admin">Admin gRPC.</param>
/// <param name="Client">Client gRPC.</param>
/// <param name="Metrics">Metrics text, and <c>/simulated-host</c>.</param>
/// <param name="Alive">Whether it runs.</param>
public sealed record SimulatedBroker(string Id, int Slot, Uri Admin, Uri Client, Uri Metrics, bool Alive);

/// <summary>What is really so at one moment; for tests, never for services.</summary>
/// <param name="ElapsedSeconds">Since the start.</param>
/// <param name="LeaderId">Raft's leader, or null.</param>
/// <param name="Term">Raft term.</param>
/// <param name="Brokers">All lives of all brokers.</param>
/// <param name="Topics">All topics, by name.</param>
/// <param name="Balance">Imbalance of the living active brokers, by the cost of what they serve.</param>
public sealed record ClusterTruth(
    double ElapsedSeconds,
    string? LeaderId,
    ulong Term,
    IReadOnlyList<BrokerTruth> Brokers,
    IReadOnlyList<TopicTruth> Topics,
    BalanceTruth Balance)
{
    /// <summary>Topics that no living, registered broker is assigned to.</summary>
    public IReadOnlyList<string> Stranded => [.. Topics.Where(topic => topic.AssignedTo.Count == 0).Select(topic => topic.Name)];
}

/// <summary>One broker as it really is.</summary>
/// <param name="Broker">Who and where.</param>
/// <param name="Registered">Whether the cluster still lists it.</param>
/// <param name="State">active, draining or drained.</param>
/// <param name="TopicsInMemory">Topics it has loaded, dead copies among them.</param>
/// <param name="CostPerSecond">Cost of what it serves.</param>
/// <param name="Usage">What its host is busy with.</param>
public sealed record BrokerTruth(SimulatedBroker Broker, bool Registered, string State, int TopicsInMemory, double CostPerSecond, BrokerUsage Usage);

/// <summary>One topic as it really is.</summary>
/// <param name="Name">Full name.</param>
/// <param name="Reliable">Whether it keeps a log.</param>
/// <param name="AssignedTo">Registered brokers that hold its assignment key.</param>
/// <param name="LoadedOn">Living brokers that have it in memory.</param>
/// <param name="DeadCopyOn">Those of them where an unload never ended.</param>
/// <param name="ServedBy">Broker that its clients are attached to, or null.</param>
/// <param name="Marker">Why it waits for an owner, or null.</param>
/// <param name="MessagesPerSecond">Current rate.</param>
/// <param name="CostPerSecond">Current cost.</param>
/// <param name="Backlog">Messages that its subscriptions have not got yet.</param>
public sealed record TopicTruth(
    string Name,
    bool Reliable,
    IReadOnlyList<string> AssignedTo,
    IReadOnlyList<string> LoadedOn,
    IReadOnlyList<string> DeadCopyOn,
    string? ServedBy,
    string? Marker,
    double MessagesPerSecond,
    double CostPerSecond,
    double Backlog)
{
    /// <summary>True when its clients have not looked it up again since it landed (<see cref="Fault.ClientsStayAway"/>).</summary>
    public bool ClientsAway { get; init; }
}

/// <summary>Imbalance.</summary>
/// <param name="CoefficientOfVariation">Population standard deviation over mean.</param>
/// <param name="MaxOverMean">Highest over mean.</param>
public sealed record BalanceTruth(double CoefficientOfVariation, double MaxOverMean);

/// <summary>Whether a case has come out as it should, by now.</summary>
/// <param name="Case">Name of the case.</param>
/// <param name="Passed">True when nothing is wrong.</param>
/// <param name="Wrong">What is wrong, one sentence each.</param>
/// <param name="CoefficientOfVariation">Imbalance now.</param>
/// <param name="MaxOverMean">Imbalance now.</param>
/// <param name="Moves">Unloads that ended.</param>
/// <param name="Stranded">Topics that nobody owns.</param>
public sealed record CaseVerdict(
    string Case, bool Passed, IReadOnlyList<string> Wrong, double CoefficientOfVariation, double MaxOverMean, int Moves, int Stranded);
