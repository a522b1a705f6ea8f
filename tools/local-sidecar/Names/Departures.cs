namespace Danube.Dapr.LocalSidecar.Names;

/// <summary>What began before a change, so that one can wait for its end while new things begin.</summary>
internal sealed class Departures
{
    private readonly Lock _lock = new();
    private Group _current = new();
    private Task _ended = Task.CompletedTask;

    /// <summary>Something begins; it ends when the result is disposed.</summary>
    public IDisposable Enter()
    {
        lock (_lock)
        {
            _current.Count++;
            return new Entry(this, _current);
        }
    }

    /// <summary>Completes when all that began before has ended.</summary>
    public Task EndAsync()
    {
        lock (_lock)
        {
            if (_current.Count == 0) return _ended;
            var before = _current;
            _current = new Group();
            before.IsClosed = true;
            // What began before an earlier change, for which somebody else waits, may still go on.
            return _ended = _ended.IsCompleted ? before.Ended.Task : Task.WhenAll(_ended, before.Ended.Task);
        }
    }

    private void Exit(Group group)
    {
        lock (_lock)
            if (--group.Count == 0 && group.IsClosed) group.Ended.TrySetResult();
    }

    private sealed class Group
    {
        public int Count { get; set; }

        public bool IsClosed { get; set; }

        public TaskCompletionSource Ended { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);
    }

    private sealed class Entry(Departures departures, Group group) : IDisposable
    {
        public void Dispose() => departures.Exit(group);
    }
}
