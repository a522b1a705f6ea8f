using System.Net.Http.Json;
using Danube.Dapr.Chaos.Tests.Harness;
using Danube.Dapr.Contracts;

namespace Danube.Dapr.Chaos.Tests.Faults;

/// <summary>Messages come twice, late and in another order: what was published is published again, shuffled, while new ones come.</summary>
internal static class MessageTrouble
{
    public static async Task RunAsync(ChaosCluster cluster, Random random)
    {
        using var http = new HttpClient { BaseAddress = cluster.SidecarOf(DaprNames.Apps.MetricsCollector) };
        // Load reports of now, told again when the cluster looks different.
        IReadOnlyList<LoadReport>? old = null;
        await Poll.UntilAsync("load reports", async () => (old = await cluster.Api(DaprNames.Apps.MetricsCollector).TryGetAsync<IReadOnlyList<LoadReport>>("load-reports")) is { Count: > 0 });
        await cluster.Simulator.NextAsync(await cluster.Simulator.LastSeqAsync(), e => MoveSteps.Of(e) == MoveStep.Loaded, Poll.Patience);

        var moves = await cluster.History.MoveHistoryAsync() ?? [];
        var again = moves.TakeLast(60).Cast<object>().Concat(old!).Concat(old!).ToArray();
        random.Shuffle(again);
        foreach (var message in again)
        {
            var topic = message is MoveRecord ? DaprNames.Topics.Moves : DaprNames.Topics.LoadReports;
            using var answer = await http.PostAsync($"v1.0/publish/{DaprNames.PubSub}/{topic}", JsonContent.Create(message, message.GetType(), options: ContractsJson.Wire));
            Assert.True(answer.IsSuccessStatusCode, $"publish to {topic}: {answer.StatusCode}");
        }
    }

    /// <summary>Nothing is in the record twice, and ranking believes the newest report.</summary>
    public static async Task CheckAsync(ChaosCluster cluster)
    {
        var history = await cluster.History.MoveHistoryAsync() ?? throw new InvalidOperationException("History does not answer.");
        // The end of a move is told once more with what it did.
        Assert.DoesNotContain(history.CountBy(m => (m.MoveId, m.State, m.Attempt, m.Effect?.Verdict)), c => c.Value > 1);
        string? wrong = null;
        await Poll.UntilAsync("ranking sees what is so", async () =>
        {
            var seen = await cluster.Api(DaprNames.Apps.Ranking).TryGetAsync<ClusterSnapshot>("snapshot");
            var truth = (await cluster.Simulator.TruthAsync()).Topics.ToDictionary(t => t.Name, t => t.ServedBy);
            wrong = seen?.Topics.FirstOrDefault(t => truth.GetValueOrDefault(t.Name) != t.BrokerId)?.Name;
            return seen is not null && wrong is null;
        });
    }
}
