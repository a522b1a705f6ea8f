namespace Danube.Dapr.Planning.Tests;

public sealed class PlannerTests
{
    [Fact]
    public void Plan_AllTopicsOnOneOfTwo_MovesTheFewestThatBalance()
    {
        var snapshot = new Cluster().Brokers("1", "2").Topics("1", 50, 30, 10, 5, 5).Build();

        var plan = Planner.Plan(snapshot, Cluster.Unlimited);

        Assert.Equal(1, plan.Bounds.MovesLowerBound);
        Assert.Single(plan.Moves);
        Assert.Equal(0, plan.Bounds.MovesGap);
        Assert.True(plan.ReachesTarget);
        Assert.All(Cluster.After(snapshot, plan).Values, load => Assert.InRange(load, 0, 60));
    }

    [Fact]
    public void Plan_Balanced_IsEmptyAndSaysSo()
    {
        var snapshot = new Cluster().Brokers("1", "2").Topics("1", 10, 10).Topics("2", 10, 9).Build();

        var plan = Planner.Plan(snapshot, new PlannerOptions());

        Assert.Empty(plan.Moves);
        Assert.Equal(Reason.Balanced, plan.Refusals[0].Reason);
        Assert.Equal(0, plan.Bounds.MovesLowerBound);
    }

    [Fact]
    public void Plan_TopicHeavierThanAnyShare_NamesItAndLeavesIt()
    {
        var snapshot = new Cluster().Brokers("1", "2", "3").Topic("1", 900, "/default/heavy").Topics("2", 50, 50).Topics("3", 50, 50).Build();

        var plan = Planner.Plan(snapshot, Cluster.Unlimited);

        Assert.Empty(plan.Moves);
        Assert.Contains(plan.Refusals, r => r is { Reason: Reason.Unsplittable, Subject: "/default/heavy" });
    }

    [Fact]
    public void Plan_Drain_EmptiesTheBrokerAndKeepsTheOthersWithinTheirLimits()
    {
        var snapshot = new Cluster().Brokers("1", "2", "3").Topics("1", 10, 20, 30).Topics("2", 30, 30).Topics("3", 30, 30).Build();

        var plan = Planner.Plan(snapshot, Cluster.Unlimited with { Goal = PlanGoal.Drain, Brokers = ["1"] });

        Assert.Equal(3, plan.Moves.Count);
        Assert.All(plan.Moves, m => Assert.Equal(MoveCause.Drain, m.Cause));
        Assert.Equal(0, Cluster.After(snapshot, plan)["1"]);
        Assert.True(plan.ReachesTarget);
    }

    [Fact]
    public void Plan_PinThatMakesTheClusterUneven_DoesNotCallItTheTarget()
    {
        var snapshot = new Cluster().Brokers("1", "2", "3").Topic("1", 36, "/default/pinned").Topics("1", 58).Topics("2", 82).Topics("3", 71, 71).Build();
        var options = Cluster.Unlimited with { OnlyWhenTriggered = true, Rules = new() { Pins = [new("/default/pinned", "2")] } };

        var plan = Planner.Plan(snapshot, options);

        Assert.Equal("2", Assert.Single(plan.Moves).To);
        Assert.False(options.Policy.IsTriggeredBy(plan.Before));
        Assert.True(options.Policy.IsTriggeredBy(plan.After));
        Assert.False(plan.ReachesTarget);
    }

    [Fact]
    public void Plan_SameInput_SameHashAndMoves()
    {
        var snapshot = new Cluster().Brokers("1", "2", "3").Topics("1", 9, 8, 7, 6, 5, 4, 3, 2, 1).Build();

        var first = Planner.Plan(snapshot, Cluster.Unlimited);
        var second = Planner.Plan(snapshot, Cluster.Unlimited);

        Assert.Equal(first.Hash, second.Hash);
        Assert.Equal(first.Moves.Select(m => (m.Topic, m.To)), second.Moves.Select(m => (m.Topic, m.To)));
    }

    [Fact]
    public void Plan_OverloadThatMayNotMove_NamesTheReasonOfEachTopicAndNotTheBrokerAsBalanced()
    {
        var cluster = new Cluster().Brokers("1", "2");
        for (var i = 0; i < 4; i++) cluster.Topic("1", 10, $"/default/t{i}", t => t with { FirstSeen = Cluster.Now.AddMinutes(-1) });
        var options = Cluster.Unlimited with { Limits = new PlanLimits() };

        var plan = Planner.Plan(cluster.Build(), options);

        Assert.Empty(plan.Moves);
        Assert.Equal(4, plan.Refusals.Count(r => r is { Kind: SubjectKind.Topic, Reason: Reason.TopicTooYoung }));
        Assert.Equal([Reason.Capacity], plan.Refusals.Where(r => r is { Kind: SubjectKind.Broker, Subject: "1" }).Select(r => r.Reason));
        Assert.Equal([Reason.Balanced], plan.Refusals.Where(r => r is { Kind: SubjectKind.Broker, Subject: "2" }).Select(r => r.Reason));
    }
}
