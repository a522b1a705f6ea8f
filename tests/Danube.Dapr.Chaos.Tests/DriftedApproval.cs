using System.Net;
using System.Net.Http.Json;
using System.Text.Json;
using Danube.Dapr.Chaos.Tests.Harness;
using Danube.Dapr.Contracts;

namespace Danube.Dapr.Chaos.Tests;

/// <summary>The cluster changes while a plan waits for approval, with all services at work.</summary>
[Collection("chaos")]
public sealed class DriftedApproval
{
    private const int Seed = 20265;
    private const double Hot = 4;
    private const double Hotter = 20;

    [Fact]
    public async Task Approval_OfAPlanWhoseRatesChanged_IsAskedForAgain_AndASmallChangeIsNone()
    {
        await using var cluster = await ChaosCluster.StartAsync(new ChaosOptions
        {
            Name = "drift",
            Seed = Seed,
            Store = Store.Sqlite,
            // What is proposed is made on rates that have settled.
            Environment = new Dictionary<string, string> { ["Rebalancer__Mode"] = "advise", ["Rebalancer__SustainedSeconds"] = "4" },
        });
        var truth = await cluster.Simulator.TruthAsync();
        var busy = truth.Brokers.Where(b => b.Broker.Alive).MaxBy(b => b.TopicsInMemory)!.Broker.Id;
        foreach (var topic in truth.Topics.Where(t => t.ServedBy == busy && t.Reliable))
            await cluster.Simulator.RateAsync(topic.Name, Hot);
        var first = await ProposedAsync(cluster, null);

        var heated = first.Moves.Where(m => m.To == first.Moves[^1].To).ToList();
        foreach (var move in heated)
            await cluster.Simulator.RateAsync(move.Topic, Hotter);
        await SeenAsync(cluster, heated[0].Topic, 0.9 * Hotter / Hot * heated[0].MessagesPerSecond);
        using (var refused = await ApproveAsync(cluster, first))
        {
            var problem = await refused.Content.ReadFromJsonAsync<JsonElement>();
            Assert.True(refused.StatusCode == HttpStatusCode.Conflict, $"{refused.StatusCode} {problem} (logs {cluster.Logs})");
            Assert.Equal(nameof(ReasonCode.Drift), problem.GetProperty("code").GetString());
            Assert.Contains("the plan said", problem.GetProperty("detail").GetString(), StringComparison.Ordinal);
        }

        var second = await ProposedAsync(cluster, first.Id);
        Assert.Equal((PlanRunState.Stopped, ReasonCode.Drift), await EndedAsync(cluster, first));
        Assert.DoesNotContain(await cluster.Simulator.EventsAsync(), e => MoveSteps.Of(e) == MoveStep.UnloadPosted);

        var little = second.Moves[0].Topic;
        await cluster.Simulator.RateAsync(little, 1.05 * (heated.Any(m => m.Topic == little) ? Hotter : Hot));
        using (var taken = await ApproveAsync(cluster, second))
            Assert.True(taken.StatusCode == HttpStatusCode.Accepted, $"{taken.StatusCode} {await taken.Content.ReadAsStringAsync()} (logs {cluster.Logs})");
        Assert.Equal((PlanRunState.Finished, null), await EndedAsync(cluster, second));
        await new Invariants(cluster, new ChaosReport(Seed)).HoldAsync();
    }

    private static Task<HttpResponseMessage> ApproveAsync(ChaosCluster cluster, RebalancePlan plan) =>
        cluster.Rebalancer.SendAsync(HttpMethod.Post, $"plans/{plan.Id}/approve", new { approver = "ada", hash = plan.Hash });

    /// <summary>The plan that waits for approval, another one than <paramref name="before"/>.</summary>
    private static async Task<RebalancePlan> ProposedAsync(ChaosCluster cluster, string? before)
    {
        PlanRun? run = null;
        await Poll.UntilAsync($"a plan other than {before ?? "none"} waits for approval", async () =>
            await cluster.Rebalancer.TryGetAsync<RebalancerStatus>("status") is { PendingPlanId: { } id } && id != before
            && (run = await cluster.Rebalancer.TryGetAsync<PlanRun>($"plans/{id}")) is not null);
        return run!.Plan;
    }

    private static Task SeenAsync(ChaosCluster cluster, string topic, double messagesPerSecond) => Poll.UntilAsync($"ranking sees {messagesPerSecond:0} messages/s of {topic}", async () =>
        await cluster.Api(DaprNames.Apps.Ranking).TryGetAsync<ClusterSnapshot>("snapshot") is { } snapshot
        && snapshot.Topics.Single(t => t.Name == topic) is { } seen && seen.MessagesInPerSecond + seen.MessagesOutPerSecond >= messagesPerSecond);

    private static async Task<(PlanRunState State, ReasonCode? Reason)> EndedAsync(ChaosCluster cluster, RebalancePlan plan)
    {
        PlanRun? run = null;
        await Poll.UntilAsync($"plan {plan.Id} has ended", async () =>
            (run = await cluster.Rebalancer.TryGetAsync<PlanRun>($"plans/{plan.Id}")) is { State: PlanRunState.Finished or PlanRunState.Stopped });
        return (run!.State, run.Reason);
    }
}
