using System.Collections.Concurrent;
using System.Runtime.CompilerServices;
using Danube.Dapr.Contracts;
using Danube.Dapr.History.Record;
using Danube.Dapr.History.Storage;

namespace Danube.Dapr.History;

/// <summary>Reads the record from the store, newest first. Closed segments never change, so the last ones read stay in memory.</summary>
internal sealed class HistoryReader(IHistoryStore store)
{
    /// <summary>Closed segments that stay in memory: at most about 20,000 entries.</summary>
    internal const int CachedSegments = 200;

    /// <summary>Segments that are read from the store at once.</summary>
    private const int ReadAhead = 10;

    private readonly ConcurrentDictionary<long, IReadOnlyList<HistoryEntry>> _closed = new();

    /// <summary>The table of contents.</summary>
    internal async Task<HistoryHead> HeadAsync(CancellationToken cancel) =>
        await store.GetAsync(Keys.Head, HistoryJson.Default.HistoryHead, cancel) ?? new HistoryHead();

    /// <summary>A page of entries; its total counts all entries that are kept.</summary>
    internal async Task<Page<HistoryEntry>> PageAsync(HistoryFilter filter, CancellationToken cancel)
    {
        var head = await HeadAsync(cancel);
        var items = new List<HistoryEntry>();
        await foreach (var entry in ScanAsync(head, cancel))
        {
            if (!filter.Matches(entry))
                continue;
            items.Add(entry);
            if (items.Count == filter.Limit)
                break;
        }

        return new Page<HistoryEntry>(head.Count, 0, items);
    }

    /// <summary>All entries, newest first.</summary>
    /// <param name="head">The table of contents.</param>
    /// <param name="cancel">Ends the scan.</param>
    /// <param name="first">The oldest segment to read; those that are not kept any more are left out.</param>
    internal async IAsyncEnumerable<HistoryEntry> ScanAsync(HistoryHead head, [EnumeratorCancellation] CancellationToken cancel, long first = 0)
    {
        if (head.Days.Count == 0)
            yield break;
        first = Math.Max(first, head.Days[0].FirstSegment);
        var ahead = 1;
        for (var last = head.OpenSegment; last >= first; last -= ahead, ahead = ReadAhead)
        {
            ahead = (int)Math.Min(ahead, last - first + 1);
            var segments = await SegmentsAsync(head, last, ahead, cancel);
            foreach (var segment in segments)
            {
                for (var i = segment.Count - 1; i >= 0; i--)
                    yield return segment[i];
            }
        }
    }

    /// <summary>The plan with what became of its moves; null when it is not kept.</summary>
    internal async Task<PlanRun?> PlanAsync(string planId, CancellationToken cancel)
    {
        if (await PlanArchive.ReadAsync(store, planId, cancel) is not { } plan)
            return null;
        var moves = await StepsAsync(planId, cancel);
        return PlanOutcome.Of(plan, moves);
    }

    /// <summary>The steps of a move, oldest first; none when there is no such move.</summary>
    internal async Task<IReadOnlyList<MoveRecord>> MoveAsync(string planId, string topic, CancellationToken cancel) =>
        [.. (await StepsAsync(planId, cancel)).Where(m => m.Topic == topic)];

    /// <summary>Sums over the entries between two times.</summary>
    internal async Task<HistoryStatistics> StatisticsAsync(DateTimeOffset from, DateTimeOffset to, CancellationToken cancel)
    {
        var head = await HeadAsync(cancel);
        var entries = new List<HistoryEntry>();
        // Nothing is stored before it happened, so older days need not be read.
        var firstDay = head.Days.FirstOrDefault(d => d.Date >= DateOnly.FromDateTime(from.UtcDateTime));
        await foreach (var entry in ScanAsync(head, cancel, firstDay?.FirstSegment ?? head.OpenSegment + 1))
        {
            if (entry.Time >= from && entry.Time <= to)
                entries.Add(entry);
        }

        return Statistics.Of(entries, from, to);
    }

    /// <summary>All steps of a plan's moves, oldest first. Nothing of a plan is older than the plan's own entry.</summary>
    internal async Task<IReadOnlyList<MoveRecord>> StepsAsync(string planId, CancellationToken cancel)
    {
        var moves = new List<MoveRecord>();
        var found = false;
        await foreach (var entry in ScanAsync(await HeadAsync(cancel), cancel))
        {
            if (entry.Move?.PlanId == planId)
                moves.Add(entry.Move);
            // Messages may be swapped on their way: look a little past the plan's entry.
            else if (found && entry.Kind == Entries.Cycle)
                break;
            found |= entry.Plan?.Id == planId;
        }

        moves.Reverse();
        return moves;
    }

    private async Task<IReadOnlyList<IReadOnlyList<HistoryEntry>>> SegmentsAsync(HistoryHead head, long last, int count, CancellationToken cancel)
    {
        var numbers = Enumerable.Range(0, count).Select(i => last - i).ToArray();
        var missing = numbers.Where(n => !_closed.ContainsKey(n)).ToArray();
        var read = await store.GetAsync([.. missing.Select(Keys.Segment)], HistoryJson.Default.Segment, cancel);
        var result = new List<IReadOnlyList<HistoryEntry>>(count);
        foreach (var number in numbers)
        {
            if (!_closed.TryGetValue(number, out var entries))
            {
                entries = read.GetValueOrDefault(Keys.Segment(number))?.Entries ?? [];
                if (number < head.OpenSegment && entries.Count > 0)
                    Keep(number, entries);
            }

            result.Add(entries);
        }

        return result;
    }

    private void Keep(long number, IReadOnlyList<HistoryEntry> entries)
    {
        if (_closed.Count >= CachedSegments)
        {
            // The newest segments are asked for most: the oldest one gives way, unless this one is older still.
            var oldest = _closed.Keys.Min();
            if (number < oldest)
                return;
            _closed.TryRemove(oldest, out _);
        }

        _closed[number] = entries;
    }
}
