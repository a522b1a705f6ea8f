namespace Danube.Dapr.BrokerSimulator;

internal sealed partial class Cluster
{
    /// <summary>Cost units per second at which a broker's CPU is full.</summary>
    public double CapacityPerBroker { get; set; } = 100_000;

    /// <summary>Sends every living broker's report to every living broker, now and at each interval. Takes the gate itself.</summary>
    public async Task ReportAsync()
    {
        while (true)
        {
            lock (Gate)
                ReportAll();
            await Task.Delay(Options.LoadReportInterval, Time, Ended);
        }
    }

    private void ReportAll()
    {
        foreach (var broker in Registered.Values.Where(broker => broker.Alive).ToList())
        {
            var report = ReportOf(broker);
            Wrote();
            foreach (var reader in Registered.Values.Where(reader => reader.Alive))
                reader.Manager.TakeReport(report);
        }
    }

    private LoadReport ReportOf(BrokerInstance broker)
    {
        var usage = BrokerUsage.Of(broker, Now, CapacityPerBroker);
        return new LoadReport(
            broker.Id,
            broker.Copies.Count,
            usage.CpuPercent,
            usage.MemoryPercent,
            usage.DiskReadBytesPerSecond + usage.DiskWriteBytesPerSecond,
            usage.NetworkInBytesPerSecond + usage.NetworkOutBytesPerSecond,
            usage.NetworkInBytesPerSecond / 1e6,
            broker.Copies.Values.Sum(copy => copy.Topic.Traffic.Producers + copy.Topic.Subscriptions.Sum(subscription => subscription.Consumers)));
    }
}
