using CsCheck;
using Danube.Dapr.Contracts;
using Danube.Dapr.Planning.Mapping;
using Danube.Dapr.Planning.Search;

namespace Danube.Dapr.Planning.Tests;

/// <summary>The bound by room is above the sum of covers where nothing fits as it is, and never above the optimum.</summary>
public sealed class RoomBoundTests
{
    private static readonly Gen<Question> Tight =
        from brokers in Gen.Int[2, 4]
        from topics in Gen.Select(Gen.Int[0, 7], Gen.Int[1, 40], Gen.Int[0, 20]).Array[3, 7]
        from slack in Gen.Int[1, 25]
        select new Question(
            new ClusterSnapshot
            {
                Time = Cluster.Now,
                Brokers = [.. Enumerable.Range(0, brokers).Select(b => RandomClusters.Broker(b, 1 + (b == 0 && slack % 2 == 0 ? 1 : 0), Contracts.BrokerState.Active))],
                // Half of the owners are the first broker, so that there is something to do.
                Topics = [.. topics.Select((t, i) => RandomClusters.Topic(i, t.Item1 < 4 ? 0 : t.Item1 % brokers, t.Item2, 0) with { Consumers = t.Item3 })],
            },
            Cluster.Unlimited with { Policy = ImbalancePolicy.Balanced with { TargetCoefficientOfVariation = 0, TargetMaxOverMean = 1 + (slack / 100.0) } });

    [Fact]
    public void Of_HeavyTopicsAndFullReceivers_CountsTheMoveThatMakesRoom()
    {
        var problem = ProblemBuilder.Build(new Cluster().Brokers("1", "2", "3").Topics("1", 70, 70).Topics("2", 40, 40).Topics("3", 40, 40).Build(), Cluster.Unlimited);

        Assert.Equal(1, LowerBound.Of(problem).Moves);
        Assert.Equal((2, 2), RoomBound.Of(problem));
    }

    [Fact]
    public void Of_TightCluster_IsNotAboveTheOptimum()
    {
        var stronger = 0;
        Tight.Sample(
            question =>
            {
                var problem = ProblemBuilder.Build(SnapshotMapping.ToPlanning(question.Snapshot), question.Options);
                // Where a topic fits nowhere the planner asks for less than the exhaustive search does.
                if (problem.Notes.Count > 0 || ExhaustiveOptimum.Moves(question.Snapshot, question.Options) is not { } fewest) return;
                var bound = RoomBound.Of(problem).Moves;
                Assert.True(bound <= fewest, $"bound {bound}, optimum {fewest}");
                if (bound > LowerBound.Of(problem).Moves) Interlocked.Increment(ref stronger);
            },
            iter: 3000);
        Assert.True(stronger > 20, $"The bound by room was above the other one in {stronger} clusters only.");
    }

    [Fact]
    public void Of_TightClusterWithCosts_IsNotAboveTheLeastCost() => Tight.Sample(
        question =>
        {
            var options = question.Options with { Cost = new MoveCost() };
            var problem = ProblemBuilder.Build(SnapshotMapping.ToPlanning(question.Snapshot), options);
            if (problem.Notes.Count > 0) return;
            var costs = problem.Snapshot.Topics.ToDictionary(t => t.Name, options.Cost.Of);
            if (ExhaustiveOptimum.Cost(question.Snapshot, options, t => costs[t.Name]) is not { } least) return;
            var bound = RoomBound.Of(problem).Cost;
            Assert.True(bound <= least + 1e-6, $"bound {bound}, least cost {least}");
        },
        iter: 3000);
}
