using System.Diagnostics.Metrics;
using Danube.Dapr.MetricsCollector.Resources.Portable;

namespace Danube.Dapr.MetricsCollector.Resources.Windows;

/// <summary>
/// The container that the collector itself runs in, by the instruments of Microsoft.Extensions.Diagnostics.ResourceMonitoring. That library measures its own process's
/// container and nothing else, which is the right thing only where the broker runs in the same one; on Linux the groups are read directly, without its limits.
/// </summary>
internal sealed class OwnContainerReader : IResourceReader, IDisposable
{
    internal const string Meter = "Microsoft.Extensions.Diagnostics.ResourceMonitoring";
    internal const string Cpu = "container.cpu.limit.utilization";
    internal const string Memory = "container.memory.limit.utilization";

    private readonly MeterListener _listener = new();
    private readonly ShareCounter _cpu;
    private double? _cpuShare;
    private double? _memoryShare;

    public OwnContainerReader(TimeProvider time)
    {
        _cpu = new ShareCounter(time);
        _listener.InstrumentPublished = (instrument, listener) =>
        {
            if (instrument.Meter.Name == Meter && instrument.Name is Cpu or Memory)
                listener.EnableMeasurementEvents(instrument);
        };
        _listener.SetMeasurementEventCallback<double>((instrument, value, _, _) =>
        {
            if (instrument.Name == Cpu)
                _cpuShare = value;
            else
                _memoryShare = value;
        });
        _listener.Start();
    }

    public string Source => "container";

    public string Key => "own container";

    public ResourceReading Read()
    {
        (_cpuShare, _memoryShare) = (null, null);
        _listener.RecordObservableInstruments();
        if (_cpuShare is null && _memoryShare is null)
            throw new ResourceUnreadableException("this process is in no container whose use can be read");
        // Both limits are those that the runtime sees; the shares do not depend on them.
        var limit = GC.GetGCMemoryInfo().TotalAvailableMemoryBytes;
        return new ResourceReading
        {
            CpuSeconds = _cpuShare is { } cpu ? _cpu.Add(cpu * Environment.ProcessorCount) : null,
            CpuCores = Environment.ProcessorCount,
            MemoryBytes = _memoryShare * limit,
            MemoryLimitBytes = limit,
        };
    }

    public void Dispose() => _listener.Dispose();
}
