using Danube.Dapr.BrokerSimulator;
using Danube.Dapr.Chaos.Tests.Harness;
using Danube.Dapr.Contracts;

namespace Danube.Dapr.Chaos.Tests.Faults;

/// <summary>Danube loses its leader while as many topics are in flight as an operator allowed (D5): those and no others are stranded, each is named, and a repair gives each an owner again.</summary>
internal static class LeaderLoss
{
    private const int Tries = 5;

    public static async Task RunAsync(ChaosCluster cluster, int inFlight)
    {
        for (var tries = 1; !await StrandsAsync(cluster, inFlight); tries++)
            Assert.True(tries < Tries, $"The next leader was there before any seal was done, {Tries} times (logs {cluster.Logs}).");
    }

    /// <summary>False when nothing came of it: on a machine that stood still meanwhile, there was a leader again when the first seal was done.</summary>
    private static async Task<bool> StrandsAsync(ChaosCluster cluster, int inFlight)
    {
        var truth = await cluster.Simulator.TruthAsync();
        var source = truth.Brokers.Where(b => b.Broker.Alive && b.Broker.Id != truth.LeaderId).MaxBy(b => b.TopicsInMemory)!.Broker.Id;
        var seq = await cluster.Simulator.LastSeqAsync();
        await cluster.Simulator.FaultAsync(Fault.HangingWatcher, on: true, source);
        await Poll.UntilAsync($"broker {source} is drained", async () => await cluster.Rebalancer.TryPostAsync($"brokers/{source}/drain")
            || await cluster.Rebalancer.TryGetAsync<RebalancerStatus>("status") is { RunningPlanId: not null }, pauseMs: 500);
        await Poll.UntilAsync($"{inFlight} topics are in flight", async () => (await UnloadedAsync(cluster, seq)).Count == inFlight);

        await cluster.Simulator.FaultAsync(Fault.LeaderLossStrands, on: true);
        await cluster.Simulator.StepDownAsync();
        await cluster.Simulator.FaultAsync(Fault.HangingWatcher, on: false, source);
        await Poll.UntilAsync("there is a leader again", async () => (await cluster.Simulator.EventsAsync(seq)).Any(e => e.Event == "leader"));
        await Poll.UntilAsync("what was in flight is let go, or never will be", async () =>
            (await cluster.Simulator.EventsAsync(seq)).Where(e => e.Event is "unload-end" or "dead-copy").Select(e => e.Topic).Distinct().Count() >= inFlight);
        var unloaded = await UnloadedAsync(cluster, seq);
        await cluster.Simulator.FaultAsync(Fault.LeaderLossStrands, on: false);

        IReadOnlyList<string> stranded = [];
        await Poll.UntilAsync("each stranded topic is named, and no other", async () =>
        {
            stranded = [.. (await cluster.Simulator.TruthAsync()).Stranded.Order(StringComparer.Ordinal)];
            var findings = await cluster.Rebalancer.TryGetAsync<IReadOnlyList<Finding>>("findings");
            return findings is not null && stranded.SequenceEqual(findings.Where(f => f.Kind == FindingKind.StrandedTopic).Select(f => f.Subject).Order(StringComparer.Ordinal), StringComparer.Ordinal);
        });
        if (stranded.Count == 0)
        {
            await OperatorDrain.ActivateAsync(cluster, source);
            await Poll.UntilAsync("no plan runs", async () => await cluster.Rebalancer.TryGetAsync<RebalancerStatus>("status") is { RunningPlanId: null });
            return false;
        }

        Assert.True(unloaded.Count == inFlight, $"{unloaded.Count} topics were unloaded, {inFlight} may be in flight (logs {cluster.Logs}).");
        Assert.InRange(stranded.Count, 1, inFlight);
        Assert.Empty(stranded.Except(unloaded));
        await Poll.UntilAsync("every topic has an owner again", async () =>
        {
            if ((await cluster.Simulator.TruthAsync()).Stranded is not [var first, ..])
                return true;
            await cluster.Rebalancer.TryPostAsync("topics/repair");
            // Refused while that runs; one whose repair failed is left out of it, and tried again alone.
            await cluster.Rebalancer.TryPostAsync($"topics{first}/repair");
            return false;
        }, pauseMs: 1000);
        await Poll.UntilAsync("moves go on", () => cluster.Rebalancer.TryPostAsync("circuit/close"));
        await OperatorDrain.ActivateAsync(cluster, source);
        return true;
    }

    private static async Task<HashSet<string>> UnloadedAsync(ChaosCluster cluster, long seq) =>
        [.. (await cluster.Simulator.EventsAsync(seq)).Where(e => MoveSteps.Of(e) == MoveStep.UnloadPosted).Select(e => e.Topic!)];
}
