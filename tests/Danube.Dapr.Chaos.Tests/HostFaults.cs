using Danube.Dapr.Chaos.Tests.Faults;
using Danube.Dapr.Chaos.Tests.Harness;

namespace Danube.Dapr.Chaos.Tests;

/// <summary>Faults that need a cluster of their own: those of the machine below the control plane, and what only shows with other settings.</summary>
[Collection("chaos")]
public sealed class HostFaults
{
    private const int Seed = 20264;

    [FakeClockFact]
    public Task Clock_AnHourAheadAndBack_LosesAndRepeatsNothing() =>
        UnderUnrestAsync(new ChaosOptions { Name = "clock", Seed = Seed, Store = Store.Sqlite, OwnClock = true }, ClockJump.RunAsync);

    [SmallDiskFact]
    public Task Disk_FullForAWhile_LosesAndRepeatsNothing() =>
        UnderUnrestAsync(new ChaosOptions { Name = "disk", Seed = Seed, Store = Store.Sqlite, DiskMegabytes = 32 }, DiskFull.RunAsync);

    [Fact]
    public async Task Leader_LostWithFourInFlight_StrandsThoseAtMost_AndAllAreNamedAndRepaired()
    {
        const int Four = 4;
        await using var cluster = await ChaosCluster.StartAsync(new ChaosOptions
        {
            Name = "flight",
            Seed = Seed,
            Store = Store.Sqlite,
            Environment = new Dictionary<string, string>
            {
                ["Rebalancer__UnloadsInFlight"] = $"{Four}",
                ["Rebalancer__StartMovesPerMask"] = "25",
                ["Rebalancer__Repair"] = "advise",
                ["Rebalancer__StrandedAfterSeconds"] = "5",
                // Nothing moves by itself: what is in flight is what the test asked for.
                ["Rebalancer__Mode"] = "observe",
            },
        });
        await LeaderLoss.RunAsync(cluster, Four);
        await new Invariants(cluster, new ChaosReport(Seed), Four).HoldAsync();
    }

    [Fact]
    public async Task Clients_AwayAfterTheirMoves_AreNamedAndStopMoves_AndABacklogThatDrainsDoesNot()
    {
        await using var cluster = await ChaosCluster.StartAsync(new ChaosOptions
        {
            Name = "clients",
            Seed = Seed,
            Store = Store.Sqlite,
            Environment = new Dictionary<string, string>
            {
                ["Rebalancer__EffectAfterSeconds"] = "2",
                ["Rebalancer__EffectPatienceSeconds"] = "8",
                ["Rebalancer__Mode"] = "observe",
            },
        });
        await LostClients.RunAsync(cluster);
        await new Invariants(cluster, new ChaosReport(Seed)).HoldAsync();
    }

    private static async Task UnderUnrestAsync(ChaosOptions options, Func<ChaosCluster, Task> fault)
    {
        await using var cluster = await ChaosCluster.StartAsync(options);
        await using (Unrest.Begin(cluster, Seed))
            await fault(cluster);
        await new Invariants(cluster, new ChaosReport(Seed)).HoldAsync();
    }
}

/// <summary>A test that sets the clock; skipped where libfaketime is not installed.</summary>
[AttributeUsage(AttributeTargets.Method)]
public sealed class FakeClockFactAttribute : FactAttribute
{
    /// <summary>Looks for libfaketime.</summary>
    public FakeClockFactAttribute()
    {
        if (WallClock.Library is null)
            Skip = "libfaketime is not installed (Debian: apt-get install faketime)";
    }
}

/// <summary>A test that fills a disk; skipped where a user may not mount one for a process of their own.</summary>
[AttributeUsage(AttributeTargets.Method)]
public sealed class SmallDiskFactAttribute : FactAttribute
{
    /// <summary>Tries it.</summary>
    public SmallDiskFactAttribute()
    {
        if (!SmallDisk.IsPossible)
            Skip = "mounting a small disk in a namespace of its own (unshare, mount -t tmpfs) is not allowed here";
    }
}
