using System.Globalization;

namespace Danube.Dapr.MetricsCollector.Resources.Linux;

/// <summary>What several readers take from the kernel's files.</summary>
internal static class Kernel
{
    /// <summary>USER_HZ: the unit of CPU times under <c>/proc</c>, 100 per second on every architecture that Linux runs .NET on.</summary>
    private const double TicksPerSecond = 100;
    private const double SectorBytes = 512;

    /// <summary>Busy seconds of all CPUs so far, and their number.</summary>
    public static (double? BusySeconds, int Cpus) Cpu(SystemFiles files)
    {
        double? busy = null;
        var cpus = 0;
        foreach (var line in files.Read("/proc/stat").AsSpan().EnumerateLines())
        {
            if (!line.StartsWith("cpu", StringComparison.Ordinal))
                break;
            if (line[3] != ' ')
            {
                cpus++;
                continue;
            }

            // user nice system idle iowait irq softirq steal; guest times are inside user already. Steal is time that the broker could not use.
            double sum = 0;
            var n = 0;
            foreach (var part in line[4..].Split(' '))
            {
                var field = line[4..][part];
                if (field.IsEmpty)
                    continue;
                if (n is not (3 or 4) && SystemFiles.TryNumber(field, out var ticks))
                    sum += ticks;
                if (++n == 8)
                    break;
            }

            busy = sum / TicksPerSecond;
        }

        return (busy, cpus);
    }

    public static double Seconds(double ticks) => ticks / TicksPerSecond;

    /// <summary>Memory of the host in bytes: what programs hold (without what the kernel can give back), and all.</summary>
    public static (double? Used, double? Total) Memory(SystemFiles files)
    {
        var text = files.Read("/proc/meminfo");
        var total = SystemFiles.Field(text, "MemTotal") * 1024;
        return (total - (SystemFiles.Field(text, "MemAvailable") * 1024), total);
    }

    /// <summary>Bytes through the interfaces of a network namespace. Loopback does not count; on a host bridges and the like do not either, since their bytes pass a real card as well.</summary>
    public static (double? In, double? Out, string Cards) Network(SystemFiles files, string netDev, bool realCardsOnly)
    {
        var text = files.Read(netDev);
        if (text is null)
            return (null, null, "");
        var all = new List<(string Name, double In, double Out)>();
        foreach (var line in text.Split('\n').Skip(2))
        {
            var colon = line.IndexOf(':', StringComparison.Ordinal);
            if (colon < 0)
                continue;
            var fields = line[(colon + 1)..].Split(' ', StringSplitOptions.RemoveEmptyEntries);
            var name = line[..colon].Trim();
            if (name != "lo" && fields.Length > 8 && SystemFiles.TryNumber(fields[0], out var received) && SystemFiles.TryNumber(fields[8], out var sent))
                all.Add((name, received, sent));
        }

        if (realCardsOnly && all.Where(i => files.Exists($"/sys/class/net/{i.Name}/device")).ToList() is { Count: > 0 } real)
            all = real;
        return (all.Sum(i => i.In), all.Sum(i => i.Out), string.Join(' ', all.Select(i => i.Name)));
    }

    /// <summary>Bytes and busy time of the block devices. Stacked ones (loop, RAM, device mapper, RAID) do not count: their bytes reach a real one.</summary>
    public static (double? Read, double? Written, IReadOnlyList<(string Device, double Seconds)> Busy) Disks(SystemFiles files)
    {
        var text = files.Read("/proc/diskstats");
        if (text is null)
            return (null, null, []);
        double read = 0, written = 0;
        var busy = new List<(string, double)>();
        foreach (var line in text.Split('\n'))
        {
            var fields = line.Split(' ', StringSplitOptions.RemoveEmptyEntries);
            if (fields.Length < 14 || !files.Exists($"/sys/block/{fields[2]}/device"))
                continue;
            if (!SystemFiles.TryNumber(fields[5], out var sectorsRead) || !SystemFiles.TryNumber(fields[9], out var sectorsWritten) || !SystemFiles.TryNumber(fields[12], out var busyMs))
                continue;
            read += sectorsRead * SectorBytes;
            written += sectorsWritten * SectorBytes;
            busy.Add((fields[2], busyMs / 1000));
        }

        return busy.Count == 0 ? (null, null, []) : (read, written, busy);
    }

    /// <summary>Pressure: share of the last 10 s in which some task waited, in percent; null where the kernel has none.</summary>
    public static double? Pressure(SystemFiles files, string path)
    {
        var text = files.Read(path);
        if (text is null || !text.StartsWith("some avg10=", StringComparison.Ordinal))
            return null;
        var rest = text.AsSpan("some avg10=".Length);
        var end = rest.IndexOf(' ');
        return end > 0 && SystemFiles.TryNumber(rest[..end], out var value) ? value : null;
    }

    /// <summary>Number of CPUs in a list such as <c>0-3,8</c>; null when it is empty or not readable.</summary>
    public static int? CpuListCount(string? list)
    {
        var count = 0;
        foreach (var part in (list ?? "").Trim().Split(',', StringSplitOptions.RemoveEmptyEntries))
        {
            var ends = part.Split('-');
            if (!int.TryParse(ends[0], NumberStyles.None, CultureInfo.InvariantCulture, out var first)
                || !int.TryParse(ends[^1], NumberStyles.None, CultureInfo.InvariantCulture, out var last)
                || ends.Length > 2 || last < first)
                return null;
            count += last - first + 1;
        }

        return count == 0 ? null : count;
    }
}
