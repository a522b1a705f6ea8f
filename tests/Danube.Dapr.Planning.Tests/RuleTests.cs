namespace Danube.Dapr.Planning.Tests;

/// <summary>Each hard and soft rule, by what it does to one plan that would otherwise break it.</summary>
public sealed class RuleTests
{
    private static readonly PlannerOptions Plain = Cluster.Unlimited;

    [Fact]
    public void Plan_WithoutRules_SpreadsOverAllBrokers() => Assert.Equal(["2", "3"], Targets(Skewed(), Plain));

    [Theory]
    [InlineData(BrokerState.Draining)]
    [InlineData(BrokerState.Drained)]
    [InlineData(BrokerState.Down)]
    public void Plan_BrokerNotActive_GetsNothing(BrokerState state) => Assert.DoesNotContain("4", Targets(Skewed().Broker("4", b => b with { State = state }), Plain));

    [Fact]
    public void Plan_BrokerDown_LosesNothing() =>
        Assert.Empty(Planner.Plan(new Cluster().Broker("1", b => b with { State = BrokerState.Down }).Brokers("2", "3").Topics("1", 10, 10).Topics("2", 10, 10).Topics("3", 10).Build(), Plain).Moves);

    [Fact]
    public void Plan_BrokerDraining_IsEmptied()
    {
        var snapshot = new Cluster().Broker("1", b => b with { State = BrokerState.Draining }).Brokers("2", "3").Topics("1", 10, 10).Topics("2", 10).Topics("3", 10).Build();
        Assert.Equal(2, Planner.Plan(snapshot, new PlannerOptions()).Moves.Count);
    }

    [Fact]
    public void Plan_Pin_MovesTheTopicThereAndKeepsIt()
    {
        var options = Plain with { Rules = new() { Pins = [new("/default/t0", "3")] } };
        Assert.Equal("3", Planner.Plan(Skewed().Build(), options).Moves.Single(m => m.Topic == "/default/t0").To);
        var there = new Cluster().Brokers("1", "2", "3").Topic("3", 100, "/default/t0").Topic("3", 100, "/default/t1").Build();
        Assert.DoesNotContain(Planner.Plan(there, options).Moves, m => m.Topic == "/default/t0");
    }

    [Fact]
    public void Plan_PinToAnUnknownBroker_IsAConflictAndTheTopicStays()
    {
        var plan = Planner.Plan(Skewed().Build(), Plain with { Rules = new() { Pins = [new("/default/t0", "77")] } });
        Assert.DoesNotContain(plan.Moves, m => m.Topic == "/default/t0");
        Assert.Equal(["pin of /default/t0 to broker 77"], plan.Conflicts.Single().Rules);
    }

    [Fact]
    public void Plan_TwoPinsOfOneTopic_AreAConflictOfTheTwo()
    {
        var plan = Planner.Plan(Skewed().Build(), Plain with { Rules = new() { Pins = [new("/default/t0", "2"), new("/default/t?", "3")] } });
        Assert.Contains(plan.Conflicts, c => c.Rules.Count == 2);
    }

    [Fact]
    public void Plan_DenyGlob_HoldsTheMatchingTopicsAlone()
    {
        var plan = Planner.Plan(Skewed().Build(), Plain with { Rules = new() { DeniedTopics = ["/default/t[0-3]", "/default/t0", "/def*/t1"] } });
        Assert.DoesNotContain(plan.Moves, m => m.Topic is "/default/t0" or "/default/t1");
        Assert.NotEmpty(plan.Moves);
    }

    [Fact]
    public void Plan_Ban_KeepsTheTopicOffTheBroker() => Assert.Equal(["2"], Targets(Skewed(), Plain with { Rules = new() { Banned = [new("*", "3")] } }));

    [Fact]
    public void Plan_ExcludedBroker_NeitherGivesNorTakes()
    {
        Assert.Equal(["2"], Targets(Skewed(), Plain with { Rules = new() { ExcludedBrokers = ["3"] } }));
        Assert.Empty(Planner.Plan(Skewed().Build(), Plain with { Rules = new() { ExcludedBrokers = ["1"] } }).Moves);
    }

