namespace Danube.Dapr.Planning.Search;

/// <summary>One assignment of topics to brokers on the way to a plan, with everything that a step changes kept up to date.</summary>
internal sealed class Placement
{
    private readonly Problem _p;
    private readonly int[] _position;
    private readonly int[] _outPosition;
    private readonly Dictionary<long, int> _perBroker = [];
    private readonly Dictionary<long, int> _perZone = [];
    private readonly List<(int Topic, int From)> _log = [];

    public Placement(Problem problem)
    {
        _p = problem;
        At = (int[])problem.Home.Clone();
        Load = (double[])problem.StartLoad.Clone();
        Excess = new double[problem.B];
        Inbound = new List<int>[problem.B];
        Outbound = new List<int>[problem.B];
        _position = new int[problem.T];
        _outPosition = new int[problem.T];
        for (var b = 0; b < problem.B; b++)
        {
            Inbound[b] = [];
            Outbound[b] = [];
            Excess[b] = ExcessOf(b);
            Violation += Excess[b];
        }

        for (var t = 0; t < problem.T; t++)
        {
            if (problem.Home[t] < 0) continue;
            if (problem.MustLeave[t] && problem.Fixed[t] is null) Unplaced++;
            if (problem.Group[t] < 0) continue;
            Count(problem.Group[t], problem.Home[t], 1);
        }
    }

    /// <summary>Where each topic is; -1 = nowhere.</summary>
    public int[] At { get; }

    public double[] Load { get; }

    /// <summary>Sum over resources of what a broker is outside its limits, in mean broker loads.</summary>
    public double[] Excess { get; }

    public double Violation { get; private set; }

    public double Cost { get; private set; }

    public int Moved { get; private set; }

    /// <summary>Topics that must leave their broker and have not.</summary>
    public int Unplaced { get; private set; }

    /// <summary>Partitions above what one broker or zone may have of their group.</summary>
    public int Crowded { get; private set; }

    public int Hard => Unplaced + Crowded;

    /// <summary>Topics on a broker that is not their home.</summary>
    public List<int>[] Inbound { get; }

    /// <summary>Topics of a home broker that are elsewhere.</summary>
    public List<int>[] Outbound { get; }

    public int Mark => _log.Count;

    public double ExcessOf(int b)
    {
        if (_p.Excluded[b] is not null) return 0;
        double sum = 0;
        for (int i = b * _p.R, end = i + _p.R; i < end; i++)
        {
            if (Load[i] > _p.Limit[i] + Problem.Tolerance) sum += Load[i] - _p.Limit[i];
            else if (Load[i] < _p.Low[i] - Problem.Tolerance) sum += _p.Low[i] - Load[i];
        }

        return sum;
    }

    /// <summary>How much more a broker would be outside its limits with one topic more (<paramref name="sign"/> 1) or less (-1).</summary>
    public double Change(int topic, int broker, int sign)
    {
        if (_p.Excluded[broker] is not null) return 0;
        double sum = 0;
        int w = topic * _p.R;
        for (int i = broker * _p.R, end = i + _p.R; i < end; i++, w++)
        {
            var load = Load[i] + (sign * _p.W[w]);
            if (load > _p.Limit[i] + Problem.Tolerance) sum += load - _p.Limit[i];
            else if (load < _p.Low[i] - Problem.Tolerance) sum += _p.Low[i] - load;
        }

        return sum - Excess[broker];
    }

    /// <summary>True when a broker stays within its upper limits with one topic more.</summary>
    public bool Fits(int topic, int broker)
    {
        int w = topic * _p.R;
        for (int i = broker * _p.R, end = i + _p.R; i < end; i++, w++)
            if (_p.W[w] > 0 && Load[i] + _p.W[w] > _p.Limit[i] + Problem.Tolerance) return false;
        return true;
    }

    /// <summary>True when the rules let a topic be put on a broker now.</summary>
    public bool MayPut(int topic, int broker)
    {
        if (broker == _p.Home[topic]) return !_p.MustLeave[topic] && Spread(topic, broker);
        return _p.MayPut(topic, broker) && Spread(topic, broker);
    }

    public bool Spread(int topic, int broker)
    {
        var group = _p.Group[topic];
        if (group < 0) return true;
        if (_perBroker.GetValueOrDefault(Key(group, broker)) >= _p.PerBroker) return false;
        if (_p.PerZone == int.MaxValue) return true;
        var zone = _p.Zone[broker];
        return (At[topic] >= 0 && _p.Zone[At[topic]] == zone) || _perZone.GetValueOrDefault(Key(group, zone)) < _p.PerZone;
    }

