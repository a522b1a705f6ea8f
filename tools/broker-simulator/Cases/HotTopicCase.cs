namespace Danube.Dapr.BrokerSimulator.Cases;

/// <summary>One topic becomes ten times as heavy.</summary>
internal sealed class HotTopicCase : SimulationCase
{
    private const double Factor = 10;
    private const double HotShareOfFairShare = 0.9;
    internal const string HotTopic = "/default/hot";

    public override string Name => "hot-topic";

    public override string Description => "balanced; after 10 s one topic becomes 10 times hotter, its broker is hot, and others on it must go";

    public override IReadOnlyList<CaseStep> Steps(int brokers) =>
        [new CaseStep(10, "a topic becomes hot", cluster =>
        {
            cluster.SetTopicFactor(HotTopic, Factor);
            return Task.CompletedTask;
        })];

    public override ClusterPlan Plan(Random random, int brokers, int topics)
    {
        var planned = Workload.Zipf(random, brokers, topics - 1);
        // So heavy that, ten times hotter, it is nine tenths of a fair share: it can stay, with little beside it.
        var share = HotShareOfFairShare / brokers;
        var cost = planned.Sum(topic => topic.Cost) * share / (Factor * (1 - share));
        var hot = new PlannedTopic(HotTopic, true, cost / new PlannedTopic(HotTopic, true, 1, 1024, 2, 1).Cost, 1024, 2, 1);
        planned.Add(hot);
        return new ClusterPlan(Workload.Balanced(planned, [.. Enumerable.Range(0, brokers)]), Workload.Capacity(planned, brokers));
    }

    public override IEnumerable<string> Wrong(ClusterTruth truth, IReadOnlyList<SimulatedEvent> events) =>
        events.Any(entry => entry.Event == "rate") ? base.Wrong(truth, events) : ["the topic has not become hot yet"];
}
