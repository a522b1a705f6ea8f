using Danube.Dapr.BrokerSimulator;
using Danube.Dapr.Chaos.Tests.Harness;

namespace Danube.Dapr.Chaos.Tests.Faults;

/// <summary>Danube's leader gives up its office while a topic is between two brokers, and what was between is stranded (D5).</summary>
internal static class LeaderChange
{
    public static async Task RunAsync(ChaosCluster cluster)
    {
        await cluster.Simulator.FaultAsync(Fault.LeaderLossStrands, on: true);
        await cluster.Simulator.NextAsync(await cluster.Simulator.LastSeqAsync(), e => MoveSteps.Of(e) == MoveStep.UnloadPosted, Poll.Patience);
        var seq = await cluster.Simulator.LastSeqAsync();
        await cluster.Simulator.StepDownAsync();
        Assert.NotNull(await cluster.Simulator.NextAsync(seq, e => e.Event == "leader", Poll.Patience));
        await cluster.Simulator.FaultAsync(Fault.LeaderLossStrands, on: false);
    }
}
