using System.Globalization;
using Danube.Dapr.Contracts;
using Spectre.Console;

namespace Danube.Dapr.Cli.Commands;

/// <summary>How answers look as text.</summary>
internal static class Tables
{
    private const int Width = 10_000;

    /// <summary>Standard output, wide enough that nothing is folded here: a terminal folds a long line without losing a letter.</summary>
    public static IAnsiConsole Console()
    {
        var console = AnsiConsole.Console;
        console.Profile.Width = Math.Max(console.Profile.Width, Width);
        return console;
    }

    public static void Brokers(IReadOnlyList<BrokerView> brokers, IAnsiConsole console)
    {
        var table = New("Rank", "Broker", "Address", "State", "Topics", "Msg/s", "MB/s", "CPU %", "Memory %", "Score", "Report age s");
        foreach (var b in brokers)
        {
            table.AddRow(
                b.Rank == 0 ? "-" : Text(b.Rank),
                b.Id,
                b.Address,
                StateOf(b),
                Text(b.Topics),
                Text(b.MessagesPerSecond, "#,0"),
                Text(b.BytesPerSecond / 1e6, "0.00"),
                Text(b.Resources?.CpuPercent?.Mean, "0.0"),
                Text(b.Resources?.MemoryPercent?.Mean, "0.0"),
                Text(b.Score, "0.000"),
                Text(b.ReportAgeSeconds, "0.0"));
        }
        table.Write(console);
    }

    public static void Balance(BalanceReport balance, IAnsiConsole console)
    {
        console.WriteLine($"{balance.Brokers} brokers. Worst: {balance.Cause}, CV {Text(balance.CoefficientOfVariation, "0.000")}, max/mean {Text(balance.MaxOverMean, "0.00")}, min/mean {Text(balance.MinOverMean, "0.00")}.");
        var table = New("Resource", "Mean", "CV", "Max/mean", "Min/mean", "Highest");
        foreach (var r in balance.Resources)
            table.AddRow(r.Resource, Text(r.Mean, "#,0.##"), Text(r.CoefficientOfVariation, "0.000"), Text(r.MaxOverMean, "0.00"), Text(r.MinOverMean, "0.00"), r.MaxBroker);
        table.Write(console);
    }

    public static void Rankings(RankingReport ranking, IAnsiConsole console)
    {
        console.WriteLine($"Strategy {ranking.Strategy}, least loaded first.");
        var table = New("Rank", "Broker", "State", "Score", "Factors");
        foreach (var b in ranking.Brokers)
            table.AddRow(Text(b.Rank), b.BrokerId, b.State.ToString(), Text(b.Score, "0.000"), string.Join(", ", b.Factors.Select(f => $"{f.Key} {Text(f.Value, "0.000")}")));
        table.Write(console);
    }

