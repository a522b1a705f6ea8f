namespace Danube.Dapr.BrokerSimulator.Cases;

/// <summary>One topic is more than a broker's fair share.</summary>
internal sealed class UnsplittableCase : SimulationCase
{
    private const double Share = 0.35;
    internal const string Giant = "/default/giant";

    public override string Name => "unsplittable";

    public override string Description => "one topic is 35 % of the load, alone on its broker, all else is balanced: no move helps";

    public override ClusterPlan Plan(Random random, int brokers, int topics)
    {
        var planned = Workload.Zipf(random, brokers, topics - 1);
        var cost = planned.Sum(topic => topic.Cost) * Share / (1 - Share);
        var giant = new PlannedTopic(Giant, true, cost / new PlannedTopic(Giant, true, 1, 1024, 3, 1).Cost, 1024, 3, 1);
        var rest = Workload.Balanced(planned, brokers == 1 ? [0] : [.. Enumerable.Range(1, brokers - 1)]);
        return new ClusterPlan([(giant, 0), .. rest], Workload.Capacity([giant, .. planned], brokers));
    }

    public override IEnumerable<string> Wrong(ClusterTruth truth, IReadOnlyList<SimulatedEvent> events)
    {
        var moves = events.Count(entry => entry.Event == "unload-posted");
        return Unserved(truth)
            .Concat(events.Any(entry => entry.Event == "unload-posted" && entry.Topic == Giant) ? [$"{Giant} was moved: it weighs the same anywhere"] : [])
            .Concat(moves == 0 ? [] : [$"{moves} topics were unloaded: no move helps"]);
    }
}