    [Fact]
    public void Plan_MaxPartitionsPerBroker_SpreadsTheGroup()
    {
        var snapshot = new Cluster().Brokers("1", "2", "3").Topic("1", 10, "/d/a-part-0", Group).Topic("1", 10, "/d/a-part-1", Group).Topic("1", 10, "/d/a-part-2", Group)
            .Topics("2", 15, 15).Topics("3", 15, 15).Build();
        var plan = Planner.Plan(snapshot, Plain with { Policy = ImbalancePolicy.Conservative with { TargetCoefficientOfVariation = 0, TargetMaxOverMean = 1.7 }, Rules = new() { MaxPartitionsPerBroker = 1 } });
        Assert.Equal(["2", "3"], plan.Moves.Select(m => m.To).Order());
        Assert.All(plan.Moves, m => Assert.Equal(MoveCause.RuleViolation, m.Cause));
        Assert.Equal(2, plan.Bounds.MovesLowerBound);
    }

    [Fact]
    public void Plan_MaxPartitionsPerZone_SpreadsTheGroupOverZones()
    {
        var snapshot = new Cluster().Broker("1", b => b with { Zone = "a" }).Broker("2", b => b with { Zone = "a" }).Broker("3", b => b with { Zone = "b" })
            .Topic("1", 10, "/d/a-part-0", Group).Topic("2", 10, "/d/a-part-1", Group).Topics("3", 5).Build();
        var plan = Planner.Plan(snapshot, Plain with { Policy = ImbalancePolicy.Conservative with { TargetCoefficientOfVariation = 0, TargetMaxOverMean = 1.8 }, Rules = new() { MaxPartitionsPerZone = 1 } });
        Assert.Equal("3", Assert.Single(plan.Moves).To);
    }

    [Fact]
    public void Plan_RequiredAffinity_MovesTopicsOntoTheirBrokers()
    {
        var plan = Planner.Plan(Skewed().Build(), Plain with { Rules = new() { Affinity = [new("home", ["/default/t0"], ["3"], [], true)] } });
        Assert.Equal("3", plan.Moves.Single(m => m.Topic == "/default/t0").To);
    }

    [Fact]
    public void Plan_RequiredAvoid_MovesTopicsOff() =>
        Assert.Equal("2", Planner.Plan(Skewed().Build(), Plain with { Rules = new() { Affinity = [new("off", ["/default/t0"], [], ["1", "3"], true)] } }).Moves.Single(m => m.Topic == "/default/t0").To);

    [Theory]
    [InlineData("2")]
    [InlineData("3")]
    public void Plan_PreferredBroker_IsChosenAmongEquals(string preferred) =>
        Assert.Equal(preferred, Single(Plain with { Rules = new() { Affinity = [new("soft", ["*"], [preferred], [])] } }).To);

    [Theory]
    [InlineData("2", "3")]
    [InlineData("3", "2")]
    public void Plan_AvoidedBroker_IsNotChosenAmongEquals(string avoided, string expected) =>
        Assert.Equal(expected, Single(Plain with { Rules = new() { Affinity = [new("soft", ["*"], [], [avoided])] } }).To);

    [Theory]
    [InlineData("2")]
    [InlineData("3")]
    public void Plan_NamespaceAffinity_ChoosesTheBrokerOfTheNamespace(string home)
    {
        var snapshot = new Cluster().Brokers("1", "2", "3").Topics("1", 50, 50).Topic("1", 16, "/own/a")
            .Topic("2", 80, home == "2" ? "/own/b" : "/other/b").Topic("3", 80, home == "3" ? "/own/c" : "/other/c").Topic(home, 0, "/own/d").Topic(home, 0, "/own/e").Build();
        var plan = Planner.Plan(snapshot, Plain with { Policy = ImbalancePolicy.Balanced with { TargetCoefficientOfVariation = 0, TargetMaxOverMean = 1.1 }, Rules = new() { NamespaceAffinity = true } });
        Assert.Equal(("/own/a", home), (Assert.Single(plan.Moves).Topic, plan.Moves[0].To));
    }

