using Danube.Dapr.LocalSidecar.Hosting;

namespace Danube.Dapr.LocalSidecar.Actors;

/// <summary>The name of an actor.</summary>
internal readonly record struct ActorAddress(string Type, string Id)
{
    public override string ToString() => $"{Type}/{Id}";
}

/// <summary>An active actor: its turn lock, where it lives, and its timers.</summary>
internal sealed class ActorEntry(ActorAddress address)
{
    private readonly Lock _lock = new();
    private readonly TaskCompletionSource _closed = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private int _users;
    private bool _isClosed;

    public ActorAddress Address { get; } = address;

    /// <summary>One turn at a time, in the order of arrival.</summary>
    public SemaphoreSlim Turn { get; } = new(1, 1);

    /// <summary>Where it is active. Changed only within a turn.</summary>
    public AppInstance? Owner { get; set; }

    /// <summary>A reading of the stop-watch.</summary>
    public long LastUsed { get; set; }

    /// <summary>The call chain that holds the turn, when its type is reentrant.</summary>
    public string? ReentrancyId { get; set; }

    public int Depth { get; set; }

    /// <summary>Cancels the turn that is under way, when the actor must move.</summary>
    public CancellationTokenSource? Running { get; set; }

    public Dictionary<string, ActorTimer> Timers { get; } = new(StringComparer.Ordinal);

    /// <summary>Completes when a closed entry has left the table.</summary>
    public Task Closed => _closed.Task;

    public bool TryEnter()
    {
        lock (_lock)
        {
            if (_isClosed) return false;
            _users++;
            return true;
        }
    }

    public void Exit()
    {
        lock (_lock) _users--;
    }

    /// <summary>Closes it when nobody uses or waits for it; from then on nobody can enter.</summary>
    public bool TryClose()
    {
        lock (_lock)
        {
            if (_isClosed || _users > 0) return false;
            return _isClosed = true;
        }
    }

    public void Left() => _closed.TrySetResult();

    /// <summary>Takes a timer of the instance where it is active, in the place of one with the same name.</summary>
    /// <returns>False when it is not active there any more.</returns>
    public bool TryAdd(ActorTimer timer, AppInstance owner)
    {
        lock (Timers)
        {
            if (Owner != owner) return false;
            if (Timers.TryGetValue(timer.Name, out var old)) old.Stop();
            Timers[timer.Name] = timer;
            return true;
        }
    }

    /// <summary>Ends its timers. When it has no owner there are none from then on.</summary>
    public void StopTimers()
    {
        lock (Timers)
        {
            foreach (var timer in Timers.Values) timer.Stop();
            Timers.Clear();
        }
    }
}
