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
        Assert.Equal(("vda sdb", "eth0"), (reading.Disks, reading.Cards));
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

        Assert.Equal((1000, 2000, "eth0"), (reading.NetworkInBytes, reading.NetworkOutBytes, reading.Cards));
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
    [InlineData("v2-docker", 1010, 2020, "254:0 8:16", 33.0)]
    [InlineData("v1-docker", 1000, 2000, "254:0", 12.34)]
    [InlineData("v2-missing-files", null, null, "", 12.34)]
    public void Cgroup_DiskAndPressure_ComeFromTheGroupElsePressureFromTheHost(string name, int? read, int? written, string disks, double pressure)
    {
        using var tree = new KernelTree(name);

        var reading = Resolve(tree, new TargetOptions()).Reading;

        Assert.Equal(((double?)read, (double?)written, disks, (double?)pressure), (reading.DiskReadBytes, reading.DiskWrittenBytes, reading.Disks, reading.CpuPressurePercent));
    }

    [Fact]
    public void Auto_BrokerOnAnotherMachine_IsNotMeasured()
    {
        using var tree = new KernelTree("host-process");

        var target = new LinuxTargetResolver(tree.Files, _ => false, _ => []).Resolve(Broker, new TargetOptions());

        Assert.Null(target.Reader);
        Assert.Contains("another machine", target.Evidence, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("10.1.2.3", true)]
    [InlineData("10.1.2.30", false)]
    [InlineData("10.1.2.255", false)]
    [InlineData("fd00::7", true)]
    [InlineData("fd00::8", false)]
    public void Auto_BrokerInAPodOfThisMachine_IsFoundByItsAddress(string address, bool found)
    {
        using var tree = new KernelTree("v2-kubernetes-nested");
        PutInPod(tree);
        var resolver = new LinuxTargetResolver(tree.Files, _ => false, _ => [System.Net.IPAddress.Parse(address)]);
        var pod = Broker with { ClientAddress = new UriBuilder("http", address, 6650).Uri };

        var target = resolver.Resolve(pod, new TargetOptions());

        Assert.Equal((found, found ? "cgroup-v2" : null), (resolver.IsHere(pod), target.Reader?.Source));
        Assert.Contains(found ? "Kubernetes" : "another machine", target.Evidence, StringComparison.Ordinal);
    }

    [Fact]
    public void Auto_PortPublishedByDocker_IsFollowedIntoTheContainer()
    {
        using var tree = new KernelTree("v2-docker");
        PutInPod(tree);
        tree.Write("/proc/net/tcp", "  sl  local_address\n   0: 00000000:19FA 00000000:0000 0A 00000000:00000000 00:00000000 00000000 0 0 500 1 0 100 0 0 10 0\n");
        tree.Write("/proc/900/comm", "docker-proxy\n");
        tree.Write("/proc/900/cmdline", "/usr/bin/docker-proxy\0-proto\0tcp\0-host-ip\00.0.0.0\0-host-port\06650\0-container-ip\010.1.2.3\0-container-port\06651\0");
        tree.Link("/proc/900/fd/4", "socket:[500]");
        tree.Link("/proc/900/ns/net", "net:[4026531840]");

        var (target, reading) = Resolve(tree, new TargetOptions());

        Assert.Equal(("cgroup-v2", false, 0.5), (target.Reader!.Source, target.Fallback, reading.CpuCores));
        Assert.Contains("docker-proxy", target.Evidence, StringComparison.Ordinal);
        Assert.Contains("process 4242", target.Evidence, StringComparison.Ordinal);
    }

    [Fact]
    public void Process_InALimitedGroup_IsMeasuredAgainstTheGroupsLimits()
    {
        using var tree = new KernelTree("v2-docker");

        var reading = Resolve(tree, new TargetOptions { Kind = "process", Pid = 4242 }).Reading;

        Assert.Equal((0.5, 1024 * MiB, 100, 25), (reading.CpuCores, reading.MemoryLimitBytes, reading.CpuPeriods, reading.CpuThrottledPeriods));
    }

    [Fact]
    public void Cgroup_GroupWhoseProcessesAreInGroupsBelow_HasTheirNetwork()
    {
        using var tree = new KernelTree("v2-kubernetes-nested");
        const string Pod = "/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod7d3f.slice";
        tree.Write("/sys/fs/cgroup" + Pod + "/memory.current", "545259520");

        var (target, reading) = Resolve(tree, new TargetOptions { Kind = "cgroup", CgroupPath = Pod });

        Assert.Equal((false, 5.0, 1.5), (target.Fallback, reading.CpuSeconds, reading.CpuCores));
        Assert.Equal((1000, 2000), (reading.NetworkInBytes, reading.NetworkOutBytes));
    }

    [Fact]
    public void Cgroup_Disks_AreBusyAsTheMachinesDisksAre()
    {
        using var tree = new KernelTree("v2-docker");

        Assert.Equal([("vda", 0.5), ("sdb", 0.9)], Resolve(tree, new TargetOptions()).Reading.DiskBusySeconds);
    }

    [Fact]
    public void StoragePath_OfABrokerInAContainer_IsLookedForInItsFileSystem()
    {
        using var tree = new KernelTree("v2-docker");
        tree.Write("/proc/4242/root/var/lib/danube/x", "");
        tree.Write("/var/lib/danube/x", "");

        var inContainer = Resolve(tree, new TargetOptions { StoragePath = "/var/lib/danube" }).Target.StoragePath;
        var onHost = Resolve(tree, new TargetOptions { Kind = "host", StoragePath = "/var/lib/danube" }).Target.StoragePath;

        Assert.EndsWith("/proc/4242/root/var/lib/danube", inContainer, StringComparison.Ordinal);
        Assert.DoesNotContain("/proc/", onHost, StringComparison.Ordinal);
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

    /// <summary>The broker listens on 6650 and 6651 in a network namespace with the addresses 10.1.2.3 and fd00::7, of which the machine's own namespace shows nothing.</summary>
    private static void PutInPod(KernelTree tree)
    {
        tree.Delete("/proc/net/tcp");
        tree.Write("/proc/4242/net/tcp",
            "  sl  local_address\n   0: 00000000:19FA 00000000:0000 0A 00000000:00000000 00:00000000 00000000 0 0 777 1 0 100 0 0 10 0\n   1: 00000000:19FB 00000000:0000 0A 00000000:00000000 00:00000000 00000000 0 0 777 1 0 100 0 0 10 0\n");
        tree.Write("/proc/4242/net/fib_trie", """
            Main:
              +-- 0.0.0.0/0 3 0 5
                 |-- 127.0.0.1
                    /32 host LOCAL
                 +-- 10.1.2.0/24 2 0 2
                    |-- 10.1.2.0
                       /24 link UNICAST
                    |-- 10.1.2.3
                       /32 host LOCAL
                    |-- 10.1.2.255
                       /32 link BROADCAST

            """);
        tree.Write("/proc/4242/net/if_inet6", "fd000000000000000000000000000007 02 40 00 80     eth0\n");
    }

    private static (ResolvedTarget Target, ResourceReading Reading) Resolve(KernelTree tree, TargetOptions options)
    {
        var target = new LinuxTargetResolver(tree.Files, _ => true, _ => []).Resolve(Broker, options);
        return (target, target.Reader!.Read());
    }
}