    [Fact]
    public void Plan_ThroughputRequirement_NeedsThatMuchOfTheTarget()
    {
        var cluster = Skewed("1").Broker("2", b => b with { Capacity = new(Throughput: 200) }).Broker("3", b => b with { Capacity = new(Throughput: 1_000_000) });
        Assert.Equal(["3"], Targets(cluster, Plain with { Rules = new() { Requirements = [new("*", ThroughputBytesPerSecond: 1000)] } }));
    }

    [Fact]
    public void Plan_SizeRequirement_NeedsThatMuchDiskOfTheTarget()
    {
        var cluster = Skewed("1").Broker("2", b => b with { Capacity = new(DiskUsage: 1e9), Measured = new(DiskUsage: 9e8) }).Broker("3", b => b with { Capacity = new(DiskUsage: 1e12), Measured = new(DiskUsage: 1e9) });
        Assert.Equal(["3"], Targets(cluster, Plain with { Rules = new() { Requirements = [new("*", SizeBytes: 5e8)] } }));
    }

    [Fact]
    public void Plan_CpuIntensive_NeedsABrokerBelowSeventyPercent()
    {
        var cluster = Skewed("1").Broker("2", b => b with { Capacity = new(Cpu: 4), Measured = new(Cpu: 3) }).Broker("3", b => b with { Capacity = new(Cpu: 4), Measured = new(Cpu: 2) });
        Assert.Equal(["3"], Targets(cluster, Plain with { Rules = new() { Requirements = [new("*", CpuIntensive: true)] } }));
    }

    [Fact]
    public void Plan_LowLatency_NeedsABrokerAtOrBelowTheMean()
    {
        // Broker 2 is above the mean of 60, broker 3 below.
        var snapshot = new Cluster().Brokers("1", "2", "3").Topics("1", 50, 40).Topics("2", 65).Topics("3", 25).Build();
        var plan = Planner.Plan(snapshot, Plain with { Policy = ImbalancePolicy.Balanced with { TargetCoefficientOfVariation = 0, TargetMaxOverMean = 1.19 }, Rules = new() { Requirements = [new("*", LowLatency: true)] } });
        Assert.All(plan.Moves, m => Assert.Equal("3", m.To));
        Assert.NotEmpty(plan.Moves);
    }

    [Fact]
    public void Plan_Capacity_IsNotExceededEvenWhereTheShareWouldAllowIt()
    {
        var snapshot = new Cluster().Broker("1").Broker("2", b => b with { Capacity = new(Throughput: 40) }).Broker("3").Topics("1", 10, 10, 10, 10, 10, 10, 10, 10, 10, 10).Build();
        var after = Cluster.After(snapshot, Planner.Plan(snapshot, Plain));
        Assert.InRange(after["2"], 0, .85 * 40);
    }

    [Fact]
    public void Plan_NoReturn_KeepsATopicOffTheBrokerThatItLeft()
    {
        Cluster Left(double minutes) => new Cluster().Brokers("1", "2").Topics("1", 50, 1)
            .Topic("1", 40, "/default/back", t => t with { MovedFrom = "2", LastMoved = Cluster.Now.AddMinutes(-minutes) }).Topics("2", 9, 9, 9, 9, 9);
        var options = Plain with { Limits = PlanLimits.None with { NoReturnWithin = TimeSpan.FromHours(1) } };
        Assert.DoesNotContain(Planner.Plan(Left(30).Build(), options).Moves, m => m.Topic == "/default/back");
        Assert.Contains(Planner.Plan(Left(90).Build(), options).Moves, m => m.Topic == "/default/back");
    }

    [Theory]
    [InlineData(23, 0, true)]
    [InlineData(3, 59, true)]
    [InlineData(4, 0, false)]
    [InlineData(21, 59, false)]
    public void QuietHours_OverMidnight_ContainBothSides(int hour, int minute, bool expected) =>
        Assert.Equal(expected, new QuietHours(new(22, 0), new(4, 0)).Contains(new DateTimeOffset(2026, 1, 1, hour, minute, 0, TimeSpan.Zero)));

