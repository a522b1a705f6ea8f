using Danube.Dapr.BrokerClient.Protocol.Admin;
using Danube.Dapr.BrokerSimulator;
using Danube.Dapr.Chaos.Tests.Harness;
using Grpc.Core;
using Grpc.Net.Client;

namespace Danube.Dapr.Chaos.Tests.Faults;

/// <summary>An operator drains a broker with Danube's own command while a mask is on. It must end drained and empty, and stay so.</summary>
internal static class OperatorDrain
{
    /// <summary>Drains a broker that has Reliable topics only (Danube orphans others), and gives its id.</summary>
    public static async Task<string> RunAsync(ChaosCluster cluster)
    {
        string? broker = null;
        await Poll.UntilAsync("Danube takes the command", async () =>
        {
            await cluster.Simulator.NextAsync(await cluster.Simulator.LastSeqAsync(), e => MoveSteps.Of(e) == MoveStep.Masked, Poll.Patience);
            return (broker = await TryDrainAsync(await cluster.Simulator.TruthAsync())) is not null;
        });
        await Poll.UntilAsync($"broker {broker} is drained", async () =>
            (await cluster.Simulator.TruthAsync()).Brokers.Last(b => b.Broker.Id == broker) is { State: "drained", TopicsInMemory: 0 });
        return broker!;
    }

    /// <summary>Null when no broker can be drained now, or Danube refused: the broker was the only one that was not masked.</summary>
    private static async Task<string?> TryDrainAsync(ClusterTruth truth)
    {
        // A broker with a dead copy (D5) is never empty, so Danube never calls it drained; and Danube itself gives a topic to a broker that has a dead copy of it, for good.
        var keep = truth.Topics.Where(t => !t.Reliable || t.DeadCopyOn.Count > 0).Select(t => t.ServedBy).Concat(truth.Topics.SelectMany(t => t.DeadCopyOn)).ToHashSet();
        if (truth.Brokers.FirstOrDefault(b => b.Broker.Alive && b.Broker.Id != truth.LeaderId && !keep.Contains(b.Broker.Id))?.Broker.Id is not { } broker)
            return null;
        using var channel = GrpcChannel.ForAddress(truth.Brokers.First(b => b.Broker.Id == truth.LeaderId).Broker.Admin);
        try
        {
            var answer = await new BrokerAdmin.BrokerAdminClient(channel).UnloadBrokerAsync(new UnloadBrokerRequest { BrokerId = broker });
            Assert.True(answer.Started);
            return broker;
        }
        catch (RpcException refused) when (refused.StatusCode == StatusCode.FailedPrecondition)
        {
            return null;
        }
    }

    public static async Task ActivateAsync(ChaosCluster cluster, string broker) =>
        await Poll.UntilAsync($"broker {broker} is active", async () =>
        {
            await cluster.Rebalancer.TryPostAsync($"brokers/{broker}/activate");
            return (await cluster.Simulator.TruthAsync()).Brokers.Last(b => b.Broker.Id == broker).State == "active";
        }, pauseMs: 500);
}
