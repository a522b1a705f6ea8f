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

/// <summary>An empty broker joins.</summary>
internal sealed class ScaleOutCase : SimulationCase
{
    public override string Name => "scale-out";

    public override string Description => "4 balanced brokers; an empty one joins and is activated after about 10 s";

    public override int Brokers => 4;

    private const double ActivateAfterSeconds = 8;

    public override IReadOnlyList<CaseStep> Steps(int brokers) => [new CaseStep(3, "a broker joins", cluster => cluster.JoinBrokerAsync(ActivateAfterSeconds))];

    public override double SettledAfterSeconds(int brokers) => base.SettledAfterSeconds(brokers) + ActivateAfterSeconds;

    public override ClusterPlan Plan(Random random, int brokers, int topics)
    {
        var planned = Workload.Zipf(random, brokers, topics);
        return new ClusterPlan(Workload.Balanced(planned, [.. Enumerable.Range(0, brokers)]), Workload.Capacity(planned, brokers));
    }

    public override IEnumerable<string> Wrong(ClusterTruth truth, IReadOnlyList<SimulatedEvent> events) =>
        events.Any(entry => entry is { Event: "state", Detail: "active (operator)" }) ? base.Wrong(truth, events) : ["the new broker is not active yet"];
}

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

/// <summary>A crowded broker dies and Danube loses some of its topics.</summary>
internal sealed class LossyFailoverCase : SimulationCase
{
    private const int Victim = 1;
    private const int OthersPerBroker = 60;

    public override string Name => "lossy-failover";

    public override string Description => "a broker with 300 topics dies after 5 s, and Danube strands about a quarter of them (12 s to its notice, 32 s in production)";

    public override int Topics => 300 + 4 * OthersPerBroker;

    public override TimeSpan BrokerTtl => TimeSpan.FromSeconds(12);

    // Of the 256 places some are taken by other keys' events.
    public override int LeaderEventCapacity => 224;

    public override IReadOnlyList<Fault> Faults => [Fault.LossyBursts];

    public override IReadOnlyList<CaseStep> Steps(int brokers) =>
        brokers <= Victim ? [] : [new CaseStep(5, "the crowded broker dies", cluster => cluster.KillSlotAsync(Victim))];

    public override double SettledAfterSeconds(int brokers) => base.SettledAfterSeconds(brokers) + BrokerTtl.TotalSeconds + SweepSeconds;

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
