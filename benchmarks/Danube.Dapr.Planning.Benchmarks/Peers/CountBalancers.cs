namespace Danube.Dapr.Planning.Benchmarks;

/// <summary>Balancers that see only the number of topics.</summary>
internal static class CountBalancers
{
    /// <summary>Redpanda: topics in random order to the broker with the fewest, if that has fewer than the source has.</summary>
    public static int[] Redpanda(Instance i)
    {
        var s = new PeerState(i);
        s.Evacuate(true);
        var random = new Danube.Dapr.Planning.Search.DeterministicRandom((ulong)i.Seed);
        var order = Enumerable.Range(0, i.T).ToArray();
        for (var k = order.Length - 1; k > 0; k--)
        {
            var other = random.Next(k + 1);
            (order[k], order[other]) = (order[other], order[k]);
        }

        foreach (var t in order)
        {
            var to = Fewest(s, t);
            if (to >= 0 && (s.On[to].Count + 1) / s.I.Size[to] < s.On[s.Owner[t]].Count / s.I.Size[s.Owner[t]]) s.Move(t, to);
        }

        return s.Owner;
    }

    /// <summary>RabbitMQ: every broker above the rounded-up mean gives its lightest topics to the broker with the fewest.</summary>
    public static int[] RabbitMq(Instance i)
    {
        var s = new PeerState(i);
        s.Evacuate(false);
        var most = (int)Math.Ceiling((double)i.T / s.Alive.Length);
        foreach (var b in s.Alive)
            foreach (var t in s.On[b].OrderBy(s.Size).ThenBy(t => t).Take(Math.Max(0, s.On[b].Count - most)).ToArray()) s.Move(t, Fewest(s, -1));
        return s.Owner;
    }

    private static int Fewest(PeerState s, int t)
    {
        var best = -1;
        foreach (var b in s.Alive) if ((t < 0 || s.Spread(t, b)) && (best < 0 || s.On[b].Count < s.On[best].Count)) best = b;
        return best;
    }
}
