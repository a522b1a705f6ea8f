using System.ComponentModel;
using System.Diagnostics;
using System.Globalization;
using System.Numerics;

namespace Danube.Dapr.MetricsCollector.Resources.Portable;

/// <summary>What a platform knows of a process beyond System.Diagnostics; null where it knows nothing.</summary>
/// <param name="MemoryBytes">Memory that is the process's own; null takes its working set.</param>
/// <param name="DiskReadBytes">Bytes read from disks so far.</param>
/// <param name="DiskWrittenBytes">Bytes written to disks so far.</param>
internal readonly record struct ProcessUsage(double? MemoryBytes, double? DiskReadBytes, double? DiskWrittenBytes);

/// <summary>One process through System.Diagnostics. A process that ended and whose id went to another is told by its start time.</summary>
internal sealed class SystemProcessReader : IResourceReader
{
    private readonly int _pid;
    private readonly Func<int, ProcessUsage> _usageOf;
    private readonly DateTime _started;

    /// <exception cref="ResourceUnreadableException">There is no such process, or it may not be read.</exception>
    public SystemProcessReader(int pid, Func<int, ProcessUsage> usageOf)
    {
        _pid = pid;
        _usageOf = usageOf;
        _started = Ask(process => process.StartTime);
    }

    public string Source => "process";

    public string Key => string.Create(CultureInfo.InvariantCulture, $"process {_pid}");

    public ResourceReading Read() => Ask(process =>
    {
        if (process.StartTime != _started)
            throw new ResourceUnreadableException(string.Create(CultureInfo.InvariantCulture, $"process {_pid} has ended; its id belongs to another one now"));
        var usage = _usageOf(_pid);
        return new ResourceReading
        {
            CpuSeconds = process.TotalProcessorTime.TotalSeconds,
            CpuCores = Cores(process),
            MemoryBytes = usage.MemoryBytes ?? process.WorkingSet64,
            MemoryLimitBytes = GC.GetGCMemoryInfo().TotalAvailableMemoryBytes,
            DiskReadBytes = usage.DiskReadBytes,
            DiskWrittenBytes = usage.DiskWrittenBytes,
        };
    });

    private static double Cores(Process process)
    {
        // The mask covers one group of 64 processors; with more, a process is not bound to it.
        var mask = OperatingSystem.IsWindows() || OperatingSystem.IsLinux() ? BitOperations.PopCount((ulong)process.ProcessorAffinity) : 0;
        return mask is > 0 and < 64 ? Math.Min(mask, Environment.ProcessorCount) : Environment.ProcessorCount;
    }

    private T Ask<T>(Func<Process, T> ask)
    {
        try
        {
            using var process = Process.GetProcessById(_pid);
            return ask(process);
        }
        catch (Exception error) when (error is ArgumentException or InvalidOperationException or Win32Exception or NotSupportedException)
        {
            throw new ResourceUnreadableException(string.Create(CultureInfo.InvariantCulture, $"there is no process {_pid}, or it may not be read"), error);
        }
    }
}
