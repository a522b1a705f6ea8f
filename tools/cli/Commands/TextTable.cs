using Spectre.Console;

namespace Danube.Dapr.Cli.Commands;

/// <summary>
/// A table of text, one line a row whatever the width of the terminal: a broker id cut in pieces can be neither read nor copied. The last column is not filled up, so that a long detail in one
/// row costs the others nothing.
/// </summary>
internal sealed class TextTable(params string[] columns)
{
    private const int Gap = 2;

    private readonly List<string[]> _rows = [];

    /// <summary>Adds a row with a cell for each column. Line breaks in a cell become spaces.</summary>
    public void AddRow(params string[] cells)
    {
        ArgumentOutOfRangeException.ThrowIfNotEqual(cells.Length, columns.Length);
        _rows.Add([.. cells.Select(c => c.ReplaceLineEndings(" "))]);
    }

    public void Write(IAnsiConsole console)
    {
        var widths = columns.Select((c, i) => _rows.Select(r => r[i].Length).Append(c.Length).Max()).ToArray();
        console.MarkupLine($"[bold]{Markup.Escape(Line(columns, widths))}[/]");
        foreach (var row in _rows)
            console.WriteLine(Line(row, widths));
    }

    private static string Line(string[] cells, int[] widths) => string.Concat(cells.Select((c, i) => c.PadRight(widths[i] + Gap))).TrimEnd();
}
