namespace Danube.Dapr.BrokerSimulator;

internal sealed partial class Cluster
{
    private const double JoinSeconds = 6;

    /// <summary>Starts a broker's loops and registers it.</summary>
    public void Register(BrokerInstance broker)
    {
        if (!Brokers.Contains(broker))
            Brokers.Add(broker);
        Registered[broker.Id] = broker;
        if (!Voters.Contains(broker.Id))
            Voters.Add(broker.Id);
        Wrote();
        Log.Add("register", broker: broker.Id, detail: $"slot {broker.Slot.Index}");
        Run("watcher", () => broker.Watcher.RunAsync(broker.Life.Token));
        Run("load manager", () => broker.Manager.RunAsync(broker.Life.Token));
        // The new broker reads the others' reports from the metadata.
        if (AliveLeader is { } leader && leader != broker)
            broker.Manager.CopyReports(leader.Manager);
    }

    /// <summary>A broker that joins a running cluster shows up drained some seconds later.</summary>
    public void Join(BrokerInstance broker) => Later(TimeSpan.FromSeconds(JoinSeconds), () =>
    {
        if (!broker.Alive)
            return;
        SetMode(broker.Id, BrokerMode.Drained, "joined");
        Register(broker);
    });

    public void Kill(BrokerInstance broker)
    {
        if (!broker.Alive)
            return;
        broker.Alive = false;
        Log.Add("kill", broker: broker.Id, detail: LeaderKey == broker.Id ? "leader" : null);
        foreach (var copy in broker.Copies.Values.ToList())
            RemoveCopy(broker, copy);
        _ = broker.Life.CancelAsync();
        if (RaftLeaderId == broker.Id)
            LoseLeader();
        if (Registered.ContainsKey(broker.Id))
            Later(BrokerTtl * (26 + 6 * NextDouble()) / 32, () => Deregister(broker));
    }

    /// <summary>A broker restarted on its own data before it was forgotten: the same id, its topics, counters from zero.</summary>
    public void Resume(BrokerInstance broker)
    {
        var wasRegistered = Registered.ContainsKey(broker.Id);
        SetMode(broker.Id, wasRegistered ? BrokerMode.Active : BrokerMode.Drained, wasRegistered ? "fast_restart" : "restart");
        Register(broker);
        foreach (var topic in AssignedTo(broker.Id).ToList())
            Load(broker, Topics[topic], "restart");
    }

    /// <summary>Gives up leadership without dying; another broker takes over as after a loss.</summary>
    public void StepDown()
    {
        Log.Add("step-down", broker: RaftLeaderId);
        LoseLeader();
    }

    private void LoseLeader()
    {
        var old = RaftLeaderId;
        RaftLeaderId = null;
        if (old is not null && Registered.TryGetValue(old, out var leader))
            leader.Manager.Forget();
        // Raft elects in 1.5 to 3 s; the key that names the leader is written every 10 s.
        var most = Options.ElectionTime;
        var elected = most * (0.15 + 0.15 * NextDouble());
        Later(elected, () => Elect(old, most * (0.2 + 0.6 * NextDouble())));
    }

    private void Elect(string? old, TimeSpan untilNamed)
    {
        var alive = Voters.Where(id => Registered.TryGetValue(id, out var broker) && broker.Alive).ToList();
        if (alive.Count <= Voters.Count / 2)
        {
            Later(Options.ElectionTime / 5, () => Elect(old, untilNamed));
            return;
        }

        var candidates = alive.Where(id => id != old).ToList();
        RaftLeaderId = candidates.Count > 0 ? candidates[(int)(NextDouble() * candidates.Count)] : alive[0];
        Term++;
        Wrote();
        Log.Add("elected", broker: RaftLeaderId, detail: $"term {Term}");
        var elected = RaftLeaderId;
        Later(untilNamed, () => Name(elected));
    }

    private void Name(string elected)
    {
        if (RaftLeaderId != elected)
            return;
        LeaderKey = elected;
        Wrote();
        Log.Add("leader", broker: elected);
        var manager = Registered[elected].Manager;
        manager.Rank();
        if (Faults.IsOn(Fault.LeaderLossStrands))
            return;
        foreach (var topic in Unassigned.Keys.ToList())
            manager.Enqueue(topic);
    }

    private void Deregister(BrokerInstance broker)
    {
        // A restarted broker has taken over the key.
        if (!Registered.TryGetValue(broker.Id, out var holder) || holder != broker)
            return;
        if (AliveLeader is not { } leader)
        {
            Later(TimeSpan.FromMilliseconds(200), () => Deregister(broker));
            return;
        }

        Registered.Remove(broker.Id);
        Wrote();
        Log.Add("deregister", broker: broker.Id);
        // D6: followers do not notice, and keep its last report.
        leader.Manager.RemoveReport(broker.Id);
        foreach (var topic in AssignedTo(broker.Id).ToList())
        {
            _assigned[broker.Id].Remove(topic);
            leader.Assignments[(broker.Id, "unassign")] = leader.Assignments.GetValueOrDefault((broker.Id, "unassign")) + 1;
            Log.Add("unassign", topic, broker.Id);
            PutMarker(topic, new Marker(MarkerReason.None));
        }
    }
}
