using System.Diagnostics;
using System.Globalization;
using Danube.Dapr.Contracts;
using Danube.Dapr.MetricsCollector.Resources;
using Danube.Dapr.MetricsCollector.Resources.Linux;

namespace Danube.Dapr.MetricsCollector.Tests.Resources;

/// <summary>Accuracy against the kernel's own counters, in a real control group with a CPU quota and a memory limit.</summary>
public sealed class RealCgroupTests
{
    private const double LimitBytes = 256 * 1024 * 1024;
    private const double HeldBytes = 96 * 1024 * 1024;

    [CgroupV1Fact]
    public async Task Cgroup_BusyProcessUnderAQuota_IsWithinTwoPointsOfTheKernel()
    {
        using var group = new CgroupV1();
        using var busy = group.Start("while :; do :; done");
        var reader = new CgroupReader(new SystemFiles(""), CgroupLocation.OfPath(new SystemFiles(""), group.Path));
        var clock = Stopwatch.StartNew();
        Moment Kernel() => Moment.Read(group, clock);
        var (window, first) = await SampleAsync(Kernel, reader, clock, () => new UsageWindow());
        var last = first;
        while (last.Seconds - first.Seconds < 2.5)
        {
            await Task.Delay(250);
            (_, last) = await SampleAsync(Kernel, reader, clock, () => window);
        }

        var usage = window.Take(new ResourceUsage { Source = reader.Source });

        Assert.Equal(0.5, usage.CpuCores);
        Assert.Equal(Math.Min(100, 100 * (last.Cpu - first.Cpu) / ((last.Seconds - first.Seconds) * 0.5)), usage.CpuPercent!.Mean, 2.0);
        Assert.Equal(100 * (last.Throttled - first.Throttled) / Math.Max(1, last.Periods - first.Periods), usage.CpuThrottledPercent!.Mean, 2.0);
    }

    /// <summary>
    /// One sample, with the kernel's counters of the same moment. They are read before and after it; a busy machine can stop this test in between, so it is repeated until
    /// both readings lie close together. What a try adds to the window, the next one goes on from.
    /// </summary>
    private static async Task<(UsageWindow Window, Moment Kernel)> SampleAsync(Func<Moment> kernel, IResourceReader reader, Stopwatch clock, Func<UsageWindow> window)
    {
        while (true)
        {
            var into = window();
            var before = kernel();
            into.Add(reader.Read(), clock.Elapsed);
            var after = kernel();
            // Together at most half a point of half a core over two and a half seconds, and the counters of periods without doubt.
            if (after.Seconds - before.Seconds < 0.004 && after.Cpu - before.Cpu < 0.004 && after.Periods == before.Periods && after.Throttled == before.Throttled)
                return (into, new Moment((before.Cpu + after.Cpu) / 2, before.Periods, before.Throttled, (before.Seconds + after.Seconds) / 2));
            Assert.True(clock.Elapsed < TimeSpan.FromSeconds(60), "The machine is too busy: no sample lay within 4 ms.");
            await Task.Delay(10);
        }
    }

    /// <summary>What the kernel had counted for a group or a process at a moment.</summary>
    private sealed record Moment(double Cpu, double Periods, double Throttled, double Seconds)
    {
        public static Moment Read(CgroupV1 group, Stopwatch clock)
        {
            var (periods, throttled) = group.Periods();
            return new Moment(group.CpuSeconds(), periods, throttled, clock.Elapsed.TotalSeconds);
        }

        public static Moment Read(Process process, Stopwatch clock)
        {
            process.Refresh();
            return new Moment(process.TotalProcessorTime.TotalSeconds, 0, 0, clock.Elapsed.TotalSeconds);
        }
    }

    [CgroupV1Fact]
    public async Task Cgroup_MemoryUnderALimit_IsWithinTwoPointsOfTheKernelAndWithoutPageCache()
    {
        using var group = new CgroupV1();
        var file = Path.GetTempFileName();
        await File.WriteAllBytesAsync(file, new byte[64 * 1024 * 1024]);
        try
        {
            // tail keeps what it reads until the end comes; the file only fills the page cache.
            using var held = group.Start(string.Create(CultureInfo.InvariantCulture, $"cat '{file}' > /dev/null; (head -c {HeldBytes} /dev/zero; exec sleep 60) | tail -c 1G > /dev/null"));
            var deadline = Stopwatch.StartNew();
            while (group.Rss() < HeldBytes && deadline.Elapsed < TimeSpan.FromSeconds(20))
                await Task.Delay(50);
            Assert.True(group.Rss() >= HeldBytes, "the process did not take its memory");

            var reading = new CgroupReader(new SystemFiles(""), CgroupLocation.OfPath(new SystemFiles(""), group.Path)).Read();

            Assert.Equal(LimitBytes, reading.MemoryLimitBytes);
            Assert.Equal(100 * group.Rss() / LimitBytes, 100 * reading.MemoryBytes!.Value / LimitBytes, 2.0);
        }
        finally
        {
            File.Delete(file);
        }
    }

    [CgroupV1Fact]
    public async Task Auto_ProcessUnderALimit_IsFoundThroughItsPortsGroup()
    {
        using var group = new CgroupV1();
        using var sleeper = group.Start("exec sleep 60");
        var deadline = Stopwatch.StartNew();
        // It enters one hierarchy after the other; the last one is that of memory.
        while (CgroupLocation.OfProcess(new SystemFiles(""), sleeper.Id).Path != group.Path && deadline.Elapsed < TimeSpan.FromSeconds(20))
            await Task.Delay(20);

        var location = CgroupLocation.OfProcess(new SystemFiles(""), sleeper.Id);

        Assert.Equal((1, group.Path), (location.Version, location.Path));
        Assert.True(new CgroupReader(new SystemFiles(""), location).IsLimited());
    }