    [Fact]
    public void Plan_HourlyLimit_CountsMovesBeforeTheSnapshot()
    {
        var cluster = Skewed();
        cluster.Builder.MovesInLastHour = 4;
        Assert.Equal(2, Planner.Plan(cluster.Build(), Plain with { Limits = PlanLimits.None with { MaxMovesPerHour = 6 } }).Moves.Count);
    }

    [Fact]
    public void Plan_NamespaceBudget_LimitsThatNamespaceAlone()
    {
        var cluster = new Cluster().Brokers("1", "2", "3");
        for (var i = 0; i < 5; i++) cluster.Topic("1", 10, $"/a/t{i}").Topic("1", 10, $"/b/t{i}");
        var plan = Planner.Plan(cluster.Build(), Plain with { Limits = PlanLimits.None with { NamespaceBudgets = new Dictionary<string, int> { ["a"] = 0 } } });
        Assert.NotEmpty(plan.Moves);
        Assert.All(plan.Moves, m => Assert.StartsWith("/b/", m.Topic, StringComparison.Ordinal));
    }

    [Fact]
    public void Plan_AddBroker_MovesOntoItAlone()
    {
        var snapshot = new Cluster().Brokers("1", "2", "3", "4").Topics("1", 20, 10, 10).Topics("2", 20, 10, 10).Topics("3", 40).Build();
        var plan = Planner.Plan(snapshot, Plain with { Goal = PlanGoal.AddBroker, Brokers = ["4"] });
        Assert.NotEmpty(plan.Moves);
        Assert.All(plan.Moves, m => Assert.Equal("4", m.To));
    }

    [Fact]
    public void Plan_NonReliable_MovesWhereTheOptionsAllowIt()
    {
        var snapshot = Skewed(change: t => t with { Delivery = Delivery.NonReliable }).Build();
        Assert.Empty(Planner.Plan(snapshot, Plain).Moves);
        Assert.NotEmpty(Planner.Plan(snapshot, Plain with { Limits = PlanLimits.None with { MoveNonReliable = true } }).Moves);
    }

    [Fact]
    public void Plan_InfeasibleDrain_NamesTheSmallestConflict()
    {
        var plan = Planner.Plan(Skewed().Build(), Plain with
        {
            Goal = PlanGoal.Drain, Brokers = ["1"],
            Rules = new() { Banned = [new("/default/t1", "2"), new("/default/t1", "3"), new("/default/t1", "1")], Affinity = [new("all", ["*"], ["1", "2", "3"], [], true)] },
        });
        Assert.Equal(["ban of /default/t1 from broker 2", "ban of /default/t1 from broker 3"], Assert.Single(plan.Conflicts).Rules);
        Assert.False(plan.ReachesTarget);
        Assert.DoesNotContain(plan.Moves, m => m.Topic == "/default/t1");
        Assert.Equal(9, plan.Moves.Count);
    }

    [Fact]
    public void Plan_MorePartitionsThanTheBrokersMayHave_NamesTheLimitAlone()
    {
        var plan = Planner.Plan(new Cluster().Brokers("1", "2").Topic("1", 1).Partitions("1", 5).Build(), Plain with { Rules = new() { MaxPartitionsPerBroker = 2, Banned = [new("/d/p1", "7")] } });
        Assert.Equal(["at most 2 partition(s) of a group per broker"], Assert.Single(plan.Conflicts).Rules);
        Assert.Contains(plan.Refusals, r => r.Reason == Reason.Infeasible && r.Detail.Contains("The 5 partitions of /d/p cannot be spread", StringComparison.Ordinal));
        Assert.False(plan.ReachesTarget);
    }

    [Fact]
    public void Plan_MorePartitionsThanTheZonesMayHave_NamesThatLimitAlone()
    {
        var cluster = new Cluster().Broker("1", b => b with { Zone = "a" }).Broker("2", b => b with { Zone = "a" }).Broker("3", b => b with { Zone = "b" }).Partitions("1", 5);
        var plan = Planner.Plan(cluster.Build(), Plain with { Rules = new() { MaxPartitionsPerZone = 2, MaxPartitionsPerBroker = 3 } });
        Assert.Equal(["at most 2 partition(s) of a group per zone"], Assert.Single(plan.Conflicts).Rules);
    }

