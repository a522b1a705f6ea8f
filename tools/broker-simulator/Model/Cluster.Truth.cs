namespace Danube.Dapr.BrokerSimulator;

internal sealed partial class Cluster
{
    /// <summary>Everything, as it is now. Takes the gate itself.</summary>
    public ClusterTruth Truth()
    {
        lock (Gate)
        {
            var now = Now;
            var costs = new Dictionary<BrokerInstance, double>();
            var topics = Topics.Values.Select(topic => Describe(topic, now, costs)).ToList();
            var brokers = Brokers.Select(broker => new BrokerTruth(
                Describe(broker),
                Registered.GetValueOrDefault(broker.Id) == broker,
                ModeText(ModeOf(broker.Id)),
                broker.Copies.Count,
                costs.GetValueOrDefault(broker),
                BrokerUsage.Of(broker, now, CapacityPerBroker))).ToList();
            var balanced = Brokers.Where(broker => broker.Alive && Registered.ContainsKey(broker.Id) && ModeOf(broker.Id) == BrokerMode.Active)
                .Select(broker => costs.GetValueOrDefault(broker)).ToList();
            return new ClusterTruth(now, RaftLeaderId, Term, brokers, topics, Balance(balanced));
        }
    }

    public static SimulatedBroker Describe(BrokerInstance broker) => new(
        broker.Id,
        broker.Slot.Index,
        new Uri($"http://127.0.0.1:{broker.Slot.AdminPort}"),
        new Uri(broker.Slot.ClientUrl),
        new Uri($"http://127.0.0.1:{broker.Slot.MetricsPort}"),
        broker.Alive);

    private TopicTruth Describe(TopicState topic, double now, Dictionary<BrokerInstance, double> costs)
    {
        topic.Advance(now);
        var holders = Brokers.Where(broker => broker.Copies.ContainsKey(topic.Name)).ToList();
        var cost = BrokerUsage.Cost(topic, now);
        var serving = holders.Find(broker => broker.Copies[topic.Name] == topic.Serving);
        if (serving is not null)
            costs[serving] = costs.GetValueOrDefault(serving) + cost;
        return new TopicTruth(
            topic.Name,
            topic.Reliable,
            [.. OwnersOf(topic.Name).Where(Registered.ContainsKey)],
            [.. holders.Select(broker => broker.Id)],
            [.. holders.Where(broker => broker.Copies[topic.Name].Dead).Select(broker => broker.Id)],
            serving?.Id,
            Unassigned.TryGetValue(topic.Name, out var marker) ? $"{marker.Reason}{(marker.Ready ? " ready" : "")}" : null,
            topic.Traffic.RateAt(now),
            cost,
            topic.Subscriptions.Sum(subscription => subscription.Backlog))
        {
            ClientsAway = topic.ClientsAway,
        };
    }

    private static BalanceTruth Balance(List<double> loads)
    {
        if (loads.Count == 0 || loads.Sum() == 0)
            return new BalanceTruth(0, 0);
        var mean = loads.Average();
        var deviation = Math.Sqrt(loads.Average(load => (load - mean) * (load - mean)));
        return new BalanceTruth(deviation / mean, loads.Max() / mean);
    }
}
