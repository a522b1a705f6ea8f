namespace Danube.Dapr.Planning.Benchmarks;

/// <summary>Aggarwal, Motwani and Zhu's GREEDY: take the heaviest topic from the fullest broker K times, then give them, the heaviest first, to the emptiest. The least K that reaches the target.</summary>
internal static class KMoveGreedy
{
    public static int[] Plan(Instance i)
    {
        int low = 0, high = i.T;
        int[]? best = null;
        while (low < high)
        {
            var middle = (low + high) / 2;
            var owner = With(i, middle);
            if (Score.Of(i, owner).Reached)
            {
                best = owner;
                high = middle;
            }
            else
            {
                low = middle + 1;
            }
        }

        return best ?? With(i, Math.Min(i.T, i.T / 4));
    }

    private static int[] With(Instance i, int k)
    {
        var s = new PeerState(i);
        s.Evacuate(true);
        var taken = new List<int>();
        var load = (double[])s.Load.Clone();
        var queues = s.Alive.ToDictionary(b => b, b => new Queue<int>(s.On[b].OrderByDescending(s.Size).ThenBy(t => t)));
        double Use(int b)
        {
            double use = 0;
            for (var r = 0; r < i.R; r++) use = Math.Max(use, load[(b * i.R) + r] / Math.Max(1, s.Load[(b * i.R) + r]) * s.Use(b, r));
            return use;
        }

        for (var n = 0; n < k; n++)
        {
            var fullest = -1;
            foreach (var b in s.Alive) if (queues[b].Count > 0 && (fullest < 0 || Use(b) > Use(fullest))) fullest = b;
            if (fullest < 0) break;
            var t = queues[fullest].Dequeue();
            taken.Add(t);
            for (var r = 0; r < i.R; r++) load[(fullest * i.R) + r] -= i.W[(t * i.R) + r];
        }

        // Where taken topics are does not matter until they are given: the loads without them decide.
        var owner = (int[])s.Owner.Clone();
        var limits = i.Limits();
        foreach (var t in taken.OrderByDescending(s.Size).ThenBy(t => t))
        {
            var best = -1;
            double bestUse = double.PositiveInfinity;
            foreach (var b in s.Alive)
            {
                double use = 0;
                for (var r = 0; r < i.R; r++) use = Math.Max(use, (load[(b * i.R) + r] + i.W[(t * i.R) + r]) / limits[(b * i.R) + r]);
                if (use >= bestUse) continue;
                bestUse = use;
                best = b;
            }

            owner[t] = best;
            for (var r = 0; r < i.R; r++) load[(best * i.R) + r] += i.W[(t * i.R) + r];
        }

        return owner;
    }
}
