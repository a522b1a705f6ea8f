using Danube.Dapr.BrokerClient;
using Danube.Dapr.MetricsCollector.Resources;
using Danube.Dapr.MetricsCollector.Resources.Linux;

namespace Danube.Dapr.MetricsCollector.Tests.Resources;

/// <summary>The Linux readers over trees of kernel files.</summary>
public sealed class LinuxReaderTests
{
    private const double MiB = 1024 * 1024;

    private static readonly BrokerNode Broker = new(
        "17293822569102704640", BrokerRole.Leader, BrokerStatus.Active, new Uri("http://127.0.0.1:6650"), new Uri("http://127.0.0.1:50051"), null);

    [Fact]
    public void Host_Figures_LeaveOutCacheLoopbackBridgesPartitionsAndStackedDisks()
    {
        using var tree = new KernelTree("host-process");

        var reading = new HostReader(tree.Files).Read();

        Assert.Equal((16, 4), (reading.CpuSeconds, reading.CpuCores));
        Assert.Equal((2048 * MiB, 8192 * MiB), (reading.MemoryBytes, reading.MemoryLimitBytes));
        Assert.Equal((5000, 7000), (reading.NetworkInBytes, reading.NetworkOutBytes));
        Assert.Equal((2200 * 512, 4400 * 512), (reading.DiskReadBytes, reading.DiskWrittenBytes));
        Assert.Equal([("vda", 0.5), ("sdb", 0.9)], reading.DiskBusySeconds);
        Assert.Equal(12.34, reading.CpuPressurePercent);
        Assert.Null(reading.MemoryPressurePercent);
    }

    [Fact]
    public void Auto_ProcessWithoutContainerOrLimit_IsMeasuredAsProcess()
    {
        using var tree = new KernelTree("host-process");

        var (target, reading) = Resolve(tree, new TargetOptions());

        Assert.Equal("process", target.Reader!.Source);
        Assert.Contains("process 4242 (danube-broker) listens on port 6650", target.Evidence, StringComparison.Ordinal);
        Assert.Equal((4, 2), (reading.CpuSeconds, reading.CpuCores));
        Assert.Equal(102 * MiB, reading.MemoryBytes);
        Assert.Equal((4096, 8192), (reading.DiskReadBytes, reading.DiskWrittenBytes));
        Assert.Null(reading.NetworkInBytes);
    }

    [Theory]
    [InlineData("v2-docker", "cgroup-v2", 0.5, 1024, "Docker, container 4f66ad5ea5d1")]
    [InlineData("v1-docker", "cgroup-v1", 0.5, 1024, "Docker, container 4f66ad5ea5d1")]
    [InlineData("v1-inside-container", "cgroup-v1", 0.5, 1024, "Docker, container 4f66ad5ea5d1")]
    [InlineData("hybrid-docker", "cgroup-v1", 0.5, 1024, "(hybrid)")]
    [InlineData("v2-kubernetes-nested", "cgroup-v2", 1.5, 2048, "Kubernetes, container 4f66ad5ea5d1")]
    [InlineData("v2-no-quota", "cgroup-v2", 4, 8192, "Docker, container 4f66ad5ea5d1")]
    [InlineData("v2-missing-files", "cgroup-v2", 4, 8192, "Podman, container 4f66ad5ea5d1")]
    [InlineData("v2-other-container-of-the-pod", "cgroup-v2", 0.5, 1024, "container 4f66ad5ea5d1")]
    [InlineData("v2-systemd-service", "cgroup-v2", 2, 8192, "no container, but limits")]
    public void Auto_ProcessInAGroup_IsMeasuredAgainstTheTightestLimit(string name, string source, double cores, double limitMiB, string evidence)
    {
        using var tree = new KernelTree(name);

        var (target, reading) = Resolve(tree, new TargetOptions());

        Assert.False(target.Fallback);
        Assert.Equal(source, target.Reader!.Source);
        Assert.Contains(evidence, target.Evidence, StringComparison.Ordinal);
        Assert.Equal((4.0, cores, limitMiB * MiB), (reading.CpuSeconds, reading.CpuCores, reading.MemoryLimitBytes));
    }

    [Theory]
    [InlineData("v2-docker", 210)]
    [InlineData("v1-docker", 210)]
    [InlineData("v2-missing-files", 520)]
    public void Cgroup_Memory_IsWithoutPageCacheWhereThatIsKnown(string name, double expectedMiB)
    {
        using var tree = new KernelTree(name);

        Assert.Equal(expectedMiB * MiB, Resolve(tree, new TargetOptions()).Reading.MemoryBytes);
    }

    [Fact]
    public void Cgroup_Network_IsThatOfTheContainersNamespace()
    {
        using var tree = new KernelTree("v2-docker");

        var reading = Resolve(tree, new TargetOptions()).Reading;

        Assert.Equal((1000, 2000), (reading.NetworkInBytes, reading.NetworkOutBytes));
    }

    [Fact]
    public void Cgroup_InTheMachinesNetworkNamespace_HasNoNetworkFigure()
    {
        using var tree = new KernelTree("v2-systemd-service");

        Assert.Null(Resolve(tree, new TargetOptions()).Reading.NetworkInBytes);
    }

