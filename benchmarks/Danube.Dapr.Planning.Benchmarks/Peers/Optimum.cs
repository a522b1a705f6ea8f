using Google.OrTools.Sat;

namespace Danube.Dapr.Planning.Benchmarks;

/// <summary>The least number of moves by CP-SAT, given a plan as a hint. Proves it or gives up at its time limit.</summary>
internal static class Optimum
{
    public readonly record struct Result(int? Proven, double BestBound, int? BestFound);

    /// <param name="i">The instance.</param>
    /// <param name="hint">A plan to start from; null = none.</param>
    /// <param name="seconds">Time limit.</param>
    /// <param name="low">Lower limit in multiples of the mean; 0 = none.</param>
    /// <param name="upper">Upper limit in multiples of the mean; null = that of the instance.</param>
    public static Result Of(Instance i, int[]? hint, double seconds, double low = 0, double? upper = null)
    {
        var over = (upper ?? (1 + i.Slack)) / (1 + i.Slack);
        var under = low / (1 + i.Slack);
        var model = new CpModel();
        var x = new BoolVar[i.T * i.B];
        for (var t = 0; t < i.T; t++)
        {
            var row = new List<ILiteral>(i.B);
            for (var b = 0; b < i.B; b++)
            {
                if (i.Drained[b]) continue;
                row.Add(x[(t * i.B) + b] = model.NewBoolVar(""));
                if (hint is not null) model.AddHint(x[(t * i.B) + b], hint[t] == b);
            }

            model.AddExactlyOne(row);
        }

        var limits = i.Limits();
        for (var b = 0; b < i.B; b++)
        {
            if (i.Drained[b]) continue;
            for (var r = 0; r < i.R; r++)
            {
                var column = new BoolVar[i.T];
                var weight = new long[i.T];
                for (var t = 0; t < i.T; t++) (column[t], weight[t]) = (x[(t * i.B) + b], i.W[(t * i.R) + r]);
                model.AddLinearConstraint(
                    LinearExpr.WeightedSum(column, weight), (long)Math.Ceiling(limits[(b * i.R) + r] * under * (1 - 1e-12)), (long)Math.Floor(limits[(b * i.R) + r] * over * (1 + 1e-12)));
            }

            if (i.PerBroker == int.MaxValue) continue;
            foreach (var group in Enumerable.Range(0, i.T).Where(t => i.Group[t] >= 0).GroupBy(t => i.Group[t]))
                model.Add(LinearExpr.Sum(group.Select(t => x[(t * i.B) + b])) <= i.PerBroker);
        }

        var stay = new List<BoolVar>();
        var forced = 0;
        for (var t = 0; t < i.T; t++)
        {
            if (i.Drained[i.Home[t]]) forced++;
            else stay.Add(x[(t * i.B) + i.Home[t]]);
        }

        model.Maximize(LinearExpr.Sum(stay));
        var solver = new CpSolver { StringParameters = FormattableString.Invariant($"max_time_in_seconds:{seconds} num_workers:2 random_seed:1") };
        var status = solver.Solve(model);
        var bound = forced + stay.Count - solver.BestObjectiveBound;
        return status switch
        {
            CpSolverStatus.Optimal => new(forced + stay.Count - (int)Math.Round(solver.ObjectiveValue), bound, forced + stay.Count - (int)Math.Round(solver.ObjectiveValue)),
            CpSolverStatus.Feasible => new(null, bound, forced + stay.Count - (int)Math.Round(solver.ObjectiveValue)),
            CpSolverStatus.Infeasible => new(-1, bound, null),
            _ => new(null, bound, null),
        };
    }
}
