using System.Globalization;

namespace Danube.Dapr.MetricsCollector.Resources.Linux;

/// <summary>One control group, version 1 or 2, with the limits that hold for it wherever above they are set.</summary>
internal sealed class CgroupReader(SystemFiles files, CgroupLocation location) : IResourceReader
{
    private const int MaxDepth = 4;

    public string Source => location.Version == 1 ? "cgroup-v1" : "cgroup-v2";

    public string Key => $"cgroup {location.Path}";

    public ResourceReading Read()
    {
        var reading = ReadGroup();
        if (reading.CpuSeconds is null && reading.MemoryBytes is null)
            throw new ResourceUnreadableException($"the cgroup {location.Path} is gone or cannot be read");
        var (_, hostMemory) = Kernel.Memory(files);
        var (received, sent, cards) = Network();
        var pressure = location.Folder("unified")?.Path;
        return reading with
        {
            CpuCores = Least(reading.CpuCores, Kernel.Cpu(files).Cpus),
            MemoryLimitBytes = Least(reading.MemoryLimitBytes, hostMemory),
            DiskBusySeconds = Kernel.Disks(files).Busy,
            Cards = cards,
            NetworkInBytes = received,
            NetworkOutBytes = sent,
            CpuPressurePercent = Pressure(pressure, "cpu"),
            MemoryPressurePercent = Pressure(pressure, "memory"),
            IoPressurePercent = Pressure(pressure, "io"),
        };
    }

    /// <summary>Whether some limit of CPU or memory is set on the group or above it.</summary>
    public bool IsLimited()
    {
        var reading = ReadGroup();
        return reading.CpuCores < Kernel.Cpu(files).Cpus || reading.MemoryLimitBytes < Kernel.Memory(files).Total;
    }

    /// <summary>What the group's own files say; a limit is null where none is set.</summary>
    public ResourceReading ReadGroup() => location.Version == 1 ? ReadVersion1() : ReadVersion2();

    private ResourceReading ReadVersion2()
    {
        var folder = location.Folder("unified")!;
        var memoryStat = files.Read(folder.Path + "/memory.stat");
        var (read, written, disks) = IoStat(files.Read(folder.Path + "/io.stat"));
        var (quota, quotaFolder) = Tightest(folder, Quota2);
        // The periods in which the quota ran out are counted where the quota is set.
        var throttling = quotaFolder is null ? null : files.Read(quotaFolder + "/cpu.stat");
        return new ResourceReading
        {
            CpuSeconds = SystemFiles.Field(files.Read(folder.Path + "/cpu.stat"), "usage_usec") / 1e6,
            CpuCores = Least(quota, folder.Upwards().Select(f => (double?)Kernel.CpuListCount(files.Read(f + "/cpuset.cpus.effective"))).FirstOrDefault(c => c is not null)),
            CpuPeriods = SystemFiles.Field(throttling, "nr_periods"),
            CpuThrottledPeriods = SystemFiles.Field(throttling, "nr_throttled"),
            MemoryBytes = WithoutCache(files.Number(folder.Path + "/memory.current"), memoryStat, "inactive_file", "active_file", "slab_reclaimable"),
            MemoryLimitBytes = Tightest(folder, f => files.Number(f + "/memory.max")).Limit,
            Disks = disks,
            DiskReadBytes = read,
            DiskWrittenBytes = written,
        };
    }

    private ResourceReading ReadVersion1()
    {
        var memory = location.Folder("memory")!;
        var memoryStat = files.Read(memory.Path + "/memory.stat");
        var (read, written, disks) = location.Folder("blkio") is { } blkio ? BlkioBytes(blkio.Path) : (null, null, "");
        var (quota, quotaFolder) = location.Folder("cpu") is { } cpu ? Tightest(cpu, Quota1) : (null, null);
        var throttling = quotaFolder is null ? null : files.Read(quotaFolder + "/cpu.stat");
        return new ResourceReading
        {
            CpuSeconds = files.Number(location.Folder("cpuacct")!.Path + "/cpuacct.usage") / 1e9,
            CpuCores = Least(quota, location.Folder("cpuset") is { } cpuset
                ? Kernel.CpuListCount(files.Read(cpuset.Path + "/cpuset.effective_cpus")) ?? Kernel.CpuListCount(files.Read(cpuset.Path + "/cpuset.cpus"))
                : null),
            CpuPeriods = SystemFiles.Field(throttling, "nr_periods"),
            CpuThrottledPeriods = SystemFiles.Field(throttling, "nr_throttled"),
            MemoryBytes = WithoutCache(files.Number(memory.Path + "/memory.usage_in_bytes"), memoryStat, "total_inactive_file", "total_active_file"),
            MemoryLimitBytes = Least(
                Tightest(memory, f => files.Number(f + "/memory.limit_in_bytes")).Limit, SystemFiles.Field(memoryStat, "hierarchical_memory_limit")),
            Disks = disks,
            DiskReadBytes = read,
            DiskWrittenBytes = written,
        };
    }

