namespace Danube.Dapr.Planning.Benchmarks;

/// <summary>The plain greedy that everybody writes first: while a broker is above its limit, its heaviest topic that fits the emptiest broker goes there.</summary>
internal static class LargestFirst
{
    public static int[] Plan(Instance i)
    {
        var s = new PeerState(i);
        s.Evacuate(true);
        var limit = 1 + i.Slack;
        bool Fits(int t, int b) => Enumerable.Range(0, i.R).All(r => s.Use(b, r) + s.Weight(t, b, r) <= limit);
        foreach (var b in s.Alive.OrderByDescending(s.MaxUse).ThenBy(b => b).ToArray())
        {
            foreach (var t in s.On[b].OrderByDescending(s.Size).ThenBy(t => t).ToArray())
            {
                if (s.MaxUse(b) <= limit) break;
                if (s.Emptiest(d => d != b && s.Spread(t, d) && Fits(t, d)) is var to and >= 0) s.Move(t, to);
            }
        }

        return s.Owner;
    }
}
