using Danube.Dapr.TaskHub;

namespace Danube.Dapr.LocalSidecar.Workflows;

/// <summary>Limits and switches of a <see cref="WorkflowEngine"/>.</summary>
internal sealed record WorkflowEngineOptions
{
    /// <summary>The app's namespace, a part of the keys in the store.</summary>
    public string Namespace { get; init; } = "default";

    /// <summary>Inbox events that one turn takes at most; the rest comes with the next turn. Keeps a turn's batch of writes below the limit of etcd (128).</summary>
    public int EventsPerTurn { get; init; } = 64;

    /// <summary>Turns that one work item stream may hold unanswered; further ones wait, unbuilt, until one is answered.</summary>
    public int TurnsPerStream { get; init; } = 512;

    /// <summary>Stored bytes of idle instances kept parsed in memory.</summary>
    public long CacheBytes { get; init; } = 8 * 1024 * 1024;

    /// <summary>Idle instances kept parsed in memory.</summary>
    public int CacheInstances { get; init; } = 1024;

    /// <summary>Finished instances kept parsed in memory, for who asks at once how they ended. More of them would grow old and be a burden to the garbage collector.</summary>
    public int CacheFinished { get; init; } = 16;

    /// <summary>Largest turn that is sent to a worker, in bytes; above it the instance is STALLED. daprd: 95 % of its body limit of 4 MiB.</summary>
    public int LargestTurnBytes { get; init; } = 4 * 1024 * 1024 / 100 * 95;

    /// <summary>Pause before a turn that could not be committed is sent again.</summary>
    public TimeSpan RetryDelay { get; init; } = TimeSpan.FromSeconds(1);

    /// <summary>How long the answer of a worker whose stream was lost may still come without a completion token.</summary>
    public TimeSpan LateAnswers { get; init; } = TimeSpan.FromMinutes(5);

    /// <summary>Sends every work item twice, to different streams where there are several: for tests of at-least-once delivery.</summary>
    public bool DuplicateDeliveries { get; init; }

    /// <summary>When finished instances are purged by themselves.</summary>
    public WorkflowRetention Retention { get; init; } = new();
}

/// <summary>How long finished instances are kept; null keeps them until they are purged.</summary>
internal sealed record WorkflowRetention(TimeSpan? AnyTerminal = null, TimeSpan? Completed = null, TimeSpan? Failed = null, TimeSpan? Terminated = null)
{
    public TimeSpan? For(OrchestrationStatus status) => status switch
    {
        OrchestrationStatus.Completed => Completed ?? AnyTerminal,
        OrchestrationStatus.Failed => Failed ?? AnyTerminal,
        OrchestrationStatus.Terminated => Terminated ?? AnyTerminal,
        _ => AnyTerminal,
    };
}
