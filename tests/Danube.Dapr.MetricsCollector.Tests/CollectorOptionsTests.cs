namespace Danube.Dapr.MetricsCollector.Tests;

public sealed class CollectorOptionsTests
{
    public static TheoryData<string, Action<object>> BadValues() => new()
    {
        { "Collector:Seeds is empty", o => ((CollectorOptions)o).Seeds = [] },
        { "Collector:Seeds:0 is 'broker1'", o => ((CollectorOptions)o).Seeds = ["broker1"] },
        { "Collector:IntervalSeconds is 0: allowed is 0.5 to 3600", o => ((CollectorOptions)o).IntervalSeconds = 0 },
        { "Collector:IntervalSeconds is NaN", o => ((CollectorOptions)o).IntervalSeconds = double.NaN },
        { "Collector:SampleSeconds is 61", o => ((CollectorOptions)o).SampleSeconds = 61 },
        { "Collector:EarlyReportChangePercent is 0.5: allowed is 0 (off), or 1 to 1000", o => ((CollectorOptions)o).EarlyReportChangePercent = 0.5 },
        { "Collector:ParallelBrokers is 0", o => ((CollectorOptions)o).ParallelBrokers = 0 },
        { "Collector:Scope is 'some': allowed is all, local, none", o => ((CollectorOptions)o).Scope = "some" },
        { "Collector:AddressMap:0 is 'a=b'", o => ((CollectorOptions)o).AddressMap = ["a=b"] },
        { "Collector:TrustedCaFile is '/no/ca.pem'", o => ((CollectorOptions)o).TrustedCaFile = "/no/ca.pem" },
        { "Collector:HostRoot is '/no/host'", o => ((CollectorOptions)o).HostRoot = "/no/host" },
        { "Collector:Targets:0:Kind is 'vm': allowed is auto, host, process, cgroup, container, none", o => ((CollectorOptions)o).Targets = [new TargetOptions { Kind = "vm" }] },
        { "Collector:Targets:0:CgroupPath is ''", o => ((CollectorOptions)o).Targets = [new TargetOptions { Kind = "cgroup" }] },
        { "Collector:Targets:0:Port is 70000", o => ((CollectorOptions)o).Targets = [new TargetOptions { Port = 70_000 }] },
        { "Collector:Targets names broker '*' 2 times", o => ((CollectorOptions)o).Targets = [new TargetOptions(), new TargetOptions()] },
    };

    [Theory]
    [MemberData(nameof(BadValues))]
    public void Validate_BadValue_IsNamedWithWhatIsAllowed(string message, Action<object> spoil)
    {
        var options = new CollectorOptions { Seeds = ["http://broker1:50051"] };
        Assert.True(new CollectorOptionsValidator().Validate(null, options).Succeeded);
        spoil(options);

        Assert.Contains(new CollectorOptionsValidator().Validate(null, options).Failures!, f => f.Contains(message, StringComparison.Ordinal));
    }
}
