using System.Text.Json;
using Danube.Dapr.Contracts;
using Danube.Dapr.History.Storage;

namespace Danube.Dapr.History.Record;

/// <summary>
/// The one writer. Appends entries to the open segment, begins a new one when it is full or the day ends, drops what was told before, and deletes days that are
/// too old. Nothing counts as taken before it is stored; after a failed write the state is read anew.
/// </summary>
internal sealed class HistoryRecorder(IHistoryStore store, TimeProvider clock, int retentionDays)
{
    /// <summary>Entries of a segment.</summary>
    internal const int SegmentEntries = 100;

    /// <summary>Bytes of a segment at which the next one is begun.</summary>
    internal const int SegmentBytes = 64 << 10;

    /// <summary>Segments whose identities are remembered: redeliveries come within minutes.</summary>
    internal const int RememberedSegments = 50;

    /// <summary>Entries that may be appended at once: together they stay far below what stores take in one transaction.</summary>
    internal const int MaxBatch = 50;

    /// <summary>Writes of one transaction; stores limit them.</summary>
    private const int MaxWrites = 64;

    private HistoryHead? _head;
    private List<HistoryEntry> _open = [];
    private int _openBytes;
    private readonly Queue<HashSet<string>> _remembered = new();

    /// <summary>Stores the entries that are new, in one transaction.</summary>
    /// <param name="entries">At most <see cref="MaxBatch"/>.</param>
    /// <param name="cancel">Ends the wait; what was not stored then is read anew.</param>
    /// <returns>How many were new.</returns>
    internal async Task<int> AppendAsync(IReadOnlyList<HistoryEntry> entries, CancellationToken cancel)
    {
        var head = await HeadAsync(cancel);
        var today = DateOnly.FromDateTime(clock.GetUtcNow().UtcDateTime);
        head = await DropOldDaysAsync(head, today, cancel);
        var changed = new SortedDictionary<long, List<HistoryEntry>>();
        var added = 0;
        foreach (var entry in entries.Where(e => !IsKnown(Entries.Identity(e))))
        {
            // The pieces of a plan are found only through its entry, so they may be stored before it.
            if (entry.Plan is not null)
                await WriteAsync([.. PlanArchive.Writes(entry.Plan)], cancel);
            head = Place(head, entry, today);
            changed[head.OpenSegment] = _open;
            added++;
        }

        if (added > 0)
        {
            await WriteAsync([.. changed.Select(c => new StoreWrite(
                Keys.Segment(c.Key), JsonSerializer.SerializeToUtf8Bytes(new Segment(c.Value), HistoryJson.Default.Segment))), HeadWrite(head)], cancel);
            _head = head;
        }

        return added;
    }

    /// <summary>Puts an entry into the open segment, or into a new one.</summary>
    private HistoryHead Place(HistoryHead head, HistoryEntry entry, DateOnly today)
    {
        var stored = entry with { Position = head.NextPosition, Plan = entry.Plan is null ? null : PlanArchive.Head(entry.Plan) };
        var bytes = JsonSerializer.SerializeToUtf8Bytes(stored, HistoryJson.Default.HistoryEntry).Length;
        var newDay = head.Days.Count == 0 || head.Days[^1].Date < today;
        var open = head.OpenSegment;
        if (_open.Count > 0 && (newDay || _open.Count >= SegmentEntries || _openBytes + bytes > SegmentBytes))
        {
            open++;
            _open = [];
            _openBytes = 0;
            Remember();
        }

        _open.Add(stored);
        _openBytes += bytes;
        _remembered.Last().Add(Entries.Identity(stored));
        return head with
        {
            NextPosition = head.NextPosition + 1,
            OpenSegment = open,
            Days = newDay
                ? [.. head.Days, new HistoryDay(today, open, 0, new Dictionary<string, int>()).With(entry.Kind)]
                : [.. head.Days.SkipLast(1), head.Days[^1].With(entry.Kind)],
        };
    }

    /// <summary>The head as it is stored. When it is not the one that was written here last, another process has the record meanwhile, or had it: then everything is read anew.</summary>
    private async Task<HistoryHead> HeadAsync(CancellationToken cancel)
    {
        var stored = await store.GetAsync(Keys.Head, HistoryJson.Default.HistoryHead, cancel) ?? new HistoryHead();
        return _head is { } head && head.NextPosition == stored.NextPosition && head.OpenSegment == stored.OpenSegment && head.Days.Count == stored.Days.Count ? head : await LoadAsync(stored, cancel);
    }

    private async Task<HistoryHead> LoadAsync(HistoryHead head, CancellationToken cancel)
    {
        _remembered.Clear();
        _open = [];
        _openBytes = 0;
        var first = Math.Max(head.Days.Count == 0 ? head.OpenSegment : head.Days[0].FirstSegment, head.OpenSegment - RememberedSegments + 1);
        var numbers = Enumerable.Range(0, (int)(head.OpenSegment - first + 1)).Select(i => first + i).ToArray();
        var segments = await store.GetAsync([.. numbers.Select(Keys.Segment)], HistoryJson.Default.Segment, cancel);
        foreach (var number in numbers)
        {
            var entries = segments.GetValueOrDefault(Keys.Segment(number))?.Entries ?? [];
            Remember();
            _remembered.Last().UnionWith(entries.Select(Entries.Identity));
            if (number == head.OpenSegment)
            {
                _open = [.. entries];
                _openBytes = _open.Sum(e => JsonSerializer.SerializeToUtf8Bytes(e, HistoryJson.Default.HistoryEntry).Length);
            }
        }

        return _head = head;
    }

    private async Task<HistoryHead> DropOldDaysAsync(HistoryHead head, DateOnly today, CancellationToken cancel)
    {
        var oldest = today.AddDays(-retentionDays);
        while (head.Days.Count > 1 && head.Days[0].Date < oldest)
        {
            // The segments go first: while the head still names them, an interrupted deletion is taken up again.
            foreach (var number in head.SegmentsOf(0))
            {
                var segment = await store.GetAsync(Keys.Segment(number), HistoryJson.Default.Segment, cancel);
                var keys = new List<string>();
                foreach (var plan in segment?.Entries.Where(e => e.Plan is not null).Select(e => e.Plan!.Id) ?? [])
                    keys.AddRange(await PlanArchive.KeysAsync(store, plan, cancel));
                await WriteAsync([.. keys.Append(Keys.Segment(number)).Select(key => new StoreWrite(key, null))], cancel);
            }

            head = head with { Days = [.. head.Days.Skip(1)] };
            await WriteAsync([HeadWrite(head)], cancel);
            _head = head;
        }

        return head;
    }

    private async Task WriteAsync(IReadOnlyList<StoreWrite> writes, CancellationToken cancel)
    {
        try
        {
            foreach (var batch in writes.Chunk(MaxWrites))
                await store.WriteAsync(batch, cancel);
        }
        catch
        {
            _head = null;
            throw;
        }
    }

    private static StoreWrite HeadWrite(HistoryHead head) => new(Keys.Head, JsonSerializer.SerializeToUtf8Bytes(head, HistoryJson.Default.HistoryHead));

    private bool IsKnown(string identity) => _remembered.Any(r => r.Contains(identity));

    private void Remember()
    {
        _remembered.Enqueue(new HashSet<string>(StringComparer.Ordinal));
        if (_remembered.Count > RememberedSegments)
            _remembered.Dequeue();
    }
}
