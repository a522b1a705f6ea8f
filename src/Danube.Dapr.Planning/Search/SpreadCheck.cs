namespace Danube.Dapr.Planning.Search;

/// <summary>Whether the partitions of one group can be spread over brokers and zones: a maximal flow from partitions over brokers to zones.</summary>
internal sealed class SpreadCheck
{
    // Edge e goes to _to[e]; its opposite is e ^ 1.
    private readonly List<int> _to = [];
    private readonly List<int> _left = [];
    private readonly List<int>[] _edges;
    private readonly bool[] _seen;

    private SpreadCheck(int nodes)
    {
        _edges = new List<int>[nodes];
        for (var i = 0; i < nodes; i++) _edges[i] = [];
        _seen = new bool[nodes];
    }

    /// <param name="members">Number of partitions.</param>
    /// <param name="zone">Zone of each broker, from 0 to below the number of brokers.</param>
    /// <param name="permits">Whether a partition may be on a broker.</param>
    /// <param name="perBroker">Partitions that one broker may have.</param>
    /// <param name="perZone">Partitions that one zone may have.</param>
    public static bool IsPossible(int members, int[] zone, Func<int, int, bool> permits, int perBroker, int perZone)
    {
        var brokers = zone.Length;
        int source = members + (2 * brokers), sink = source + 1;
        var flow = new SpreadCheck(sink + 1);
        for (var b = 0; b < brokers; b++)
        {
            flow.Connect(members + b, members + brokers + zone[b], perBroker);
            flow.Connect(members + brokers + b, sink, perZone);
        }

        for (var m = 0; m < members; m++)
        {
            flow.Connect(source, m, 1);
            for (var b = 0; b < brokers; b++) if (permits(m, b)) flow.Connect(m, members + b, 1);
        }

        for (var m = 0; m < members; m++)
        {
            Array.Clear(flow._seen);
            if (!flow.Augment(source, sink)) return false;
        }

        return true;
    }

    private void Connect(int from, int to, int capacity)
    {
        _edges[from].Add(_to.Count);
        _to.Add(to);
        _left.Add(capacity);
        _edges[to].Add(_to.Count);
        _to.Add(from);
        _left.Add(0);
    }

    private bool Augment(int from, int sink)
    {
        if (from == sink) return true;
        _seen[from] = true;
        foreach (var e in _edges[from])
        {
            if (_left[e] == 0 || _seen[_to[e]] || !Augment(_to[e], sink)) continue;
            _left[e]--;
            _left[e ^ 1]++;
            return true;
        }

        return false;
    }
}
