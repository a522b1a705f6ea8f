using System.Globalization;
using Danube.Dapr.Contracts;
using Spectre.Console;
using Spectre.Console.Rendering;

namespace Danube.Dapr.Cli.Up;

/// <summary>Draws the state of a run: brokers, balance over time, decisions, moves, addresses.</summary>
/// <param name="started">What runs.</param>
/// <param name="logs">Folder of the logs.</param>
/// <param name="height">Lines of the terminal: with few of them fewer moves and decisions are shown, so that the addresses stay in sight.</param>
internal sealed class LiveView(Started started, string logs, int height = 60)
{
    private const int BarWidth = 24;
    private const int SparkWidth = 60;
    private const int MostMoves = 12;
    private const int MostCycles = 6;

    /// <summary>Lines of all else: head, brokers' heading, balance, moves' heading, addresses.</summary>
    private const int OtherLines = 16;

    public IRenderable Render(RunState state) => new Rows(
        Head(state),
        Brokers(state),
        Balance(state),
        Cycles(state),
        Moves(state),
        Foot());

    private static Markup Head(RunState state)
    {
        var status = state.Status;
        var mode = status is null ? "starting" : $"{status.Mode}, policy {status.Policy}{(status.Paused ? ", [yellow]paused[/]" : "")}{(status.CircuitOpen ? ", [red]circuit breaker open[/]" : "")}";
        return new Markup($"[bold]Danube.Dapr[/]  {mode}{(status?.RunningPlanId is { } plan ? $"  running [aqua]{Markup.Escape(plan)}[/]" : "")}");
    }

    private static Table Brokers(RunState state)
    {
        var table = new Table().Border(TableBorder.Simple).AddColumns("Broker", "State", "Topics", "Msg/s", "MB/s", "CPU %", "Score", "Load");
        foreach (var numeric in table.Columns.Skip(2).Take(5))
            numeric.RightAligned();
        var mean = state.Brokers.Count == 0 ? 0 : state.Brokers.Average(b => b.BytesPerSecond);
        var top = Math.Max(state.Brokers.Select(b => b.BytesPerSecond).DefaultIfEmpty().Max(), 1);
        foreach (var broker in state.Brokers)
        {
            table.AddRow(
                $"{Markup.Escape(Name(broker))}{(broker.IsLeader ? " [grey]leader[/]" : "")}",
                StateOf(broker),
                Number(broker.Topics, "0"),
                Number(broker.MessagesPerSecond, "#,0"),
                Number(broker.BytesPerSecond / 1e6, "0.00"),
                broker.Resources?.CpuPercent is { } cpu ? $"{Number(cpu.Mean, "0")}{(broker.Resources.SharedByBrokers > 1 ? "[grey]*[/]" : "")}" : "-",
                Number(broker.Score, "0.000"),
                Bar(broker.BytesPerSecond, mean, top));
        }
        return table;
    }

    private static Markup Balance(RunState state)
    {
        if (state.Balance is not { } balance)
            return new Markup("[grey]waiting for the first load reports[/]");
        var shared = state.Brokers.Any(b => b.Resources?.SharedByBrokers > 1) ? "[grey]* the whole machine, which several brokers share: no part of the score[/]\n" : "";
        var colour = state.WithinTargets ? "green" : "yellow";
        return new Markup(
            $"{shared}Imbalance ({Markup.Escape(balance.Cause)})  CV [{colour}]{Number(balance.CoefficientOfVariation, "0.000")}[/]  max/mean [{colour}]{Number(balance.MaxOverMean, "0.00")}[/]  "
            + $"[aqua]{Spark(state.Samples.Select(s => s.CoefficientOfVariation))}[/]\n"
            + $"Moves done {state.MovesDone}, failed {state.MovesFailed}{(state.LowerBound > 0 ? $", at least {state.LowerBound} were needed" : "")}{(state.UnownedNow > 0 ? $", [red]{state.UnownedNow} topics without owner[/]" : "")}"
            + (state.Unsplittable.Count > 0 ? $"\n[yellow]Too heavy for any broker: {Markup.Escape(string.Join(", ", state.Unsplittable))}[/]" : ""));
    }

