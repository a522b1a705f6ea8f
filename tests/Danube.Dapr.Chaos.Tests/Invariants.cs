using Danube.Dapr.BrokerSimulator;
using Danube.Dapr.Chaos.Tests.Harness;
using Danube.Dapr.Contracts;

namespace Danube.Dapr.Chaos.Tests;

/// <summary>
/// What must hold when things are quiet again, whatever was killed. Judged by the simulator's own log and state; the control plane's records are read only to
/// compare them with it.
/// </summary>
/// <param name="cluster">The cluster.</param>
/// <param name="report">Where it is written down.</param>
/// <param name="inFlight">How many unloads of ours a broker may have at once.</param>
internal sealed class Invariants(ChaosCluster cluster, ChaosReport report, int inFlight = 1)
{
    /// <summary>
    /// The cluster must have been without a step for so long to count as quiet. What a plan does between its steps is seen otherwise: no plan runs, no move is open. This is for a call that a killed process
    /// had sent and that is still under way; the slowest of them, an admin call made slow by a fault with its unload, takes half a second.
    /// </summary>
    private static readonly TimeSpan Silence = TimeSpan.FromSeconds(2);
    private static readonly TimeSpan QuietPatience = TimeSpan.FromSeconds(150);

    /// <summary>What a repair calls the topic that it makes for a moment, and deletes again.</summary>
    private const string HelperSuffix = "-danube-repair";

    private static readonly HashSet<string> NeverEvents = ["orphan", "log-destroyed", "messages-lost", "split-brain", "loaded-twice", "simulator-error", "built-in-move"];

    /// <summary>Faults of the past that were told already: they stay in the log and the record, and must not fail what comes later on the same cluster.</summary>
    private readonly HashSet<string> _told = [];
    private readonly Dictionary<(string Topic, string Broker), int> _toldTooMany = [];
    private long _checkedSeq;
    private bool _paused;
    private bool _mayBePaused;

    /// <summary>Brokers that an operator has drained on purpose.</summary>
    public HashSet<string> DrainedByOperator { get; } = [];

    /// <summary>Waits until nothing is under way, then checks everything and adds it to the report. Moves are paused while it looks, so that what it sees belongs together.</summary>
    public async Task HoldAsync()
    {
        var unquiet = await UntilQuietAsync();
        try
        {
            await CheckAsync(unquiet);
        }
        catch
        {
            await ResumeAsync();
            throw;
        }

        await Poll.UntilAsync("moves go on", ResumeAsync);
    }

    private async Task CheckAsync(IReadOnlyList<string> unquiet)
    {
        var faults = new List<string>(unquiet);
        var truth = await cluster.Simulator.TruthAsync();
        var events = await cluster.Simulator.EventsAsync();

        var lost = Lost(truth).ToList();
        lost.AddRange(events.Where(e => e.Seq > _checkedSeq && NeverEvents.Contains(e.Event) && e.Topic?.EndsWith(HelperSuffix, StringComparison.Ordinal) != true).Select(e => $"{e.Event}: {e.Topic} on {e.Broker}, {e.Detail} (event {e.Seq})"));
        report.Lost += lost.Count;
        faults.AddRange(lost);

        var masked = Masked(truth).ToList();
        report.LeftMasked += masked.Count;
        faults.AddRange(masked);

        var history = await ReadAsync("history", cluster.History.MoveHistoryAsync);
        var moves = await ReadAsync("moves", cluster.Rebalancer.MovesAsync);
        var open = moves.Where(m => m.State < MoveState.Done).Select(m => $"{m.MoveId} is still {m.State}").ToList();
        report.Open += open.Count;
        faults.AddRange(open);

        var twice = Twice(events, history).ToList();
        report.Duplicated += twice.Count;
        faults.AddRange(twice);

        var missing = Missing(moves, history).Where(_told.Add).ToList();
        report.MissingInHistory += missing.Count;
        faults.AddRange(missing);

        var limits = TooManyAtOnce(events).Concat(TooSoon(events, history)).Where(_told.Add).ToList();
        report.LimitsBroken += limits.Count;
        faults.AddRange(limits);

        report.Moves += events.Count(e => e.Seq > _checkedSeq && e.Event == "unload-begin");
        report.Logs = cluster.Logs;
        _checkedSeq = events.Count;
        Assert.True(faults.Count == 0, $"seed {report.Seed}, logs {cluster.Logs}:{Environment.NewLine}{string.Join(Environment.NewLine, faults.Take(40))}");
    }

    /// <summary>Empty, or what is still going on at the deadline.</summary>
    private async Task<IReadOnlyList<string>> UntilQuietAsync()
    {
        var started = TimeProvider.System.GetTimestamp();
        while (true)
        {
            var why = await WhyNotQuietAsync();
            // Quiet counts once nothing new can start: another plan may have begun just before the pause.
            if (why is null && _paused)
                return [];
            if (TimeProvider.System.GetElapsedTime(started) > QuietPatience)
                return [$"not quiet {QuietPatience.TotalSeconds:0} s after the faults: {why}"];
            if (why is null)
                await PauseAsync();
            else
                await ResumeAsync();
            await Task.Delay(200);
        }
    }

