namespace Danube.Dapr.Planning.Tests;

/// <summary>What is left out of a plan takes with it what was only right together with it.</summary>
public sealed class ScheduleTests
{
    [Fact]
    public void Plan_MakerOfRoomThatDoesNotPayAlone_GoesWithItsGuest()
    {
        // 2 is full: what comes from 1 fits only when the topic with many clients goes on to 3, where nothing of 1 may go.
        var snapshot = new Cluster().Brokers("1", "2", "3")
            .Topic("1", 50, "/a/guest").Topics("1", 60, 60)
            .Topic("2", 30, "/b/busy", t => t with { Producers = 34 }).Topic("2", 65, "/b/stays")
            .Topics("3", 35).Build();
        var options = Cluster.Unlimited with
        {
            Cost = new(1, 1, 0), OverloadSecondsPerCost = 1,
            Rules = new() { Banned = [new("/default/*", "2"), new("/default/*", "3"), new("/a/*", "3")], DeniedTopics = ["/b/stays"] },
        };

        var paid = Planner.Plan(snapshot, options with { PaybackHorizon = TimeSpan.FromSeconds(100) });
        var unpaid = Planner.Plan(snapshot, options with { PaybackHorizon = TimeSpan.FromSeconds(20) });

        Assert.Equal(["/a/guest to 2", "/b/busy to 3"], paid.Moves.Select(m => $"{m.Topic} to {m.To}").Order());
        Assert.Empty(unpaid.Moves);
        Assert.Contains(unpaid.Refusals, r => r.Reason == Reason.NoBenefit);
    }

    [Theory]
    [InlineData(1, 0)]
    [InlineData(60, 2)]
    public void Plan_ExchangeThatDoesNotPay_IsNone(int horizonSeconds, int moves)
    {
        // Each of the two makes room for the other.
        var snapshot = new Cluster().Brokers("1", "2").Topics("1", 70, 55).Topics("2", 45, 30).Build();
        var options = Cluster.Unlimited with { OverloadSecondsPerCost = 1, Policy = ImbalancePolicy.Balanced with { TargetCoefficientOfVariation = 0, TargetMaxOverMean = 1.1 } };

        Assert.Equal(moves, Planner.Plan(snapshot, options with { PaybackHorizon = TimeSpan.FromSeconds(horizonSeconds) }).Moves.Count);
    }

    [Fact]
    public void Plan_PinnedPartitionWhosePlaceALimitKeepsTaken_Waits()
    {
        var snapshot = new Cluster().Brokers("1", "2").Partitions("1", 1).Partitions("2", 1, first: 1).Build();
        var options = Cluster.Unlimited with { Rules = new() { MaxPartitionsPerBroker = 1, Pins = [new("/d/p0", "2")] } };

        var whole = Planner.Plan(snapshot, options);
        var cut = Planner.Plan(snapshot, options with { Limits = PlanLimits.None with { MaxMovesPerCycle = 1 } });

        Assert.Equal(2, whole.Moves.Count);
        Assert.Empty(cut.Moves);
        Assert.Contains(cut.Refusals, r => r is { Subject: "/d/p0", Reason: Reason.AntiAffinity });
    }
}
