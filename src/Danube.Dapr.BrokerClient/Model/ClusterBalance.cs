namespace Danube.Dapr.BrokerClient;

/// <summary>The leader's own view of the balance.</summary>
/// <param name="AssignmentStrategy"><c>Fair</c>, <c>Balanced</c> or <c>WeightedLoad</c>.</param>
/// <param name="CoefficientOfVariation">Population standard deviation over mean of the active brokers' load; 0 when the mean is 0.</param>
/// <param name="MeanLoad">Mean load of the active brokers, in the strategy's own unit.</param>
/// <param name="MaxLoad">Highest load of an active broker.</param>
/// <param name="MinLoad">Lowest load of an active broker.</param>
/// <param name="StandardDeviation">Population standard deviation.</param>
/// <param name="Brokers">
/// All ranked brokers in ranking order, least loaded first, whatever their status. An unloaded topic lands on the first that is active and not its
/// source; the order of equal loads may change at any report.
/// </param>
/// <param name="AnsweredBy">Admin address of the leader.</param>
public sealed record ClusterBalance(
    string AssignmentStrategy,
    double CoefficientOfVariation,
    double MeanLoad,
    double MaxLoad,
    double MinLoad,
    double StandardDeviation,
    IReadOnlyList<RankedBroker> Brokers,
    Uri AnsweredBy);

/// <summary>One broker in the leader's ranking.</summary>
/// <param name="Id">Decimal broker id.</param>
/// <param name="Load">Score; what it means depends on the strategy (topic count for Fair).</param>
/// <param name="TopicCount">Topics in its last load report.</param>
/// <param name="IsOverloaded">Above the leader's band.</param>
/// <param name="IsUnderloaded">Below the leader's band.</param>
public sealed record RankedBroker(string Id, double Load, int TopicCount, bool IsOverloaded, bool IsUnderloaded);

/// <summary>Raft as one broker sees it.</summary>
/// <param name="SelfId">The broker that answered.</param>
/// <param name="LeaderId">Leader's id, or null when it knows none.</param>
/// <param name="Term">Raft term; it grows with every election.</param>
/// <param name="LastApplied">Index of the last applied entry.</param>
/// <param name="Voters">Ids of the voting members.</param>
/// <param name="Learners">Ids of members that do not vote yet.</param>
public sealed record RaftStatus(
    string SelfId,
    string? LeaderId,
    ulong Term,
    ulong LastApplied,
    IReadOnlyList<string> Voters,
    IReadOnlyList<string> Learners);
