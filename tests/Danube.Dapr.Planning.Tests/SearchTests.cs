using Danube.Dapr.Planning.Search;

namespace Danube.Dapr.Planning.Tests;

/// <summary>More work never gives a worse plan, and controllers that see noisy, late reports do not make topics bounce.</summary>
public sealed class SearchTests
{
    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    [InlineData(4)]
    public void Plan_MoreWork_IsNeverWorse(int seed)
    {
        var snapshot = Random(seed, 12, 200, 2);
        var options = Cluster.Unlimited with { Resources = [Resource.Throughput, Resource.Messages], Policy = ImbalancePolicy.Balanced with { TargetCoefficientOfVariation = 0, TargetMaxOverMean = 1.08 } };
        (bool Reached, double Cost) before = (false, double.PositiveInfinity);
        foreach (var work in (long[])[0, 1000, 10_000, 100_000, 300_000, 1_000_000, 3_000_000])
        {
            var plan = Planner.Plan(snapshot, options with { WorkBudget = work });
            Assert.True(plan.ReachesTarget || !before.Reached, $"{work} steps no longer reach the target.");
            if (before.Reached) Assert.True(plan.Bounds.Cost <= before.Cost + 1e-9, $"{work} steps cost {plan.Bounds.Cost}, fewer cost {before.Cost}.");
            before = (plan.ReachesTarget, plan.Bounds.Cost);
        }

        Assert.True(before.Reached);
    }

    [Fact]
    public void Plan_StoppedAtOnce_IsValid()
    {
        var snapshot = Random(5, 10, 100, 1);
        var plan = Planner.Plan(snapshot, Cluster.Unlimited with { StopEarly = () => true, Policy = ImbalancePolicy.Balanced with { TargetCoefficientOfVariation = 0, TargetMaxOverMean = 1.02 } });
        Assert.True(plan.Bounds.MovesLowerBound <= plan.Moves.Count);
        Assert.Equal(plan.Moves.Count, plan.Moves.Select(m => m.Topic).Distinct().Count());
    }

    [Fact]
    public void Plan_OtherSeed_ReachesTheTargetToo()
    {
        var snapshot = Random(6, 10, 100, 2);
        var options = Cluster.Unlimited with { Resources = [Resource.Throughput, Resource.Messages] };
        Assert.True(Planner.Plan(snapshot, options with { Seed = 1 }).ReachesTarget);
        Assert.True(Planner.Plan(snapshot, options with { Seed = 2 }).ReachesTarget);
    }

    /// <summary>Two near-equal heavy topics, loads that swing, reports one cycle late with 20 % noise: naive planners swap for ever.</summary>
    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    public void Plan_LateAndNoisyReports_MovesNoTopicBackWithinTheTimeAndSettles(int seed)
    {
        var random = new DeterministicRandom((ulong)seed);
        const int Topics = 24, Cycles = 240;
        var home = new int[Topics];
        var movedAt = new DateTimeOffset?[Topics];
        var cameFrom = new int[Topics];
        Array.Fill(cameFrom, -1);
        var late = new double[Topics];
        var limits = new PlanLimits { MaxMovesPerCycle = 5, MaxMovesPerHour = 1_000_000, CoolDown = TimeSpan.FromMinutes(10), NoReturnWithin = TimeSpan.FromHours(1) };
        var moves = 0;
        var trigger = default(ImbalanceTrigger);
        for (var cycle = 0; cycle < Cycles; cycle++)
        {
            var now = Cluster.Now.AddMinutes(cycle);
            var load = new double[Topics];
            for (var t = 0; t < Topics; t++)
                load[t] = (t < 2 ? 40 : 5) * (1 + (.5 * Math.Sin((cycle / 30.0) + t))) * (.8 + (.4 * random.NextDouble()));
            var cluster = new Cluster().Brokers("0", "1", "2", "3");
            cluster.Builder.Time = now;
            for (var t = 0; t < Topics; t++)
            {
                var topic = t;
                cluster.Topic($"{home[t]}", cycle == 0 ? load[t] : late[t], $"/d/{t}", i => i with
                {
                    LastMoved = movedAt[topic], MovedFrom = cameFrom[topic] < 0 ? null : $"{cameFrom[topic]}",
                });
            }

            var snapshot = cluster.Build();
            late = load;
            (trigger, var sustained) = trigger.Observe(ImbalanceMeasure.Of(snapshot, [Resource.Throughput]), now, ImbalancePolicy.Balanced);
            if (!sustained) continue;
            var plan = Planner.Plan(snapshot, new PlannerOptions { Resources = [Resource.Throughput], Limits = limits, WorkBudget = 20_000 });
            foreach (var move in plan.Moves)
            {
                var t = snapshot.TopicIndex(move.Topic);
                var to = snapshot.BrokerIndex(move.To);
                if (movedAt[t] is { } moved)
                {
                    Assert.True(now - moved >= limits.CoolDown, $"Cycle {cycle}: {move.Topic} moved again after {now - moved}.");
                    Assert.False(cameFrom[t] == to && now - moved < limits.NoReturnWithin, $"Cycle {cycle}: {move.Topic} went back to {to} after {now - moved}.");
                }

                cameFrom[t] = home[t];
                home[t] = to;
                movedAt[t] = now;
                moves++;
            }
        }

        Assert.InRange(moves, 3, Cycles / 2);
    }

    private static Snapshot Random(int seed, int brokers, int topics, int resources)
    {
        var random = new DeterministicRandom((ulong)seed * 7919);
        var cluster = new Cluster();
        for (var b = 0; b < brokers; b++) cluster.Broker($"{b}");
        for (var t = 0; t < topics; t++)
        {
            var bytes = 1 / (.02 + random.NextDouble());
            var messages = resources > 1 ? 1 / (.02 + random.NextDouble()) : 0;
            cluster.Topic($"{(random.NextDouble() < .6 ? random.Next(brokers) : random.Next(2))}", bytes, null, i => i with { MessagesInPerSecond = messages });
        }

        return cluster.Build();
    }
}
