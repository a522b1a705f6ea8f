namespace Danube.Dapr.BrokerSimulator.Cases;

/// <summary>An empty broker joins.</summary>
internal sealed class ScaleOutCase : SimulationCase
{
    private const double ActivateAfterSeconds = 8;

    public override string Name => "scale-out";

    public override string Description => "4 balanced brokers; an empty one joins and is activated after about 10 s";

    public override int Brokers => 4;

    public override IReadOnlyList<CaseStep> Steps(int brokers) =>
        [new CaseStep(3, "a broker joins", cluster => cluster.JoinBrokerAsync(ActivateAfterSeconds), SettlesAfterSeconds: ActivateAfterSeconds)];

    public override ClusterPlan Plan(Random random, int brokers, int topics)
    {
        var planned = Workload.Zipf(random, brokers, topics);
        return new ClusterPlan(Workload.Balanced(planned, [.. Enumerable.Range(0, brokers)]), Workload.Capacity(planned, brokers));
    }

    public override IEnumerable<string> Wrong(ClusterTruth truth, IReadOnlyList<SimulatedEvent> events) =>
        events.Any(entry => entry is { Event: "state", Detail: "active (operator)" }) ? base.Wrong(truth, events) : ["the new broker is not active yet"];
}
