namespace Danube.Dapr.BrokerClient;

/// <summary>A broker's part in the cluster's Raft group.</summary>
public enum BrokerRole
{
    /// <summary>The broker that answered knows of no leader.</summary>
    Unknown,

    /// <summary>Follows the leader; knows no balance.</summary>
    Follower,

    /// <summary>Assigns topics and knows the balance.</summary>
    Leader,
}

/// <summary>Whether a broker takes new topics.</summary>
public enum BrokerStatus
{
    /// <summary>A text that this version does not know.</summary>
    Unknown,

    /// <summary>Takes topics.</summary>
    Active,

    /// <summary>Takes none and gives away those it has.</summary>
    Draining,

    /// <summary>Takes none; keeps serving those it still has.</summary>
    Drained,
}

/// <summary>A registered broker. Danube keeps a dead one registered for 26 to 32 s.</summary>
/// <param name="Id">Decimal text of an unsigned 64-bit number, often above 2^63.</param>
/// <param name="Role">Its part in the cluster.</param>
/// <param name="Status">Whether it takes topics.</param>
/// <param name="ClientAddress">Where clients connect, rewritten so that it can be dialled from here.</param>
/// <param name="AdminAddress">Admin gRPC, rewritten likewise.</param>
/// <param name="MetricsAddress">Prometheus text, rewritten likewise; null when the broker runs without an exporter.</param>
public sealed record BrokerNode(string Id, BrokerRole Role, BrokerStatus Status, Uri ClientAddress, Uri AdminAddress, Uri? MetricsAddress);

/// <summary>Who is in the cluster, as one broker told it.</summary>
/// <param name="Brokers">All registered brokers, in the order of the answer.</param>
/// <param name="AnsweredBy">The admin address that answered.</param>
/// <param name="ReadAt">When it answered.</param>
public sealed record ClusterTopology(IReadOnlyList<BrokerNode> Brokers, Uri AnsweredBy, DateTimeOffset ReadAt)
{
    /// <summary>The leader, or null when there is none.</summary>
    public BrokerNode? Leader => Brokers.FirstOrDefault(broker => broker.Role == BrokerRole.Leader);

    /// <summary>The broker with this id, or null.</summary>
    /// <param name="brokerId">Decimal id.</param>
    public BrokerNode? Find(string brokerId) => Brokers.FirstOrDefault(broker => broker.Id == brokerId);
}
