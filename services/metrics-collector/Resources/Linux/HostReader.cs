namespace Danube.Dapr.MetricsCollector.Resources.Linux;

/// <summary>The whole machine, from <c>/proc</c>.</summary>
internal sealed class HostReader(SystemFiles files) : IResourceReader
{
    public string Source => "host";

    public string Key => "host";

    public ResourceReading Read()
    {
        var (busy, cpus) = Kernel.Cpu(files);
        if (busy is null)
            throw new ResourceUnreadableException("/proc/stat cannot be read");
        var (used, total) = Kernel.Memory(files);
        var (diskRead, diskWritten, diskBusy) = Kernel.Disks(files);
        // The first process lives in the machine's own network namespace; the collector may not.
        var (received, sent, cards) = Kernel.Network(files, "/proc/1/net/dev", realCardsOnly: true) is { In: not null } own
            ? own
            : Kernel.Network(files, "/proc/net/dev", realCardsOnly: true);
        return new ResourceReading
        {
            CpuSeconds = busy,
            CpuCores = cpus,
            MemoryBytes = used,
            MemoryLimitBytes = total,
            Disks = string.Join(' ', diskBusy.Select(d => d.Device)),
            DiskReadBytes = diskRead,
            DiskWrittenBytes = diskWritten,
            DiskBusySeconds = diskBusy,
            Cards = cards,
            NetworkInBytes = received,
            NetworkOutBytes = sent,
            CpuPressurePercent = Kernel.Pressure(files, "/proc/pressure/cpu"),
            MemoryPressurePercent = Kernel.Pressure(files, "/proc/pressure/memory"),
            IoPressurePercent = Kernel.Pressure(files, "/proc/pressure/io"),
        };
    }
}
