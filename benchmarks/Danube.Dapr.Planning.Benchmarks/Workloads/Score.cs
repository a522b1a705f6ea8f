namespace Danube.Dapr.Planning.Benchmarks;

/// <summary>What an assignment is worth, computed from the instance alone.</summary>
internal readonly record struct Score(int Moves, double Cost, bool Reached, double MaxOverMean)
{
    public static Score Of(Instance i, int[] owner)
    {
        var limits = i.Limits();
        var load = new double[i.B * i.R];
        var moves = 0;
        double cost = 0;
        var reached = true;
        var groups = new Dictionary<(int, int), int>();
        for (var t = 0; t < i.T; t++)
        {
            for (var r = 0; r < i.R; r++) load[(owner[t] * i.R) + r] += i.W[(t * i.R) + r];
            if (owner[t] != i.Home[t])
            {
                moves++;
                cost += i.Cost(t);
            }

            if (i.Drained[owner[t]]) reached = false;
            if (i.Group[t] < 0 || i.PerBroker == int.MaxValue) continue;
            var key = (i.Group[t], owner[t]);
            groups[key] = groups.GetValueOrDefault(key) + 1;
            if (groups[key] > i.PerBroker) reached = false;
        }

        double worst = 0;
        for (var b = 0; b < i.B; b++)
        {
            if (i.Drained[b]) continue;
            for (var r = 0; r < i.R; r++)
            {
                var at = (b * i.R) + r;
                worst = Math.Max(worst, load[at] / limits[at] * (1 + i.Slack));
                // A planner that works in fractions of the mean may be off by rounding, not more.
                if (load[at] > limits[at] * (1 + 1e-9)) reached = false;
            }
        }

        return new(moves, cost, reached, worst);
    }
}
