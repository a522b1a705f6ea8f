namespace Danube.Dapr.Planning.Benchmarks;

/// <summary>Another system's planner, re-implemented from its published description for this comparison.</summary>
internal sealed record Peer(string Name, Func<Instance, int[]> Plan)
{
    public static IReadOnlyList<Peer> All { get; } =
    [
        new("cruise-control upper", i => CruiseControl.Plan(i, lower: false)),
        new("cruise-control band", i => CruiseControl.Plan(i, lower: true)),
        new("danube", i => DanubeBuiltIn.Plan(i, .30)),
        new("danube no stop", i => DanubeBuiltIn.Plan(i, 0)),
        new("pulsar threshold", i => PulsarShedders.Threshold(i)),
        new("pulsar transfer", i => PulsarShedders.Transfer(i)),
        new("pulsar avg", i => PulsarShedders.Avg(i)),
        new("automq", AutoMq.Plan),
        new("redpanda count", CountBalancers.Redpanda),
        new("rabbitmq count", CountBalancers.RabbitMq),
        new("k-move greedy", KMoveGreedy.Plan),
        new("largest-first greedy", LargestFirst.Plan),
    ];
}

/// <summary>An assignment that a peer changes step by step; utilisation 1 = the mean.</summary>
internal sealed class PeerState
{
    private readonly double[] _share;
    private readonly Dictionary<(int, int), int> _groups = [];

    public PeerState(Instance instance)
    {
        I = instance;
        Owner = (int[])instance.Home.Clone();
        Load = new double[instance.B * instance.R];
        _share = instance.Limits();
        On = new List<int>[instance.B];
        for (var b = 0; b < instance.B; b++) On[b] = [];
        for (var i = 0; i < _share.Length; i++) _share[i] /= 1 + instance.Slack;
        for (var t = 0; t < instance.T; t++)
        {
            On[Owner[t]].Add(t);
            Count(t, Owner[t], 1);
            for (var r = 0; r < instance.R; r++) Load[(Owner[t] * instance.R) + r] += instance.W[(t * instance.R) + r];
        }

        Alive = [.. Enumerable.Range(0, instance.B).Where(b => !instance.Drained[b])];
    }

    public Instance I { get; }

    public int[] Owner { get; }

    public double[] Load { get; }

    public List<int>[] On { get; }

    public int[] Alive { get; }

    /// <summary>Steps taken, those undone later included: a planner that never ends is stopped by it.</summary>
    public int Steps { get; private set; }

    public double Use(int b, int r) => Load[(b * I.R) + r] / _share[(b * I.R) + r];

    public double Weight(int t, int b, int r) => I.W[(t * I.R) + r] / _share[(b * I.R) + r];

    public double MaxUse(int b)
    {
        double use = 0;
        for (var r = 0; r < I.R; r++) use = Math.Max(use, Use(b, r));
        return use;
    }

    /// <summary>Heaviest resource of a topic in mean broker loads.</summary>
    public double Size(int t)
    {
        double size = 0;
        for (var r = 0; r < I.R; r++) size = Math.Max(size, Weight(t, Alive[0], r));
        return size;
    }

    public bool Spread(int t, int b) => I.Group[t] < 0 || I.PerBroker == int.MaxValue || _groups.GetValueOrDefault((I.Group[t], b)) < I.PerBroker;

    public bool Crowded(int t) => I.Group[t] >= 0 && I.PerBroker != int.MaxValue && _groups.GetValueOrDefault((I.Group[t], Owner[t])) > I.PerBroker;

    public void Move(int t, int to)
    {
        var from = Owner[t];
        On[from].Remove(t);
        On[to].Add(t);
        Count(t, from, -1);
        Count(t, to, 1);
        for (var r = 0; r < I.R; r++)
        {
            Load[(from * I.R) + r] -= I.W[(t * I.R) + r];
            Load[(to * I.R) + r] += I.W[(t * I.R) + r];
        }

        Owner[t] = to;
        Steps++;
    }

    public int Emptiest(Func<int, bool>? allowed = null)
    {
        var best = -1;
        foreach (var b in Alive) if (allowed?.Invoke(b) != false && (best < 0 || MaxUse(b) < MaxUse(best))) best = b;
        return best;
    }

    /// <summary>Every topic of the drained brokers to the broker that is emptiest then, the heaviest first; and for those who know the rule, crowded partitions too.</summary>
    public void Evacuate(bool spread)
    {
        foreach (var t in Enumerable.Range(0, I.T).Where(t => I.Drained[Owner[t]]).OrderByDescending(Size).ToArray())
            if (Emptiest(b => !spread || Spread(t, b)) is var to and >= 0) Move(t, to);
        if (!spread || I.PerBroker == int.MaxValue) return;
        foreach (var t in Enumerable.Range(0, I.T))
            if (Crowded(t) && Emptiest(b => Spread(t, b)) is var to and >= 0) Move(t, to);
    }

    private void Count(int t, int b, int sign)
    {
        if (I.Group[t] < 0) return;
        _groups[(I.Group[t], b)] = _groups.GetValueOrDefault((I.Group[t], b)) + sign;
    }
}
