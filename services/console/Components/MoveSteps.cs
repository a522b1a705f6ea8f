using Danube.Dapr.Contracts;

namespace Danube.Dapr.WebConsole.Components;

/// <summary>One move with its steps, oldest first.</summary>
/// <param name="Steps">At least one.</param>
public sealed record MoveSteps(IReadOnlyList<MoveRecord> Steps)
{
    /// <summary>The step that it reached.</summary>
    public MoveRecord Last => Steps[^1];

    /// <summary>Puts the records of the history together by move, the move with the newest step first.</summary>
    internal static IReadOnlyList<MoveSteps> Of(IEnumerable<HistoryEntry> entries, int limit) =>
        [.. entries.Select(e => e.Move).OfType<MoveRecord>()
            .GroupBy(m => m.MoveId, StringComparer.Ordinal)
            // The end of a move is told again with what it did; the newest comes first.
            .Select(g => new MoveSteps([.. g.DistinctBy(m => (m.State, m.Attempt)).OrderBy(m => m.Time).ThenBy(m => m.State)]))
            .OrderByDescending(m => m.Last.Time)
            .Take(limit)];
}
