namespace Danube.Dapr.BrokerSimulator.Cases;

/// <summary>A crowded broker dies and Danube loses some of its topics.</summary>
internal sealed class LossyFailoverCase : SimulationCase
{
    private const int Victim = 1;
    private const int OthersPerBroker = 60;

    /// <summary>The leader takes 10 to 15 ms for each topic.</summary>
    private const double AssigningSeconds = 4;

    public override string Name => "lossy-failover";

    public override string Description => "a broker with 300 topics dies after 5 s, and Danube strands about a quarter of them (12 s to its notice, 32 s in production)";

    public override int Topics => 300 + 4 * OthersPerBroker;

    public override TimeSpan BrokerTtl => TimeSpan.FromSeconds(12);

    // Of the 256 places some are taken by other keys' events.
    public override int LeaderEventCapacity => 224;

    public override IReadOnlyList<Fault> Faults => [Fault.LossyBursts];

    public override IReadOnlyList<CaseStep> Steps(int brokers) =>
        brokers <= Victim
            ? []
            :
            [
                new CaseStep(
                    5, "the crowded broker dies", cluster => cluster.KillSlotAsync(Victim), SettlesAfterSeconds: BrokerTtl.TotalSeconds + AssigningSeconds),
            ];

    public override ClusterPlan Plan(Random random, int brokers, int topics)
    {
        var planned = Workload.Zipf(random, brokers, topics);
        var crowded = topics * 300 / (300 + 4 * OthersPerBroker);
        var byWeight = planned.OrderBy(topic => topic.Cost).ToList();
        int[] others = [.. Enumerable.Range(0, brokers).Where(broker => broker != Victim || brokers <= Victim)];
        return new ClusterPlan(
            [.. byWeight.Take(crowded).Select(topic => (topic, brokers <= Victim ? 0 : Victim)), .. Workload.Balanced(byWeight.Skip(crowded), others)],
            Workload.Capacity(planned, brokers));
    }

    public override IEnumerable<string> Wrong(ClusterTruth truth, IReadOnlyList<SimulatedEvent> events) =>
        events.Any(entry => entry.Event == "deregister") ? Unserved(truth) : ["the broker has not been lost yet"];
}
