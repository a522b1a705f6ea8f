using Danube.Dapr.BrokerClient;
using Danube.Dapr.BrokerSimulator;
using Danube.Dapr.Contracts;
using Danube.Dapr.Rebalancer.Actors;
using Danube.Dapr.Rebalancer.Cycle;
using Danube.Dapr.Rebalancer.Execution;
using Danube.Dapr.Rebalancer.Findings;
using Danube.Dapr.Rebalancer.Tests.Bench;
using Danube.Dapr.Rebalancer.Topics;

namespace Danube.Dapr.Rebalancer.Tests;

/// <summary>NonReliable topics that the operator allows to be moved by a new creation.</summary>
public sealed class RecreateTests
{
    private const string Topic = "/default/fleeting";
    private const string InTheWay = Topic + "-too";

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

    /// <summary>Meanwhile another run may have done it all, and clients have the new topic.</summary>
    [Fact]
    public async Task Delete_WrittenDownBeforeTheProcessStoodStill_IsNotSentAfterIt()
    {
        await using var bench = await StartAsync();
        var target = bench.Brokers.First(b => !bench.Topic(Topic).AssignedTo.Contains(b));
        var (looking, deletedBefore, deletedLate) = (false, -1, -1);
        bench.Actors.Before = async _ =>
        {
            if (looking)
                return;
            looking = true;
            if (deletedBefore >= 0)
            {
                deletedLate = deletedLate < 0 ? Deletes(bench) : deletedLate;
            }
            else if ((await bench.Directory.Topic(Topic).GetAsync())?.DeletedAt is not null)
            {
                deletedBefore = Deletes(bench);
                bench.Time.StoodStill += TimeSpan.FromSeconds(2);
            }

            looking = false;
        };

        var run = await bench.RunPlanAsync((Topic, target));

        Assert.Equal((0, 0), (deletedBefore, deletedLate));
        Assert.Equal((1, 1), (run.Done, Deletes(bench)));
        Assert.Equal([target], bench.Topic(Topic).AssignedTo);
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

    [Fact]
    public async Task Creation_ThatDanubeRefusesForAMoment_IsTriedAgainUntilItIsThere()
    {
        await using var bench = await StartAsync(onTheFirst: true);
        var target = bench.Brokers.First(b => !bench.Topic(Topic).AssignedTo.Contains(b));
        StandInTheWay(bench, async calls =>
        {
            if (calls == 4)
                await bench.Danube.DeleteTopicAsync(InTheWay);
        });

        var run = await bench.RunPlanAsync((Topic, target));

        Assert.Equal((PlanRunState.Finished, 1), (run.State, run.Done));
        Assert.Equal([target], bench.Topic(Topic).AssignedTo);
        Assert.Empty((await bench.Directory.Control.GetStateAsync()).Deleted);
    }

    [Fact]
    public async Task Danube_OutOfReachAfterTheDelete_FindsTheTopicCreatedWhenItIsBack()
    {
        await using var bench = await StartAsync(onTheFirst: true);
        var target = bench.Brokers.First(b => !bench.Topic(Topic).AssignedTo.Contains(b));
        StandInTheWay(bench, async calls =>
        {
            // Longer than a step is tried again: the batch has ended with a fault by then.
            if (calls == 1)
                bench.Cluster.SetFault(Fault.DroppedAdmin, on: true, value: 2);
            if (calls != 12)
                return;
            bench.Cluster.SetFault(Fault.DroppedAdmin, on: false);
            await bench.Danube.DeleteTopicAsync(InTheWay);
        });

        var run = await bench.RunPlanAsync((Topic, target));

        Assert.Equal((PlanRunState.Stopped, ReasonCode.Fault, 1), (run.State, run.Reason, run.Failed));
        await MoveBench.UntilAsync(() => bench.Cluster.Truth().Topics.Any(t => t.Name == Topic && t.AssignedTo.Count == 1), "the topic has an owner");
        var state = await bench.Directory.Control.GetStateAsync();
        Assert.Empty(state.Deleted);
        Assert.Empty(state.Banned);
    }

    [Fact]
    public async Task Creation_ThatDanubeGoesOnRefusing_IsAFindingUntilACycleCreatesIt()
    {
        await using var bench = await StartAsync(onTheFirst: true);
        bench.Options.MoveTimeoutSeconds = 5;
        var target = bench.Brokers.First(b => !bench.Topic(Topic).AssignedTo.Contains(b));
        StandInTheWay(bench, _ => Task.CompletedTask);

        var run = await bench.RunPlanAsync((Topic, target));

        bench.Actors.Before = null;
        Assert.Equal(1, run.Failed);
        var state = await bench.Directory.Control.GetStateAsync();
        Assert.Equal([Topic], state.Deleted.Select(d => d.Topic));
        Assert.Empty(state.Banned);
        Assert.Empty(state.StuckBrokers);
        var finding = FindingRules.Of(bench.Snapshot(), [], state, bench.Options, bench.Time.GetUtcNow()).Single(f => f is { Kind: FindingKind.StrandedTopic, Subject: Topic });
        Assert.Equal(FindingSeverity.Critical, finding.Severity);
        Assert.Contains("refused", finding.Evidence, StringComparison.Ordinal);

        bench.Actors.Crash();
        await bench.Directory.Control.NudgeAsync();
        Assert.Single((await bench.Directory.Control.GetStateAsync()).Deleted);
        await bench.Danube.DeleteTopicAsync(InTheWay);
        await bench.Directory.Control.NudgeAsync();

        Assert.Empty((await bench.Directory.Control.GetStateAsync()).Deleted);
        Assert.Contains(bench.Cluster.Truth().Topics, t => t.Name == Topic && !t.Reliable);
    }

    [Fact]
    public async Task CreationOfARepair_ThatDanubeRefusesForAMoment_IsTriedAgain()
    {
        await using var bench = await StartAsync();
        await bench.Danube.UnloadTopicAsync(Topic);
        await MoveBench.UntilAsync(() => bench.Cluster.Events().Any(e => e.Event == "orphan" && e.Topic == Topic), "the topic is an orphan");
        StandInTheWay(bench, _ => Task.CompletedTask);
        // The first try follows at once on the end of the helper topic, the next ones a second apart.
        var cleared = ClearAsync();
        async Task ClearAsync()
        {
            await MoveBench.UntilAsync(() => bench.Cluster.Events().Any(e => e.Event == "delete" && e.Topic == Topic + TopicRepairer.HelperSuffix), "the helper is deleted");
            await Task.Run(() => bench.Danube.DeleteTopicAsync(InTheWay));
        }

        var plan = PlanMaker.Repair(bench.Snapshot(), [new UnownedTopic(Topic, bench.Time.GetUtcNow().AddMinutes(-1), null, false)], bench.Time.GetUtcNow(), "balanced");
        Assert.Null((await bench.Directory.Control.SubmitAsync(new PlanSubmission(plan, "test"))).Reason);
        await bench.RunWorkflowsAsync();

        await cleared;
        Assert.Equal(1, (await bench.Directory.Plan(plan.Id).GetAsync())!.Done);
        Assert.Single(bench.Topic(Topic).AssignedTo);
        Assert.Empty((await bench.Directory.Control.GetStateAsync()).Deleted);
    }

    /// <summary>Creates a topic whose name begins with the other's as soon as that one is about to be deleted: Danube then refuses to create it.</summary>
    /// <param name="bench">The bench.</param>
    /// <param name="then">Runs before each later call to an actor, with its number.</param>
    private static void StandInTheWay(MoveBench bench, Func<int, Task> then)
    {
        var calls = -1;
        var busy = false;
        bench.Actors.Before = async _ =>
        {
            if (busy)
                return;
            busy = true;
            if (calls >= 0)
            {
                await then(++calls);
            }
            else if ((await bench.Directory.Topic(Topic).GetAsync())?.Lease is { Step: LeaseStep.Unloading })
            {
                calls = 0;
                await bench.Danube.CreateTopicAsync(InTheWay, TopicDelivery.NonReliable);
                await MoveBench.UntilAsync(() => bench.Topic(InTheWay).LoadedOn.Count == 1, "the other topic is loaded");
            }

            busy = false;
        };
    }

    private static async Task<MoveBench> StartAsync(bool onTheFirst = false)
    {
        var bench = await MoveBench.StartAsync(configure: o => o.RecreateTopics.Add(Topic + "*"));
        // On the first broker, Danube finds it by its name whatever other names begin alike.
        var others = bench.Brokers.Order(StringComparer.Ordinal).Skip(1).Where(_ => onTheFirst).ToList();
        foreach (var other in others)
            await bench.Danube.MaskBrokerAsync(other);
        await bench.Danube.CreateTopicAsync(Topic, TopicDelivery.NonReliable);
        await MoveBench.UntilAsync(() => bench.Topic(Topic).LoadedOn.Count == 1, "the topic is loaded");
        foreach (var other in others)
            await bench.Danube.ActivateBrokerAsync(other, "test");
        return bench;
    }

    private static int Deletes(MoveBench bench) => bench.Cluster.Events().Count(e => e.Event == "delete" && e.Topic == Topic);
}
