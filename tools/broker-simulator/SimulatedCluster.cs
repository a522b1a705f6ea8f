using Danube.Dapr.BrokerSimulator.Cases;

namespace Danube.Dapr.BrokerSimulator;

/// <summary>A running simulated Danube cluster: brokers on real ports, and the hands of fate for tests.</summary>
public sealed class SimulatedCluster : IAsyncDisposable
{
    private const int MaxBrokers = 100;
    private const int MaxTopics = 100_000;
    private const double NoiseShare = 0.05;

    private readonly SimulationCase _case;
    private readonly Cluster _cluster;
    private readonly Dictionary<int, BrokerHost> _hosts = [];
    private readonly List<BrokerSlot> _slots = [];
    private readonly SemaphoreSlim _hosting = new(1, 1);
    private ControlHost? _control;

    private SimulatedCluster(SimulationCase simulated, Cluster cluster)
    {
        _case = simulated;
        _cluster = cluster;
    }

    /// <summary>Seed in use.</summary>
    public int Seed { get; private init; }

    /// <summary>The cluster's options.</summary>
    public SimulatorOptions Options => _cluster.Options;

    /// <summary>Control endpoint, or null.</summary>
    public Uri? ControlAddress => _control?.Address;

    /// <summary>Admin addresses of the living brokers.</summary>
    public IReadOnlyList<Uri> Seeds => [.. Brokers.Where(broker => broker.Alive).Select(broker => broker.Admin)];

    /// <summary>Every life of every broker, in order of their start.</summary>
    public IReadOnlyList<SimulatedBroker> Brokers
    {
        get
        {
            lock (_cluster.Gate)
                return [.. _cluster.Brokers.Select(Cluster.Describe)];
        }
    }

    /// <summary>Starts the brokers with the case's topics in place, and then the case.</summary>
    /// <param name="options">What to simulate, and where.</param>
    /// <param name="cancellationToken">Stops the start.</param>
    /// <exception cref="ArgumentException">The case does not exist, or a figure is out of its range.</exception>
    /// <exception cref="IOException">A port is taken, or the event log cannot be written.</exception>
    public static async Task<SimulatedCluster> StartAsync(SimulatorOptions options, CancellationToken cancellationToken = default)
    {
        var simulated = CaseCatalog.Find(options.Case);
        var brokers = InRange(options.Brokers ?? simulated.Brokers, 1, MaxBrokers, nameof(options.Brokers));
        var topics = InRange(options.Topics ?? simulated.Topics, 0, MaxTopics, nameof(options.Topics));
        InRange(options.AdminPortBase, 0, 65_000, nameof(options.AdminPortBase));
        InRange(options.ControlPort ?? 0, 0, 65_535, nameof(options.ControlPort));
        var seed = options.Seed ?? simulated.Seed;
        var cluster = new Cluster(
            options, options.BrokerTtl ?? simulated.BrokerTtl, options.LeaderEventCapacity ?? simulated.LeaderEventCapacity, seed, new EventLog(options.Time, options.EventLogPath));
        var running = new SimulatedCluster(simulated, cluster) { Seed = seed };
        try
        {
            await running.StartBrokersAsync(brokers, simulated.Plan(new Random(seed), brokers, topics), cancellationToken);
            if (options.ControlPort is { } port)
                running._control = await ControlHost.StartAsync(running, port, cancellationToken);
        }
        catch
        {
            await running.DisposeAsync();
            throw;
        }

        foreach (var fault in simulated.Faults.Concat(options.Faults))
            running.SetFault(fault, on: true);
        cluster.Run("reports", cluster.ReportAsync);
        cluster.Run("case", () => running.PlayAsync(simulated.Steps(brokers)));
        return running;
    }

    /// <summary>What is really so.</summary>
    public ClusterTruth Truth() => _cluster.Truth();

    /// <summary>What happened, in order.</summary>
    /// <param name="afterSeq">Only what came after this number.</param>
    public IReadOnlyList<SimulatedEvent> Events(long afterSeq = 0) => _cluster.Log.After(afterSeq);

    /// <summary>Whether the case has come out as it should, by now.</summary>
    public CaseVerdict Judge() => _case.Judge(Truth(), Events());

