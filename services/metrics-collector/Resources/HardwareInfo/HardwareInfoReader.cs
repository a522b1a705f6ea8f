using Danube.Dapr.MetricsCollector.Resources.Portable;

namespace Danube.Dapr.MetricsCollector.Resources.HardwareInfo;

/// <summary>
/// The whole machine through Hardware.Info, in builds with <c>-p:HardwareInfo=true</c>. It gives momentary percentages and rates, which are taken to hold since the last
/// reading, and it takes tenths of seconds: sample it every 5 s or less often.
/// </summary>
internal sealed class HardwareInfoReader(TimeProvider time) : IResourceReader
{
    private readonly Hardware.Info.HardwareInfo _hardware = new();
    private readonly ShareCounter _cpu = new(time);
    private readonly ShareCounter _received = new(time);
    private readonly ShareCounter _sent = new(time);

    public string Source => "host";

    public string Key => "host";

    public ResourceReading Read()
    {
        try
        {
            _hardware.RefreshMemoryStatus();
            _hardware.RefreshCPUList(true);
            _hardware.RefreshNetworkAdapterList(true, false);
        }
        catch (Exception error)
        {
            // The library lets through whatever its many sources throw.
            throw new ResourceUnreadableException($"Hardware.Info failed: {error.Message}", error);
        }

        double percent = 0;
        foreach (var cpu in _hardware.CpuList)
            percent += cpu.PercentProcessorTime / (double)_hardware.CpuList.Count;
        double received = 0, sent = 0;
        foreach (var adapter in _hardware.NetworkAdapterList)
        {
            received += adapter.BytesReceivedPersec;
            sent += adapter.BytesSentPersec;
        }

        var memory = _hardware.MemoryStatus;
        return new ResourceReading
        {
            CpuSeconds = _cpu.Add(percent / 100 * Environment.ProcessorCount),
            CpuCores = Environment.ProcessorCount,
            MemoryBytes = (double)memory.TotalPhysical - memory.AvailablePhysical,
            MemoryLimitBytes = memory.TotalPhysical,
            NetworkInBytes = _received.Add(received),
            NetworkOutBytes = _sent.Add(sent),
        };
    }
}
