namespace Danube.Dapr.Planning.Benchmarks;

/// <summary>AutoMQ's balancer: for each broker out of range, its topics by load; the action whose worse end gains most score is taken if it scores above one half.</summary>
internal static class AutoMq
{
    public static int[] Plan(Instance i)
    {
        var s = new PeerState(i);
        s.Evacuate(false);
        var range = i.Slack;
        foreach (var b in s.Alive)
        {
            if (Out(s, b, range) <= 0) continue;
            var low = s.MaxUse(b) < 1;
            var topics = low
                ? s.Alive.Where(d => d != b).OrderByDescending(s.MaxUse).ThenBy(d => d).SelectMany(d => s.On[d].OrderByDescending(s.Size).ThenBy(t => t)).ToArray()
                : s.On[b].OrderByDescending(s.Size).ThenBy(t => t).ToArray();
            foreach (var t in topics)
            {
                if (Out(s, b, range) <= 0) break;
                var from = s.Owner[t];
                var best = -1;
                var bestScore = .5;
                foreach (var d in low ? new[] { b } : (IEnumerable<int>)s.Alive.Where(d => d != b).OrderBy(s.MaxUse).ThenBy(d => d))
                {
                    if (d == from) continue;
                    var score = ActionScore(s, t, from, d, range);
                    if (score <= bestScore) continue;
                    bestScore = score;
                    best = d;
                }

                if (best >= 0) s.Move(t, best);
            }
        }

        return s.Owner;
    }

    private static double Out(PeerState s, int b, double range)
    {
        double worst = double.NegativeInfinity;
        for (var r = 0; r < s.I.R; r++) worst = Math.Max(worst, Math.Abs(s.Use(b, r) - 1) - range);
        return worst;
    }

    private static double ActionScore(PeerState s, int t, int from, int to, double range)
    {
        double sum = 0;
        for (var r = 0; r < s.I.R; r++)
        {
            var before = Math.Min(Score(s.Use(from, r), range), Score(s.Use(to, r), range));
            var after = Math.Min(Score(s.Use(from, r) - s.Weight(t, from, r), range), Score(s.Use(to, r) + s.Weight(t, to, r), range));
            sum += (after - before + 1) / 2;
        }

        return sum / s.I.R;
    }

    private static double Score(double use, double range)
    {
        var off = Math.Abs(use - 1) - range;
        return off <= 0 ? 1 : off < 2 ? .9 * (1 - (off / 2 * .8)) : .18 / (1 + Math.Log(off));
    }
}
