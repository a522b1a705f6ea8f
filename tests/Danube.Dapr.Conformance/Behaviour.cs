namespace Danube.Dapr.Conformance;

/// <summary>One thing that a sidecar does, and how to see that it does.</summary>
/// <param name="Area">The building block: state, pubsub, invocation …</param>
/// <param name="Name">What the sidecar does, as a statement; unique in its area.</param>
/// <param name="Run">Tries it; throws <see cref="MismatchException"/> when something else is seen.</param>
internal sealed record Behaviour(string Area, string Name, Func<Stage, Task> Run)
{
    /// <summary>Why the behaviour says nothing about this sidecar; null when it does.</summary>
    public Func<Target, string?> SkipReason { get; init; } = static _ => null;

    /// <summary>Spends seconds waiting (timers, reminders, kill and restart): started ahead of the others.</summary>
    public bool Waits { get; init; }

    /// <summary>Area and name, as <c>--filter</c> and the tests see it.</summary>
    public string FullName => $"{Area}: {Name}";

    /// <summary>Needs a sidecar of its own, with other settings than the main one's.</summary>
    public Behaviour Launching() => this with { SkipReason = Combine(static t => t.CanLaunch ? null : "needs a sidecar that the suite starts itself") };

    /// <summary>Does not apply to some stores, for the reason given.</summary>
    public Behaviour Except(string reason, params StoreKind[] stores) => this with { SkipReason = Combine(t => stores.Contains(t.Store) ? reason : null) };

    /// <summary>Holds for every sidecar but a real daprd on etcd, where a defect is recorded.</summary>
    public Behaviour ExceptDaprdOnEtcd(string defect) =>
        this with { SkipReason = Combine(t => t is { IsLocal: false, Store: StoreKind.EtcdV1 or StoreKind.EtcdV2 } ? $"daprd on etcd: {defect}" : null) };

    private Func<Target, string?> Combine(Func<Target, string?> other)
    {
        var mine = SkipReason;
        return target => mine(target) ?? other(target);
    }
}

/// <summary>The state stores whose answers differ in the recordings.</summary>
internal enum StoreKind
{
    InMemory,
    Sqlite,
    Redis,
    EtcdV1,
    EtcdV2,
    Other,
}

/// <summary>What is known of a sidecar before it is tried.</summary>
/// <param name="Store">The kind of its state store.</param>
/// <param name="CanLaunch">The suite starts sidecars itself, and so can give them other settings and kill them.</param>
/// <param name="IsLocal">It is this repository's local-sidecar.</param>
internal sealed record Target(StoreKind Store, bool CanLaunch, bool IsLocal);
