using Danube.Dapr.BrokerClient;
using Danube.Dapr.MetricsCollector.Resources;
using Danube.Dapr.MetricsCollector.Tests.Rounds;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Options;

namespace Danube.Dapr.MetricsCollector.Tests.Resources;

public sealed class ResourceMonitorTests : IDisposable
{
    private readonly CollectorBench _bench = new(time => new ScriptedDanube(time));
    private static readonly TimeSpan InTime = TimeSpan.FromSeconds(30);
    private readonly CountingReader _reader = new("one");

    public ResourceMonitorTests() => _bench.Target = _ => new ResolvedTarget("auto", _reader, "the test says so", false, "");

    private ResourceMonitor Monitor => _bench.Resources;

    public void Dispose() => _bench.Dispose();

    [Fact]
    public void Sample_TwoBrokersOnOneTarget_ReadsItOnceAndSaysThatTheyShareIt()
    {
        Monitor.Follow([Broker("1"), Broker("2")]);
        var before = _reader.Reads;
        Monitor.Sample();

        Assert.Equal(before + 1, _reader.Reads);
        Assert.Equal((2, 2), (Monitor.Take("1").SharedByBrokers, Monitor.Take("2").SharedByBrokers));
    }

    [Fact]
    public void Follow_TargetWasAFallback_IsLookedForAgainAndFound()
    {
        var resolved = 0;
        _bench.Target = _ => ++resolved < 3
            ? new ResolvedTarget("auto", new CountingReader("host"), "nobody listens yet; the host is measured instead", true, "")
            : new ResolvedTarget("auto", _reader, "process 5 listens", false, "");
        Monitor.Follow([Broker("1")]);
        Assert.True(Monitor.Take("1").Fallback);
        Monitor.Follow([Broker("1")]);
        Monitor.Follow([Broker("1")]);
        Monitor.Follow([Broker("1")]);

        Assert.Equal((false, "process 5 listens", 3), (Monitor.Take("1").Fallback, Monitor.Take("1").Evidence, resolved));
    }

    [Fact]
    public void Follow_NobodyListenedYet_IsLookedForAgainAndFound()
    {
        _bench.Target = _ => new ResolvedTarget("auto", null, "host is another machine", false, "");
        Monitor.Follow([Broker("1")]);
        Assert.Equal("none", Monitor.Take("1").Source);
        _bench.Target = _ => new ResolvedTarget("auto", _reader, "process 5 listens", false, "");
        _bench.Time.Advance(TimeSpan.FromSeconds(10));
        Monitor.Follow([Broker("1")]);

        Assert.Equal(("process", "process 5 listens"), (Monitor.Take("1").Source, Monitor.Take("1").Evidence));
    }

    [Fact]
    public void Follow_MeasuringIsTurnedOff_IsNotLookedForAgain()
    {
        var resolved = 0;
        _bench.Target = _ =>
        {
            resolved++;
            return new ResolvedTarget("none", null, "turned off", false, "");
        };
        Monitor.Follow([Broker("1")]);
        _bench.Time.Advance(TimeSpan.FromMinutes(10));
        Monitor.Follow([Broker("1")]);

        Assert.Equal(1, resolved);
    }

    [Fact]
    public void Follow_TargetCouldNotBeRead_IsLookedForAgain()
    {
        Monitor.Follow([Broker("1")]);
        _reader.Fault = "process 5 has ended";
        Monitor.Sample();
        var failed = Monitor.Take("1");
        var view = Monitor.Targets().Single();
        _bench.Target = _ => new ResolvedTarget("auto", new CountingReader("two"), "process 6 listens", false, "");
        Monitor.Follow([Broker("1")]);

        Assert.Equal("none", failed.Source);
        Assert.Contains("process 5 has ended", failed.Evidence, StringComparison.Ordinal);
        Assert.Equal("process 5 has ended", view.Error);
        Assert.Equal(("process", "process 6 listens"), (Monitor.Take("1").Source, Monitor.Take("1").Evidence));
    }

    [Fact]
    public void Sample_CpuJumps_IsReportedEarlyButNotBeforeTheLeastTime()
    {
        _reader.CpuPerRead = 0.1;
        Monitor.Follow([Broker("1")]);
        Assert.Equal([], Seconds(5));
        Assert.Equal(10, Monitor.Take("1").CpuPercent!.Mean, 0.5);

        _reader.CpuPerRead = 0.9;
        Assert.Equal([], Seconds(4));
        Assert.Equal(["1"], Seconds(1));
        Assert.Equal(90, Monitor.Take("1").CpuPercent!.Mean, 1.0);
        Assert.Equal([], Seconds(10));
    }

