using System.Text.Json.Serialization;

namespace Danube.Dapr.BrokerSimulator;

/// <summary>Defects and disturbances that are off until a case or a test switches them on.</summary>
[JsonConverter(typeof(JsonStringEnumConverter<Fault>))]
public enum Fault
{
    /// <summary>D5: what is between marker and assignment when the leader dies stays unowned; an unload that was sealing leaves a dead copy.</summary>
    LeaderLossStrands,

    /// <summary>D8: a topic that lands is loaded twice.</summary>
    RacingLoads,

    /// <summary>D9: a broker's watcher hangs; takes a broker.</summary>
    HangingWatcher,

    /// <summary>D10: a broker that comes back is a new one, without topics.</summary>
    NoRestart,

    /// <summary>D11: a topic's consumers stall until it moves; takes a topic.</summary>
    StalledConsumers,

    /// <summary>D11 after a move: a topic's consumers stall where it lands; takes a topic.</summary>
    StallOnLanding,

    /// <summary>The clients of a topic that lands do not look it up again until this is off; takes a topic.</summary>
    ClientsStayAway,

    /// <summary>D12: the leader loses watch events when it falls behind.</summary>
    LossyBursts,

    /// <summary>Shared storage fails: an unload cannot seal, and leaves a dead copy; takes a broker.</summary>
    SealFails,

    /// <summary>Admin calls answer slowly; the value is the delay in milliseconds.</summary>
    SlowAdmin,

    /// <summary>Admin calls answer UNAVAILABLE; the value is their share, 0 to 1.</summary>
    DroppedAdmin,

    /// <summary>A broker's metrics page answers slowly; takes a broker, the value is the delay in milliseconds.</summary>
    SlowMetrics,

    /// <summary>A broker's metrics page answers rubbish; takes a broker.</summary>
    GarbledMetrics,
}

/// <summary>Which faults are on, for whom, and how strong.</summary>
internal sealed class FaultSwitches
{
    private readonly Lock _gate = new();
    private readonly Dictionary<(Fault Fault, string? Target), double> _on = [];

    public void Set(Fault fault, bool on, string? target = null, double value = 1)
    {
        lock (_gate)
        {
            if (on)
                _on[(fault, target)] = value;
            else
                _on.Remove((fault, target));
        }
    }

    public bool IsOn(Fault fault, string? target = null) => Value(fault, target) > 0;

    /// <summary>0 when it is off. A fault without a target holds for all.</summary>
    public double Value(Fault fault, string? target = null)
    {
        lock (_gate)
            return target is not null && _on.TryGetValue((fault, target), out var own) ? own : _on.GetValueOrDefault((fault, null));
    }
}
