using System.Diagnostics.Metrics;
using System.Runtime.CompilerServices;
using Danube.Dapr.BrokerClient;
using Danube.Dapr.MetricsCollector.Resources;
using Danube.Dapr.MetricsCollector.Resources.Portable;
using Danube.Dapr.MetricsCollector.Resources.Windows;
using Danube.Dapr.MetricsCollector.Tests.Rounds;
using Microsoft.Extensions.Time.Testing;

namespace Danube.Dapr.MetricsCollector.Tests.Resources;

/// <summary>What is measured where there is no procfs, as far as it can be run on any system.</summary>
public sealed class PortableTests
{
    private static readonly BrokerNode Broker = new("1", BrokerRole.Leader, BrokerStatus.Active, new Uri("http://127.0.0.1:6650"), new Uri("http://127.0.0.1:50051"), null);
    private readonly CountingReader _host = new("host");
    private readonly CountingReader _container = new("own container");

    [Fact]
    public void Process_ThisOne_HasCpuCoresAndMemory()
    {
        var reading = new SystemProcessReader(Environment.ProcessId, _ => default).Read();

        Assert.True(reading.CpuSeconds > 0);
        Assert.InRange(reading.CpuCores!.Value, 1, Environment.ProcessorCount);
        Assert.InRange(reading.MemoryBytes!.Value, 1, reading.MemoryLimitBytes!.Value);
        Assert.Null(reading.DiskReadBytes);
    }

    [Fact]
    public void Process_PlatformKnowsMore_TakesItsFigures()
    {
        var reading = new SystemProcessReader(Environment.ProcessId, pid => new ProcessUsage(pid, 2, 3)).Read();

        Assert.Equal((Environment.ProcessId, 2, 3), (reading.MemoryBytes, reading.DiskReadBytes, reading.DiskWrittenBytes));
    }

    [Theory]
    [InlineData("auto", 0, "", "process", "listens on port 6650")]
    [InlineData("process", 0, "", "process", "listens on port 6650")]
    [InlineData("container", 0, "", "own container", "own container")]
    [InlineData("host", 0, "", "host", "says host")]
    public void Resolve_Target_IsFound(string kind, int pid, string name, string key, string evidence)
    {
        var target = Resolve(new TargetOptions { Kind = kind, Pid = pid, ProcessName = name });

        Assert.False(target.Fallback);
        Assert.StartsWith(key, target.Reader!.Key, StringComparison.Ordinal);
        Assert.Contains(evidence, target.Evidence, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("process", int.MaxValue, "", "", "there is no process 2147483647")]
    [InlineData("process", 0, "no-such-program", "", "no process is named no-such-program")]
    [InlineData("container", 0, "", "4f66ad5e", "cannot be measured on this operating system")]
    [InlineData("cgroup", 0, "", "", "cannot be measured on this operating system")]
    public void Resolve_TargetThatCannotBeMeasured_FallsBackToTheHostAndSaysWhy(string kind, int pid, string name, string container, string fault)
    {
        var target = Resolve(new TargetOptions { Kind = kind, Pid = pid, ProcessName = name, ContainerId = container, CgroupPath = "/x" });

        Assert.Equal((true, "host"), (target.Fallback, target.Reader!.Key));
        Assert.Contains(fault, target.Evidence, StringComparison.Ordinal);
    }

    [Fact]
    public void Resolve_NobodyListens_FallsBackToTheHost()
    {
        var target = new PortableTargetResolver(_host, null, _ => default, _ => null, _ => true).Resolve(Broker, new TargetOptions());

        Assert.True(target.Fallback);
        Assert.Contains("nobody listens on port 6650", target.Evidence, StringComparison.Ordinal);
    }

    [Fact]
    public void Resolve_BrokerOnAnotherMachine_IsNotMeasured() =>
        Assert.Null(new PortableTargetResolver(_host, null, _ => default, _ => null, _ => false).Resolve(Broker, new TargetOptions()).Reader);

    [Fact]
    public void Listeners_TableOfRows_GivesTheProcessOfThePort()
    {
        byte[] row = [2, 0, 0, 0, 0, 0, 0, 0, 0x19, 0xFA, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x92, 0x10, 0, 0];
        byte[] table = [2, 0, 0, 0, .. new byte[24], .. row];
        var layout = new WindowsListeners.TableLayout(2, 24, 8, 20);

        Assert.Equal(4242, WindowsListeners.Find(table, layout, 6650));
        Assert.Null(WindowsListeners.Find(table, layout, 6651));
        Assert.Null(WindowsListeners.Find(table.AsSpan(0, 40), layout, 6650));
        Assert.Null(WindowsListeners.Find([], layout, 6650));
    }

    [Fact]
    public void WindowsRecords_Sizes_AreThoseOfTheirDeclarations() =>
        Assert.Equal((64, 88), (Unsafe.SizeOf<WindowsHost.MemoryStatus>(), Unsafe.SizeOf<WindowsHost.DiskPerformance>()));

    [Fact]
    public void OwnContainer_SharesOfTheLimits_BecomeACounterAndBytes()
    {
        var time = new FakeTimeProvider();
        var cpu = 0.5;
        using var meter = new Meter(OwnContainerReader.Meter);
        meter.CreateObservableGauge(OwnContainerReader.Cpu, () => cpu);
        meter.CreateObservableGauge(OwnContainerReader.Memory, () => 0.25);
        using var reader = new OwnContainerReader(time);
        var first = reader.Read();
        time.Advance(TimeSpan.FromSeconds(10));
        var second = reader.Read();

        Assert.Equal(0.5, (second.CpuSeconds - first.CpuSeconds) / (10 * second.CpuCores));
        Assert.Equal(0.25, second.MemoryBytes / second.MemoryLimitBytes);
    }

    [Fact]
    public void OwnContainer_NothingTold_IsUnreadable()
    {
        using var reader = new OwnContainerReader(TimeProvider.System);

        Assert.Throws<ResourceUnreadableException>(reader.Read);
    }

    [Fact]
    public void Network_ThisMachine_GrowsOrIsUnknown()
    {
        var (before, _, cards) = NetworkTotals.Read();
        var (after, _, _) = NetworkTotals.Read();

        Assert.True(before is null == after is null && !(after < before));
        Assert.Equal(before is null, cards.Length == 0);
    }

    private ResolvedTarget Resolve(TargetOptions target) =>
        new PortableTargetResolver(_host, _container, _ => default, port => port == 6650 ? Environment.ProcessId : null, _ => true).Resolve(Broker, target);
}