    [Fact]
    public void Sample_EarlyReportsAreOff_NothingIsReportedEarly()
    {
        _bench.Options.EarlyReportChangePercent = 0;
        Monitor.Follow([Broker("1")]);
        Seconds(5);
        Monitor.Take("1");
        _reader.CpuPerRead = 0.9;

        Assert.Equal([], Seconds(20));
    }

    [Fact]
    public void Take_StoragePathThatIsNotThere_SaysSo()
    {
        _bench.Target = _ => new ResolvedTarget("auto", _reader, "the test says so", false, "/no/such/path");
        Monitor.Follow([Broker("1")]);

        var usage = Monitor.Take("1");

        Assert.Null(usage.DiskFreeBytes);
        Assert.Contains("the file system of /no/such/path cannot be asked", usage.Evidence, StringComparison.Ordinal);
    }

    [Fact]
    public void Take_StoragePath_GivesFreeSpaceOfItsFileSystem()
    {
        _bench.Target = _ => new ResolvedTarget("auto", _reader, "the test says so", false, Path.GetTempPath());
        Monitor.Follow([Broker("1")]);

        var usage = Monitor.Take("1");

        Assert.True(usage.DiskFreeBytes > 0);
        Assert.InRange(usage.DiskUsedPercent!.Mean, 0, 100);
    }

    [Fact]
    public async Task Take_MountHangs_OnlyItsFigureIsMissing()
    {
        using var back = new ManualResetEventSlim();
        var asked = 0;
        var monitor = new ResourceMonitor(_bench, Options.Create(_bench.Options), _bench.Time, NullLogger<ResourceMonitor>.Instance)
        {
            AskFileSystem = _ =>
            {
                Interlocked.Increment(ref asked);
                back.Wait();
                return (25, 3e9);
            },
        };
        _bench.Target = _ => new ResolvedTarget("auto", _reader, "the test says so", false, "/hung");
        monitor.Follow([Broker("1")]);

        var first = Task.Run(() => monitor.Take("1"));
        await CollectorBench.UntilAsync(() => Volatile.Read(ref asked) == 1, "the question to the file system");
        await Task.Run(monitor.Sample).WaitAsync(InTime);
        var usage = await first.WaitAsync(InTime);
        await Task.Run(() => monitor.Take("1")).WaitAsync(InTime);
        Assert.Null(usage.DiskFreeBytes);
        Assert.NotNull(usage.MemoryPercent);
        Assert.Contains("the file system of /hung cannot be asked", usage.Evidence, StringComparison.Ordinal);
        Assert.Equal(1, asked);

        back.Set();
        await CollectorBench.UntilAsync(() => monitor.Take("1").DiskFreeBytes is 3e9, "the figure again");
    }

    [Fact]
    public async Task Follow_TargetCannotBeLookedForInTime_OthersAreMeasured()
    {
        using var back = new ManualResetEventSlim();
        _bench.Target = b =>
        {
            if (b.Id == "1")
                back.Wait();
            return new ResolvedTarget("auto", _reader, "the test says so", false, "");
        };
        await Task.Run(() => Monitor.Follow([Broker("1"), Broker("2")])).WaitAsync(InTime);
        Assert.Equal(("none", "process"), (Monitor.Take("1").Source, Monitor.Take("2").Source));

        back.Set();
        _bench.Time.Advance(TimeSpan.FromSeconds(10));
        await CollectorBench.UntilAsync(() => Monitor.Take("1").Source == "process", "the target", () => Monitor.Follow([Broker("1"), Broker("2")]));
    }

    [Fact]
    public void Take_BrokerThatIsNotFollowed_IsNotMeasured() => Assert.Equal("none", Monitor.Take("9").Source);

    /// <summary>Samples once a second; who should report early at the end.</summary>
    private IReadOnlyList<string> Seconds(int seconds)
    {
        IReadOnlyList<string> early = [];
        for (var i = 0; i < seconds; i++)
        {
            _bench.Time.Advance(TimeSpan.FromSeconds(1));
            early = Monitor.Sample();
        }

        return early;
    }

    private static BrokerNode Broker(string id) => new(id, BrokerRole.Follower, BrokerStatus.Active, new Uri($"http://host:{6650 + int.Parse(id, System.Globalization.CultureInfo.InvariantCulture)}"), new Uri("http://host:50051"), null);
}
