using System.Globalization;
using System.Runtime.InteropServices;
using Danube.Dapr.MetricsCollector.Resources.Portable;
using Microsoft.Win32.SafeHandles;

namespace Danube.Dapr.MetricsCollector.Resources.Windows;

/// <summary>The whole machine, from the Windows calls.</summary>
internal sealed partial class WindowsHost : IResourceReader
{
    private const double TicksPerSecond = 1e7;
    private const int MaxDisks = 32;
    private const uint ShareReadWrite = 3;
    private const uint OpenExisting = 3;
    private const uint IoctlDiskPerformance = 0x70020;

    public string Source => "host";

    public string Key => "host";

    public ResourceReading Read()
    {
        if (!GetSystemTimes(out var idle, out var kernel, out var user))
            throw new ResourceUnreadableException($"GetSystemTimes failed with error {Marshal.GetLastPInvokeError()}");
        var memory = new MemoryStatus { Length = (uint)Marshal.SizeOf<MemoryStatus>() };
        var hasMemory = GlobalMemoryStatusEx(ref memory);
        var (read, written, busy) = Disks();
        var (received, sent, cards) = NetworkTotals.Read();
        return new ResourceReading
        {
            // Kernel time holds idle time.
            CpuSeconds = (kernel + user - idle) / TicksPerSecond,
            CpuCores = Environment.ProcessorCount,
            MemoryBytes = hasMemory ? memory.TotalPhysical - memory.AvailablePhysical : null,
            MemoryLimitBytes = hasMemory ? memory.TotalPhysical : null,
            Disks = string.Join(' ', busy.Select(d => d.Device)),
            DiskReadBytes = read,
            DiskWrittenBytes = written,
            DiskBusySeconds = busy,
            Cards = cards,
            NetworkInBytes = received,
            NetworkOutBytes = sent,
        };
    }

    private static (double? Read, double? Written, IReadOnlyList<(string Device, double Seconds)> Busy) Disks()
    {
        double read = 0, written = 0;
        var busy = new List<(string, double)>();
        for (var number = 0; number < MaxDisks; number++)
        {
            var name = string.Create(CultureInfo.InvariantCulture, $"PhysicalDrive{number}");
            using var disk = CreateFile(@"\\.\" + name, 0, ShareReadWrite, 0, OpenExisting, 0, 0);
            // Numbers are given without holes, but for disks that were pulled out.
            if (disk.IsInvalid || !DeviceIoControl(disk, IoctlDiskPerformance, 0, 0, out var performance, Marshal.SizeOf<DiskPerformance>(), out _, 0))
                continue;
            read += performance.BytesRead;
            written += performance.BytesWritten;
            busy.Add((name, (performance.QueryTime - performance.IdleTime) / TicksPerSecond));
        }

        return busy.Count == 0 ? (null, null, []) : (read, written, busy);
    }

    [LibraryImport("kernel32.dll", SetLastError = true)]
    [return: MarshalAs(UnmanagedType.Bool)]
    private static partial bool GetSystemTimes(out long idle, out long kernel, out long user);

    [LibraryImport("kernel32.dll", SetLastError = true)]
    [return: MarshalAs(UnmanagedType.Bool)]
    private static partial bool GlobalMemoryStatusEx(ref MemoryStatus status);

    [LibraryImport("kernel32.dll", EntryPoint = "CreateFileW", StringMarshalling = StringMarshalling.Utf16, SetLastError = true)]
    private static partial SafeFileHandle CreateFile(string name, uint access, uint share, nint security, uint disposition, uint flags, nint template);

    [LibraryImport("kernel32.dll", SetLastError = true)]
    [return: MarshalAs(UnmanagedType.Bool)]
    private static partial bool DeviceIoControl(SafeFileHandle device, uint code, nint input, int inputSize, out DiskPerformance output, int outputSize, out int returned, nint overlapped);

    /// <summary>MEMORYSTATUSEX.</summary>
    [StructLayout(LayoutKind.Sequential)]
    internal struct MemoryStatus
    {
        public uint Length;
        public uint LoadPercent;
        public ulong TotalPhysical;
        public ulong AvailablePhysical;
        public ulong TotalPageFile;
        public ulong AvailablePageFile;
        public ulong TotalVirtual;
        public ulong AvailableVirtual;
        public ulong AvailableExtendedVirtual;
    }

    /// <summary>DISK_PERFORMANCE.</summary>
    [StructLayout(LayoutKind.Sequential)]
    internal struct DiskPerformance
    {
        public long BytesRead;
        public long BytesWritten;
        public long ReadTime;
        public long WriteTime;
        public long IdleTime;
        public uint ReadCount;
        public uint WriteCount;
        public uint QueueDepth;
        public uint SplitCount;
        public long QueryTime;
        public uint StorageDeviceNumber;
        public ulong ManagerNameLow;
        public ulong ManagerNameHigh;
    }
}
