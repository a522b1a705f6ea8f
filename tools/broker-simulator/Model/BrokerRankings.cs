namespace Danube.Dapr.BrokerSimulator;

/// <summary>A broker's own report to its leader.</summary>
internal sealed record LoadReport(
    string BrokerId,
    int TopicCount,
    double CpuPercent,
    double MemoryPercent,
    double DiskBytesPerSecond,
    double NetworkBytesPerSecond,
    double MegabytesPerSecond,
    int Clients);

internal sealed record RankedReport(string BrokerId, long Score, int TopicCount);

/// <summary>How the leader of Danube 0.15 scores brokers: whole numbers, ascending, ties in the order of the reports.</summary>
internal static class BrokerRankings
{
    public static IReadOnlyList<RankedReport> Rank(AssignmentStrategy strategy, IEnumerable<LoadReport> reports)
    {
        var all = reports.ToList();
        Func<LoadReport, double> score = strategy switch
        {
            AssignmentStrategy.Balanced => Balanced(all),
            AssignmentStrategy.WeightedLoad => Weighted(all),
            _ => report => report.TopicCount,
        };
        return [.. all.Select(report => new RankedReport(report.BrokerId, (long)score(report), report.TopicCount)).OrderBy(entry => entry.Score)];
    }

    private static Func<LoadReport, double> Balanced(List<LoadReport> reports) =>
        reports.Exists(report => report.CpuPercent > 0 || report.MemoryPercent > 0)
            ? report => 0.3 * TopicLoad(report) + 0.35 * report.CpuPercent + 0.35 * report.MemoryPercent
            : report => report.TopicCount;

    private static Func<LoadReport, double> Weighted(List<LoadReport> reports)
    {
        double Largest(Func<LoadReport, double> figure) => Math.Max(1, reports.Select(figure).DefaultIfEmpty().Max());
        var cpuMost = Largest(report => report.CpuPercent);
        var memoryMost = Largest(report => report.MemoryPercent);
        var diskMost = Largest(report => report.DiskBytesPerSecond);
        var networkMost = Largest(report => report.NetworkBytesPerSecond);
        var throughputMost = Largest(report => report.MegabytesPerSecond);
        var topicsMost = Largest(TopicLoad);
        return report =>
        {
            var cpu = report.CpuPercent / cpuMost;
            var memory = report.MemoryPercent / memoryMost;
            var disk = report.DiskBytesPerSecond / diskMost;
            var network = report.NetworkBytesPerSecond / networkMost;
            var throughput = report.MegabytesPerSecond / throughputMost;
            var topics = TopicLoad(report) / topicsMost;
            var most = Math.Max(Math.Max(Math.Max(cpu, memory), Math.Max(disk, network)), Math.Max(throughput, topics));
            return 100 * (most switch
            {
                <= 0.7 => 0.25 * topics + 0.25 * cpu + 0.25 * memory + 0.15 * throughput + 0.1 * network,
                _ when most == cpu => 0.5 * cpu + 0.2 * memory + 0.15 * throughput + 0.15 * topics,
                _ when most == memory => 0.5 * memory + 0.2 * cpu + 0.15 * throughput + 0.15 * topics,
                _ when most == throughput => 0.5 * throughput + 0.2 * network + 0.15 * cpu + 0.15 * memory,
                _ when most == network => 0.5 * network + 0.2 * throughput + 0.15 * cpu + 0.15 * memory,
                _ => 0.5 * topics + 0.2 * cpu + 0.2 * memory + 0.1 * throughput,
            });
        };
    }

    // Backlog is always reported as 0.
    private static double TopicLoad(LoadReport report) => 0.2 * report.TopicCount + 0.3 * report.MegabytesPerSecond + 0.3 * report.Clients;
}