    [Fact]
    public void Plan_PartitionsPinnedTogetherAndToBeSpread_NamesPinsAndLimit()
    {
        var cluster = new Cluster().Brokers("1", "2", "3").Partitions("1", 2);
        var plan = Planner.Plan(cluster.Build(), Plain with { Rules = new() { MaxPartitionsPerBroker = 1, Pins = [new("/d/p0", "1"), new("/d/p1", "1")] } });
        Assert.Equal(
            ["at most 1 partition(s) of a group per broker", "pin of /d/p0 to broker 1", "pin of /d/p1 to broker 1"], Assert.Single(plan.Conflicts).Rules);
    }

    [Fact]
    public void Plan_DrainThatLeavesTooFewBrokersForAGroup_NamesBrokersAndLimit()
    {
        var cluster = new Cluster().Brokers("1", "2", "3").Partitions("1", 1).Partitions("2", 1, 1).Partitions("3", 1, 2);
        var plan = Planner.Plan(cluster.Build(), Plain with { Goal = PlanGoal.Drain, Brokers = ["3"], Rules = new() { MaxPartitionsPerBroker = 1 } });
        Assert.Equal(["at most 1 partition(s) of a group per broker", "state and reports of the brokers"], Assert.Single(plan.Conflicts).Rules);
    }

    [Fact]
    public void IsPossible_RandomCases_AgreesWithTryingAll()
    {
        var random = new Search.DeterministicRandom(3);
        var possible = 0;
        for (var k = 0; k < 2000; k++)
        {
            int members = 1 + random.Next(5), brokers = 1 + random.Next(4), perBroker = 1 + random.Next(2), perZone = 1 + random.Next(3);
            var zone = new int[brokers];
            for (var b = 0; b < brokers; b++) zone[b] = random.Next(Math.Min(2, brokers));
            var permits = new bool[members * brokers];
            for (var i = 0; i < permits.Length; i++) permits[i] = random.Next(3) > 0;
            var expected = Try(0, new int[brokers], new int[brokers]);
            possible += expected ? 1 : 0;
            Assert.Equal(expected, Search.SpreadCheck.IsPossible(members, zone, (m, b) => permits[(m * brokers) + b], perBroker, perZone));

            bool Try(int m, int[] on, int[] within)
            {
                if (m == members) return true;
                for (var b = 0; b < brokers; b++)
                {
                    if (!permits[(m * brokers) + b] || on[b] >= perBroker || within[zone[b]] >= perZone) continue;
                    on[b]++;
                    within[zone[b]]++;
                    if (Try(m + 1, on, within)) return true;
                    on[b]--;
                    within[zone[b]]--;
                }

                return false;
            }
        }

        Assert.InRange(possible, 200, 1800);
    }

    private static PlannedMove Single(PlannerOptions options)
    {
        var snapshot = new Cluster().Brokers("1", "2", "3").Topics("1", 30, 30).Topics("2", 15).Topics("3", 15).Build();
        return Assert.Single(Planner.Plan(snapshot, options with { Policy = ImbalancePolicy.Conservative with { TargetCoefficientOfVariation = 0, TargetMaxOverMean = 1.5 } }).Moves);
    }

    private static TopicInfo Group(TopicInfo topic) => topic with { PartitionGroup = "/d/a" };

    private static Cluster Skewed(string? alone = null, Func<TopicInfo, TopicInfo>? change = null)
    {
        var cluster = alone is null ? new Cluster().Brokers("1", "2", "3") : new Cluster().Broker(alone);
        for (var i = 0; i < 10; i++) cluster.Topic("1", 10, $"/default/t{i}", change);
        return cluster;
    }

    private static IEnumerable<string> Targets(Cluster cluster, PlannerOptions options)
    {
        var plan = Planner.Plan(cluster.Build(), options);
        Assert.NotEmpty(plan.Moves);
        return plan.Moves.Select(m => m.To).Distinct().Order();
    }
}
