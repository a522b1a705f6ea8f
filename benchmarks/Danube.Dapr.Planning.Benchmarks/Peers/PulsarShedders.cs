namespace Danube.Dapr.Planning.Benchmarks;

/// <summary>Pulsar's load shedders run until they shed no more, at a mean usage of 50 % and without their minimum throughputs; usage is that of the worst resource.</summary>
internal static class PulsarShedders
{
    private const double MeanUsage = .5;
    private const int Rounds = 300;

    /// <summary>Brokers more than 10 points above the mean shed their biggest topics; each goes to a random broker at least 10 points below the mean, or any.</summary>
    public static int[] Threshold(Instance i, int rounds = Rounds)
    {
        var s = new PeerState(i);
        s.Evacuate(false);
        var random = new Danube.Dapr.Planning.Search.DeterministicRandom((ulong)i.Seed);
        var movedAt = new Dictionary<int, int>();
        var smooth = s.Alive.ToDictionary(b => b, b => Usage(s, b));
        for (var round = 0; round < rounds; round++)
        {
            foreach (var b in s.Alive) smooth[b] = (.9 * smooth[b]) + (.1 * Usage(s, b));
            var mean = smooth.Values.Average();
            var shed = new List<int>();
            foreach (var b in s.Alive)
            {
                if (smooth[b] <= mean + .10) continue;
                var amount = (smooth[b] - mean - .10 + .05) / smooth[b] * s.MaxUse(b);
                foreach (var t in s.On[b].OrderByDescending(s.Size).ThenBy(t => t))
                {
                    if (amount <= 0 || s.On[b].Count - shed.Count(x => s.Owner[x] == b) <= 1) break;
                    if (movedAt.TryGetValue(t, out var at) && round - at < 30) continue;
                    amount -= s.Size(t);
                    shed.Add(t);
                }
            }

            if (shed.Count == 0 && round > 50) break;
            foreach (var t in shed)
            {
                var candidates = s.Alive.Where(b => smooth[b] + .10 <= mean).ToArray();
                if (candidates.Length == 0) candidates = s.Alive;
                movedAt[t] = round;
                s.Move(t, candidates[random.Next(candidates.Length)]);
            }
        }

        return s.Owner;
    }

    /// <summary>Pairs of fullest and emptiest, at most three a round: of the ten biggest topics the smallest first while half the difference is not reached, else one exchange.</summary>
    public static int[] Transfer(Instance i, int rounds = Rounds)
    {
        var s = new PeerState(i);
        s.Evacuate(false);
        for (var round = 0; round < rounds; round++)
        {
            var moved = false;
            var order = s.Alive.OrderBy(s.MaxUse).ThenBy(b => b).ToArray();
            for (var pair = 0; pair < Math.Min(3, order.Length / 2); pair++)
            {
                var usages = s.Alive.Select(b => Usage(s, b)).ToArray();
                var mean = usages.Average();
                var deviation = Math.Sqrt(usages.Average(u => (u - mean) * (u - mean)));
                int min = order[pair], max = order[^(pair + 1)];
                var starved = Usage(s, min) < mean * Math.Min(.5, .25 / 2);
                var overloaded = Usage(s, max) > .85 && Usage(s, max) > mean + .25;
                if (deviation <= .25 && !starved && !overloaded) break;
                var amount = (s.MaxUse(max) - s.MaxUse(min)) / 2;
                var biggest = s.On[max].OrderByDescending(s.Size).ThenBy(t => t).Take(10).OrderBy(s.Size).ToArray();
                double sum = 0;
                foreach (var t in biggest)
                {
                    if (s.On[max].Count <= 1 || sum + s.Size(t) > amount) break;
                    sum += s.Size(t);
                    s.Move(t, min);
                    moved = true;
                }

                if (sum > 0 || biggest.Length == 0) continue;
                var big = biggest[0];
                var small = s.On[min].Where(x => s.Size(big) - s.Size(x) <= amount && s.Size(x) < s.Size(big)).OrderByDescending(s.Size).ThenBy(x => x).FirstOrDefault(-1);
                if (small < 0) continue;
                s.Move(big, min);
                s.Move(small, max);
                moved = true;
            }

            if (!moved) break;
        }

        return s.Owner;
    }

    /// <summary>i-th fullest with i-th emptiest while they differ by 15 points: half the difference, the biggest topics that fit.</summary>
    public static int[] Avg(Instance i, int rounds = Rounds)
    {
        var s = new PeerState(i);
        s.Evacuate(false);
        for (var round = 0; round < rounds; round++)
        {
            var moved = false;
            var order = s.Alive.OrderBy(s.MaxUse).ThenBy(b => b).ToArray();
            for (var pair = 0; pair < order.Length / 2; pair++)
            {
                int min = order[pair], max = order[^(pair + 1)];
                if (100 * (Usage(s, max) - Usage(s, min)) < 15) break;
                var amount = (s.MaxUse(max) - s.MaxUse(min)) * .5;
                foreach (var t in s.On[max].OrderByDescending(s.Size).ThenBy(t => t).ToArray())
                {
                    if (s.Size(t) > amount) continue;
                    amount -= s.Size(t);
                    s.Move(t, min);
                    moved = true;
                }
            }

            if (!moved) break;
        }

        return s.Owner;
    }

    private static double Usage(PeerState s, int b) => s.MaxUse(b) * MeanUsage;
}