    [Theory]
    [InlineData("v2-docker", 100, 25)]
    [InlineData("v1-docker", 100, 25)]
    [InlineData("v2-kubernetes-nested", 400, 40)]
    [InlineData("v2-no-quota", null, null)]
    public void Cgroup_Throttling_IsReadWhereTheQuotaIsSet(string name, int? periods, int? throttled)
    {
        using var tree = new KernelTree(name);

        var reading = Resolve(tree, new TargetOptions()).Reading;

        Assert.Equal(((double?)periods, (double?)throttled), (reading.CpuPeriods, reading.CpuThrottledPeriods));
    }

    [Theory]
    [InlineData("v2-docker", 1010, 2020, 33.0)]
    [InlineData("v1-docker", 1000, 2000, 12.34)]
    [InlineData("v2-missing-files", null, null, 12.34)]
    public void Cgroup_DiskAndPressure_ComeFromTheGroupElsePressureFromTheHost(string name, int? read, int? written, double pressure)
    {
        using var tree = new KernelTree(name);

        var reading = Resolve(tree, new TargetOptions()).Reading;

        Assert.Equal(((double?)read, (double?)written, (double?)pressure), (reading.DiskReadBytes, reading.DiskWrittenBytes, reading.CpuPressurePercent));
    }

    [Fact]
    public void Auto_BrokerOnAnotherMachine_IsNotMeasured()
    {
        using var tree = new KernelTree("host-process");

        var target = new LinuxTargetResolver(tree.Files, _ => false).Resolve(Broker, new TargetOptions());

        Assert.Null(target.Reader);
        Assert.Contains("another machine", target.Evidence, StringComparison.Ordinal);
    }

    [Fact]
    public void Auto_PortHeldByAForwarder_FallsBackToTheHostAndSaysSo()
    {
        using var tree = new KernelTree("docker-proxy");

        var (target, _) = Resolve(tree, new TargetOptions());

        Assert.True(target.Fallback);
        Assert.Equal("host", target.Reader!.Source);
        Assert.Contains("docker-proxy", target.Evidence, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("process", 99, "", "", "there is no process 99")]
    [InlineData("process", 0, "mysqld", "", "no process is named mysqld")]
    [InlineData("cgroup", 0, "", "/nowhere", "there is no cgroup '/nowhere'")]
    [InlineData("container", 0, "", "", "feedbeef")]
    public void Resolve_TargetThatDoesNotExist_FallsBackToTheHostAndNamesTheFault(string kind, int pid, string name, string path, string fault)
    {
        using var tree = new KernelTree("host-process");

        var (target, _) = Resolve(tree, new TargetOptions { Kind = kind, Pid = pid, ProcessName = name, CgroupPath = path, ContainerId = kind == "container" ? "feedbeef" : "" });

        Assert.True(target.Fallback);
        Assert.Equal("host", target.Reader!.Source);
        Assert.Contains(fault, target.Evidence, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("process", "process")]
    [InlineData("container", "cgroup-v2")]
    [InlineData("host", "host")]
    public void Resolve_NamedTarget_IsTaken(string kind, string source)
    {
        using var tree = new KernelTree("v2-docker");

        var (target, _) = Resolve(tree, new TargetOptions { Kind = kind, ProcessName = "danube-broker", ContainerId = "4f66ad5e" });

        Assert.Equal((source, false), (target.Reader!.Source, target.Fallback));
    }

    [Fact]
    public void Process_IdGivenToAnotherProcess_IsNoLongerRead()
    {
        using var tree = new KernelTree("host-process");
        var reader = new ProcessReader(tree.Files, 4242);
        reader.Read();
        tree.Write("/proc/4242/stat", tree.Files.Read("/proc/4242/stat")!.Replace("987654", "987655", StringComparison.Ordinal));

        var error = Assert.Throws<ResourceUnreadableException>(reader.Read);

        Assert.Contains("another one", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Cgroup_GroupRemoved_IsUnreadable()
    {
        using var tree = new KernelTree("v1-docker");
        var (target, _) = Resolve(tree, new TargetOptions());
        tree.Delete("/sys/fs/cgroup/memory/docker");
        tree.Delete("/sys/fs/cgroup/cpuacct/docker");

        Assert.Throws<ResourceUnreadableException>(target.Reader!.Read);
    }

    [Theory]
    [InlineData("0-3", 4)]
    [InlineData("0-3,8,10-11\n", 7)]
    [InlineData("5", 1)]
    [InlineData("", null)]
    [InlineData("3-1", null)]
    [InlineData("x", null)]
    public void CpuListCount_List_IsCounted(string list, int? expected) => Assert.Equal(expected, Kernel.CpuListCount(list));

    private static (ResolvedTarget Target, ResourceReading Reading) Resolve(KernelTree tree, TargetOptions options)
    {
        var target = new LinuxTargetResolver(tree.Files, _ => true).Resolve(Broker, options);
        return (target, target.Reader!.Read());
    }
}
