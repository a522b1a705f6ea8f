using Danube.Dapr.BrokerSimulator;
using Danube.Dapr.Chaos.Tests.Faults;
using Danube.Dapr.Chaos.Tests.Harness;
using Danube.Dapr.Contracts;

namespace Danube.Dapr.Chaos.Tests;

/// <summary>Each kind of fault once or twice, on one cluster. The long set (<c>./test --chaos</c>) draws kills at random, a thousand times.</summary>
[Collection("chaos")]
public sealed class ShortSet(SharedCluster shared) : IClassFixture<SharedCluster>
{
    /// <summary>Far above what is promised (10 s): the machine of a build may be busy.</summary>
    private const double GenerousSeconds = 60;

    [Theory]
    [InlineData(DaprNames.Apps.Rebalancer, nameof(MoveStep.Masked), nameof(MoveStep.UnloadPosted), nameof(MoveStep.Draining), nameof(MoveStep.Released), nameof(MoveStep.Assigned), nameof(MoveStep.Loaded), nameof(MoveStep.Unmasked))]
    [InlineData(ChaosCluster.Sidecar, nameof(MoveStep.Draining), nameof(MoveStep.Loaded))]
    [InlineData(DaprNames.Apps.History, nameof(MoveStep.UnloadPosted))]
    [InlineData(DaprNames.Apps.Ranking, nameof(MoveStep.Assigned))]
    [InlineData(DaprNames.Apps.MetricsCollector, nameof(MoveStep.Unmasked))]
    public async Task Process_KilledAtAStepOfAMove_LosesAndRepeatsNothing(string victim, params string[] steps)
    {
        await shared.UnderUnrestAsync(async cluster =>
        {
            foreach (var step in steps)
                await Killing.AtStepAsync(cluster, shared.Report, victim, Enum.Parse<MoveStep>(step));
        });
        Assert.All(shared.Report.Kills.Where(k => k.Victim == victim), k => Assert.InRange(k.ResumedAfterSeconds ?? double.MaxValue, 0, GenerousSeconds));
    }

    [Fact]
    public async Task Broker_KilledInTheMiddleOfAMove_IsSeenInTimeAndLosesNothing()
    {
        await shared.UnderUnrestAsync(cluster => BrokerLoss.RunAsync(cluster, shared.Report));
        Assert.InRange(shared.Report.LossSeenSeconds!.Value, 0, Promised(10));
        Assert.InRange(shared.Report.AccountedForSeconds!.Value, 0, Promised(10));
    }

    [Fact]
    public Task Etcd_DownOrHangingInAMove_IsTold_AndGoesOnWithItsData() => shared.UnderUnrestAsync(async cluster =>
    {
        if (!cluster.Has(ChaosCluster.Etcd))
            return;
        await StoreOutage.RunAsync(cluster, shared.Report, TimeSpan.FromSeconds(30), () => StoreRefusals.WhileDownAsync(cluster));
        Assert.InRange(shared.Report.Kills.Last(k => k.Victim == ChaosCluster.Etcd).ResumedAfterSeconds!.Value, 0, Promised(10));
        await StoreRefusals.WhileHangingAsync(cluster);
    });

    [Theory]
    [InlineData(nameof(Fault.SlowAdmin), 400)]
    [InlineData(nameof(Fault.DroppedAdmin), 0.2)]
    public Task AdminCalls_SlowOrDropped_LoseAndRepeatNothing(string fault, double value) =>
        shared.UnderUnrestAsync(cluster => AdminTrouble.RunAsync(cluster, Enum.Parse<Fault>(fault), value, TimeSpan.FromSeconds(5)));

    [Fact]
    public async Task Messages_TwiceLateAndReordered_ChangeNothing()
    {
        await shared.UnderUnrestAsync(cluster => MessageTrouble.RunAsync(cluster, new Random(shared.Report.Seed)));
        await MessageTrouble.CheckAsync(shared.Cluster);
    }

    [Fact]
    public Task Leader_ChangedInTheMiddleOfAMove_LosesNothing() => shared.UnderUnrestAsync(LeaderChange.RunAsync);

    [Fact]
    public async Task Operator_DrainsABrokerInAMove_ItStaysDrained()
    {
        var drained = "";
        await shared.UnderUnrestAsync(async cluster => shared.Invariants.DrainedByOperator.Add(drained = await OperatorDrain.RunAsync(cluster)));
        Assert.Equal(0, (await shared.Cluster.Simulator.TruthAsync()).Brokers.Last(b => b.Broker.Id == drained).TopicsInMemory);
        shared.Invariants.DrainedByOperator.Clear();
        await OperatorDrain.ActivateAsync(shared.Cluster, drained);
    }

    [Fact]
    public async Task SecondRebalancer_FirstOneKilled_TakesOver()
    {
        await shared.UnderUnrestAsync(cluster => TakeOver.RunAsync(cluster, shared.Report));
        Assert.InRange(shared.Report.TakeOverSeconds!.Value, 0, Promised(15));
    }

    /// <summary>What is promised to an operator; three times of it on a machine that builds other things besides.</summary>
    private static double Promised(double seconds) => Environment.GetEnvironmentVariable("CI") is { Length: > 0 } ? 3 * seconds : seconds;
}
