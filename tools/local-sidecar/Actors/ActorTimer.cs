using Danube.Dapr.LocalSidecar.Scheduling;

namespace Danube.Dapr.LocalSidecar.Actors;

/// <summary>A timer of an active actor. It lives in memory and ends when its actor is deactivated or moves.</summary>
/// <param name="dataJson">The data as it was registered, JSON text, or null.</param>
internal sealed class ActorTimer(string name, string dueTime, string period, string callback, string? dataJson, Ticks ticks)
{
    public string Name { get; } = name;

    public string DueTime { get; } = dueTime;

    public string Period { get; } = period;

    public string Callback { get; } = callback;

    public string? DataJson { get; } = dataJson;

    public Ticks Ticks { get; set; } = ticks;

    public bool IsStopped { get; private set; }

    public IDisposable? Pending { get; set; }

    public void Stop()
    {
        IsStopped = true;
        Pending?.Dispose();
    }
}