    private async Task PauseAsync()
    {
        // An answer that is late or lost says nothing about the command.
        _mayBePaused = true;
        _paused = await cluster.Rebalancer.TryPostAsync("pause", new { reason = "the fault tests look" });
    }

    /// <summary>False when the rebalancer did not answer.</summary>
    private async Task<bool> ResumeAsync()
    {
        _paused = false;
        if (_mayBePaused && await cluster.Rebalancer.TryPostAsync("resume"))
            _mayBePaused = false;
        return !_mayBePaused;
    }

    private async Task<string?> WhyNotQuietAsync()
    {
        if (await cluster.Rebalancer.TryGetAsync<RebalancerStatus>("status") is not { } status)
            return "the rebalancer does not answer";
        if (status.CircuitOpen)
        {
            // An operator would look and close it; what it opened for is judged below all the same.
            report.CircuitOpened++;
            await cluster.Rebalancer.TryPostAsync("circuit/close", new { reason = "the fault is over" });
            return $"the circuit breaker was open: {status.CircuitReason}";
        }

        if (status.RunningPlanId is { } plan)
            return $"plan {plan} runs";
        if (await cluster.Rebalancer.MovesAsync() is not { } moves)
            return "the rebalancer does not list its moves";
        if (moves.FirstOrDefault(m => m.State < MoveState.Done) is { } open)
            return $"{open.MoveId} is {open.State}";
        var truth = await cluster.Simulator.TruthAsync();
        if (Lost(truth).Concat(Masked(truth)).FirstOrDefault() is { } wrong)
            return wrong;
        if (truth.Brokers.FirstOrDefault(b => b.Registered && !b.Broker.Alive) is { } dead)
            return $"broker {dead.Broker.Id} is dead and not yet dropped";
        var events = await cluster.Simulator.EventsAsync();
        if (events.LastOrDefault(e => MoveSteps.Of(e) is not null) is { } last && truth.ElapsedSeconds - (last.Ms / 1000) < Silence.TotalSeconds)
            return $"{last.Event} {last.Topic} a moment ago";
        // Events travel on after the last step: every end must have reached the record.
        return await cluster.History.MoveHistoryAsync() is { } history
            ? Missing(moves, history).FirstOrDefault(m => !_told.Contains(m))
            : "history does not answer";
    }

    private static IEnumerable<string> Lost(ClusterTruth truth)
    {
        foreach (var topic in truth.Topics)
        {
            if (topic.AssignedTo.Count != 1)
                yield return $"{topic.Name} is owned by {(topic.AssignedTo.Count == 0 ? "nobody" : string.Join(" and ", topic.AssignedTo))} (marker {topic.Marker})";
            else if (topic.ServedBy != topic.AssignedTo[0])
                yield return $"{topic.Name} is owned by {topic.AssignedTo[0]} and served by {topic.ServedBy ?? "nobody"}";
        }
    }

    private IEnumerable<string> Masked(ClusterTruth truth) => truth.Brokers
        .Where(b => b.Broker.Alive && b.Registered && (b.State != "active") != DrainedByOperator.Contains(b.Broker.Id))
        .Select(b => $"broker {b.Broker.Id} is {b.State}{(DrainedByOperator.Contains(b.Broker.Id) ? " although an operator drained it" : "")}");

    /// <summary>A source drained a topic more often than there were moves of it from there, and than was told before. What Danube drains itself, for an operator, does not count.</summary>
    private IEnumerable<string> Twice(IReadOnlyList<SimulatedEvent> events, IReadOnlyList<MoveRecord> history)
    {
        var begun = WithoutDrains(events).Where(e => e.Event == "unload-begin").GroupBy(e => (Topic: e.Topic!, Broker: e.Broker!));
        var repairs = history.Where(m => m.Cause == MoveCause.Repair).Select(m => m.MoveId).Distinct().CountBy(id => id[(id.IndexOf(':', StringComparison.Ordinal) + 1)..]).ToDictionary();
        var moves = history.Where(m => m.Cause != MoveCause.Repair && m.State >= MoveState.Unloading && m.State is not (MoveState.Skipped or MoveState.Cancelled))
            .Select(m => (m.MoveId, m.Topic, m.From)).Distinct().CountBy(m => (m.Topic, m.From)).ToDictionary();
        foreach (var unloads in begun)
        {
            var allowed = moves.GetValueOrDefault(unloads.Key) + repairs.GetValueOrDefault(unloads.Key.Topic);
            var tooMany = unloads.Count() - allowed;
            if (tooMany <= _toldTooMany.GetValueOrDefault(unloads.Key))
                continue;
            _toldTooMany[unloads.Key] = tooMany;
            yield return $"{unloads.Key.Topic} was unloaded {unloads.Count()} times from {unloads.Key.Broker} for {allowed} moves (events {string.Join(", ", unloads.Select(e => e.Seq))})";
        }
    }

