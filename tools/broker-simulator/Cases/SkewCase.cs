namespace Danube.Dapr.BrokerSimulator.Cases;

/// <summary>Everything lies on two brokers, the others are empty.</summary>
internal class SkewCase : SimulationCase
{
    public override string Name => "skew";

    public override string Description => "5 brokers, 300 topics with Zipf rates, all on two brokers";

    public override ClusterPlan Plan(Random random, int brokers, int topics)
    {
        var planned = Workload.Zipf(random, brokers, topics);
        var crowded = Math.Min(2, brokers);
        return new ClusterPlan([.. planned.Select((topic, index) => (topic, index % crowded))], Workload.Capacity(planned, brokers));
    }
}

/// <summary>As skewed, and a broker that has just been given topics dies.</summary>
internal sealed class BrokerLossCase : SkewCase
{
    private const int Victim = 3;

    public override string Name => "broker-loss";

    public override string Description => "as skew; a broker dies while moves run, Danube re-places its topics after a shortened 12 s (32 s in production)";

    public override TimeSpan BrokerTtl => TimeSpan.FromSeconds(12);

    public override IReadOnlyList<CaseStep> Steps(int brokers) => brokers <= Victim
        ? []
        :
        [
            new CaseStep(
                15, "a broker dies while moves run", cluster => cluster.KillSlotAsync(Victim), AfterMoves: 10, SettlesAfterSeconds: BrokerTtl.TotalSeconds),
        ];

    public override IEnumerable<string> Wrong(ClusterTruth truth, IReadOnlyList<SimulatedEvent> events) =>
        events.Any(entry => entry.Event == "deregister") ? base.Wrong(truth, events) : ["the broker has not been lost yet"];
}