    public static void Topics(Page<TopicSnapshot> page, IAnsiConsole console)
    {
        var table = New("Topic", "Broker", "Delivery", "Msg/s in", "Msg/s out", "MB/s in", "MB/s out", "Clients", "Backlog", "Oldest unacked");
        foreach (var t in page.Items)
        {
            table.AddRow(
                t.Name,
                t.BrokerId ?? "nobody",
                t.Reliable switch { true => "Reliable", false => "NonReliable", null => "unknown" },
                Text(t.MessagesInPerSecond, "#,0.#"),
                Text(t.MessagesOutPerSecond, "#,0.#"),
                Text(t.BytesInPerSecond / 1e6, "0.000"),
                Text(t.BytesOutPerSecond / 1e6, "0.000"),
                Text(t.Producers + t.Consumers),
                t.BacklogMessages is { } backlog ? Text(backlog, "#,0") : "-",
                t.OldestUnackedSeconds is { } age ? $"{(t.OldestUnackedIsAtLeast ? "over " : "")}{Text(age, "#,0.#")} s" : "-");
        }
        table.Write(console);
        Shown(page, console);
    }

    public static void Topic(TopicSnapshot topic, IAnsiConsole console) => Topics(new Page<TopicSnapshot>(1, 0, [topic]), console);

    public static void Story(PlanStory story, IAnsiConsole console)
    {
        const int Shown = 20;
        var run = story.Run;
        if (story.FromHistory)
            console.WriteLine("The rebalancer keeps this plan no longer; this is what the history has of it.");
        console.WriteLine($"{run.State}{(run.Reason is { } r ? $" ({r})" : "")}: {run.Done} done, {run.Failed} failed, {run.Skipped} skipped.{(run.FinishedAt is { } ended ? $" Ended {Time(ended)}." : "")}");
        if (run is { State: PlanRunState.Proposed, ApprovedBy: null, ApprovalDeadline: { } deadline })
        {
            console.WriteLine($"It waits for approval until {Time(deadline)}:");
            console.WriteLine($"  danube-lb plans approve {run.Plan.Id} --hash {run.Plan.Hash}");
            console.WriteLine($"  danube-lb plans cancel {run.Plan.Id}");
        }
        else if (run.ApprovedBy is { } by)
        {
            console.WriteLine($"{(run.ApprovalDeadline is null ? "Asked for" : "Approved")} by: {by}.");
        }

        if (story.NotDone.Count > 0)
        {
            var table = New("Not done", "End", "Reason", "Detail");
            foreach (var m in story.NotDone.OrderBy(m => m.State is MoveState.Skipped or MoveState.Cancelled).Take(Shown))
                table.AddRow(m.Topic, m.State.ToString(), m.Reason?.ToString() ?? "", m.Detail);
            table.Write(console);
            if (story.NotDone.Count > Shown)
                console.WriteLine($"… and {story.NotDone.Count - Shown} more: {(story.FromHistory ? $"history has all, GET /history?kind=move&plan={run.Plan.Id}" : $"'danube-lb moves list --plan {run.Plan.Id}' has all")}.");
        }

        Plan(run.Plan, console);
        if (run.Effect is { } effect)
            Effect(effect, console);
        else if (!story.FromHistory && run is { State: PlanRunState.Finished or PlanRunState.Stopped, Done: > 0 } && run.Plan.Trigger != PlanTrigger.Repair)
            console.WriteLine("Its effect is not measured yet: that takes load reports of some time after its end.");
    }

    private static void Effect(PlanEffect effect, IAnsiConsole console)
    {
        console.WriteLine($"Measured {Time(effect.Time)}: CV {Text(effect.MeasuredCoefficientOfVariation, "0.000")} (expected {Text(effect.PredictedCoefficientOfVariation, "0.000")}), "
            + $"max/mean {Text(effect.MeasuredMaxOverMean, "0.00")} (expected {Text(effect.PredictedMaxOverMean, "0.00")}).");
        // None for an effect that was measured before topics were judged.
        if (effect.CameBack + effect.NotBack + effect.Unknown + effect.Pending > 0)
            console.WriteLine($"Its topics: {effect.CameBack} came back, {effect.NotBack} did not, {effect.Unknown} not known, {effect.Pending} still looked at.");
        var odd = effect.Moves.Where(m => m.Verdict is MoveVerdict.Silent or MoveVerdict.BacklogGrows || (m.Verdict is null && !m.CameBack)).ToList();
        if (odd.Count == 0)
            return;

        var table = New("Look at", "Broker", "Seen", "Msg/s", "Before", "Backlog", "Before");
        foreach (var m in odd)
            table.AddRow(m.Topic, m.BrokerId ?? "nobody", m.Verdict?.ToString() ?? "no traffic yet", Text(m.MessagesPerSecondAfter, "#,0.#"), Text(m.MessagesPerSecondBefore, "#,0.#"), Text(m.BacklogMessages, "#,0"), Text(m.BacklogMessagesBefore, "#,0"));
        table.Write(console);
    }

    public static void Plan(RebalancePlan plan, IAnsiConsole console)
    {
        console.WriteLine($"Plan {plan.Id} ({plan.Policy}, {plan.Trigger}): {plan.Summary}");
        console.WriteLine($"Before: CV {Text(plan.Before.CoefficientOfVariation, "0.000")}, max/mean {Text(plan.Before.MaxOverMean, "0.00")} ({plan.Before.Cause}). "
            + $"Expected after: CV {Text(plan.PredictedAfter.CoefficientOfVariation, "0.000")}, max/mean {Text(plan.PredictedAfter.MaxOverMean, "0.00")}.");
        console.WriteLine($"{plan.Moves.Count} moves; any plan needs at least {plan.LowerBoundMoves}. Cost {Text(plan.Cost, "0.##")}, at least {Text(plan.LowerBoundCost, "0.##")}.");
        if (plan.Moves.Count > 0)
        {
            var moves = New("#", "Topic", "From", "To", "MB/s", "Clients", "Why");
            foreach (var (move, i) in plan.Moves.Select((m, i) => (m, i + 1)))
                moves.AddRow(Text(i), move.Topic, move.From, move.To, Text(move.BytesPerSecond / 1e6, "0.000"), Text(move.Clients), $"{move.Cause}: {move.Reason}");
            moves.Write(console);
        }
        Refusals(plan.Refusals, console);
    }

    public static void Refusals(IReadOnlyList<Refusal> refusals, IAnsiConsole console)
    {
        if (refusals.Count == 0)
            return;
        const int Shown = 20;
        var table = New("Left alone", "Reason", "Detail");
        foreach (var r in refusals.Take(Shown))
            table.AddRow($"{r.Kind} {r.Subject}".TrimEnd(), r.Reason.ToString(), r.Detail);
        table.Write(console);
        if (refusals.Count > Shown)
            console.WriteLine($"… and {refusals.Count - Shown} more (--json has all).");
    }

    public static void Rebalance(RebalanceResponse response, IAnsiConsole console)
    {
        console.WriteLine($"{(response.Started ? "Started" : "Not started")}{(response.Reason is { } r ? $" ({r})" : "")}: {response.Detail}");
        if (response.Plan is { } plan)
            Plan(plan, console);
    }

    public static void Plans(Page<PlanRun> page, IAnsiConsole console)
    {
        var table = New("Plan", "Created", "State", "Trigger", "Moves", "Done", "Failed", "Skipped", "Bound", "Reason");
        foreach (var p in page.Items)
            table.AddRow(p.Plan.Id, Time(p.Plan.CreatedAt), p.State.ToString(), p.Plan.Trigger.ToString(), Text(p.Plan.Moves.Count), Text(p.Done), Text(p.Failed), Text(p.Skipped), Text(p.Plan.LowerBoundMoves), p.Reason?.ToString() ?? "");
        table.Write(console);
        Shown(page, console);
    }

    public static void Moves(Page<MoveRecord> page, IAnsiConsole console)
    {
        var table = New("Time", "Topic", "From", "To", "Step", "ms", "Reason", "Detail");
        foreach (var m in page.Items)
            table.AddRow(Time(m.Time), m.Topic, m.From, m.To, m.State.ToString(), Text(m.DurationMs, "0"), m.Reason?.ToString() ?? "", $"{m.Detail} {Said(m.Effect)}".Trim());
        table.Write(console);
        Shown(page, console);
    }

    /// <summary>What a move was planned to take along, beside what was measured.</summary>
    private static string Said(MoveEffect? effect) => effect is null
        ? ""
        : $"{effect.Verdict}: {Text(effect.MessagesPerSecondAfter, "#,0.#")} msg/s (expected {Text(effect.MessagesPerSecondBefore, "#,0.#")}), backlog {Text(effect.BacklogMessages, "#,0")} (before {Text(effect.BacklogMessagesBefore, "#,0")}).";

    public static void Status(RebalancerStatus s, IAnsiConsole console)
    {
        console.WriteLine($"Mode {s.Mode}, policy {s.Policy}. {s.MovesLastHour} of {s.MaxMovesPerHour} moves in the last hour.");
        if (s.Paused)
            console.WriteLine($"Paused {(s.PausedUntil is { } until ? $"until {Time(until)}" : "until resumed")}{(s.PauseReason is { } why ? $": {why}" : "")}.");
        if (s.CircuitOpen)
            console.WriteLine($"The circuit breaker is open: {s.CircuitReason} Look at 'danube-lb findings', then 'danube-lb circuit close'.");
        if (s.KillSwitch)
            console.WriteLine("The kill switch is on: nothing moves until 'danube-lb kill-switch off'.");
        if (s.RunningPlanId is { } plan)
            console.WriteLine($"Running plan {plan}.");
        if (s.PendingPlanId is { } pending)
            console.WriteLine($"Plan {pending} waits for approval: 'danube-lb plans show {pending}', then 'plans approve' or 'plans cancel'.");
        if (s.MaskedBrokers.Count > 0)
            console.WriteLine($"Masked at this moment, so that a topic lands where it should: {string.Join(", ", s.MaskedBrokers)}.");
        if (s.UnloadsInFlight > 1)
            console.WriteLine($"Warning: up to {s.UnloadsInFlight} unloads are in flight at a time (Rebalancer:UnloadsInFlight). When Danube's leader dies in that moment, that many topics are left without owner. 1 is safe.");
        if (s.RestSeconds > 0)
            console.WriteLine($"Clients noticed moves: {s.MovesPerWindow} in one go, {Text(s.RestSeconds, "0")} s of rest between.");
        if (s.OutOfBandSince is { } since)
            console.WriteLine($"Out of balance since {Time(since)}.");
        if (s.StuckBrokers.Count > 0)
            console.WriteLine($"Left out of plans because a move stuck there, until 'danube-lb circuit close': {string.Join(", ", s.StuckBrokers)}.");
        if (s.DrainedBrokers.Count > 0)
            console.WriteLine($"Drained by an operator: {string.Join(", ", s.DrainedBrokers)}.");
        if (s.LastCycle is { } cycle)
        {
            console.WriteLine($"Last cycle {Time(cycle.Time)}: {cycle.Outcome}{(cycle.Reason is { } r ? $" ({r})" : "")}. {cycle.Detail}");
            Refusals(cycle.Refusals, console);
        }
    }

    public static void History(Page<HistoryEntry> page, IAnsiConsole console)
    {
        var table = New("Time", "Kind", "What");
        foreach (var e in page.Items)
        {
            table.AddRow(Time(e.Time), e.Kind, e switch
            {
                { Cycle: { } c } => $"{c.Outcome}{(c.Reason is { } r ? $" ({r})" : "")}: {c.Detail}",
                { Plan: { } p } => $"{p.Id}: {p.Summary}",
                { Move: { } m } => $"{m.Topic} {m.From} → {m.To}: {m.State}{(m.Reason is { } r ? $" ({r})" : "")} {m.Detail} {Said(m.Effect)}".TrimEnd(),
                { BrokerEvent: { } b } => $"{b.Kind} {b.BrokerId} {b.Topic} {b.Detail}",
                _ => "",
            });
        }
        table.Write(console);
        Shown(page, console);
    }

    public static void Statistics(HistoryStatistics s, IAnsiConsole console)
    {
        console.WriteLine($"{Time(s.From)} to {Time(s.To)}: {s.Cycles} cycles, {s.Plans} plans, {s.PingPongs} ping-pongs.");
        console.WriteLine($"Moves: {(s.MovesByState.Count == 0 ? "none" : string.Join(", ", s.MovesByState.Select(p => $"{p.Value} {p.Key}")))}"
            + (s.MedianMoveMs is { } median ? $"; median {Text(median, "0")} ms, longest {Text(s.MaxMoveMs, "0")} ms" : ""));
        console.WriteLine($"Cycles without moves: {(s.CyclesByReason.Count == 0 ? "none" : string.Join(", ", s.CyclesByReason.Select(p => $"{p.Value} {p.Key}")))}");
    }

    public static void LoadReports(IReadOnlyList<LoadReport> reports, IAnsiConsole console)
    {
        if (reports.Count == 0)
        {
            console.WriteLine("This collector has made no load report. Where agents measure the brokers, 'danube-lb brokers list' and 'danube-lb topics list --broker ID' show what they reported.");
            return;
        }

        var table = New("Broker", "Sequence", "Topics", "CPU %", "Memory %", "MB/s", "Msg/s", "Disk free GB", "Source", "Missing");
        foreach (var r in reports)
        {
            table.AddRow(
                r.BrokerId,
                Text(r.Sequence),
                Text(r.Topics.Count),
                Text(r.Resources.CpuPercent?.Mean, "0.0"),
                Text(r.Resources.MemoryPercent?.Mean, "0.0"),
                Text(r.TotalBytesPerSecond() / 1e6, "0.00"),
                Text(r.TotalMessagesPerSecond(), "#,0"),
                Text(r.Resources.DiskFreeBytes / 1e9, "0.0"),
                $"{r.Resources.Source}{(r.Resources.Fallback ? " (fallback)" : "")}{(r.Resources.SharedByBrokers > 1 ? $", shared by {r.Resources.SharedByBrokers}" : "")}",
                string.Join(", ", r.Gaps.Select(g => g.Part)));
        }
        table.Write(console);
    }

    public static void Command(CommandResponse answer, IAnsiConsole console)
    {
        console.WriteLine(answer.Detail);
        if (answer.PlanId is { } id)
            console.WriteLine($"Plan {id}: 'danube-lb plans show {id}' tells how far it is.");
        if (answer.Plan is { } plan)
            Plan(plan, console);
        Refusals(answer.Refusals ?? [], console);
    }

    public static void Findings(IReadOnlyList<Finding> findings, IAnsiConsole console)
    {
        if (findings.Count == 0)
        {
            console.WriteLine("Nothing is wrong that could be seen.");
            return;
        }

        foreach (var alike in findings.GroupBy(f => (f.Severity, f.Kind, f.About, f.Advice)))
            Findings(alike.Key.Severity, [.. alike], console);
    }

    /// <summary>Findings of one kind: each with its evidence while they are few, then only their names; advice once.</summary>
    private static void Findings(FindingSeverity severity, IReadOnlyList<Finding> alike, IAnsiConsole console)
    {
        const int few = 3, shown = 10;
        var first = alike[0];
        var heading = $"{severity.ToString().ToUpperInvariant()} {first.Kind} {first.About}";
        var since = alike.Min(f => f.Since) is { } earliest ? $" (since {Time(earliest)})" : "";
        if (alike.Count <= few)
        {
            foreach (var f in alike)
            {
                console.WriteLine($"{heading} {f.Subject}".TrimEnd() + (f.Since is { } own ? $" (since {Time(own)})" : ""));
                console.WriteLine($"  {f.Evidence}");
            }
        }
        else
        {
            console.WriteLine($"{heading}: {alike.Count} of them{since}");
            foreach (var f in alike.Take(shown))
                console.WriteLine($"  {f.Subject}");
            if (alike.Count > shown)
                console.WriteLine($"  and {alike.Count - shown} more: --json names them all.");
            console.WriteLine($"  The first: {first.Evidence}");
        }

        console.WriteLine($"  {first.Advice}");
        if (alike.Count > few && alike.All(f => f.CanRepair))
            console.WriteLine("  danube-lb topics repair --all");
        else
            foreach (var f in alike.Where(f => f.CanRepair))
                console.WriteLine($"  danube-lb topics repair {f.Subject}");
        foreach (var f in alike.Where(f => f.MoveTo is not null).Take(shown))
            console.WriteLine($"  danube-lb moves start {f.Subject} --to {f.MoveTo}");
    }

    public static void Move(MoveRecord move, IAnsiConsole console) => Moves(new Page<MoveRecord>(1, 0, [move]), console);

    public static void Drain(DrainStatus drain, IAnsiConsole console)
    {
        console.WriteLine($"Broker {drain.BrokerId} is {drain.Broker}: {drain.State switch
        {
            DrainState.None => "not drained through this service",
            DrainState.Draining => "its topics are being moved",
            DrainState.Remainder => "what is left needs a decision",
            _ => "empty, it can be stopped",
        }}. {drain.TopicsLeft} topics are on it.");
        if (drain.Since is { } since)
            console.WriteLine($"Drained since {Time(since)}{(drain.Reason is { } why ? $": {why}" : "")}.{(drain.PlanId is { } plan ? $" Plan {plan}." : "")}");
        Refusals(drain.Refusals, console);
    }

    private static TextTable New(params string[] columns) => new(columns);

    private static void Shown<T>(Page<T> page, IAnsiConsole console)
    {
        if (page.Items.Count < page.Total)
            console.WriteLine($"{page.Items.Count} of {page.Total}, from {page.Offset}.");
    }

    private static string StateOf(BrokerView b) => $"{(b.Reachable ? b.State.ToString() : "unreachable")}{(b.IsLeader ? ", leader" : "")}";

    private static string Time(DateTimeOffset time) => time.UtcDateTime.ToString("yyyy-MM-dd HH:mm:ss'Z'", CultureInfo.InvariantCulture);

    private static string Text(double? value, string format) => value is { } v ? v.ToString(format, CultureInfo.InvariantCulture) : "-";

    private static string Text(long value) => value.ToString(CultureInfo.InvariantCulture);
}
