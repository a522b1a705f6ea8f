using Danube.Dapr.BrokerSimulator;
using Danube.Dapr.Chaos.Tests.Harness;

namespace Danube.Dapr.Chaos.Tests.Faults;

/// <summary>Danube's admin calls are slow, or get lost: half of the lost ones on their way there, half on their way back.</summary>
internal static class AdminTrouble
{
    public static async Task RunAsync(ChaosCluster cluster, Fault fault, double value, TimeSpan length)
    {
        await cluster.Simulator.NextAsync(await cluster.Simulator.LastSeqAsync(), e => MoveSteps.Of(e) == MoveStep.UnloadPosted, Poll.Patience);
        await cluster.Simulator.FaultAsync(fault, on: true, value: value);
        await Task.Delay(length);
        await cluster.Simulator.FaultAsync(fault, on: false);
    }
}
