using Danube.Dapr.Contracts;

namespace Danube.Dapr.History.Record;

/// <summary>Makes entries of what happened and tells them apart.</summary>
internal static class Entries
{
    internal const string Cycle = "cycle";
    internal const string Plan = "plan";
    internal const string Move = "move";
    internal const string BrokerEvent = "broker-event";

    /// <summary>Refusals of a cycle that are kept, so that no entry grows without bound.</summary>
    internal const int MaxRefusals = 100;

    /// <summary>All kinds.</summary>
    internal static IReadOnlyList<string> Kinds { get; } = [Cycle, Plan, Move, BrokerEvent];

    /// <summary>The states in which a move ends.</summary>
    internal static bool IsEnd(MoveState state) => state >= MoveState.Done;

    internal static HistoryEntry Of(CycleRecord cycle) => new()
    {
        Position = 0,
        Time = cycle.Time,
        Kind = Cycle,
        Cycle = cycle.Refusals.Count <= MaxRefusals ? cycle : cycle with
        {
            Refusals = [.. cycle.Refusals.Take(MaxRefusals)],
            Detail = $"{cycle.Detail} ({cycle.Refusals.Count - MaxRefusals} more refusals are not kept.)",
        },
    };

    internal static HistoryEntry Of(RebalancePlan plan) => new() { Position = 0, Time = plan.CreatedAt, Kind = Plan, Plan = plan };

    /// <summary>The end of a move is told once more when it is known what it did: that is of then.</summary>
    internal static HistoryEntry Of(MoveRecord move) => new() { Position = 0, Time = move.Effect?.Time ?? move.Time, Kind = Move, Move = move };

    internal static HistoryEntry Of(BrokerEvent e) => new() { Position = 0, Time = e.Time, Kind = BrokerEvent, BrokerEvent = e };

    /// <summary>What an entry is about: two with the same identity are the same thing, told twice.</summary>
    internal static string Identity(HistoryEntry entry) => entry switch
    {
        { Cycle: { } cycle } => $"{Cycle}|{cycle.Id}",
        { Plan: { } plan } => $"{Plan}|{plan.Id}",
        { Move: { } move } => $"{Move}|{move.MoveId}|{move.State}|{move.Attempt}{(move.Effect is { } effect ? $"|{effect.Verdict}" : "")}",
        { BrokerEvent: { } e } => $"{BrokerEvent}|{e.Id}",
        _ => throw new ArgumentException($"A history entry of kind '{entry.Kind}' has no content.", nameof(entry)),
    };
}
