namespace Danube.Dapr.Planning.Search;

/// <summary>Sums over the brokers that take part of their loads in shares of capacity, per resource: what a move makes of the coefficients of variation, without looking at every broker.</summary>
internal sealed class Fills
{
    private readonly Problem _p;
    private readonly Placement _at;
    private readonly double[] _sum;
    private readonly double[] _squares;

    public Fills(Problem problem, Placement placement)
    {
        (_p, _at, _sum, _squares) = (problem, placement, new double[problem.R], new double[problem.R]);
        foreach (var b in problem.Participants)
        {
            for (var r = 0; r < problem.R; r++)
            {
                var fill = Fill(b, r, 0);
                _sum[r] += fill;
                _squares[r] += fill * fill;
            }
        }
    }

    /// <summary>The coefficient of variation of a resource.</summary>
    public double Variation(int r) => Variation(_sum[r], _squares[r]);

    /// <summary>What the coefficients of variation are above <paramref name="target"/>, all resources together.</summary>
    public double Excess(double target)
    {
        double excess = 0;
        for (var r = 0; r < _p.R; r++) excess += Math.Max(0, Variation(r) - target);
        return excess;
    }

    /// <summary>The same after a move.</summary>
    public double Excess(double target, int topic, int from, int to)
    {
        double excess = 0;
        for (var r = 0; r < _p.R; r++)
        {
            var (sum, squares) = After(r, topic, from, to);
            excess += Math.Max(0, Variation(sum, squares) - target);
        }

        return excess;
    }

    /// <summary>Takes note of a move that the placement has not made yet.</summary>
    public void Move(int topic, int from, int to)
    {
        for (var r = 0; r < _p.R; r++) (_sum[r], _squares[r]) = After(r, topic, from, to);
    }

    private (double Sum, double Squares) After(int r, int topic, int from, int to)
    {
        var w = _p.W[(topic * _p.R) + r];
        double f = Fill(from, r, 0), g = Fill(from, r, -w), d = Fill(to, r, 0), e = Fill(to, r, w);
        return (_sum[r] + g - f + e - d, _squares[r] + (g * g) - (f * f) + (e * e) - (d * d));
    }

    private double Fill(int broker, int r, double more)
    {
        var share = _p.Share[(broker * _p.R) + r];
        return share > 0 ? (_at.Load[(broker * _p.R) + r] + more) / share : 0;
    }

    private double Variation(double sum, double squares)
    {
        var n = _p.Participants.Length;
        return sum <= 0 ? 0 : Math.Sqrt(Math.Max(0, (n * squares / (sum * sum)) - 1));
    }
}
