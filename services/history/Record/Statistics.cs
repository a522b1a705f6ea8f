using Danube.Dapr.Contracts;

namespace Danube.Dapr.History.Record;

/// <summary>Sums over a part of the record.</summary>
internal static class Statistics
{
    /// <summary>Sums over the entries from <paramref name="from"/> to <paramref name="to"/>; their order does not matter.</summary>
    internal static HistoryStatistics Of(IReadOnlyList<HistoryEntry> entries, DateTimeOffset from, DateTimeOffset to)
    {
        // The end of a move is told again with what it did, maybe on another day: it counts where it ended.
        var moves = entries.Select(e => e.Move).OfType<MoveRecord>().Where(m => Entries.IsEnd(m.State) && m.Time >= from && m.Time <= to).DistinctBy(m => m.MoveId, StringComparer.Ordinal).ToArray();
        var done = moves.Where(m => m.State == MoveState.Done).ToArray();
        var times = done.Select(m => m.DurationMs).OfType<double>().Order().ToArray();
        return new HistoryStatistics
        {
            From = from,
            To = to,
            Cycles = entries.Count(e => e.Cycle is not null),
            Plans = entries.Count(e => e.Plan is not null),
            MovesByState = Count(moves.Select(m => m.State.ToString())),
            CyclesByReason = Count(entries.Select(e => e.Cycle?.Reason?.ToString()).OfType<string>()),
            MedianMoveMs = times.Length == 0 ? null : (times[(times.Length - 1) / 2] + times[times.Length / 2]) / 2,
            MaxMoveMs = times.Length == 0 ? null : times[^1],
            PingPongs = done.GroupBy(m => m.Topic, StringComparer.Ordinal).Count(WentBack),
        };
    }

    /// <summary>True when a topic came to a broker that it had left before.</summary>
    private static bool WentBack(IEnumerable<MoveRecord> moves)
    {
        var left = new HashSet<string>(StringComparer.Ordinal);
        foreach (var move in moves.OrderBy(m => m.Time))
        {
            left.Add(move.From);
            if (left.Contains(move.To))
                return true;
        }

        return false;
    }

    private static SortedDictionary<string, int> Count(IEnumerable<string> names) =>
        new(names.GroupBy(n => n).ToDictionary(g => g.Key, g => g.Count()), StringComparer.Ordinal);
}