    /// <summary>True when more partitions of the topic's group are where it is than may be.</summary>
    public bool IsCrowded(int topic)
    {
        var group = _p.Group[topic];
        if (group < 0 || At[topic] < 0) return false;
        return _perBroker.GetValueOrDefault(Key(group, At[topic])) > _p.PerBroker
            || _perZone.GetValueOrDefault(Key(group, _p.Zone[At[topic]])) > _p.PerZone;
    }

    /// <summary>True when more partitions of the topic's group are where it is than may be and than were <paramref name="before"/>, and it came there.</summary>
    public bool IsMoreCrowded(int topic, Placement before)
    {
        if (!IsCrowded(topic)) return false;
        var (broker, zone) = (Key(_p.Group[topic], At[topic]), Key(_p.Group[topic], _p.Zone[At[topic]]));
        return More(_perBroker, before._perBroker, broker, _p.PerBroker)
            || (_p.Zone[_p.Home[topic]] != _p.Zone[At[topic]] && More(_perZone, before._perZone, zone, _p.PerZone));

        static bool More(Dictionary<long, int> now, Dictionary<long, int> before, long key, int allowed) =>
            now.GetValueOrDefault(key) > Math.Max(allowed, before.GetValueOrDefault(key));
    }

    public void Move(int topic, int to)
    {
        var from = At[topic];
        _log.Add((topic, from));
        Set(topic, from, to);
    }

    /// <summary>Undoes every step since a <see cref="Mark"/>.</summary>
    public void Revert(int mark)
    {
        for (var i = _log.Count - 1; i >= mark; i--) Set(_log[i].Topic, At[_log[i].Topic], _log[i].From);
        _log.RemoveRange(mark, _log.Count - mark);
    }

    /// <summary>Forgets how to undo; loads are summed anew so that rounding does not add up.</summary>
    public void Commit()
    {
        _log.Clear();
        _p.StartLoad.CopyTo(Load, 0);
        for (var b = 0; b < _p.B; b++)
        {
            foreach (var t in Inbound[b])
            {
                for (var r = 0; r < _p.R; r++)
                {
                    Load[(_p.Home[t] * _p.R) + r] -= _p.W[(t * _p.R) + r];
                    Load[(b * _p.R) + r] += _p.W[(t * _p.R) + r];
                }
            }
        }

        Violation = 0;
        for (var b = 0; b < _p.B; b++) Violation += Excess[b] = ExcessOf(b);
        Cost = 0;
        for (var b = 0; b < _p.B; b++) foreach (var t in Inbound[b]) Cost += _p.Cost[t];
    }

    /// <summary>Keeps every step since a <see cref="Mark"/>; they can no longer be undone.</summary>
    public void Keep(int mark) => _log.RemoveRange(mark, _log.Count - mark);

    private void Set(int topic, int from, int to)
    {
        var home = _p.Home[topic];
        int r = _p.R, w = topic * r;
        for (var i = 0; i < r; i++)
        {
            Load[(from * r) + i] -= _p.W[w + i];
            Load[(to * r) + i] += _p.W[w + i];
        }

        Violation -= Excess[from] + Excess[to];
        Excess[from] = ExcessOf(from);
        Excess[to] = ExcessOf(to);
        Violation += Excess[from] + Excess[to];
        if (_p.Group[topic] >= 0)
        {
            Count(_p.Group[topic], from, -1);
            Count(_p.Group[topic], to, 1);
        }

        if (from == home)
        {
            Cost += _p.Cost[topic];
            Moved++;
            if (_p.MustLeave[topic]) Unplaced--;
            _outPosition[topic] = Outbound[home].Count;
            Outbound[home].Add(topic);
        }
        else
        {
            Remove(Inbound[from], _position, topic);
        }

        if (to == home)
        {
            Cost -= _p.Cost[topic];
            Moved--;
            if (_p.MustLeave[topic]) Unplaced++;
            Remove(Outbound[home], _outPosition, topic);
        }
        else
        {
            _position[topic] = Inbound[to].Count;
            Inbound[to].Add(topic);
        }

        At[topic] = to;
    }

    private static void Remove(List<int> list, int[] position, int topic)
    {
        var last = list[^1];
        list[position[topic]] = last;
        position[last] = position[topic];
        list.RemoveAt(list.Count - 1);
    }

    private void Count(int group, int broker, int sign)
    {
        Crowded += Step(_perBroker, Key(group, broker), sign, _p.PerBroker);
        if (_p.PerZone != int.MaxValue) Crowded += Step(_perZone, Key(group, _p.Zone[broker]), sign, _p.PerZone);
    }

    private static int Step(Dictionary<long, int> counts, long key, int sign, int allowed)
    {
        var before = counts.GetValueOrDefault(key);
        counts[key] = before + sign;
        return Math.Max(0, before + sign - allowed) - Math.Max(0, before - allowed);
    }

    private static long Key(int group, int place) => ((long)group << 32) | (uint)place;
}
