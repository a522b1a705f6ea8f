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

    /// <summary>How far the clocks of two hosts may be apart.</summary>
    private static readonly TimeSpan ClockDifference = TimeSpan.FromHours(1);

    private readonly ConcurrentDictionary<long, IReadOnlyList<HistoryEntry>> _closed = new();

    /// <summary>The table of contents.</summary>
    internal async Task<HistoryHead> HeadAsync(CancellationToken cancel) =>
        await store.GetAsync(Keys.Head, HistoryJson.Default.HistoryHead, cancel) ?? new HistoryHead();

    /// <summary>A page of entries; its total counts all entries that are kept.</summary>
    internal async Task<Page<HistoryEntry>> PageAsync(HistoryFilter filter, CancellationToken cancel)
    {
        var head = await HeadAsync(cancel);
        var items = new List<HistoryEntry>();
        for (var day = head.Days.Count - 1; day >= 0 && items.Count < filter.Limit; day--)
            await AddDayAsync(head, day, filter, items, cancel);
        return new Page<HistoryEntry>(head.Count, 0, items);
    }

    /// <summary>Adds what a day has of what is asked for. The table of contents says how many entries of a kind there are: when they are seen, the rest of the day is not read.</summary>
    private async Task AddDayAsync(HistoryHead head, int day, HistoryFilter filter, List<HistoryEntry> items, CancellationToken cancel)
    {
        var left = filter.Kind is { } kind && head.Days[day].Kinds is { } kinds ? kinds.GetValueOrDefault(kind) : int.MaxValue;
        if (left == 0)
            return;
        await foreach (var entry in ScanAsync(head, head.Days[day].FirstSegment, head.LastSegmentOf(day), cancel))
        {
            if (filter.Matches(entry))
                items.Add(entry);
            // What came after the table of contents was read is not in its counts.
            if (entry.Kind == filter.Kind && entry.Position < head.NextPosition)
                left--;
            if (left == 0 || items.Count == filter.Limit)
                return;
        }
    }

    /// <summary>The entries of some segments, newest first; those that are not kept any more are left out.</summary>
    private async IAsyncEnumerable<HistoryEntry> ScanAsync(HistoryHead head, long first, long newest, [EnumeratorCancellation] CancellationToken cancel)
    {
        if (head.Days.Count == 0)
            yield break;
        first = Math.Max(first, head.Days[0].FirstSegment);
        var ahead = 1;
        for (var last = newest; last >= first; last -= ahead, ahead = ReadAhead)
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
        return PlanOutcome.Of(plan, (await StoryAsync(plan, cancel)).Steps);
    }

    /// <summary>The steps of a move, oldest first; none when there is no such move.</summary>
    internal async Task<IReadOnlyList<MoveRecord>> MoveAsync(string planId, string topic, CancellationToken cancel) =>
        await PlanArchive.ReadAsync(store, planId, cancel) is { } plan ? [.. (await StoryAsync(plan, cancel)).Steps.Where(m => m.Topic == topic)] : [];

    /// <summary>Sums over the entries between two times; where the record begins later, from then on.</summary>
    internal async Task<HistoryStatistics> StatisticsAsync(DateTimeOffset from, DateTimeOffset to, CancellationToken cancel)
    {
        var head = await HeadAsync(cancel);
        var entries = new List<HistoryEntry>();
        if (head.Days is [var oldest, ..] && new DateTimeOffset(oldest.Date, TimeOnly.MinValue, TimeSpan.Zero) is var begin && begin > from)
            from = begin < to ? begin : to;
        await foreach (var entry in ScanAsync(head, head.FirstSegmentSince(from), head.OpenSegment, cancel))
        {
            if (entry.Time >= from && entry.Time <= to)
                entries.Add(entry);
        }

        return Statistics.Of(entries, from, to);
    }

    /// <summary>What the record has of a plan. Messages are swapped on their way, by minutes after an outage: the plan's own entry may be newer than its steps, and cycles between them.</summary>
    internal async Task<PlanStory> StoryAsync(RebalancePlan plan, CancellationToken cancel)
    {
        var steps = new List<MoveRecord>();
        var isTold = false;
        var head = await HeadAsync(cancel);
        await foreach (var entry in ScanAsync(head, head.FirstSegmentSince(plan.CreatedAt - ClockDifference), head.OpenSegment, cancel))
        {
            if (entry.Move?.PlanId == plan.Id)
                steps.Add(entry.Move);
            isTold |= entry.Plan?.Id == plan.Id;
        }

        steps.Reverse();
        return new PlanStory(isTold, steps);
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

/// <summary>What the record has of a plan.</summary>
/// <param name="IsTold">True when the plan's own entry is there.</param>
/// <param name="Steps">The steps of its moves, oldest first.</param>
internal sealed record PlanStory(bool IsTold, IReadOnlyList<MoveRecord> Steps);
