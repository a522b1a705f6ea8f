using Danube.Dapr.BrokerSimulator;

namespace Danube.Dapr.Chaos.Tests.Harness;

/// <summary>The steps of a move as the simulated cluster sees them.</summary>
internal enum MoveStep
{
    /// <summary>A broker was masked.</summary>
    Masked,

    /// <summary>UnloadTopic was accepted.</summary>
    UnloadPosted,

    /// <summary>The source drains the topic.</summary>
    Draining,

    /// <summary>The source has let go.</summary>
    Released,

    /// <summary>The leader has chosen the new owner.</summary>
    Assigned,

    /// <summary>The new owner serves it.</summary>
    Loaded,

    /// <summary>A broker was unmasked.</summary>
    Unmasked,
}

internal static class MoveSteps
{
    public static MoveStep? Of(SimulatedEvent happened) => happened.Event switch
    {
        "state" when happened.Detail?.StartsWith("drained (no_topics", StringComparison.Ordinal) == true => MoveStep.Masked,
        "state" when happened.Detail?.Contains("rebalancer_unmask", StringComparison.Ordinal) == true => MoveStep.Unmasked,
        "unload-posted" => MoveStep.UnloadPosted,
        "unload-begin" => MoveStep.Draining,
        "unload-end" => MoveStep.Released,
        "assign" => MoveStep.Assigned,
        "load" when happened.Detail == "assigned" => MoveStep.Loaded,
        _ => null,
    };

    /// <summary>True for what only a living rebalancer does.</summary>
    public static bool IsOurs(SimulatedEvent happened) => Of(happened) is MoveStep.Masked or MoveStep.Unmasked or MoveStep.UnloadPosted;
}