    /// <summary>The least value upwards and where it is set; a value that is missing or <c>max</c> is no limit.</summary>
    private static (double? Limit, string? Folder) Tightest(CgroupFolder folder, Func<string, double?> limitOf)
    {
        (double? Limit, string? Folder) tightest = (null, null);
        foreach (var f in folder.Upwards())
        {
            if (limitOf(f) is { } limit && !(limit >= tightest.Limit))
                tightest = (limit, f);
        }

        return tightest;
    }

    private double? Quota2(string folder)
    {
        var fields = (files.Read(folder + "/cpu.max") ?? "").Trim().Split(' ');
        return fields.Length == 2 && SystemFiles.TryNumber(fields[0], out var quota) && SystemFiles.TryNumber(fields[1], out var period) && period > 0 ? quota / period : null;
    }

    private double? Quota1(string folder) =>
        files.Number(folder + "/cpu.cfs_quota_us") is > 0 and var quota && files.Number(folder + "/cpu.cfs_period_us") is > 0 and var period ? quota / period : null;

    private static double? WithoutCache(double? used, string? stat, params ReadOnlySpan<string> cached)
    {
        if (used is null)
            return null;
        double cache = 0;
        foreach (var key in cached)
            cache += SystemFiles.Field(stat, key) ?? 0;
        return Math.Max(0, used.Value - cache);
    }

    private static (double? Read, double? Written, string Disks) IoStat(string? text)
    {
        // 254:0 rbytes=1 wbytes=2 rios=3 wios=4 dbytes=0 dios=0; empty while nothing was read or written.
        if (text is null)
            return (null, null, "");
        double read = 0, written = 0;
        var disks = new List<string>();
        foreach (var field in text.Split([' ', '\n'], StringSplitOptions.RemoveEmptyEntries))
        {
            if (field.Contains(':', StringComparison.Ordinal))
                disks.Add(field);
            if (field.StartsWith("rbytes=", StringComparison.Ordinal) && SystemFiles.TryNumber(field.AsSpan("rbytes=".Length), out var r))
                read += r;
            else if (field.StartsWith("wbytes=", StringComparison.Ordinal) && SystemFiles.TryNumber(field.AsSpan("wbytes=".Length), out var w))
                written += w;
        }

        return (read, written, string.Join(' ', disks));
    }

    private (double? Read, double? Written, string Disks) BlkioBytes(string folder)
    {
        // Direct and cached writes are both counted at the throttling layer, whatever the scheduler of the device is.
        var text = files.Read(folder + "/blkio.throttle.io_service_bytes_recursive") ?? files.Read(folder + "/blkio.throttle.io_service_bytes");
        if (text is null)
            return (null, null, "");
        double read = 0, written = 0;
        var disks = new List<string>();
        foreach (var line in text.Split('\n'))
        {
            var fields = line.Split(' ');
            if (fields.Length != 3 || !SystemFiles.TryNumber(fields[2], out var bytes))
                continue;
            if (fields[1] == "Read")
            {
                read += bytes;
                disks.Add(fields[0]);
            }
            else if (fields[1] == "Write")
            {
                written += bytes;
            }
        }

        return (read, written, string.Join(' ', disks));
    }

    /// <summary>A group has no network of its own; its processes live in a namespace, which has.</summary>
    private (double? In, double? Out, string Cards) Network()
    {
        var folder = (location.Folder("memory") ?? location.Folder("unified"))!.Path;
        return AnyProcess(folder, depth: 0) is { } pid
            ? ProcessReader.OwnNetwork(files, string.Create(CultureInfo.InvariantCulture, $"/proc/{pid}"))
            : (null, null, "");
    }

    /// <summary>A process of the group. In version 2 the processes of a group with groups below it are in those.</summary>
    private int? AnyProcess(string folder, int depth)
    {
        foreach (var line in (files.Read(folder + "/cgroup.procs") ?? "").Split('\n'))
        {
            if (int.TryParse(line, NumberStyles.None, CultureInfo.InvariantCulture, out var pid) && pid > 0)
                return pid;
        }

        return depth == MaxDepth ? null : files.Folders(folder).Order(StringComparer.Ordinal).Select(f => AnyProcess($"{folder}/{f}", depth + 1)).FirstOrDefault(p => p is not null);
    }

    private double? Pressure(string? folder, string resource) =>
        (folder is null || location.Version == 1 ? null : Kernel.Pressure(files, $"{folder}/{resource}.pressure")) ?? Kernel.Pressure(files, $"/proc/pressure/{resource}");

    private static double? Least(double? a, double? b) => a is null ? b : b is null ? a : Math.Min(a.Value, b.Value);
}
