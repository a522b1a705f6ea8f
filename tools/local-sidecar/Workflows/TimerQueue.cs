using Danube.Dapr.LocalSidecar.Scheduling;

namespace Danube.Dapr.LocalSidecar.Workflows;

/// <summary>What is due at some time, by instance. Holds nothing durable: it is filled again from the histories after a restart.</summary>
internal sealed class TimerQueue : IDisposable
{
    // What has become due because the clock was set forward is seen after this time.
    private static readonly TimeSpan LongestWait = TimeSpan.FromMinutes(1);

    private static readonly TimeSpan RetryDelay = TimeSpan.FromSeconds(1);

    private readonly Lock _lock = new();
    private readonly SortedSet<Entry> _entries = new(Comparer<Entry>.Create(static (a, b) => a.Due != b.Due ? a.Due.CompareTo(b.Due) : a.Sequence.CompareTo(b.Sequence)));
    private readonly Dictionary<string, List<Entry>> _byInstance = new(StringComparer.Ordinal);
    private readonly TimeProvider _time;
    private readonly ILogger _logger;
    private readonly ITimer _timer;
    private readonly ClockWatch _clock;
    private DateTimeOffset _armed = DateTimeOffset.MaxValue;
    private long _sequence;
    private bool _disposed;

    public TimerQueue(TimeProvider time, ILogger logger)
    {
        _time = time;
        _clock = new ClockWatch(time);
        _logger = logger;
        _timer = time.CreateTimer(static queue => ((TimerQueue)queue!).Tick(), this, Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);
    }

    public int Count
    {
        get
        {
            lock (_lock) return _entries.Count;
        }
    }

    /// <summary>Runs <paramref name="action"/> at <paramref name="due"/>, or at once when that has passed. The year 9999 is never.</summary>
    public void Schedule(string instanceId, DateTimeOffset due, Func<Task> action)
    {
        if (due.Year >= 9999) return;
        lock (_lock)
        {
            if (_disposed) return;
            FollowClock();
            var entry = new Entry(due, _sequence++, instanceId, action);
            _entries.Add(entry);
            if (!_byInstance.TryGetValue(instanceId, out var own)) _byInstance.Add(instanceId, own = []);
            own.Add(entry);
            if (due < _armed) Arm();
        }
    }

    /// <summary>Forgets everything that is due for an instance.</summary>
    public void Cancel(string instanceId)
    {
        lock (_lock)
        {
            if (!_byInstance.Remove(instanceId, out var own)) return;
            foreach (var entry in own) _entries.Remove(entry);
        }
    }

    public void Dispose()
    {
        lock (_lock)
        {
            _disposed = true;
            _entries.Clear();
            _byInstance.Clear();
        }
        _timer.Dispose();
    }

    private void Tick()
    {
        List<Entry> due = [];
        lock (_lock)
        {
            FollowClock();
            var now = _time.GetUtcNow();
            while (_entries.Min is { } first && first.Due <= now)
            {
                _entries.Remove(first);
                var own = _byInstance[first.InstanceId];
                own.Remove(first);
                if (own.Count == 0) _byInstance.Remove(first.InstanceId);
                due.Add(first);
            }
            Arm();
        }
        foreach (var entry in due) _ = Task.Run(() => RunAsync(entry));
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
        Arm();
    }

    private void Arm()
    {
        if (_disposed) return;
        if (_entries.Min is not { } first)
        {
            _armed = DateTimeOffset.MaxValue;
            return;
        }
        var now = _time.GetUtcNow();
        var wait = first.Due - now;
        if (wait > LongestWait) wait = LongestWait;
        if (wait < TimeSpan.Zero) wait = TimeSpan.Zero;
        // Base library timers count whole milliseconds and cut the rest off: never wake up before the time.
        wait = TimeSpan.FromMilliseconds(Math.Ceiling(wait.TotalMilliseconds));
        _armed = now + wait;
        _timer.Change(wait, Timeout.InfiniteTimeSpan);
    }

    private async Task RunAsync(Entry entry)
    {
        try
        {
            await entry.Action();
        }
        catch (Exception e) when (e is not OperationCanceledException)
        {
            _logger.LogError(e, "What was due for workflow instance '{InstanceId}' failed; it is tried again.", entry.InstanceId);
            Schedule(entry.InstanceId, _time.GetUtcNow() + RetryDelay, entry.Action);
        }
    }

    private sealed class Entry(DateTimeOffset due, long sequence, string instanceId, Func<Task> action)
    {
        public DateTimeOffset Due { get; set; } = due;

        public long Sequence { get; } = sequence;

        public string InstanceId { get; } = instanceId;

        public Func<Task> Action { get; } = action;
    }
}
