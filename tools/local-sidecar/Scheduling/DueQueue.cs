namespace Danube.Dapr.LocalSidecar.Scheduling;

/// <summary>Starts actions when their time comes, all on one timer.</summary>
internal sealed class DueQueue : IDisposable
{
    private static readonly TimeSpan LongestWait = TimeSpan.FromHours(1);
    private readonly Lock _lock = new();
    private readonly SortedSet<Entry> _entries = new(Comparer<Entry>.Create(static (a, b) => a.Due.CompareTo(b.Due) is var c && c != 0 ? c : a.Number.CompareTo(b.Number)));
    private readonly TimeProvider _time;
    private readonly ITimer _timer;
    private readonly ClockWatch _clock;
    private long _count;
    private bool _disposed;

    public DueQueue(TimeProvider time)
    {
        _time = time;
        _clock = new ClockWatch(time);
        _timer = time.CreateTimer(static q => ((DueQueue)q!).Run(), this, Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);
    }

    /// <summary>Runs <paramref name="action"/> at or after <paramref name="due"/>, on a pool thread. Disposing what it returns before then calls it off.</summary>
    public IDisposable At(DateTimeOffset due, Action action)
    {
        lock (_lock)
        {
            FollowClock();
            var entry = new Entry(this, due, ++_count, action);
            _entries.Add(entry);
            if (_entries.Min == entry) Arm();
            return entry;
        }
    }

    public void Dispose()
    {
        lock (_lock)
        {
            _disposed = true;
            _entries.Clear();
        }
        _timer.Dispose();
    }

    private void Run()
    {
        var due = new List<Action>();
        lock (_lock)
        {
            FollowClock();
            var now = _time.GetUtcNow();
            while (_entries.Min is { } first && first.Due <= now)
            {
                _entries.Remove(first);
                due.Add(first.Action);
            }
            Arm();
        }
        foreach (var action in due) action();
    }

    // The waits stay as long as they were.
    private void FollowClock()
    {
        if (_clock.SetBack() is var lost && lost == TimeSpan.Zero) return;
        var entries = _entries.ToArray();
        _entries.Clear();
        foreach (var entry in entries)
        {
            entry.Due -= lost;
            _entries.Add(entry);
        }
    }

    private void Arm()
    {
        if (_disposed || _entries.Min is not { } first) return;
        var wait = first.Due - _time.GetUtcNow();
        // A timer may fire a little before its time by the other clock: a wait is never shorter than what is left, rounded up.
        wait = wait <= TimeSpan.Zero ? TimeSpan.Zero : wait > LongestWait ? LongestWait : TimeSpan.FromMilliseconds(Math.Ceiling(wait.TotalMilliseconds));
        _timer.Change(wait, Timeout.InfiniteTimeSpan);
    }

    private sealed class Entry(DueQueue queue, DateTimeOffset due, long number, Action action) : IDisposable
    {
        public DateTimeOffset Due { get; set; } = due;

        public long Number { get; } = number;

        public Action Action { get; } = action;

        public void Dispose()
        {
            lock (queue._lock) queue._entries.Remove(this);
        }
    }
}
