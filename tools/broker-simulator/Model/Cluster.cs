using Grpc.Core;

namespace Danube.Dapr.BrokerSimulator;

/// <summary>
/// The cluster's metadata and what follows from a change to it. All brokers read the same copy; every method here is called with the gate held unless
/// it says otherwise.
/// </summary>
internal sealed partial class Cluster : IDisposable
{
    /// <summary>Less is no delay to a timer.</summary>
    private static readonly TimeSpan ShortestDelay = TimeSpan.FromMilliseconds(1);

    private readonly SortedDictionary<string, SortedSet<string>> _assigned = new(StringComparer.Ordinal);
    private readonly Dictionary<string, BrokerMode> _modes = [];
    private readonly Random _random;
    private readonly CancellationTokenSource _ended = new();

    public Cluster(SimulatorOptions options, TimeSpan brokerTtl, int leaderEventCapacity, int seed, EventLog log)
    {
        Options = options;
        BrokerTtl = brokerTtl;
        LeaderEventCapacity = leaderEventCapacity;
        _random = new Random(seed);
        Log = log;
    }

    public Lock Gate { get; } = new();

    public SimulatorOptions Options { get; }

    public TimeSpan BrokerTtl { get; }

    public int LeaderEventCapacity { get; }

    public EventLog Log { get; }

    public FaultSwitches Faults { get; } = new();

    public TimeProvider Time => Options.Time;

    public double Now => Log.ElapsedSeconds;

    public CancellationToken Ended => _ended.Token;

    /// <summary>Every life of every broker, in order.</summary>
    public List<BrokerInstance> Brokers { get; } = [];

    /// <summary>Registration keys, in key order. A dead broker stays until its time is over.</summary>
    public SortedDictionary<string, BrokerInstance> Registered { get; } = new(StringComparer.Ordinal);

    public SortedDictionary<string, TopicState> Topics { get; } = new(StringComparer.Ordinal);

    public SortedSet<string> Namespaces { get; } = new(StringComparer.Ordinal) { "default", "system" };

    public Dictionary<string, Marker> Unassigned { get; } = [];

    /// <summary>Raft's leader: without one nothing can be written.</summary>
    public string? RaftLeaderId { get; set; }

    /// <summary>The key that names the leader; for seconds after a loss still the old one.</summary>
    public string? LeaderKey { get; set; }

    public ulong Term { get; set; } = 1;

    public ulong LastApplied { get; private set; } = 16;

    public List<string> Voters { get; } = [];

    /// <summary>Unloads that ended with the topic given away.</summary>
    public int UnloadsEnded { get; set; }

    public BrokerInstance? AliveLeader =>
        LeaderKey is not null && Registered.TryGetValue(LeaderKey, out var leader) && leader.Alive ? leader : null;

    public BrokerMode ModeOf(string brokerId) => _modes.GetValueOrDefault(brokerId);

    public TimeSpan Between(double minMs, double maxMs)
    {
        lock (Gate)
            return TimeSpan.FromMilliseconds(minMs + _random.NextDouble() * (maxMs - minMs));
    }

    /// <summary>
    /// Lets a time pass that is drawn between two, and not less: a timer counts by a coarse clock, which may be some milliseconds behind when it begins, more on a machine that has better things to do, and is then
    /// early by as much.
    /// </summary>
    public async Task PassAsync(double minMs, double maxMs, CancellationToken cancellationToken)
    {
        var span = Between(minMs, maxMs);
        var started = Time.GetTimestamp();
        for (var left = span; left > TimeSpan.Zero; left = span - Time.GetElapsedTime(started))
            await Task.Delay(left > ShortestDelay ? left : ShortestDelay, Time, cancellationToken);
    }

    public double NextDouble() => _random.NextDouble();

    public string NewBrokerId()
    {
        Span<byte> bytes = stackalloc byte[8];
        _random.NextBytes(bytes);
        return (BitConverter.ToUInt64(bytes) | 1UL << 60).ToString(System.Globalization.CultureInfo.InvariantCulture);
    }

    public void Wrote() => LastApplied++;

    /// <summary>A write needs Raft's leader.</summary>
    public void RequireWritable(string whatFails)
    {
        if (RaftLeaderId is null)
            throw new RpcException(new Status(StatusCode.NotFound, $"{whatFails} due to Unknown error: has no leader, forward request to None"));
    }

    public IReadOnlyCollection<string> AssignedTo(string brokerId) => _assigned.TryGetValue(brokerId, out var topics) ? topics : [];

    public List<string> OwnersOf(string topic) => [.. _assigned.Where(entry => entry.Value.Contains(topic)).Select(entry => entry.Key)];

