using System.Collections.Concurrent;

namespace Danube.Dapr.BrokerSimulator;

/// <summary>Whether a broker takes topics.</summary>
internal enum BrokerMode
{
    Active,
    Draining,
    Drained,
}

/// <summary>The addresses of one place in the cluster; they outlive the broker that runs there.</summary>
internal sealed class BrokerSlot(int index)
{
    public int Index { get; } = index;

    public int AdminPort { get; set; }

    public int ClientPort { get; set; }

    public int MetricsPort { get; set; }

    public string ClientUrl => $"http://127.0.0.1:{ClientPort}";
}

/// <summary>One life of one broker: its memory. Everything here is guarded by the cluster's gate, except the RPC counters.</summary>
internal sealed class BrokerInstance
{
    public BrokerInstance(string id, BrokerSlot slot, Cluster cluster)
    {
        Id = id;
        Slot = slot;
        Watcher = new BrokerWatcher(cluster, this);
        Manager = new LoadManager(cluster, this);
    }

    public string Id { get; }

    public BrokerSlot Slot { get; }

    public bool Alive { get; set; } = true;

    public BrokerWatcher Watcher { get; }

    public LoadManager Manager { get; }

    /// <summary>Topics in memory, dead copies among them.</summary>
    public SortedDictionary<string, TopicCopy> Copies { get; } = new(StringComparer.Ordinal);

    public SortedDictionary<string, TopicSeries> Series { get; } = new(StringComparer.Ordinal);

    /// <summary>Loads that raced and were counted twice; they stay in the gauge.</summary>
    public int PhantomLoads { get; set; }

    public int TopicsOwnedGauge => Copies.Count + PhantomLoads;

    /// <summary>(service, method, result) of the data plane.</summary>
    public ConcurrentDictionary<(string Service, string Method, string Result), long> Rpcs { get; } = new();

    public ConcurrentDictionary<string, long> RedirectsByNamespace { get; } = new();

    /// <summary>(broker id, action), counted by the leader that decided.</summary>
    public SortedDictionary<(string BrokerId, string Action), long> Assignments { get; } = [];

    /// <summary>Real consumers by id.</summary>
    public Dictionary<ulong, (TopicCopy Copy, SubscriptionState Subscription)> Consumers { get; } = [];

    public long RebalancingMoves { get; set; }

    public double ImbalanceCv { get; set; }

    /// <summary>Ends with the broker's life.</summary>
    public CancellationTokenSource Life { get; } = new();

    public TopicSeries SeriesOf(string topic)
    {
        if (!Series.TryGetValue(topic, out var series))
            Series[topic] = series = new TopicSeries(topic);
        return series;
    }

    public void CountRpc(string service, string method, bool ok, long times = 1) =>
        Rpcs.AddOrUpdate((service, method, ok ? "ok" : "error"), times, (_, count) => count + times);
}
