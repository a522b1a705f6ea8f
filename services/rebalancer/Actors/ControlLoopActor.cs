using System.Diagnostics;
using Danube.Dapr.BrokerClient;
using Danube.Dapr.Contracts;
using Danube.Dapr.Rebalancer.Control;
using Danube.Dapr.Rebalancer.Cycle;
using Danube.Dapr.Rebalancer.Execution;
using Danube.Dapr.Rebalancer.Findings;
using Danube.Dapr.Rebalancer.Options;
using Danube.Dapr.Rebalancer.Plans;
using Danube.Dapr.Rebalancer.Telemetry;
using Danube.Dapr.Rebalancer.Workflows;
using Dapr.Actors.Runtime;
using Microsoft.Extensions.Options;

namespace Danube.Dapr.Rebalancer.Actors;

/// <summary>
/// Drives the control loop by a reminder and holds its memory. Decisions are <see cref="CycleRunner"/>'s and <see cref="ControlRules"/>'s; every change is stored
/// before it has an effect outside.
/// </summary>
internal sealed partial class ControlLoopActor(
    ActorHost host,
    CycleRunner runner,
    PlanLauncher launcher,
    PlanSteps steps,
    ActorDirectory actors,
    EventPublisher events,
    Drains drains,
    Ghosts ghosts,
    Recreation recreation,
    Nudger nudger,
    SteadyClock clock,
    RebalancerMetrics metrics,
    IOptionsMonitor<RebalancerOptions> monitor,
    TimeProvider time,
    ILogger<ControlLoopActor> logger) : FreshActor(host), IControlLoopActor, IRemindable
{
    private const string StateKey = "control";
    private const string CycleReminder = "cycle";
    private const int KeptPlans = 100;
    private const int KeptCommands = 100;

    /// <summary>The timer of a plan that waits for approval counts as late after so long: the clock was set back.</summary>
    private static readonly TimeSpan LateTimer = TimeSpan.FromMinutes(1);

    /// <summary>Telling what was done must not take long: it is done.</summary>
    private static readonly TimeSpan LastWord = TimeSpan.FromSeconds(2);

    /// <summary>Of the turn at work: turns come one after the other.</summary>
    private TurnLimit _turn = null!;

    public async Task StartAsync()
    {
        using var limit = BeginTurn();
        var period = TimeSpan.FromSeconds(monitor.CurrentValue.CheckIntervalSeconds);
        await RegisterReminderAsync(CycleReminder, null, FirstCycle(period), period);
        await ReconcileAsync(await LoadAsync());
    }

    protected override Task OnDeactivateAsync()
    {
        metrics.Left();
        return Task.CompletedTask;
    }

    public Task NudgeAsync() => RunCycleAsync();

    public Task<ControlState> GetStateAsync() => LoadAsync();

    public async Task ReceiveReminderAsync(string reminderName, byte[] state, TimeSpan dueTime, TimeSpan period)
    {
        if (reminderName == CycleReminder)
            await RunCycleAsync();
        else
            throw new InvalidOperationException($"Reminder '{reminderName}' is not known.");
    }

    public async Task<Continuation> MayContinueAsync(string planId) => ControlRules.MayContinue(await LoadAsync(), planId, monitor.CurrentValue, time.GetUtcNow());

    public async Task<Denial?> TakeImpactAsync(BatchImpact impact)
    {
        ArgumentNullException.ThrowIfNull(impact);
        var before = await LoadAsync();
        var (state, stop) = ImpactRules.Take(before, impact, monitor.CurrentValue);
        if (state != before)
        {
            await StoreAsync(state);
            metrics.Pace(state.Pace!);
            if (state.Pace is { LastVerdict: not ImpactVerdict.Quiet } pace)
                Slower(pace.MovesPerWindow, pace.RestSeconds, pace.Detail);
        }

        return stop;
    }

    public async Task FinishedAsync(PlanResult result)
    {
        ArgumentNullException.ThrowIfNull(result);
        var before = await LoadAsync();
        var state = Outcomes.Apply(before, result, monitor.CurrentValue, time.GetUtcNow());
        if (state == before)
            return;
        await StoreAsync(state);
        metrics.PlanEnded(result.Reason);
        if (result.Reason == ReasonCode.Drift)
            nudger.Nudge();
        metrics.Circuit(state.Circuit is not null);
        if (before.Circuit is null && state.Circuit is { } circuit)
            CircuitOpened(circuit.Reason, circuit.Detail);
    }

    private async Task RunCycleAsync()
    {
        using var span = RebalancerTracing.Start("cycle");
        using var limit = BeginTurn();
        var started = time.GetTimestamp();
        var before = await LoadAsync();
        CycleRecord record;
        try
        {
            record = await CycleAsync(before, span?.TraceId.ToString(), limit.Token);
        }
        catch (NoAnswerException error)
        {
            // What was stored until then holds, and the next cycle goes on from there.
            CycleGivenUp(error.Message);
            var stored = await LoadAsync();
            record = CycleRunner.GivenUp(error.Message, stored.Active is { } begun && begun.PlanId != before.Active?.PlanId ? begun : null, time.GetUtcNow(), time.GetElapsedTime(started), span?.TraceId.ToString());
            await StoreAsync(stored with { LastCycle = record });
        }

        metrics.Cycle(record);
        await PublishAsync(await LoadAsync(), record);
    }

    private async Task<CycleRecord> CycleAsync(ControlState state, string? traceId, CancellationToken cancellationToken)
    {
        state = await CloseDrainedAsync(await ReconcileAsync(state), cancellationToken);
        // After a restart too: an alert must not end because the service began anew.
        metrics.Circuit(state.Circuit is not null);
        if (state.Active is { AwaitsApproval: true } waiting && (waiting.Drifted is not null || waiting.ApprovalDeadline + LateTimer < time.GetUtcNow()))
            await launcher.WakeAsync(waiting.PlanId, cancellationToken);
        var before = state;
        var result = await runner.RunAsync(await WatchAsync(state), traceId, cancellationToken);
        // What it did not look at is taken up anew by the next cycle, and not stored before.
        if (result.Snapshot is null)
            result = result with { State = result.State with { Watched = before.Watched, EffectsDue = before.EffectsDue } };
        await TellJudgedAsync(result.Judged ?? []);
        if (before.Circuit is null && result.State.Circuit is { } circuit)
        {
            CircuitOpened(circuit.Reason, circuit.Detail);
            metrics.Circuit(true);
        }

        // Before it is stored: what is forgotten here must not stay at the topic's gate.
        foreach (var topic in state.LoadedTwice.Except(result.State.LoadedTwice))
            await _turn.AskAsync($"the actor of topic {topic}", () => actors.Topic(topic).ForgetLoadedTwiceAsync());
        state = result.State;
        if (result.Plan is { } plan)
        {
            DateTimeOffset? deadline = result.Record.Outcome == CycleOutcome.Proposed
                ? time.GetUtcNow().AddMinutes(monitor.CurrentValue.ApprovalTimeoutMinutes)
                : null;
            state = await BeginAsync(state, plan, manual: false, deadline, null, null, "");
        }

        var record = result.Record;
        state = state with { Deleted = await recreation.CreateAsync(state.Deleted, cancellationToken) };
        if (result.Snapshot is { } snapshot)
        {
            (state, var effect) = await MeasureAsync(state, snapshot, undisturbed: before.Active is null or { AwaitsApproval: true });
            record = record with { Effect = effect };
            state = state with { Ghosts = await SilenceGhostsAsync(state.Ghosts, cancellationToken) };
            state = await AnnounceAsync(state, snapshot, result.Unowned ?? []);
        }

        await StoreAsync(state);
        return record;
    }

    /// <summary>Keeps brokers that are gone, and that Danube's leader ranks all the same, from getting topics.</summary>
    /// <returns>Those of this moment; those of before when Danube does not answer.</returns>
    private async Task<IReadOnlyList<string>> SilenceGhostsAsync(IReadOnlyList<string> before, CancellationToken cancellationToken)
    {
        try
        {
            var found = await ghosts.FindAsync(cancellationToken);
            if (monitor.CurrentValue.ModeValue != RebalancerMode.Observe)
                await ghosts.SilenceAsync(found, cancellationToken);
            return found;
        }
        catch (Exception error) when (error is DanubeException or OperationCanceledException)
        {
            return before;
        }
    }

    /// <summary>Announces findings that came or went. Announced before it is stored: told twice is better than never, and history knows an event by its id.</summary>
    private async Task<ControlState> AnnounceAsync(ControlState state, ClusterSnapshot snapshot, IReadOnlyList<UnownedTopic> unowned)
    {
        var now = time.GetUtcNow();
        var found = FindingRules.Of(snapshot, unowned, state, monitor.CurrentValue, now);
        metrics.Findings(found);
        var (open, told) = FindingsWatch.Compare(state.Findings, found, now);
        foreach (var e in told)
            await _turn.AskAsync("the message broker", () => events.PublishAsync(e));
        return state with { Findings = open };
    }

    /// <summary>Gives the plan the floor and starts its workflow. Stored first: a process that dies in between is made good by <see cref="ReconcileAsync"/>.</summary>
    private async Task<ControlState> BeginAsync(
        ControlState state, RebalancePlan plan, bool manual, DateTimeOffset? deadline, string? by, string? key, string body)
    {
        state = await WithdrawAsync(state);
        // The clock may have been set since the state was read; what is written down here is of this moment.
        var reading = clock.Read();
        (state, _) = ClockStep.Follow(state, reading, time);
        var now = reading.Wall;
        var before = state.Plans;
        // Named first: of a plan that gets stored, and has not answered when the turn is over, the index still knows, and forgets it one day.
        state = state with { Plans = [new PlanEntry(plan.Id, plan.Moves.Count), .. before.Where(p => p.Id != plan.Id).Take(KeptPlans - 1)] };
        await StoreAsync(state);
        await AskPlanAsync(plan.Id, p => p.CreateAsync(new PlanRun(plan, PlanRunState.Proposed, deadline is null ? null : ReasonCode.AwaitingApproval, 0, 0, 0, null)
        {
            ApprovalDeadline = deadline,
            ApprovedBy = by,
        }));
        state = state with
        {
            Active = new ActivePlan
            {
                PlanId = plan.Id,
                Hash = plan.Hash,
                Since = now,
                ApprovalDeadline = deadline,
                ApprovedBy = by,
                Manual = manual,
                Trigger = plan.Trigger,
                TraceParent = Activity.Current?.Id,
            },
            Ledger = state.Ledger.Add(now, Counted(plan)),
            Drains = plan.Trigger == PlanTrigger.Drain
                ? [.. state.Drains.Select(d => plan.Moves.Any(m => m.From == d.BrokerId) ? d with { PlanId = plan.Id } : d)]
                : state.Drains,
        };
        state = Keyed(state, key, body, plan.Id);
        await ForgetAsync(before.Except(state.Plans));
        await StoreAsync(state);
        await AskWorkflowsAsync(cancel => launcher.StartAsync(state.Active!, cancel));
        PlanBegun(plan.Id, plan.Moves.Count, plan.Summary);
        return state;
    }

    /// <summary>Removes what is stored of plans that leave the index; history keeps them.</summary>
    private async Task ForgetAsync(IEnumerable<PlanEntry> plans)
    {
        foreach (var plan in plans)
            await AskPlanAsync(plan.Id, p => p.ForgetAsync());
    }

    /// <summary>Takes the floor from a plan that only waits for approval: what is begun now comes first, and afterwards it is planned anew.</summary>
    private async Task<ControlState> WithdrawAsync(ControlState state)
    {
        if (state.Active is not { AwaitsApproval: true } waiting)
            return state;
        var moves = await AskPlanAsync(waiting.PlanId, p => p.GetMovesAsync());
        state = Outcomes.Apply(state, PlanResults.Of(waiting.PlanId, ReasonCode.Drift, "", moves), monitor.CurrentValue, time.GetUtcNow());
        await StoreAsync(state);
        await AskPlanAsync(waiting.PlanId, p => p.ChangeAsync(new PlanChange(PlanRunState.Stopped, ReasonCode.Drift)));
        // Its workflow sees that it has no floor any more, and ends.
        await launcher.WakeAsync(waiting.PlanId, _turn.Token);
        PlanWithdrawn(waiting.PlanId);
        return state;
    }

    /// <summary>
    /// Makes good what a dead process left: starts the workflow of a plan that has the floor but never began, takes the floor from one whose workflow ended
    /// without saying so, and unmasks what is masked for no running plan.
    /// </summary>
    private async Task<ControlState> ReconcileAsync(ControlState state)
    {
        if (state.Active is { } active && await AskWorkflowsAsync(cancel => launcher.EnsureAsync(active, cancel)) is { } ended)
        {
            PlanLost(active.PlanId, ended);
            try
            {
                state = await EndLostAsync(state, active, ended);
            }
            catch (DanubeException error)
            {
                // Where its topics are is not known: the plan keeps the floor until Danube can be asked.
                NotEnded(active.PlanId, error.Message);
            }
        }

        await _turn.AskAsync("the actor of the masks", () => actors.Mask.CloseUnlessAsync(state.Active?.PlanId ?? ""));
        return state;
    }

    /// <summary>Ends the moves of a plan whose workflow ended without saying so, and takes the floor from it.</summary>
    private async Task<ControlState> EndLostAsync(ControlState state, ActivePlan plan, string ended)
    {
        // What was deleted is created again by this cycle and the next ones.
        var open = await AskPlanAsync(plan.PlanId, p => p.GetMovesAsync());
        var deleted = await _turn.AskAsync(TopicsOf(plan), () => recreation.DeletedAsync(open, _turn.Token));
        await _turn.AskAsync(TopicsOf(plan), () => steps.EndMovesAsync(new FinishInput(plan.PlanId, ReasonCode.Fault, ended, plan.TraceParent), deleted, _turn.Token));
        var moves = await AskPlanAsync(plan.PlanId, p => p.GetMovesAsync());
        state = Outcomes.Apply(state, PlanResults.Of(plan.PlanId, ReasonCode.Fault, ended, moves) with { Deleted = deleted }, monitor.CurrentValue, time.GetUtcNow());
        await StoreAsync(state);
        return state;
    }

    private static IReadOnlyList<CountedMove> Counted(RebalancePlan plan) =>
        [.. plan.Moves.Where(m => m.Cause != MoveCause.Repair).Select(m => CountedMove.Of(m.Topic, m.From, m.To))];

    private static ControlState Keyed(ControlState state, string? key, string command, string planId) =>
        key is null ? state : state with { Commands = [new KeyedCommand(key, command, planId), .. state.Commands.Where(c => c.Key != key).Take(KeptCommands - 1)] };

    private async Task PublishAsync(ControlState state, CycleRecord record)
    {
        if (!ControlRules.IsWorthPublishing(state, record, monitor.CurrentValue))
            return;
        try
        {
            await events.PublishAsync(record).WaitAsync(LastWord);
        }
        catch (TimeoutException error)
        {
            // Told with the next cycle that decides the same.
            NotTold(record.Detail, error.Message);
            return;
        }

        await StoreAsync(state with { Published = new PublishedCycle(ControlRules.Signature(record), record.Time) });
    }

    /// <summary>The turn's own, to be disposed of at its end.</summary>
    private TurnLimit BeginTurn()
    {
        var limit = new TurnLimit(TimeSpan.FromSeconds(monitor.CurrentValue.MaxCycleSeconds));
        _turn = limit;
        return limit;
    }

    private Task<T> AskPlanAsync<T>(string planId, Func<IPlanActor, Task<T>> call) => _turn.AskAsync($"the actor of plan {planId}", () => call(actors.Plan(planId)));

    private Task AskPlanAsync(string planId, Func<IPlanActor, Task> call) => _turn.AskAsync($"the actor of plan {planId}", () => call(actors.Plan(planId)));

    private Task<T> AskWorkflowsAsync<T>(Func<CancellationToken, Task<T>> call) => _turn.AskAsync("the sidecar's workflow engine", () => call(_turn.Token));

    private Task AskWorkflowsAsync(Func<CancellationToken, Task> call) => _turn.AskAsync("the sidecar's workflow engine", () => call(_turn.Token));

    private static string TopicsOf(ActivePlan plan) => $"Danube or one of the actors of plan {plan.PlanId} and its topics";

    private async Task<ControlState> LoadAsync()
    {
        var stored = await StateManager.TryGetStateAsync<ControlState>(StateKey);
        var (state, step) = ClockStep.Follow(stored.HasValue ? stored.Value : new ControlState(), clock.Read(), time);
        if (step != TimeSpan.Zero)
        {
            await StoreAsync(state);
            ClockWasSet(step);
        }

        return state;
    }

    private async Task StoreAsync(ControlState state)
    {
        await StateManager.SetStateAsync(StateKey, state);
        await SaveStateAsync();
    }

    /// <summary>The first cycle comes soon after the start, so that an operator need not wait for a whole period to see it work.</summary>
    private static TimeSpan FirstCycle(TimeSpan period) => period < TimeSpan.FromSeconds(10) ? period : TimeSpan.FromSeconds(10);

    [LoggerMessage(Level = LogLevel.Information, Message = "Plan {PlanId} with {Moves} moves: {Summary}")]
    private partial void PlanBegun(string planId, int moves, string summary);

    [LoggerMessage(Level = LogLevel.Information, Message = "Plan {PlanId}, which waited for approval, gave way")]
    private partial void PlanWithdrawn(string planId);

    [LoggerMessage(Level = LogLevel.Warning, Message = "Clients noticed a batch: {Moves} moves a window from now on, with {Rest} s of rest. {Detail}")]
    private partial void Slower(int moves, double rest, string detail);

    [LoggerMessage(Level = LogLevel.Error, Message = "Circuit breaker opened ({Reason}): {Detail}")]
    private partial void CircuitOpened(ReasonCode reason, string detail);

    [LoggerMessage(Level = LogLevel.Warning, Message = "The clock was set by {Step}; cool-downs, pauses and hourly limits go on as long as they would have")]
    private partial void ClockWasSet(TimeSpan step);

    [LoggerMessage(Level = LogLevel.Error, Message = "The workflow of plan {PlanId} ended without a result: {Ended}")]
    private partial void PlanLost(string planId, string ended);

    [LoggerMessage(Level = LogLevel.Warning, Message = "The cycle was given up: {Why}")]
    private partial void CycleGivenUp(string why);

    [LoggerMessage(Level = LogLevel.Warning, Message = "The moves of plan {PlanId} cannot be ended yet: {Why}")]
    private partial void NotEnded(string planId, string why);
}
