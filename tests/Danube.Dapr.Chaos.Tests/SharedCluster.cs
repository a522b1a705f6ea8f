using Danube.Dapr.Chaos.Tests.Harness;

namespace Danube.Dapr.Chaos.Tests;

/// <summary>One cluster for all faults that leave it usable.</summary>
public sealed class SharedCluster : IAsyncLifetime
{
    private const int Seed = 20263;

    internal ChaosCluster Cluster { get; private set; } = null!;

    internal Invariants Invariants { get; private set; } = null!;

    internal ChaosReport Report { get; } = new(Seed);

    public async Task InitializeAsync()
    {
        if (!ChaosCluster.EtcdInstalled)
            Console.WriteLine("No etcd on PATH: the fault tests keep their state in SQLite, and the outage of etcd is not tried (Debian: apt-get install etcd-server).");
        Cluster = await ChaosCluster.StartAsync(new ChaosOptions { Name = "short", Seed = Seed, Store = ChaosCluster.EtcdInstalled ? Store.Etcd : Store.Sqlite });
        Invariants = new Invariants(Cluster, Report);
    }

    public async Task DisposeAsync()
    {
        if (Cluster is null)
            return;
        await File.WriteAllTextAsync(Path.Combine(Cluster.Logs, "summary.txt"), Report.ToString());
        await Cluster.DisposeAsync();
    }

    /// <summary>Does something to a cluster that moves topics all the time, then waits until it is quiet and checks that nothing went wrong.</summary>
    internal async Task UnderUnrestAsync(Func<ChaosCluster, Task> fault)
    {
        await using (Unrest.Begin(Cluster, Seed))
            await fault(Cluster);
        await Invariants.HoldAsync();
    }
}

/// <summary>One cluster at a time: each takes the whole machine.</summary>
[CollectionDefinition("chaos", DisableParallelization = true)]
public sealed class ChaosRuns;
