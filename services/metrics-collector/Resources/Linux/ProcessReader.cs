using System.Globalization;

namespace Danube.Dapr.MetricsCollector.Resources.Linux;

/// <summary>One process, from <c>/proc/PID</c>. A process that ended and whose id went to another is told by its start time.</summary>
internal sealed class ProcessReader : IResourceReader
{
    private readonly SystemFiles _files;
    private readonly int _pid;
    private readonly string _root;
    private readonly double _startTicks;
    private readonly CgroupReader? _limits;

    /// <param name="files">The kernel's files.</param>
    /// <param name="pid">The process.</param>
    /// <param name="limits">The group that it is in: its limits are the process's limits too.</param>
    /// <exception cref="ResourceUnreadableException">There is no such process.</exception>
    public ProcessReader(SystemFiles files, int pid, CgroupReader? limits = null)
    {
        _files = files;
        _pid = pid;
        _limits = limits;
        _root = string.Create(CultureInfo.InvariantCulture, $"/proc/{pid}");
        _startTicks = Stat().StartTicks;
    }

    public int Pid => _pid;

    public string Source => "process";

    public string Key => string.Create(CultureInfo.InvariantCulture, $"process {_pid}");

    public ResourceReading Read()
    {
        var (cpuTicks, startTicks) = Stat();
        if (startTicks != _startTicks)
            throw new ResourceUnreadableException(string.Create(CultureInfo.InvariantCulture, $"process {_pid} has ended; its id belongs to another one now"));
        var status = _files.Read(_root + "/status");
        var io = _files.Read(_root + "/io");
        var (hostUsed, hostTotal) = Kernel.Memory(_files);
        // Pages of files are cache, not use: what counts is anonymous and shared memory. Kernels before 4.5 have only the sum.
        var memory = SystemFiles.Field(status, "RssAnon") is { } anonymous
            ? (anonymous + (SystemFiles.Field(status, "RssShmem") ?? 0)) * 1024
            : SystemFiles.Field(status, "VmRSS") * 1024;
        var (received, sent, cards) = OwnNetwork();
        var group = _limits?.ReadGroup();
        double cores = AllowedCpus(status) ?? Kernel.Cpu(_files).Cpus;
        return new ResourceReading
        {
            CpuSeconds = Kernel.Seconds(cpuTicks),
            CpuCores = group?.CpuCores < cores ? group.CpuCores : cores,
            CpuPeriods = group?.CpuPeriods,
            CpuThrottledPeriods = group?.CpuThrottledPeriods,
            MemoryBytes = memory ?? hostUsed,
            MemoryLimitBytes = group?.MemoryLimitBytes < hostTotal ? group.MemoryLimitBytes : hostTotal,
            DiskReadBytes = SystemFiles.Field(io, "read_bytes"),
            DiskWrittenBytes = SystemFiles.Field(io, "write_bytes"),
            DiskBusySeconds = Kernel.Disks(_files).Busy,
            Cards = cards,
            NetworkInBytes = received,
            NetworkOutBytes = sent,
            CpuPressurePercent = Kernel.Pressure(_files, "/proc/pressure/cpu"),
            MemoryPressurePercent = Kernel.Pressure(_files, "/proc/pressure/memory"),
            IoPressurePercent = Kernel.Pressure(_files, "/proc/pressure/io"),
        };
    }

    private (double CpuTicks, double StartTicks) Stat()
    {
        var text = _files.Read(_root + "/stat")
            ?? throw new ResourceUnreadableException(string.Create(CultureInfo.InvariantCulture, $"there is no process {_pid}, or it may not be read"));
        // The name, in parentheses, may hold blanks and parentheses itself.
        var fields = text[(text.LastIndexOf(')') + 1)..].Split(' ', StringSplitOptions.RemoveEmptyEntries);
        return fields.Length > 19 && fields[0] is not ("Z" or "X")
            && SystemFiles.TryNumber(fields[11], out var user) && SystemFiles.TryNumber(fields[12], out var system) && SystemFiles.TryNumber(fields[19], out var start)
            ? (user + system, start)
            : throw new ResourceUnreadableException(string.Create(CultureInfo.InvariantCulture, $"process {_pid} has ended"));
    }

    private static double? AllowedCpus(string? status)
    {
        foreach (var line in (status ?? "").Split('\n'))
        {
            if (line.StartsWith("Cpus_allowed_list:", StringComparison.Ordinal))
                return Kernel.CpuListCount(line["Cpus_allowed_list:".Length..]);
        }

        return null;
    }

    /// <summary>The network of the process, if it has a namespace of its own: in the machine's namespace nobody can tell its bytes from others'.</summary>
    private (double? In, double? Out, string Cards) OwnNetwork() => OwnNetwork(_files, _root);

    internal static (double? In, double? Out, string Cards) OwnNetwork(SystemFiles files, string processRoot) =>
        files.Link(processRoot + "/ns/net") is { } own && (files.Link("/proc/1/ns/net") ?? files.Link("/proc/self/ns/net")) is { } machine && own != machine
            ? Kernel.Network(files, processRoot + "/net/dev", realCardsOnly: false)
            : (null, null, "");
}
