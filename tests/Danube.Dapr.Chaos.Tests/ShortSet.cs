using Danube.Dapr.Chaos.Tests.Faults;
using Danube.Dapr.Chaos.Tests.Harness;
using Danube.Dapr.Contracts;

namespace Danube.Dapr.Chaos.Tests;

/// <summary>Each kind of fault once or twice. The long set (<c>./test --chaos</c>) draws them at random, a thousand times.</summary>
[Collection("chaos")]
public sealed class ShortSet(SharedCluster shared) : IClassFixture<SharedCluster>
{
    [Theory]
    [InlineData(DaprNames.Apps.Rebalancer, nameof(MoveStep.Masked))]
    [InlineData(DaprNames.Apps.Rebalancer, nameof(MoveStep.Released))]
    [InlineData(DaprNames.Apps.Rebalancer, nameof(MoveStep.Loaded))]
    public Task Process_KilledAtAStepOfAMove_LosesAndRepeatsNothing(string victim, string step) =>
        shared.UnderUnrestAsync(cluster => Killing.AtStepAsync(cluster, shared.Report, victim, Enum.Parse<MoveStep>(step)));
}

/// <summary>One cluster for all faults that leave it usable.</summary>
public sealed class SharedCluster : IAsyncLifetime
{
    private const int Seed = 20263;

    private ChaosCluster? _cluster;
    private Invariants? _invariants;

    internal ChaosReport Report { get; } = new(Seed);

    public async Task InitializeAsync()
    {
        _cluster = await ChaosCluster.StartAsync(new ChaosOptions { Name = "short", Seed = Seed, Store = ChaosCluster.EtcdInstalled ? Store.Etcd : Store.Sqlite });
        _invariants = new Invariants(_cluster, Report);
    }

    public async Task DisposeAsync()
    {
        if (_cluster is not null)
        {
            await File.WriteAllTextAsync(Path.Combine(_cluster.Logs, "summary.txt"), Report.ToString());
            await _cluster.DisposeAsync();
        }
    }

    /// <summary>Does something to a cluster that moves topics all the time, then waits until it is quiet and checks that nothing went wrong.</summary>
    internal async Task UnderUnrestAsync(Func<ChaosCluster, Task> fault)
    {
        await using (Unrest.Begin(_cluster!, Seed))
            await fault(_cluster!);
        await _invariants!.HoldAsync();
    }
}

/// <summary>One cluster at a time: each takes the whole machine.</summary>
[CollectionDefinition("chaos", DisableParallelization = true)]
public sealed class ChaosRuns;
