using Danube.Dapr.BrokerClient;
using Danube.Dapr.Contracts;
using Danube.Dapr.Rebalancer.Actors;
using Danube.Dapr.Rebalancer.Execution;
using Danube.Dapr.Rebalancer.Tests.Bench;
using Danube.Dapr.Rebalancer.Workflows;

namespace Danube.Dapr.Rebalancer.Tests;

/// <summary>
/// A step that is given out twice at the same time: a sidecar that died gives it out again while its first run still goes on in the service. The second run comes at every single call of
/// the first to an actor, and runs to its end there.
/// </summary>
public sealed class RepeatedStepTests
{
    private const string Fleeting = "/default/fleeting";

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task MoveStep_GivenOutAgainWhileItRuns_MovesTheTopicOnce(bool recreate)
    {
        await using var bench = await MoveBench.StartAsync(brokers: 3, topics: 6, configure: o =>
        {
            o.CoolDownSeconds = 0;
            o.RecreateTopics.Add(Fleeting);
        });
        if (recreate)
            await CreateFleetingAsync(bench);
        var topic = recreate ? Fleeting : bench.TopicsOf(bench.Brokers[0])[0];
        var repeated = 0;
        for (var at = 1; ; at++)
        {
            var from = bench.Topic(topic).AssignedTo.Single();
            // Not where Danube would place it by itself: without a mask this would be another kind of move.
            var target = bench.Brokers.Where(b => b != from).MaxBy(b => bench.TopicsOf(b).Count)!;
            var plan = bench.PlanOf((topic, target));
            Assert.Null((await bench.Directory.Control.SubmitAsync(new PlanSubmission(plan, "test"))).Reason);
            var input = new MoveInput(plan.Id, $"{plan.Id}-0", new MoveTask(topic, from, target, MoveCause.Manual, Recreate: recreate), true, bench.Cluster.Truth().LeaderId!, (ulong)bench.Cluster.Truth().Term, null);
            var (unloads, created) = (bench.Unloads().Values.Sum(), Creations(bench, topic));
            var counted = 0;
            var done = false;
            bench.Actors.Before = async _ =>
            {
                // From the moment at which its brokers are masked: before that no step of it is given out.
                if (done || (counted == 0 && await MaskedAsync(bench) != input.BatchId) || ++counted < at)
                    return;
                done = true;
                await bench.Part<TopicMover>().MoveAsync(input);
            };

            await bench.RunWorkflowsAsync();

            bench.Actors.Before = null;
            if (!done)
                break;
            repeated++;
            var why = $"given out again at call {at}";
            var run = (await bench.Directory.Plan(plan.Id).GetAsync())!;
            Assert.True(run.State == PlanRunState.Finished && (run.Done, run.Failed, run.Skipped) == (1, 0, 0), $"{why}: {run.State} {run.Reason}, {run.Done} done, {run.Failed} failed, {run.Skipped} skipped");
            Assert.True(bench.Topic(topic).AssignedTo is [var owner] && owner == target, $"{why}: on {string.Join(", ", bench.Topic(topic).AssignedTo)}, not {target}");
            Assert.True(bench.Unloads().Values.Sum() - unloads == (recreate ? 0 : 1), $"{why}: unloaded {bench.Unloads().Values.Sum() - unloads} times");
            Assert.True(Creations(bench, topic) - created == (recreate ? 1 : 0), $"{why}: created {Creations(bench, topic) - created} times");
            Assert.True(bench.States().Values.All(s => s == "active"), $"{why}: {string.Join(", ", bench.States().Values)}");
        }

        Assert.True(repeated >= 4, $"Only {repeated} calls were reached: a move makes more of them.");
    }

    [Fact]
    public async Task RepairStep_GivenOutAgainWhileItRuns_LeavesOneOwner()
    {
        var repeated = 0;
        while (await RepairsAsync(repeated + 1))
            repeated++;

        Assert.True(repeated >= 3, $"Only {repeated} calls were reached: a repair makes more of them.");
    }

    /// <returns>False when the repair makes fewer calls.</returns>
    private static async Task<bool> RepairsAsync(int at)
    {
        await using var bench = await MoveBench.StartAsync(topics: 6, configure: o => (o.Repair, o.StrandedAfterSeconds) = ("auto", 2));
        var topic = bench.TopicsOf(bench.Brokers[0])[0];
        await bench.StrandAsync(topic);
        var unloads = bench.Unloads().Values.Sum();
        var counted = 0;
        var done = false;
        bench.Actors.Before = async _ =>
        {
            if (done || await HeldAsync(bench, topic) is not { } moveId || ++counted < at)
                return;
            done = true;
            var planId = (await bench.Directory.Control.GetStateAsync()).Active!.PlanId;
            var input = new MoveInput(planId, $"{planId}-0", new MoveTask(topic, "", "", MoveCause.Repair), false, "", 0, null);
            Assert.Equal(moveId, input.Move.MoveId(planId));
            await bench.Part<TopicRepairer>().RepairAsync(input);
        };

        await bench.Directory.Control.NudgeAsync();
        await bench.RunWorkflowsAsync();

        bench.Actors.Before = null;
        var run = (await bench.Directory.Plan(bench.Events.Cycles.Single().PlanId!).GetAsync())!;
        var why = $"given out again at call {at}";
        Assert.True(run.State == PlanRunState.Finished && run.Done == 1, $"{why}: {run.State} {run.Reason}, {run.Done} done, {run.Failed} failed, {run.Skipped} skipped");
        Assert.True(bench.Topic(topic).AssignedTo.Count == 1, $"{why}: on {string.Join(", ", bench.Topic(topic).AssignedTo)}");
        Assert.True(bench.Unloads().Values.Sum() - unloads == 1, $"{why}: unloaded {bench.Unloads().Values.Sum() - unloads} times");
        Assert.DoesNotContain(bench.Cluster.Truth().Topics, t => t.Name.EndsWith(TopicRepairer.HelperSuffix, StringComparison.Ordinal));
        Assert.True(bench.States().Values.All(s => s == "active"), $"{why}: {string.Join(", ", bench.States().Values)}");
        return done;
    }

    private static async Task CreateFleetingAsync(MoveBench bench)
    {
        await bench.Danube.CreateTopicAsync(Fleeting, TopicDelivery.NonReliable);
        await MoveBench.UntilAsync(() => bench.Topic(Fleeting).LoadedOn.Count == 1, "the topic is loaded");
    }

    private static async Task<string?> MaskedAsync(MoveBench bench) => (await UnseenAsync(bench, bench.Directory.Mask.GetAsync))?.BatchId;

    private static async Task<string?> HeldAsync(MoveBench bench, string topic) => (await UnseenAsync(bench, bench.Directory.Topic(topic).GetAsync))?.Lease?.MoveId;

    /// <summary>A call of the test's own, which is none of the first run's.</summary>
    private static async Task<T> UnseenAsync<T>(MoveBench bench, Func<Task<T>> call)
    {
        var before = bench.Actors.Before;
        bench.Actors.Before = null;
        var answer = await call();
        bench.Actors.Before = before;
        return answer;
    }

    private static int Creations(MoveBench bench, string topic) => bench.Cluster.Events().Count(e => e.Event == "create" && e.Topic == topic);
}
