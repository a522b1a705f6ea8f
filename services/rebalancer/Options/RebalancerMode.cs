namespace Danube.Dapr.Rebalancer.Options;

/// <summary>How much the rebalancer may do by itself.</summary>
internal enum RebalancerMode
{
    /// <summary>Measures and plans, never moves.</summary>
    Observe,

    /// <summary>Plans wait for an operator's approval.</summary>
    Advise,

    /// <summary>Plans run by themselves, within the limits.</summary>
    Auto,
}

/// <summary>Storage mode of the Danube cluster. No RPC tells it, so the operator must.</summary>
internal enum StorageMode
{
    /// <summary>Not configured: nothing is unloaded.</summary>
    Unknown,

    /// <summary>A file system that all brokers share: history moves along.</summary>
    SharedFs,

    /// <summary>An object store: history moves along.</summary>
    ObjectStore,

    /// <summary>Each broker's own disk: unread history stays behind when a topic moves.</summary>
    Local,
}

/// <summary>What may be done about a topic that nobody owns.</summary>
internal enum RepairPolicy
{
    /// <summary>Nothing; it is named.</summary>
    Off,

    /// <summary>It is named and the repair is offered.</summary>
    Advise,

    /// <summary>It is repaired by itself.</summary>
    Auto,
}
