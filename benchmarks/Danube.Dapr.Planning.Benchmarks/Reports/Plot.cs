using System.Globalization;
using System.Text;

namespace Danube.Dapr.Planning.Benchmarks;

/// <summary>Moves against the lower bound, one dot per instance, both axes logarithmic.</summary>
internal static class Plot
{
    private const int Width = 760;
    private const int Height = 560;
    private const int Margin = 60;

    private static readonly (string Planner, string Colour)[] Shown =
    [
        ("danube no stop", "#c44"), ("pulsar threshold", "#e90"), ("automq", "#a6a"), ("cruise-control upper", "#48c"), (StaticSuite.Ours, "#080"),
    ];

    public static string MovesAgainstBound(IReadOnlyList<InstanceRow> rows)
    {
        var most = Math.Max(10, rows.Max(r => Shown.Max(s => r.Plans.TryGetValue(s.Planner, out var plan) ? plan.Moves : 0)));
        double X(double v) => Margin + (Math.Log10(Math.Max(1, v)) / Math.Log10(most) * (Width - (2 * Margin)));
        double Y(double v) => Height - Margin - (Math.Log10(Math.Max(1, v)) / Math.Log10(most) * (Height - (2 * Margin)));
        var svg = new StringBuilder();
        svg.AppendLine(CultureInfo.InvariantCulture, $"<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{Width}\" height=\"{Height}\" font-family=\"sans-serif\" font-size=\"12\">");
        svg.AppendLine("<rect width=\"100%\" height=\"100%\" fill=\"white\"/>");
        svg.AppendLine(CultureInfo.InvariantCulture, $"<line x1=\"{X(1):0.#}\" y1=\"{Y(1):0.#}\" x2=\"{X(most):0.#}\" y2=\"{Y(most):0.#}\" stroke=\"#888\"/>");
        for (double v = 1; v <= most; v *= 10)
        {
            svg.AppendLine(CultureInfo.InvariantCulture, $"<text x=\"{X(v):0.#}\" y=\"{Height - Margin + 18}\" text-anchor=\"middle\">{v:0}</text>");
            svg.AppendLine(CultureInfo.InvariantCulture, $"<text x=\"{Margin - 8}\" y=\"{Y(v) + 4:0.#}\" text-anchor=\"end\">{v:0}</text>");
        }

        svg.AppendLine(CultureInfo.InvariantCulture, $"<text x=\"{Width / 2}\" y=\"{Height - 14}\" text-anchor=\"middle\">proven lower bound on moves</text>");
        svg.AppendLine(CultureInfo.InvariantCulture, $"<text x=\"16\" y=\"{Height / 2}\" text-anchor=\"middle\" transform=\"rotate(-90 16 {Height / 2})\">moves (only plans that reach the target)</text>");
        var line = 0;
        foreach (var (planner, colour) in Shown)
        {
            // Equal dots are drawn once.
            foreach (var (bound, moves) in rows.Where(r => r.Plans.TryGetValue(planner, out var plan) && plan.Reached).Select(r => (r.Bound, r.Plans[planner].Moves)).Distinct())
                svg.AppendLine(CultureInfo.InvariantCulture, $"<circle cx=\"{X(bound):0.#}\" cy=\"{Y(moves):0.#}\" r=\"2.2\" fill=\"{colour}\" fill-opacity=\"0.6\"/>");
            svg.AppendLine(CultureInfo.InvariantCulture, $"<text x=\"{Margin + 12}\" y=\"{Margin + (16 * line++)}\" fill=\"{colour}\">{planner}</text>");
        }

        svg.AppendLine("</svg>");
        return svg.ToString().ReplaceLineEndings("\n");
    }
}
