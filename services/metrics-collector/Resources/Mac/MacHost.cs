using System.Runtime.InteropServices;
using System.Runtime.Versioning;
using Danube.Dapr.MetricsCollector.Resources.Portable;

namespace Danube.Dapr.MetricsCollector.Resources.Mac;

/// <summary>The whole machine, and single processes, from the calls of macOS. Disks are not measured: their counters lie behind the registry of devices.</summary>
[SupportedOSPlatform("macos")]
internal sealed partial class MacHost : IResourceReader
{
    private const string System = "libSystem.dylib";
    private const double TicksPerSecond = 100;
    private const int CpuLoad = 3;
    private const int CpuStates = 4;
    private const int Idle = 2;
    private const int VirtualMemory = 4;
    private const int MemoryWords = 38;
    private const int UsageVersion2 = 2;
    private const int UsageBytes = 160;

    public string Source => "host";

    public string Key => "host";

    public ResourceReading Read()
    {
        var host = mach_host_self();
        Span<uint> cpu = stackalloc uint[CpuStates];
        var count = CpuStates;
        if (host_statistics64(host, CpuLoad, cpu, ref count) is not 0 and var fault)
            throw new ResourceUnreadableException($"host_statistics64 failed with {fault}");
        double busy = 0;
        for (var state = 0; state < CpuStates; state++)
            busy += state == Idle ? 0 : cpu[state];
        long total = 0;
        nuint size = sizeof(long);
        var hasTotal = sysctlbyname("hw.memsize", ref total, ref size, 0, 0) == 0;
        var (received, sent, cards) = NetworkTotals.Read();
        return new ResourceReading
        {
            CpuSeconds = busy / TicksPerSecond,
            CpuCores = Environment.ProcessorCount,
            MemoryBytes = UsedMemory(host),
            MemoryLimitBytes = hasTotal ? total : null,
            Cards = cards,
            NetworkInBytes = received,
            NetworkOutBytes = sent,
        };
    }

    /// <summary>What the kernel accounts to a process: its memory footprint, and its bytes to and from disks.</summary>
    public static ProcessUsage UsageOf(int pid)
    {
        Span<byte> usage = stackalloc byte[UsageBytes];
        if (proc_pid_rusage(pid, UsageVersion2, usage) != 0)
            return default;
        // 16 bytes of identity, then 64-bit figures.
        var figures = MemoryMarshal.Cast<byte, ulong>(usage[16..]);
        return new ProcessUsage(figures[7], figures[16], figures[17]);
    }

    /// <summary>As the system's own monitor counts: what programs hold, what is wired, and what is compressed; no files.</summary>
    private static double? UsedMemory(uint host)
    {
        Span<uint> words = stackalloc uint[MemoryWords];
        var count = MemoryWords;
        if (host_statistics64(host, VirtualMemory, words, ref count) != 0 || count < MemoryWords)
            return null;
        var (wired, purgeable, compressor, program) = (words[3], words[22], words[32], words[35]);
        return ((double)program - purgeable + wired + compressor) * Environment.SystemPageSize;
    }

    [LibraryImport(System)]
    private static partial uint mach_host_self();

    [LibraryImport(System)]
    private static partial int host_statistics64(uint host, int flavor, Span<uint> info, ref int count);

    [LibraryImport(System, StringMarshalling = StringMarshalling.Utf8)]
    private static partial int sysctlbyname(string name, ref long value, ref nuint size, nint newValue, nuint newSize);

    [LibraryImport(System)]
    private static partial int proc_pid_rusage(int pid, int flavor, Span<byte> buffer);
}