    private Rows Cycles(RunState state) => new(
        state.Cycles.TakeLast(Math.Clamp(Room(state) / 3, 1, MostCycles)).Select(c => new Markup(
            $"[grey]{c.Time.ToLocalTime():HH:mm:ss}[/] {(c.Outcome == CycleOutcome.Started ? "[green]Started[/]" : c.Outcome.ToString())}{(c.Reason is { } r ? $" [yellow]{r}[/]" : "")} {Markup.Escape(c.Detail)}")
        { Overflow = Overflow.Ellipsis }));

    /// <summary>Lines that are left for decisions and moves.</summary>
    private int Room(RunState state) => height - OtherLines - state.Brokers.Count;

    private IRenderable Moves(RunState state)
    {
        var moves = state.Moves.Take(Math.Clamp(Room(state) * 2 / 3, 1, MostMoves)).ToArray();
        if (moves.Length == 0)
            return new Text("");
        var names = state.Brokers.ToDictionary(b => b.Id, Name);
        var table = new Table().Border(TableBorder.None).AddColumns("[grey]Move of[/]", "[grey]From[/]", "[grey]To[/]", "[grey]Step[/]", "[grey]ms[/]", "[grey]Why[/]");
        table.Columns[4].RightAligned();
        foreach (var move in moves)
        {
            table.AddRow(
                Markup.Escape(move.Topic),
                Markup.Escape(names.GetValueOrDefault(move.From, move.From)),
                Markup.Escape(names.GetValueOrDefault(move.To, move.To)),
                Step(move.State),
                move.DurationMs is { } ms ? Number(ms, "0") : "",
                Markup.Escape(Why(move)));
        }
        return table;
    }

    /// <summary>What made it necessary, and what happened if it did not simply work.</summary>
    private static string Why(MoveRecord move) => move.Reason is { } reason ? $"{move.Cause}; {reason}: {move.Detail}" : move.Cause.ToString();

    private Markup Foot() => new(
        $"\nConsole [link]{started.Topology[DaprNames.Apps.Console].Address}[/]   Ctrl-C stops everything.\n"
        + $"[grey]{string.Join("  ", started.Topology.Services.Where(s => s.AppId != DaprNames.Apps.Console).Select(s => $"{s.AppId} {s.Address.Authority}"))}\nLogs {Markup.Escape(logs)}[/]");

    private static string Step(MoveState state) => state switch
    {
        MoveState.Done => "[green]done[/]",
        MoveState.Failed or MoveState.Stuck or MoveState.LandedElsewhere => $"[red]{state}[/]",
        MoveState.Skipped or MoveState.Cancelled => $"[yellow]{state}[/]",
        _ => $"[aqua]{state}[/]",
    };

    private static string StateOf(BrokerView broker) => broker switch
    {
        { Reachable: false } => "[red]unreachable[/]",
        { State: BrokerState.Active } => "[green]active[/]",
        _ => $"[yellow]{broker.State}[/]",
    };

    private static string Bar(double value, double mean, double top)
    {
        var cells = (int)Math.Round(value / top * BarWidth);
        var colour = mean > 0 && value > RunState.TargetMaxOverMean * mean ? "red" : "green";
        return $"[{colour}]{new string('█', cells)}[/][grey]{new string('░', BarWidth - cells)}[/]";
    }

    internal static string Spark(IEnumerable<double> values)
    {
        const string Levels = "▁▂▃▄▅▆▇█";
        var shown = values.TakeLast(SparkWidth).ToArray();
        var top = Math.Max(shown.DefaultIfEmpty().Max(), RunState.TargetCoefficientOfVariation);
        return string.Concat(shown.Select(v => Levels[(int)Math.Clamp(Math.Round(v / top * (Levels.Length - 1)), 0, Levels.Length - 1)]));
    }

    private static string Name(BrokerView broker) =>
        Uri.TryCreate(broker.Address, UriKind.Absolute, out var address) ? address.Authority : broker.Id;

    private static string Number(double value, string format) => value.ToString(format, CultureInfo.InvariantCulture);
}
