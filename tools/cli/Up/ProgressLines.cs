using System.Globalization;
using Danube.Dapr.Contracts;

namespace Danube.Dapr.Cli.Up;

/// <summary>The run as plain lines: one for each new decision and each finished move, and the balance now and then.</summary>
internal sealed class ProgressLines(TextWriter output)
{
    private readonly HashSet<(string, MoveState)> _toldMoves = [];
    private string? _toldCycle;
    private string? _toldDecision;
    private DateTimeOffset _toldBalance;

    public void Write(RunState state)
    {
        if (state.Balance is { } balance && balance.Time - _toldBalance >= TimeSpan.FromSeconds(5))
        {
            _toldBalance = balance.Time;
            output.WriteLine(string.Create(CultureInfo.InvariantCulture, $"balance  {balance.Brokers} brokers, CV {balance.CoefficientOfVariation:0.000}, max/mean {balance.MaxOverMean:0.00} ({balance.Cause}), {state.MovesDone} moves done"));
        }
        if (state.Cycles.Count > 0 && state.Cycles[^1] is var cycle && cycle.Id != _toldCycle)
        {
            _toldCycle = cycle.Id;
            var decision = $"{cycle.Outcome}{(cycle.Reason is { } r ? $" ({r})" : "")}: {cycle.Detail}";
            if ($"{cycle.Outcome}{cycle.Reason}" != _toldDecision)
                output.WriteLine($"cycle    {decision}");
            _toldDecision = $"{cycle.Outcome}{cycle.Reason}";
        }
        foreach (var move in state.Moves.Reverse().Where(m => m.State >= MoveState.Done && _toldMoves.Add((m.MoveId, m.State))))
        {
            var time = move.DurationMs is { } ms ? string.Create(CultureInfo.InvariantCulture, $" in {ms:0} ms") : "";
            output.WriteLine($"move     {move.Topic} {move.From} -> {move.To}: {move.State}{time}{(move.Reason is { } r ? $" ({r})" : "")} {move.Detail}");
        }
    }
}