    [LinuxFact]
    public async Task Process_BusyProcess_IsWithinTwoPointsOfTheKernel()
    {
        using var busy = Process.Start(new ProcessStartInfo("/bin/sh", ["-c", "while :; do :; done"]))!;
        try
        {
            var reader = new ProcessReader(new SystemFiles(""), busy.Id);
            var clock = Stopwatch.StartNew();
            Moment Kernel() => Moment.Read(busy, clock);
            var (window, first) = await SampleAsync(Kernel, reader, clock, () => new UsageWindow());
            await Task.Delay(2000);
            var (_, last) = await SampleAsync(Kernel, reader, clock, () => window);
            var cores = reader.Read().CpuCores!.Value;
            var truth = 100 * (last.Cpu - first.Cpu) / ((last.Seconds - first.Seconds) * cores);

            Assert.Equal(truth, window.Take(new ResourceUsage { Source = "process" }).CpuPercent!.Mean, 2.0);
        }
        finally
        {
            busy.Kill();
            await busy.WaitForExitAsync();
        }
    }

    [LinuxFact]
    public void Host_ThisMachine_GivesEveryBasicFigure()
    {
        var reading = new HostReader(new SystemFiles("")).Read();

        Assert.Equal(Environment.ProcessorCount, reading.CpuCores);
        Assert.True(reading.CpuSeconds > 0);
        Assert.InRange(reading.MemoryBytes!.Value, 1, reading.MemoryLimitBytes!.Value);
    }

    /// <summary>A group of this test alone.</summary>
    private sealed class CgroupV1 : IDisposable
    {
        private static readonly string[] Controllers = ["cpu", "cpuacct", "memory"];
        private readonly List<Process> _processes = [];

        public CgroupV1()
        {
            foreach (var folder in Folders())
                Directory.CreateDirectory(folder);
            File.WriteAllText($"/sys/fs/cgroup/cpu{Path}/cpu.cfs_quota_us", "50000");
            File.WriteAllText($"/sys/fs/cgroup/memory{Path}/memory.limit_in_bytes", LimitBytes.ToString(CultureInfo.InvariantCulture));
        }

        public string Path { get; } = $"/danube-collector-test-{Guid.NewGuid():N}";

        public double CpuSeconds() => Number($"/sys/fs/cgroup/cpuacct{Path}/cpuacct.usage") / 1e9;

        public (double All, double Throttled) Periods()
        {
            var stat = File.ReadAllText($"/sys/fs/cgroup/cpu{Path}/cpu.stat");
            return (SystemFiles.Field(stat, "nr_periods")!.Value, SystemFiles.Field(stat, "nr_throttled")!.Value);
        }

        public double Rss() => SystemFiles.Field(File.ReadAllText($"/sys/fs/cgroup/memory{Path}/memory.stat"), "total_rss")!.Value;

        /// <summary>Runs a script inside the group.</summary>
        public Process Start(string script)
        {
            var enter = string.Concat(Folders().Select(f => $"echo $$ > {f}/cgroup.procs; "));
            var process = Process.Start(new ProcessStartInfo("/bin/sh", ["-c", enter + script]))!;
            _processes.Add(process);
            return process;
        }

        public void Dispose()
        {
            var deadline = Stopwatch.StartNew();
            while (File.ReadAllLines($"/sys/fs/cgroup/memory{Path}/cgroup.procs") is { Length: > 0 } pids && deadline.Elapsed < TimeSpan.FromSeconds(10))
            {
                foreach (var pid in pids)
                    Kill(int.Parse(pid, CultureInfo.InvariantCulture));
                Thread.Yield();
            }

            foreach (var folder in Folders())
                Directory.Delete(folder);
        }

        private static void Kill(int pid)
        {
            try
            {
                using var process = Process.GetProcessById(pid);
                process.Kill();
            }
            catch (Exception error) when (error is ArgumentException or InvalidOperationException)
            {
                // It ended by itself.
            }
        }

        private IEnumerable<string> Folders() => Controllers.Select(c => $"/sys/fs/cgroup/{c}{Path}");

        private static double Number(string file) => double.Parse(File.ReadAllText(file), CultureInfo.InvariantCulture);
    }
}

/// <summary>Runs on Linux alone.</summary>
internal sealed class LinuxFactAttribute : FactAttribute
{
    public LinuxFactAttribute()
    {
        if (!OperatingSystem.IsLinux())
            Skip = "reads /proc, which this system does not have";
    }
}

/// <summary>Runs where control groups of version 1 are mounted and may be made.</summary>
internal sealed class CgroupV1FactAttribute : FactAttribute
{
    public CgroupV1FactAttribute()
    {
        if (!OperatingSystem.IsLinux() || !File.Exists("/sys/fs/cgroup/cpuacct/cpuacct.usage") || !File.Exists("/sys/fs/cgroup/memory/memory.stat"))
            Skip = "needs the cgroup v1 controllers cpu, cpuacct and memory mounted under /sys/fs/cgroup";
        else if (!Environment.IsPrivilegedProcess)
            Skip = "needs the right to make cgroups";
    }
}
