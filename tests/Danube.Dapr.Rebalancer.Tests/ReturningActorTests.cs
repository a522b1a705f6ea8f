using Danube.Dapr.Contracts;
using Danube.Dapr.Rebalancer.Actors;
using Danube.Dapr.Rebalancer.Tests.Bench;
using Danube.Dapr.Rebalancer.Topics;
using Dapr.Actors.Runtime;

namespace Danube.Dapr.Rebalancer.Tests;

/// <summary>Actors that acted in another process and come back to one that still has them as they were before: a sidecar that was started again did not know of them and ended none.</summary>
public sealed class ReturningActorTests
{
    [Fact]
    public async Task Topic_MovedElsewhereMeanwhile_RestsAllTheSame()
    {
        await using var bench = await MoveBench.StartAsync();
        var (topic, a, b) = ("/default/x", bench.Brokers[0], bench.Brokers[1]);
        Assert.Null(await bench.Directory.Topic(topic).GetAsync());

        bench.Actors.Process = 1;
        Assert.Null((await bench.Directory.Topic(topic).ReserveAsync(Reservation("m1", topic, a, b))).Denial);
        Assert.True(await bench.Directory.Topic(topic).BeginUnloadAsync(new UnloadRequest("m1", 0)));
        await bench.Directory.Topic(topic).EndAsync(new TopicEnd(new MoveEnd("m1", MoveState.Done, null, "", bench.Time.GetUtcNow(), 5), b, null));
        bench.Actors.Process = 0;

        Assert.Equal("m1", (await bench.Directory.Topic(topic).GetAsync())!.LastEnd?.MoveId);
        Assert.Equal(ReasonCode.CoolDown, (await bench.Directory.Topic(topic).ReserveAsync(Reservation("m2", topic, b, a))).Denial?.Reason);
    }

    [Fact]
    public async Task Plan_RecordedElsewhereMeanwhile_CountsEachMoveOnce()
    {
        await using var bench = await MoveBench.StartAsync();
        var (a, b) = (bench.Brokers[0], bench.Brokers[1]);
        var topics = bench.TopicsOf(a).Take(2).ToArray();
        var plan = bench.PlanOf((topics[0], b), (topics[1], b));
        await bench.Directory.Plan(plan.Id).CreateAsync(new PlanRun(plan, PlanRunState.Running, null, 0, 0, 0, null));
        Assert.All(await bench.Directory.Plan(plan.Id).GetMovesAsync(), m => Assert.Equal(MoveState.Planned, m.State));

        bench.Actors.Process = 1;
        await EndAsync(bench, plan, topics[0]);
        bench.Actors.Process = 0;
        await EndAsync(bench, plan, topics[0]);
        await EndAsync(bench, plan, topics[1]);
        bench.Actors.Process = 1;

        Assert.Equal(2, (await bench.Directory.Plan(plan.Id).GetAsync())!.Skipped);
        Assert.All(await bench.Directory.Plan(plan.Id).GetMovesAsync(), m => Assert.Equal(MoveState.Skipped, m.State));
    }