    /// <summary>D3: the first assignment key, in key order, that contains the name. Names have two parts, so that is a key whose topic begins with it.</summary>
    public string? ResolveOwner(string topic)
    {
        foreach (var (brokerId, topics) in _assigned)
        {
            if (topics.GetViewBetween(topic, topic + '\uffff').Min is not null)
                return brokerId;
        }

        return null;
    }

    public void PutAssignment(string brokerId, string topic)
    {
        Wrote();
        if (!_assigned.TryGetValue(brokerId, out var topics))
            _assigned[brokerId] = topics = new SortedSet<string>(StringComparer.Ordinal);
        topics.Add(topic);
    }

    /// <summary>Deleting a key that is not there is an event all the same.</summary>
    public void DeleteAssignment(string brokerId, string topic)
    {
        Wrote();
        if (_assigned.TryGetValue(brokerId, out var topics))
            topics.Remove(topic);
        if (Registered.TryGetValue(brokerId, out var broker) && broker.Alive)
            broker.Watcher.Enqueue(new WatchEvent(topic, IsPut: false));
    }

    public void PutMarker(string topic, Marker marker)
    {
        Wrote();
        Unassigned[topic] = marker;
        AliveLeader?.Manager.Enqueue(topic);
    }

    public void SetMode(string brokerId, BrokerMode mode, string reason)
    {
        Wrote();
        _modes[brokerId] = mode;
        Log.Add("state", broker: brokerId, detail: $"{ModeText(mode)} ({reason})");
    }

    public static string ModeText(BrokerMode mode) => mode switch
    {
        BrokerMode.Active => "active",
        BrokerMode.Draining => "draining",
        _ => "drained",
    };

    /// <summary>Puts a topic into a broker's memory and lets its clients find it.</summary>
    public void Load(BrokerInstance broker, TopicState topic, string why)
    {
        if (broker.Copies.ContainsKey(topic.Name))
        {
            Log.Add("load-refused", topic.Name, broker.Id, "a dead copy is in memory");
            return;
        }

        if (topic.Serving is { } elsewhere)
            Log.Add("split-brain", topic.Name, broker.Id, $"also on {HolderOf(elsewhere)?.Id}");
        var copy = new TopicCopy(topic, broker.SeriesOf(topic.Name));
        broker.Copies[topic.Name] = copy;
        if (Faults.IsOn(Fault.RacingLoads) && topic.Traffic.Producers > 0)
        {
            copy.LoadedTwice = true;
            broker.PhantomLoads++;
            Log.Add("loaded-twice", topic.Name, broker.Id);
        }

        var clientsAt = Now + 0.05 + 0.4 * NextDouble();
        topic.Attach(copy, Now, Faults.IsOn(Fault.ClientsStayAway, topic.Name) ? double.PositiveInfinity : clientsAt);
        if (Faults.IsOn(Fault.StallOnLanding, topic.Name))
            topic.Subscriptions.ForEach(subscription => subscription.Stalled = true);
        broker.CountRpc("producer", "create_producer", ok: true, topic.ClientsAway ? 0 : topic.Traffic.Producers);
        Log.Add("load", topic.Name, broker.Id, why);
    }

    public void RemoveCopy(BrokerInstance broker, TopicCopy copy)
    {
        if (copy.Topic.Serving == copy)
            copy.Topic.Detach(Now);
        copy.Draining = true;
        broker.Copies.Remove(copy.Topic.Name);
        _ = copy.Closed.CancelAsync();
    }

    private BrokerInstance? HolderOf(TopicCopy copy) =>
        Brokers.Find(broker => broker.Copies.TryGetValue(copy.Topic.Name, out var held) && held == copy);

    /// <summary>Runs something later, unless the cluster has ended by then. Takes the gate itself.</summary>
    public void Later(TimeSpan delay, Action action) => Run("later", async () =>
    {
        await Task.Delay(delay, Time, Ended);
        lock (Gate)
            action();
    });

    /// <summary>Runs a loop of a broker or of the cluster until it is cancelled. A mistake in the simulator itself must not look like one of Danube's.</summary>
    public void Run(string what, Func<Task> loop) => _ = RunAsync(what, loop);

    private async Task RunAsync(string what, Func<Task> loop)
    {
        try
        {
            await loop();
        }
        catch (OperationCanceledException)
        {
            // The broker was killed, or the cluster has ended: what was half done stays half done.
        }
#pragma warning disable CA1031 // Reported, whatever it is: nobody awaits this.
        catch (Exception error)
#pragma warning restore CA1031
        {
            Log.Add("simulator-error", detail: $"{what}: {error}");
            await Console.Error.WriteLineAsync($"broker-simulator: {what}: {error}");
        }
    }

    public void Dispose()
    {
        _ended.Cancel();
        foreach (var broker in Brokers)
            broker.Life.Cancel();
        Log.Dispose();
    }
}
