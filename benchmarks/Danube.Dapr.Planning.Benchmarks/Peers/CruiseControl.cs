namespace Danube.Dapr.Planning.Benchmarks;

/// <summary>
/// Cruise Control's resource distribution goal, one per resource in order, each accepting only what the earlier ones accept: brokers in id order, topics by load
/// descending, first accepted destination by utilisation ascending, then exchanges; a broker below the lower limit takes from the fullest. The result is the difference
/// between first and last assignment.
/// </summary>
internal static class CruiseControl
{
    /// <summary>With the upper limit of the instance only, or also with a lower one as far below the mean.</summary>
    public static int[] Plan(Instance i, bool lower) => Plan(i, lower ? 1 - i.Slack : 0, 1 + i.Slack);

    /// <param name="i">The instance.</param>
    /// <param name="low">Lower limit in multiples of the mean; 0 = none.</param>
    /// <param name="upper">Upper limit in multiples of the mean.</param>
    public static int[] Plan(Instance i, double low, double upper)
    {
        var s = new PeerState(i);
        s.Evacuate(true);
        for (var r = 0; r < i.R; r++)
        {
            foreach (var b in s.Alive)
            {
                if (s.Use(b, r) > upper)
                {
                    MoveOut(s, b, r, upper, low);
                    if (s.Use(b, r) > upper) SwapOut(s, b, r, upper, low);
                }
                else if (s.Use(b, r) < low)
                {
                    MoveIn(s, b, r, upper, low);
                }
            }
        }

        return s.Owner;
    }

    private static void MoveOut(PeerState s, int b, int r, double upper, double low)
    {
        foreach (var t in s.On[b].OrderByDescending(t => s.I.W[(t * s.I.R) + r]).ThenBy(t => t).ToArray())
        {
            if (s.Use(b, r) <= upper) return;
            foreach (var d in s.Alive.Where(d => d != b && s.Use(d, r) < upper).OrderBy(d => s.Use(d, r)).ThenBy(d => d))
            {
                if (!Accepts(s, t, b, d, r, upper, low)) continue;
                s.Move(t, d);
                break;
            }
        }
    }

    private static void MoveIn(PeerState s, int b, int r, double upper, double low)
    {
        var tries = 0;
        while (s.Use(b, r) < low && tries++ < s.I.T)
        {
            var moved = false;
            foreach (var donor in s.Alive.Where(d => d != b).OrderByDescending(d => s.Use(d, r)).ThenBy(d => d))
            {
                if (s.Use(donor, r) <= s.Use(b, r)) break;
                foreach (var t in s.On[donor].OrderByDescending(t => s.I.W[(t * s.I.R) + r]).ThenBy(t => t))
                {
                    if (!Accepts(s, t, donor, b, r, upper, low)) continue;
                    s.Move(t, b);
                    moved = true;
                    break;
                }

                if (moved) break;
            }

            if (!moved) return;
        }
    }

    private static void SwapOut(PeerState s, int b, int r, double upper, double low)
    {
        // The real one gives exchanges one second per broker; this many trials stand for it.
        var trials = 200_000;
        foreach (var t in s.On[b].OrderByDescending(t => s.I.W[(t * s.I.R) + r]).ThenBy(t => t).ToArray())
        {
            foreach (var d in s.Alive.Where(d => d != b && s.Use(d, r) < upper).OrderBy(d => s.Use(d, r)).ThenBy(d => d))
            {
                foreach (var x in s.On[d].OrderBy(x => s.I.W[(x * s.I.R) + r]).ThenBy(x => x))
                {
                    if (--trials < 0) return;
                    if (s.I.W[(x * s.I.R) + r] >= s.I.W[(t * s.I.R) + r]) break;
                    if (!AcceptsSwap(s, t, b, x, d, r, upper, low)) continue;
                    s.Move(t, d);
                    s.Move(x, b);
                    if (s.Use(b, r) <= upper) return;
                    goto next;
                }
            }

            next:;
        }
    }

    private static bool Accepts(PeerState s, int t, int from, int to, int r, double upper, double low)
    {
        if (!s.Spread(t, to)) return false;
        if (s.Use(to, r) + s.Weight(t, to, r) > upper || s.Use(from, r) - s.Weight(t, from, r) < low) return false;
        for (var g = 0; g < r; g++)
            if (!Earlier(s.Use(from, g), s.Use(to, g), s.Use(from, g) - s.Weight(t, from, g), s.Use(to, g) + s.Weight(t, to, g), upper, low)) return false;
        return true;
    }

    private static bool AcceptsSwap(PeerState s, int t, int b, int x, int d, int r, double upper, double low)
    {
        if (!s.Spread(t, d) || !s.Spread(x, b)) return false;
        if (s.Use(d, r) + s.Weight(t, d, r) - s.Weight(x, d, r) > upper || s.Use(b, r) - s.Weight(t, b, r) + s.Weight(x, b, r) < low) return false;
        for (var g = 0; g < r; g++)
        {
            if (!Earlier(s.Use(b, g), s.Use(d, g), s.Use(b, g) - s.Weight(t, b, g) + s.Weight(x, b, g), s.Use(d, g) + s.Weight(t, d, g) - s.Weight(x, d, g), upper, low))
                return false;
        }

        return true;
    }

    /// <summary>An earlier goal accepts when two balanced brokers stay balanced, or the difference of unbalanced ones shrinks.</summary>
    private static bool Earlier(double from, double to, double fromAfter, double toAfter, double upper, double low)
    {
        bool Within(double use) => use <= upper && use >= low;
        return Within(from) && Within(to) ? Within(fromAfter) && Within(toAfter) : Math.Abs(fromAfter - toAfter) < Math.Abs(from - to);
    }
}