    [Fact]
    public async Task Plan_WhoseStepCouldNotBeStored_ShowsNothingOfIt()
    {
        await using var bench = await MoveBench.StartAsync();
        var (a, b) = (bench.Brokers[0], bench.Brokers[1]);
        var topic = bench.TopicsOf(a)[0];
        var plan = bench.PlanOf((topic, b));
        await bench.Directory.Plan(plan.Id).CreateAsync(new PlanRun(plan, PlanRunState.Running, null, 0, 0, 0, null));
        var step = (await bench.Directory.Plan(plan.Id).GetMovesAsync())[0] with { State = MoveState.Skipped };

        await Assert.ThrowsAsync<InvalidOperationException>(() => bench.Directory.Plan(plan.Id).RecordAsync([step, step with { Topic = "/default/unknown" }]));

        Assert.Equal(MoveState.Planned, (await bench.Directory.Plan(plan.Id).GetMovesAsync())[0].State);
        Assert.Equal(0, (await bench.Directory.Plan(plan.Id).GetAsync())!.Skipped);
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    [InlineData(7)]
    public async Task Move_WhoseActorsGoToAndFro_IsDoneOnce(int callsEach)
    {
        await using var bench = await MoveBench.StartAsync();
        var (a, b) = (bench.Brokers[0], bench.Brokers[1]);
        var topics = bench.TopicsOf(a).Take(2).ToArray();
        bench.Actors.Before = call =>
        {
            bench.Actors.Process = call / callsEach % 2;
            return Task.CompletedTask;
        };

        var run = await bench.RunPlanAsync((topics[0], b), (topics[1], b));

        Assert.Equal((PlanRunState.Finished, 2, 0), (run.State, run.Done, run.Failed + run.Skipped));
        Assert.Equal(2, bench.Unloads().Count);
        Assert.All(bench.States().Values, s => Assert.Equal("active", s));
    }

    /// <summary>Another process closed the window while this one stood still: what it would mask now nobody would ever activate.</summary>
    [Fact]
    public async Task Mask_WhoseWindowWasClosedMeanwhile_MasksNoFurtherBroker()
    {
        await using var bench = await MoveBench.StartAsync(brokers: 5);
        await StandStillAsync(bench, "drained");

        var answer = await bench.Directory.Mask.OpenAsync(new MaskRequest("plan", "batch", bench.Brokers[0], 1));

        Assert.Equal(ReasonCode.Reserved, answer.Reason);
        Assert.All(bench.States().Values, s => Assert.Equal("active", s));
    }

    /// <summary>And an operator drained a broker since.</summary>
    [Fact]
    public async Task Unmask_WhoseWindowWasClosedMeanwhile_ActivatesNoFurtherBroker()
    {
        await using var bench = await MoveBench.StartAsync(brokers: 5);
        await bench.Directory.Mask.OpenAsync(new MaskRequest("plan", "batch", bench.Brokers[0], 1));
        var left = await StandStillAsync(bench, "active", but: bench.Brokers[0]);

        await bench.Directory.Mask.CloseAsync("batch");

        Assert.Equal(3, left.Count);
        Assert.All(left, b => Assert.Equal("drained", bench.States()[b]));
    }

    /// <summary>A sidecar that was started again gives the next call while the one before it is still under way.</summary>
    [Fact]
    public async Task Call_WhileAnotherIsUnderWay_WaitsForItsEnd()
    {
        var actor = new Probe(ActorHost.CreateForTest<MaskActor>());
        await actor.BeginAsync();
        var second = actor.BeginAsync();
        Assert.False(second.IsCompleted);

        await actor.EndAsync();
        await second.WaitAsync(TimeSpan.FromSeconds(60));
        var third = actor.BeginAsync();
        Assert.False(third.IsCompleted);

        await actor.FailAsync();
        await third.WaitAsync(TimeSpan.FromSeconds(60));
    }

    /// <summary>
    /// The process stands still as soon as one broker is in a state; meanwhile another process closes the window. Brokers that are not yet in that state keep theirs, and are listed; with
    /// "drained" the one that is masked is activated with the window.
    /// </summary>
    private static async Task<IReadOnlyList<string>> StandStillAsync(MoveBench bench, string state, string? but = null)
    {
        await bench.Directory.Mask.GetAsync();
        var left = new List<string>();
        bench.Time.Looked = () =>
        {
            var reached = bench.States().Where(s => s.Value == state && s.Key != but).Select(s => s.Key).ToArray();
            if (reached.Length != 1 || left.Count > 0)
                return;
            left.AddRange(bench.States().Keys.Where(b => b != reached[0] && b != but));
            if (state == "drained")
                bench.Danube.ActivateBrokerAsync(reached[0], "another process").GetAwaiter().GetResult();
            bench.Actors.Stored(DaprNames.Actors.Mask, DaprNames.ClusterActorId).Remove("window");
            bench.Time.StoodStill += TimeSpan.FromSeconds(2);
        };
        return left;
    }

    private static Reservation Reservation(string moveId, string topic, string from, string to) =>
        new() { MoveId = moveId, Topic = topic, From = from, To = to, LeaseSeconds = 60, CoolDownSeconds = 600 };

    private static async Task EndAsync(MoveBench bench, RebalancePlan plan, string topic)
    {
        var record = (await bench.Directory.Plan(plan.Id).GetMovesAsync()).Single(m => m.Topic == topic);
        await bench.Directory.Plan(plan.Id).RecordAsync([record with { State = MoveState.Skipped }]);
    }

    private sealed class Probe : FreshActor
    {
        public Probe(ActorHost host) : base(host) => StateManager = new MemoryState([]);

        public Task BeginAsync() => OnPreActorMethodAsync(default);

        public Task EndAsync() => OnPostActorMethodAsync(default);

        public Task FailAsync() => OnActorMethodFailedAsync(default, new InvalidOperationException());
    }
}
