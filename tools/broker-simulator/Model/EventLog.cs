using System.Text.Json;

namespace Danube.Dapr.BrokerSimulator;

/// <summary>Something that happened in the simulated cluster.</summary>
/// <param name="Seq">1, 2, 3 and so on.</param>
/// <param name="At">When.</param>
/// <param name="Ms">Milliseconds since the start of the cluster.</param>
/// <param name="Event">What: see the simulator's document for the list.</param>
/// <param name="Topic">Topic it happened to, or null.</param>
/// <param name="Broker">Broker it happened on, or null.</param>
/// <param name="Detail">More, or null.</param>
public sealed record SimulatedEvent(long Seq, DateTimeOffset At, double Ms, string Event, string? Topic, string? Broker, string? Detail);

/// <summary>Everything that happened, in order, in memory and optionally in a file.</summary>
internal sealed class EventLog : IDisposable
{
    private readonly Lock _gate = new();
    private readonly List<SimulatedEvent> _events = [];
    private readonly TimeProvider _time;
    private readonly long _started;
    private readonly StreamWriter? _file;

    public EventLog(TimeProvider time, string? path)
    {
        _time = time;
        _started = time.GetTimestamp();
        if (path is not null)
            _file = new StreamWriter(new FileStream(path, FileMode.Create, FileAccess.Write, FileShare.ReadWrite)) { AutoFlush = true };
    }

    public double ElapsedSeconds => _time.GetElapsedTime(_started).TotalSeconds;

    public void Add(string what, string? topic = null, string? broker = null, string? detail = null)
    {
        lock (_gate)
        {
            var entry = new SimulatedEvent(
                _events.Count + 1, _time.GetUtcNow(), Math.Round(ElapsedSeconds * 1000, 1), what, topic, broker, detail);
            _events.Add(entry);
            _file?.WriteLine(JsonSerializer.Serialize(entry, SimulatorJson.Default.SimulatedEvent));
        }
    }

    public IReadOnlyList<SimulatedEvent> After(long seq)
    {
        lock (_gate)
            return [.. _events.Skip((int)Math.Clamp(seq, 0, _events.Count))];
    }

    public void Dispose()
    {
        lock (_gate)
            _file?.Dispose();
    }
}