    /// <summary>Switches a fault.</summary>
    /// <param name="fault">Which.</param>
    /// <param name="on">On or off.</param>
    /// <param name="target">Broker id or topic, for faults that take one; null is all.</param>
    /// <param name="value">Strength, for faults that have one.</param>
    public void SetFault(Fault fault, bool on, string? target = null, double value = 1)
    {
        lock (_cluster.Gate)
        {
            _cluster.Faults.Set(fault, on, target, value);
            var ofTopic = fault is Fault.StalledConsumers or Fault.StallOnLanding or Fault.ClientsStayAway;
            _cluster.Log.Add("fault", ofTopic ? target : null, ofTopic ? null : target, $"{fault} {(on ? "on" : "off")}");
            if (fault == Fault.ClientsStayAway && !on)
            {
                foreach (var topic in _cluster.Topics.Values.Where(topic => target is null || topic.Name == target))
                    topic.Find(_cluster.Now);
            }

            if (fault != Fault.StalledConsumers)
                return;
            foreach (var topic in _cluster.Topics.Values.Where(topic => target is null || topic.Name == target))
            {
                topic.Advance(_cluster.Now);
                topic.Subscriptions.ForEach(subscription => subscription.Stalled = on);
            }
        }
    }

    /// <summary>From now on a topic's rate is its base rate times the factor.</summary>
    /// <param name="topic">Full name.</param>
    /// <param name="factor">0 or more.</param>
    /// <exception cref="KeyNotFoundException">There is no such topic.</exception>
    public void SetTopicFactor(string topic, double factor)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(factor);
        lock (_cluster.Gate)
        {
            var state = _cluster.Topics.GetValueOrDefault(topic) ?? throw new KeyNotFoundException($"There is no topic '{topic}'.");
            state.Advance(_cluster.Now);
            state.Traffic.StepAt(_cluster.Now, factor);
            _cluster.Log.Add("rate", topic, detail: FormattableString.Invariant($"base rate times {factor}"));
        }
    }

    /// <summary>Kills a broker: its ports refuse at once, the cluster notices when its registration runs out.</summary>
    /// <param name="brokerId">Whom.</param>
    /// <exception cref="KeyNotFoundException">No living broker has this id.</exception>
    public Task KillBrokerAsync(string brokerId)
    {
        BrokerInstance broker;
        lock (_cluster.Gate)
            broker = Alive(candidate => candidate.Id == brokerId) ?? throw new KeyNotFoundException($"No living broker has the id '{brokerId}'.");
        return KillAsync(broker);
    }

    /// <summary>Kills the broker in a slot.</summary>
    /// <param name="slot">0 and up.</param>
    /// <exception cref="KeyNotFoundException">No living broker is there.</exception>
    public Task KillSlotAsync(int slot)
    {
        BrokerInstance broker;
        lock (_cluster.Gate)
            broker = Alive(candidate => candidate.Slot.Index == slot) ?? throw new KeyNotFoundException($"No living broker is in slot {slot}.");
        return KillAsync(broker);
    }

    /// <summary>Kills Raft's leader; null when there is none.</summary>
    public async Task<SimulatedBroker?> KillLeaderAsync()
    {
        BrokerInstance? broker;
        lock (_cluster.Gate)
            broker = Alive(candidate => candidate.Id == _cluster.RaftLeaderId);
        if (broker is null)
            return null;
        await KillAsync(broker);
        return Cluster.Describe(broker);
    }

    /// <summary>Makes the leader give up its office without dying.</summary>
    public void StepDown()
    {
        lock (_cluster.Gate)
            _cluster.StepDown();
    }

    /// <summary>
    /// Starts a broker again in the slot of a dead one, at the same addresses. With <see cref="Fault.NoRestart"/> it is a new broker, which shows up drained
    /// after some seconds; otherwise the old one with its data: active if the cluster has not dropped it yet, else drained.
    /// </summary>
    /// <param name="slot">0 and up.</param>
    /// <exception cref="KeyNotFoundException">No dead broker is there.</exception>
    public async Task<SimulatedBroker> ReviveSlotAsync(int slot)
    {
        await _hosting.WaitAsync();
        try
        {
            BrokerInstance broker;
            var fresh = _cluster.Faults.IsOn(Fault.NoRestart);
            lock (_cluster.Gate)
            {
                var old = _cluster.Brokers.LastOrDefault(candidate => candidate.Slot.Index == slot);
                if (old is null || old.Alive)
                    throw new KeyNotFoundException($"No dead broker is in slot {slot}.");
                broker = new BrokerInstance(fresh ? _cluster.NewBrokerId() : old.Id, old.Slot, _cluster);
            }

            _hosts[slot] = await BrokerHost.StartAsync(_cluster, broker, CancellationToken.None);
            lock (_cluster.Gate)
            {
                _cluster.Log.Add("revive", broker: broker.Id, detail: fresh ? "as a new broker" : "on its data");
                if (fresh)
                    _cluster.Join(broker);
                else
                    _cluster.Resume(broker);
            }

            return Cluster.Describe(broker);
        }
        finally
        {
            _hosting.Release();
        }
    }

    /// <summary>Starts one more broker. It shows up drained after 6 s.</summary>
    /// <param name="activateAfterSeconds">When an operator activates it, counted from now; null never.</param>
    public async Task<SimulatedBroker> JoinBrokerAsync(double? activateAfterSeconds = null)
    {
        var broker = await AddBrokerAsync(CancellationToken.None);
        lock (_cluster.Gate)
        {
            _cluster.Log.Add("join", broker: broker.Id);
            _cluster.Join(broker);
            if (activateAfterSeconds is { } seconds)
                _cluster.Later(TimeSpan.FromSeconds(seconds), () => _cluster.SetMode(broker.Id, BrokerMode.Active, "operator"));
        }

        return Cluster.Describe(broker);
    }

    /// <summary>Stops everything and frees the ports.</summary>
    public async ValueTask DisposeAsync()
    {
        _cluster.Dispose();
        if (_control is not null)
            await _control.DisposeAsync();
        foreach (var host in _hosts.Values)
            await host.DisposeAsync();
        _hosts.Clear();
        _hosting.Dispose();
    }

    private async Task StartBrokersAsync(int brokers, ClusterPlan plan, CancellationToken cancellationToken)
    {
        _cluster.CapacityPerBroker = plan.CapacityPerBroker > 0 ? plan.CapacityPerBroker : _cluster.CapacityPerBroker;
        var started = new List<BrokerInstance>();
        for (var index = 0; index < brokers; index++)
            started.Add(await AddBrokerAsync(cancellationToken));
        lock (_cluster.Gate)
        {
            foreach (var broker in started)
                _cluster.Register(broker);
            // Not one of the first two, which the cases load and kill.
            var leader = started[Math.Min(2, brokers - 1)];
            (_cluster.RaftLeaderId, _cluster.LeaderKey) = (leader.Id, leader.Id);
            _cluster.Log.Add("leader", broker: leader.Id);
            foreach (var (planned, index) in plan.Placement)
                Place(planned, started[index]);
        }
    }

    private void Place(PlannedTopic planned, BrokerInstance broker)
    {
        var traffic = new TopicTraffic(
            planned.MessagesPerSecond, planned.MessageBytes, planned.Producers, NoiseShare, (uint)(_cluster.NextDouble() * uint.MaxValue));
        string[] subscriptions = ["sub", "archive"];
        _cluster.Place(broker, planned.Name, planned.Reliable, traffic, subscriptions[..planned.Subscriptions]);
    }

    private async Task<BrokerInstance> AddBrokerAsync(CancellationToken cancellationToken)
    {
        await _hosting.WaitAsync(cancellationToken);
        try
        {
            var slot = new BrokerSlot(_slots.Count);
            if (_cluster.Options.AdminPortBase > 0)
            {
                slot.AdminPort = _cluster.Options.AdminPortBase + slot.Index;
                slot.ClientPort = slot.AdminPort + MaxBrokers;
                slot.MetricsPort = slot.ClientPort + MaxBrokers;
            }

            _slots.Add(slot);
            BrokerInstance broker;
            lock (_cluster.Gate)
                broker = new BrokerInstance(_cluster.NewBrokerId(), slot, _cluster);
            _hosts[slot.Index] = await BrokerHost.StartAsync(_cluster, broker, cancellationToken);
            return broker;
        }
        finally
        {
            _hosting.Release();
        }
    }

    private BrokerInstance? Alive(Predicate<BrokerInstance> predicate) => _cluster.Brokers.Find(broker => broker.Alive && predicate(broker));

    private async Task KillAsync(BrokerInstance broker)
    {
        await _hosting.WaitAsync();
        try
        {
            lock (_cluster.Gate)
                _cluster.Kill(broker);
            if (_hosts.Remove(broker.Slot.Index, out var host))
                await host.DisposeAsync();
        }
        finally
        {
            _hosting.Release();
        }
    }

    private async Task PlayAsync(IReadOnlyList<CaseStep> steps)
    {
        foreach (var step in steps)
        {
            while (_cluster.Now < step.AfterSeconds && !(step.AfterMoves is { } moves && _cluster.UnloadsEnded >= moves))
                await Task.Delay(TimeSpan.FromMilliseconds(50), _cluster.Time, _cluster.Ended);
            _cluster.Log.Add("case", detail: step.What);
            await step.Do(this);
        }
    }

    private static int InRange(int value, int least, int most, string name) => value >= least && value <= most
        ? value
        : throw new ArgumentException($"{name} is {value}: allowed is {least} to {most}.", name);
}
