using Danube.Dapr.BrokerClient;
using Danube.Dapr.Contracts;
using Danube.Dapr.Rebalancer.Actors;
using Danube.Dapr.Rebalancer.Tests.Bench;

namespace Danube.Dapr.Rebalancer.Tests;

/// <summary>NonReliable topics that the operator allows to be moved by a new creation.</summary>
public sealed class RecreateTests
{
    private const string Topic = "/default/fleeting";

    [Fact]
    public async Task NonReliableTopic_ThatMayBeCreatedAgain_LandsOnItsTarget()
    {
        await using var bench = await StartAsync();
        var target = bench.Brokers.First(b => !bench.Topic(Topic).AssignedTo.Contains(b));

        var run = await bench.RunPlanAsync((Topic, target));

        Assert.Equal(1, run.Done);
        Assert.Equal([target], bench.Topic(Topic).AssignedTo);
        Assert.False(bench.Topic(Topic).Reliable);
        Assert.Empty(bench.Unloads());
        Assert.All(bench.States().Values, s => Assert.Equal("active", s));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Recreation_WithAnyOneCallLost_NeverLosesTheTopic(bool afterItsEffect)
    {
        await using var bench = await StartAsync();
        bench.Options.CoolDownSeconds = 0;
        bench.Actors.FailAfterwards = afterItsEffect;
        for (var call = 1; ; call++)
        {
            var target = bench.Brokers.First(b => !bench.Topic(Topic).AssignedTo.Contains(b));
            var plan = bench.PlanOf((Topic, target));
            Assert.Null((await bench.Directory.Control.SubmitAsync(new PlanSubmission(plan, "test"))).Reason);
            bench.Actors.FailCall = bench.Actors.Calls + call;
            await bench.RunWorkflowsAsync();
            var reached = bench.Actors.Calls >= bench.Actors.FailCall;
            bench.Actors.FailCall = 0;
            bench.Actors.Crash();

            Assert.True(bench.Topic(Topic).AssignedTo is [var owner] && owner == target, $"call {call}: on {string.Join(", ", bench.Topic(Topic).AssignedTo)}, not {target}");
            Assert.All(bench.States().Values, s => Assert.Equal("active", s));
            if (!reached)
                break;
        }
    }

    [Fact]
    public async Task Drain_OfABrokerWithSuchATopic_TakesItAlong()
    {
        await using var bench = await StartAsync();
        var broker = bench.Topic(Topic).AssignedTo.Single();

        var answer = await bench.Directory.Control.DrainAsync(new DrainCommand(broker));
        await bench.RunWorkflowsAsync();

        Assert.Empty(answer.Refusals);
        Assert.Empty(bench.TopicsOf(broker));
        Assert.Single(bench.Topic(Topic).AssignedTo);
    }

    [Fact]
    public async Task NonReliableTopic_WhoseNameBeginsAnothers_IsNotDeleted()
    {
        await using var bench = await StartAsync();
        await bench.Danube.CreateTopicAsync(Topic + "-too", TopicDelivery.NonReliable);
        await MoveBench.UntilAsync(() => bench.Topic(Topic + "-too").LoadedOn.Count == 1, "the other topic is loaded");
        var target = bench.Brokers.First(b => !bench.Topic(Topic).AssignedTo.Contains(b));

        var run = await bench.RunPlanAsync((Topic, target));

        Assert.Equal(ReasonCode.NameCollision, (await bench.Directory.Plan(run.Plan.Id).GetMovesAsync()).Single().Reason);
        Assert.DoesNotContain(bench.Cluster.Events(), e => e.Event == "delete");
    }

    private static async Task<MoveBench> StartAsync()
    {
        var bench = await MoveBench.StartAsync(configure: o => o.RecreateTopics.Add(Topic + "*"));
        await bench.Danube.CreateTopicAsync(Topic, TopicDelivery.NonReliable);
        await MoveBench.UntilAsync(() => bench.Topic(Topic).LoadedOn.Count == 1, "the topic is loaded");
        return bench;
    }
}
