using Danube.Dapr.Contracts;
using Danube.Dapr.MetricsCollector.Resources;

namespace Danube.Dapr.MetricsCollector.Tests.Resources;

public sealed class UsageWindowTests
{
    private static readonly ResourceUsage Head = new() { Source = "host" };
    private readonly UsageWindow _window = new();

    [Fact]
    public void Take_SeveralSamples_GivesMeanPercentileAndMaximum()
    {
        Add(0, cpu: 0);
        for (var second = 1; second <= 20; second++)
            Add(second, cpu: second + (second >= 20 ? 1 : 0));

        var cpu = _window.Take(Head).CpuPercent!;

        Assert.Equal(21.0 / 20 / 2 * 100, cpu.Mean, 6);
        Assert.Equal(50, cpu.P95, 6);
        Assert.Equal(100, cpu.Max, 6);
    }

    [Fact]
    public void Take_UnevenSamples_WeighsEachByItsTime()
    {
        Add(0, cpu: 0);
        Add(1, cpu: 2);
        Add(10, cpu: 2);

        Assert.Equal(10, _window.Take(Head).CpuPercent!.Mean, 6);
    }

    [Fact]
    public void Add_CounterFellBack_TakesItsValueAsTheIncrease()
    {
        Add(0, cpu: 1000, disk: 5000);
        Add(2, cpu: 1, disk: 600);

        var usage = _window.Take(Head);

        Assert.Equal(25, usage.CpuPercent!.Mean);
        Assert.Equal(300, usage.DiskReadBytesPerSecond!.Mean);
    }

    [Fact]
    public void Add_MoreThanTheCores_IsCutAtHundredPercent()
    {
        Add(0, cpu: 0);
        Add(1, cpu: 5);

        Assert.Equal(Figure.Of(100), _window.Take(Head).CpuPercent);
    }

    [Fact]
    public void Take_SamplesAboveHundredPercent_DoNotBendTheMean()
    {
        Add(0, cpu: 0);
        Add(1, cpu: 2.4);
        Add(2, cpu: 4);

        Assert.Equal(new Figure(100, 100, 100), _window.Take(Head).CpuPercent);
        Add(3, cpu: 6.4);
        Add(4, cpu: 7.6);
        Assert.Equal(90, _window.Take(Head).CpuPercent!.Mean, 6);
    }

    [Fact]
    public void Take_FigureThatIsNotMeasured_IsNullAndNotZero()
    {
        Add(0, cpu: 0);
        Add(1, cpu: 1);

        var usage = _window.Take(Head);

        Assert.Null(usage.NetworkInBytesPerSecond);
        Assert.Null(usage.CpuThrottledPercent);
    }

    [Fact]
    public void Take_NoSampleSinceTheLastReport_RepeatsItsFigures()
    {
        Add(0, cpu: 0);
        Add(1, cpu: 1);
        var first = _window.Take(Head);

        Assert.Equal(first, _window.Take(Head));
    }

    [Fact]
    public void Break_NewTarget_IsNotComparedWithTheOldOne()
    {
        Add(0, cpu: 1000);
        _window.Break();
        Add(1, cpu: 2000);
        Add(2, cpu: 2001);

        Assert.Equal(50, _window.Take(Head).CpuPercent!.Mean);
    }

    [Fact]
    public void Break_NewTarget_FiguresOfTheOldOneAreNotReported()
    {
        Add(0, cpu: 0);
        Add(1, cpu: 1);
        Assert.NotNull(_window.Take(Head).CpuPercent);
        _window.Break();
        Assert.Null(_window.Take(Head).CpuPercent);

        Add(10, cpu: 0);
        Add(11, cpu: 2);
        _window.Break();
        Add(20, cpu: 0);
        Add(21, cpu: 1);
        Assert.Equal(50, _window.Take(Head).CpuPercent!.Mean);
    }

    [Fact]
    public void Take_FigureThatIsNoLongerMeasured_IsNotRepeated()
    {
        Add(0, cpu: 0, disk: 0);
        Add(1, cpu: 1, disk: 600);
        _window.Take(Head);
        Add(2, cpu: 2, disk: 900);
        Add(3, cpu: 3);

        Assert.Equal(300, _window.Take(Head).DiskReadBytesPerSecond!.Mean);
        Add(4, cpu: 4);
        Assert.Null(_window.Take(Head).DiskReadBytesPerSecond);
    }

    [Theory]
    [InlineData("a b", "a", 5000, 3000)]
    [InlineData("a", "a b", 3000, 5000)]
    public void Add_DeviceCameOrWent_ItsWholeTotalIsNoTraffic(string before, string after, double totalBefore, double totalAfter)
    {
        AddTotal(0, before, totalBefore);
        AddTotal(1, before, totalBefore + 10);
        AddTotal(2, after, totalAfter + 20);
        AddTotal(3, after, totalAfter + 40);

        var usage = _window.Take(Head);

        Assert.Equal((20.0, 20.0), (usage.DiskReadBytesPerSecond!.Max, usage.NetworkOutBytesPerSecond!.Max));

        void AddTotal(double second, string devices, double bytes) => _window.Add(
            new ResourceReading { Disks = devices, DiskReadBytes = bytes, Cards = devices, NetworkOutBytes = bytes }, TimeSpan.FromSeconds(second));
    }

    [Fact]
    public void Take_Throttling_IsTheShareOfPeriods()
    {
        _window.Add(new ResourceReading { CpuPeriods = 100, CpuThrottledPeriods = 10 }, TimeSpan.Zero);
        _window.Add(new ResourceReading { CpuPeriods = 120, CpuThrottledPeriods = 15 }, TimeSpan.FromSeconds(1));

        Assert.Equal(25, _window.Take(Head).CpuThrottledPercent!.Mean);
    }

    [Fact]
    public void Take_SeveralDisks_GivesTheBusiest()
    {
        _window.Add(new ResourceReading { DiskBusySeconds = [("a", 10), ("b", 50)] }, TimeSpan.Zero);
        _window.Add(new ResourceReading { DiskBusySeconds = [("a", 10.9), ("b", 50.1), ("new", 99)] }, TimeSpan.FromSeconds(1));

        Assert.Equal(90, _window.Take(Head).DiskBusyPercent!.Mean, 6);
    }

    [Theory]
    [InlineData(0.30, 0.34, false)]
    [InlineData(0.30, 0.60, true)]
    [InlineData(0.60, 0.30, true)]
    [InlineData(0.01, 0.05, false)]
    public void HasChanged_RecentMeanAgainstTheLastReport_NeedsShareAndFloor(double before, double now, bool expected)
    {
        var cpu = 0.0;
        for (var second = 0; second <= 5; second++, cpu += before * 2)
            Add(second, cpu);
        _window.Take(Head);
        cpu -= before * 2;
        for (var second = 6; second <= 9; second++)
            Add(second, cpu += now * 2);

        Assert.Equal(expected, _window.HasChanged(0.25));
    }

    [Fact]
    public void HasChanged_OneSpike_IsNoChange()
    {
        for (var second = 0; second <= 5; second++)
            Add(second, second * 0.6);
        _window.Take(Head);
        Add(6, 3.0 + 0.8);

        Assert.False(_window.HasChanged(0.25));
    }

    private void Add(double second, double cpu, double? disk = null) =>
        _window.Add(new ResourceReading { CpuSeconds = cpu, CpuCores = 2, DiskReadBytes = disk }, TimeSpan.FromSeconds(second));
}
