using Danube.Dapr.BrokerClient.Protocol.Admin;
using Danube.Dapr.Chaos.Tests.Harness;
using Grpc.Net.Client;

namespace Danube.Dapr.Chaos.Tests.Faults;

/// <summary>An operator drains a broker with Danube's own command while a mask is on. It must end drained and empty, and stay so.</summary>
internal static class OperatorDrain
{
    /// <summary>Drains a broker that has Reliable topics only (Danube orphans others), and gives its id.</summary>
    public static async Task<string> RunAsync(ChaosCluster cluster)
    {
        await cluster.Simulator.NextAsync(await cluster.Simulator.LastSeqAsync(), e => MoveSteps.Of(e) == MoveStep.Masked, Poll.Patience);
        var truth = await cluster.Simulator.TruthAsync();
        var keep = truth.Topics.Where(t => !t.Reliable).Select(t => t.ServedBy).ToHashSet();
        var broker = truth.Brokers.First(b => b.Broker.Alive && b.Broker.Id != truth.LeaderId && !keep.Contains(b.Broker.Id)).Broker.Id;
        using var channel = GrpcChannel.ForAddress(truth.Brokers.First(b => b.Broker.Id == truth.LeaderId).Broker.Admin);
        var answer = await new BrokerAdmin.BrokerAdminClient(channel).UnloadBrokerAsync(new UnloadBrokerRequest { BrokerId = broker });
        Assert.True(answer.Started);
        await Poll.UntilAsync($"broker {broker} is drained", async () =>
            (await cluster.Simulator.TruthAsync()).Brokers.Last(b => b.Broker.Id == broker) is { State: "drained", TopicsInMemory: 0 });
        return broker;
    }

    public static async Task ActivateAsync(ChaosCluster cluster, string broker) =>
        await Poll.UntilAsync($"broker {broker} is active", async () =>
        {
            await cluster.Rebalancer.TryPostAsync($"brokers/{broker}/activate");
            return (await cluster.Simulator.TruthAsync()).Brokers.Last(b => b.Broker.Id == broker).State == "active";
        }, pauseMs: 500);
}
