namespace Danube.Dapr.BrokerSimulator.Cases;

/// <summary>Balanced from the start.</summary>
internal sealed class SteadyCase : SimulationCase
{
    public override string Name => "steady";

    public override string Description => "balanced, with 5 % noise: nothing may move";

    public override ClusterPlan Plan(Random random, int brokers, int topics)
    {
        var planned = Workload.Zipf(random, brokers, topics);
        return new ClusterPlan(Workload.Balanced(planned, [.. Enumerable.Range(0, brokers)]), Workload.Capacity(planned, brokers));
    }

    public override IEnumerable<string> Wrong(ClusterTruth truth, IReadOnlyList<SimulatedEvent> events)
    {
        var moved = events.Where(entry => entry.Event == "unload-posted").ToList();
        return base.Wrong(truth, events).Concat(moved.Count == 0 ? [] : [$"{moved.Count} topics were unloaded, the first {moved[0].Topic}: nothing may move"]);
    }
}
