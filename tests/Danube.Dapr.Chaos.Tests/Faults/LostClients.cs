using Danube.Dapr.BrokerSimulator;
using Danube.Dapr.Chaos.Tests.Harness;
using Danube.Dapr.Contracts;

namespace Danube.Dapr.Chaos.Tests.Faults;

/// <summary>A broker is drained while a backlog waits on it, which its consumers work off elsewhere; then another, whose clients do not look their topics up again.</summary>
internal static class LostClients
{
    public static async Task RunAsync(ChaosCluster cluster)
    {
        var truth = await cluster.Simulator.TruthAsync();
        var brokers = truth.Brokers.Where(b => b.Broker.Alive && b.Broker.Id != truth.LeaderId).OrderByDescending(b => b.TopicsInMemory).Select(b => b.Broker.Id).Take(2).ToArray();

        var behind = truth.Topics.Where(t => t.Reliable && t.ServedBy == brokers[0]).MaxBy(t => t.MessagesPerSecond)!.Name;
        await cluster.Simulator.FaultAsync(Fault.StalledConsumers, on: true, behind);
        await Poll.UntilAsync($"{behind} has a backlog that is known", async () => await cluster.Rebalancer.TryGetAsync<RebalancerStatus>("status") is not null
            && await cluster.Api(DaprNames.Apps.Ranking).TryGetAsync<TopicSnapshot>($"topics{behind}") is { BacklogMessages: > 1_000, RatesKnown: true });
        var judged = await DrainAsync(cluster, brokers[0]);
        Assert.Equal(MoveVerdict.CameBack, judged.Single(m => m.Topic == behind).Effect!.Verdict);
        Assert.All(judged, m => Assert.True(m.Effect!.Verdict is MoveVerdict.CameBack or MoveVerdict.Unknown, $"{m.Topic}: {m.Effect} (logs {cluster.Logs})."));
        Assert.Empty(await NotBackAsync(cluster) ?? ["no answer"]);
        Assert.False((await cluster.Rebalancer.TryGetAsync<RebalancerStatus>("status"))?.CircuitOpen);

        await cluster.Simulator.FaultAsync(Fault.ClientsStayAway, on: true);
        judged = await DrainAsync(cluster, brokers[1]);
        var away = judged.Where(m => m.Effect!.Verdict == MoveVerdict.Silent).OrderBy(m => m.Topic, StringComparer.Ordinal).ToArray();
        var silent = away.Select(m => m.Topic).ToArray();
        Assert.NotEmpty(silent);
        await Poll.UntilAsync("each topic without clients is a finding", async () => await NotBackAsync(cluster) is { } found && silent.SequenceEqual(found, StringComparer.Ordinal));
        await Poll.UntilAsync("the circuit breaker is open", async () => await cluster.Rebalancer.TryGetAsync<RebalancerStatus>("status") is { CircuitOpen: true });
        await Poll.UntilAsync("the record shows what was expected beside what was measured", async () =>
            await cluster.History.TryGetAsync<Page<MoveRecord>>($"history/moves/{away[0].MoveId}") is { Items: [.., { Effect: { MessagesPerSecondBefore: > 0, MessagesPerSecondAfter: 0 } }] });

        await cluster.Simulator.FaultAsync(Fault.ClientsStayAway, on: false);
        await Poll.UntilAsync("the findings close by themselves", async () => await NotBackAsync(cluster) is { Count: 0 });
        await Poll.UntilAsync("moves go on", () => cluster.Rebalancer.TryPostAsync("circuit/close"));
        await OperatorDrain.ActivateAsync(cluster, brokers[1]);
    }

    /// <summary>Drains a broker and waits until it is known what that did to each topic that was moved.</summary>
    private static async Task<IReadOnlyList<MoveRecord>> DrainAsync(ChaosCluster cluster, string broker)
    {
        var known = (await cluster.Rebalancer.MovesAsync() ?? []).Select(m => m.MoveId).ToHashSet();
        await Poll.UntilAsync($"broker {broker} is drained", () => cluster.Rebalancer.TryPostAsync($"brokers/{broker}/drain"), pauseMs: 500);
        IReadOnlyList<MoveRecord> moves = [];
        await Poll.UntilAsync($"the moves from broker {broker} are judged", async () =>
        {
            moves = [.. (await cluster.Rebalancer.MovesAsync() ?? []).Where(m => m.From == broker && m.State == MoveState.Done && !known.Contains(m.MoveId))];
            return await cluster.Rebalancer.TryGetAsync<RebalancerStatus>("status") is { RunningPlanId: null } && moves.Count >= 3 && moves.All(m => m.Effect is not null);
        }, pauseMs: 500);
        if (await NotBackAsync(cluster) is { Count: 0 })
            await OperatorDrain.ActivateAsync(cluster, broker);
        return moves;
    }

    private static async Task<IReadOnlyList<string>?> NotBackAsync(ChaosCluster cluster) => await cluster.Rebalancer.TryGetAsync<IReadOnlyList<Finding>>("findings") is { } findings
        ? [.. findings.Where(f => f.Kind == FindingKind.NotBackSinceMove).Select(f => f.Subject).Order(StringComparer.Ordinal)]
        : null;
}
