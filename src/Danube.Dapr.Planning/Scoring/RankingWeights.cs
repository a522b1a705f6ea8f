namespace Danube.Dapr.Planning;

/// <summary>Weights of <c>weighted_composite</c>; each 0 to 1, together 1 (± 0.001). The defaults are those of Danube's roadmap.</summary>
/// <param name="Cpu">Default 0.25.</param>
/// <param name="Memory">Default 0.20.</param>
/// <param name="DiskIo">Default 0.15.</param>
/// <param name="NetworkIo">Default 0.10.</param>
/// <param name="Throughput">Default 0.15.</param>
/// <param name="TopicCount">Default 0.10.</param>
/// <param name="DiskUsage">Default 0.05.</param>
public sealed record RankingWeights(
    double Cpu = .25, double Memory = .20, double DiskIo = .15, double NetworkIo = .10, double Throughput = .15, double TopicCount = .10,
    double DiskUsage = .05)
{
    /// <summary>The weight of a resource; 0 for <see cref="Resource.Messages"/>.</summary>
    public double this[Resource resource] => new ResourceVector(Cpu, Memory, DiskIo, NetworkIo, Throughput, TopicCount, DiskUsage)[resource];

    /// <summary>Every fault of the weights as a sentence; empty when they are valid.</summary>
    public IReadOnlyList<string> Faults()
    {
        var faults = new List<string>();
        double sum = 0;
        foreach (var resource in Enum.GetValues<Resource>())
        {
            var weight = this[resource];
            sum += weight;
            if (!(weight is >= 0 and <= 1)) faults.Add(FormattableString.Invariant($"weights.{SnapshotBuilder.Name(resource)} must be 0 to 1, is {weight}."));
        }

        if (!(Math.Abs(sum - 1) <= .001)) faults.Add(FormattableString.Invariant($"weights must sum to 1 (± 0.001), sum to {sum:0.####}."));
        return faults;
    }
}
