namespace Danube.Dapr.Planning.Benchmarks;

/// <summary>
/// Danube's own rebalancer as coded in v0.15.1: above a coefficient of variation, one cycle moves the lightest topic of the first (least) overloaded broker to the least
/// loaded one. Driven by true loads in whole percents of the mean. A topic just moved stays for five cycles.
/// </summary>
internal static class DanubeBuiltIn
{
    private const int Ban = 5;

    /// <param name="i">The instance.</param>
    /// <param name="stopAt">Coefficient of variation below which it stops; 0 = it stops when the target is reached.</param>
    /// <param name="cycles">How many cycles at most; 0 = four per topic.</param>
    public static int[] Plan(Instance i, double stopAt, int cycles = 0)
    {
        var s = new PeerState(i);
        s.Evacuate(false);
        var movedAt = new Dictionary<int, int>();
        for (var cycle = 0; cycle < (cycles > 0 ? cycles : 4 * i.T); cycle++)
        {
            var score = s.Alive.Select(b => Math.Truncate(100 * s.MaxUse(b))).ToArray();
            var mean = score.Average();
            var deviation = Math.Sqrt(score.Average(x => (x - mean) * (x - mean)));
            var cv = mean > 0 ? deviation / mean : 0;
            if (stopAt > 0 ? cv <= stopAt : score.Max() <= 100 * (1 + i.Slack)) break;
            var threshold = mean + (Math.Max(deviation, Math.Max(.2 * mean, 2)) * (cv > .3 ? .5 : 1));
            var sources = Enumerable.Range(0, score.Length).Where(k => score[k] > threshold).OrderBy(k => score[k]).ToArray();
            if (sources.Length == 0 && score.Max() - score.Min() > Math.Max(.1 * mean, 2))
                sources = [.. Enumerable.Range(0, score.Length).Where(k => score[k] > mean).OrderBy(k => score[k])];
            var target = s.Alive[Array.IndexOf(score, score.Min())];
            var topic = -1;
            foreach (var source in sources.Select(k => s.Alive[k]).Where(b => b != target))
            {
                foreach (var t in s.On[source])
                    if (!(movedAt.TryGetValue(t, out var at) && cycle - at <= Ban) && (topic < 0 || s.Size(t) < s.Size(topic))) topic = t;
                if (topic >= 0) break;
            }

            if (topic < 0) break;
            movedAt[topic] = cycle;
            s.Move(topic, target);
        }

        return s.Owner;
    }
}
