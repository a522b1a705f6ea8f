namespace Danube.Dapr.Planning.Benchmarks;

/// <summary>One planner on one instance and one band, with the least moves of that band.</summary>
/// <param name="Planner">The planner.</param>
/// <param name="Low">Lower limit in multiples of the mean; 0 = none.</param>
/// <param name="Upper">Upper limit in multiples of the mean.</param>
/// <param name="Size">Brokers × topics.</param>
/// <param name="Kind">Workload.</param>
/// <param name="Seed">Seed.</param>
/// <param name="Moves">Moves of its plan.</param>
/// <param name="Reached">Whether every broker ends within the band and all rules hold.</param>
/// <param name="Optimum">Least moves as proven by CP-SAT; null when it gave up, -1 when it proved that no plan reaches the band.</param>
internal sealed record BandRow(string Planner, double Low, double Upper, string Size, string Kind, int Seed, int Moves, bool Reached, int? Optimum);

/// <summary>
/// The re-implemented Cruise Control with the three questions that its real optimizer was measured with (upper limit only, its own band, its band as configured out of
/// the box), against the proven optimum of each: it must come out as the real one did. Ours answers the same questions.
/// </summary>
internal static class CruiseControlSuite
{
    public const string Peer = "cruise-control";
    public static readonly (double Low, double Upper)[] Bands = [(0, 1.2), (.8, 1.2), (.82, 1.18)];

    public static readonly string[] Kinds = ["skew", "zipf-heavy", "uniform", "hot-broker", "scale-out", "drain", "two-resources", "anticorrelated", "unequal", "spread"];

    public static IEnumerable<BandRow> Run(int b, int t, IReadOnlyList<int> seeds, double solverSeconds, long work)
    {
        var size = FormattableString.Invariant($"{b} × {t}");
        foreach (var kind in Kinds)
        {
            foreach (var seed in seeds)
            {
                var i = Workload.Make(kind, b, t, seed);
                var snapshot = i.ToSnapshot();
                foreach (var (low, upper) in Bands)
                {
                    var options = i.ToOptions(work);
                    var plan = Planner.Plan(snapshot, options with { Policy = options.Policy with { TargetMinOverMean = low, TargetMaxOverMean = upper } });
                    var ours = (int[])i.Home.Clone();
                    foreach (var move in plan.Moves) ours[snapshot.TopicIndex(move.Topic)] = snapshot.BrokerIndex(move.To);
                    var theirs = CruiseControl.Plan(i, low, upper);
                    var hint = Within(i, ours, low, upper) ? ours : Within(i, theirs, low, upper) ? theirs : null;
                    var optimum = Optimum.Of(i, hint, solverSeconds, low, upper).Proven;
                    yield return Row(StaticSuite.Ours, ours);
                    yield return Row(Peer, theirs);

                    BandRow Row(string planner, int[] owner) => new(planner, low, upper, size, kind, seed, Score.Of(i, owner).Moves, Within(i, owner, low, upper), optimum);
                }
            }

            Console.Error.WriteLine($"bands {size} {kind} done");
        }
    }

    private static bool Within(Instance i, int[] owner, double low, double upper)
    {
        var s = new PeerState(i);
        for (var t = 0; t < i.T; t++)
        {
            if (i.Drained[owner[t]]) return false;
            if (owner[t] != s.Owner[t]) s.Move(t, owner[t]);
        }

        for (var t = 0; t < i.T; t++) if (s.Crowded(t)) return false;
        foreach (var b in s.Alive)
            for (var r = 0; r < i.R; r++) if (s.Use(b, r) > upper * (1 + 1e-9) || s.Use(b, r) < low * (1 - 1e-9)) return false;
        return true;
    }
}