    /// <summary>Every move has a step before its end, and its end, in the record.</summary>
    private static IEnumerable<string> Missing(IReadOnlyList<MoveRecord> moves, IReadOnlyList<MoveRecord> history)
    {
        var byMove = history.GroupBy(m => m.MoveId).ToDictionary(g => g.Key, g => g.ToList());
        foreach (var move in moves.Where(m => m.State >= MoveState.Done))
        {
            var steps = byMove.GetValueOrDefault(move.MoveId) ?? [];
            if (steps.All(s => s.State != move.State))
                yield return $"the end of {move.MoveId} ({move.State}) is not in history";
            if (move.State == MoveState.Done && steps.All(s => s.State >= MoveState.Done))
                yield return $"the start of {move.MoveId} is not in history";
        }
    }

    /// <summary>No broker had more unloads of ours at once than allowed: accepted, and not yet let go. A broker lets go in the order in which it was told.</summary>
    private IEnumerable<string> TooManyAtOnce(IReadOnlyList<SimulatedEvent> events)
    {
        var under = new Dictionary<string, List<SimulatedEvent>>();
        foreach (var e in WithoutDrains(events))
        {
            var open = e.Broker is null ? [] : under.TryGetValue(e.Broker, out var known) ? known : under[e.Broker] = [];
            switch (e.Event)
            {
                case "kill" or "deregister":
                    open.Clear();
                    break;
                case "unload-posted":
                    open.RemoveAll(o => o.Topic == e.Topic);
                    if (open.Count >= inFlight)
                    {
                        yield return $"{e.Topic} was unloaded from {e.Broker} before {open[0].Topic} was let go (events {open[0].Seq} and {e.Seq})";
                        open.Clear();
                    }

                    open.Add(e);
                    break;
                case "unload-end" or "seal-failed" or "dead-copy":
                    open.RemoveRange(0, open.FindIndex(o => o.Topic == e.Topic) is var at and >= 0 ? at + 1 : open.Count);
                    break;
            }
        }
    }

    /// <summary>
    /// A topic that came to its new broker rests there. What Danube drains for an operator does not count, nor do topics that were repaired or that had a move go wrong: a broker may have died, and
    /// Danube have put them elsewhere.
    /// </summary>
    private IEnumerable<string> TooSoon(IReadOnlyList<SimulatedEvent> events, IReadOnlyList<MoveRecord> history)
    {
        // The rest is counted on a clock that such a test sets.
        if (cluster.Options.OwnClock)
            yield break;
        var others = history.Where(m => m.Cause == MoveCause.Repair || m.State is MoveState.Failed or MoveState.Stuck or MoveState.LandedElsewhere).Select(m => m.Topic).ToHashSet();
        var arrived = new Dictionary<string, SimulatedEvent>();
        var left = new HashSet<string>();
        foreach (var e in WithoutDrains(events))
        {
            switch (e.Event)
            {
                case "unload-begin":
                    if (arrived.Remove(e.Topic!, out var before) && (e.Ms - before.Ms) / 1000 < cluster.Options.CoolDownSeconds && !others.Contains(e.Topic!))
                        yield return $"{e.Topic} was unloaded {(e.Ms - before.Ms) / 1000:0.0} s after its last move, the cool-down is {cluster.Options.CoolDownSeconds} s (events {before.Seq} and {e.Seq})";
                    left.Add(e.Topic!);
                    break;
                case "load" when left.Remove(e.Topic!):
                    arrived[e.Topic!] = e;
                    break;
            }
        }
    }

    /// <summary>All events but the unloads that Danube makes itself of a broker that an operator drains.</summary>
    private static IEnumerable<SimulatedEvent> WithoutDrains(IReadOnlyList<SimulatedEvent> events)
    {
        var draining = new HashSet<string>();
        foreach (var e in events)
        {
            if (e.Event == "state" && e.Detail!.StartsWith("draining", StringComparison.Ordinal))
                draining.Add(e.Broker!);
            else if (e.Event == "state")
                draining.Remove(e.Broker!);
            if (e.Event is not ("unload-posted" or "unload-begin") || !draining.Contains(e.Broker!))
                yield return e;
        }
    }

    private static async Task<IReadOnlyList<MoveRecord>> ReadAsync(string what, Func<Task<IReadOnlyList<MoveRecord>?>> read)
    {
        IReadOnlyList<MoveRecord>? result = null;
        await Poll.UntilAsync($"{what} can be read", async () => (result = await read()) is not null);
        return result!;
    }
}
