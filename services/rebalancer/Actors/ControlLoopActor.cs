using System.Diagnostics;
using Danube.Dapr.Contracts;
using Danube.Dapr.Rebalancer.Control;
using Danube.Dapr.Rebalancer.Cycle;
using Danube.Dapr.Rebalancer.Options;
using Danube.Dapr.Rebalancer.Plans;
using Danube.Dapr.Rebalancer.Telemetry;
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
    ActorDirectory actors,
    EventPublisher events,
    RebalancerMetrics metrics,
    IOptionsMonitor<RebalancerOptions> monitor,
    TimeProvider time,
    ILogger<ControlLoopActor> logger) : Actor(host), IControlLoopActor, IRemindable
{
    private const string StateKey = "control";
    private const string CycleReminder = "cycle";
    private const int KeptPlans = 100;
    private const int KeptCommands = 100;

    public async Task StartAsync()
    {
        var period = TimeSpan.FromSeconds(monitor.CurrentValue.CheckIntervalSeconds);
        await RegisterReminderAsync(CycleReminder, null, FirstCycle(period), period);
        await ReconcileAsync(await LoadAsync());
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

    public async Task<RebalanceResponse> RebalanceAsync(ManualRebalance request)
    {
        ArgumentNullException.ThrowIfNull(request);
        using var span = RebalancerTracing.Start("rebalance by hand", request.TraceParent);
        var state = await ReconcileAsync(await LoadAsync());
        if (!request.Request.DryRun && await KnownAsync(state, request.IdempotencyKey, "rebalance") is { } known)
            return new RebalanceResponse(true, null, $"This request started plan {known.Plan.Id} before.", known.Plan);
        var made = await runner.MakeManualAsync(state, request.Request);
        if (made.Plan is not { Moves.Count: > 0 } plan)
            return new RebalanceResponse(false, made.Reason, made.Detail, made.Plan);
        if (request.Request.DryRun)
            return new RebalanceResponse(false, null, plan.Summary, plan);
        if (ControlRules.WhyNotStartManually(state, monitor.CurrentValue) is { } denial)
            return new RebalanceResponse(false, denial.Reason, denial.Detail, plan);
        await BeginAsync(state, plan, manual: true, deadline: null, request.Request.Reason ?? "operator", request.IdempotencyKey, "rebalance");
        return new RebalanceResponse(true, null, plan.Summary, plan);
    }

    public async Task<CommandResult> SubmitAsync(PlanSubmission submission)
    {
        ArgumentNullException.ThrowIfNull(submission);
        using var span = RebalancerTracing.Start("submit plan", submission.TraceParent);
        var state = await ReconcileAsync(await LoadAsync());
        var body = string.Join(',', submission.Plan.Moves.Select(m => $"{m.Topic}>{m.To}"));
        if (await KnownAsync(state, submission.IdempotencyKey, body) is { } known)
            return new CommandResult(null, $"This request started plan {known.Plan.Id} before.", known.Plan.Id);
        if (ControlRules.WhyNotStartManually(state, monitor.CurrentValue) is { } denial)
            return new CommandResult(denial.Reason, denial.Detail);
        await BeginAsync(state, submission.Plan, manual: true, deadline: null, submission.RequestedBy, submission.IdempotencyKey, body);
        return new CommandResult(null, submission.Plan.Summary, submission.Plan.Id);
    }

    public async Task<CommandResult> ApproveAsync(Approval approval)
    {
        ArgumentNullException.ThrowIfNull(approval);
        var state = await LoadAsync();
        if (ControlRules.WhyNotApprove(state, approval, time.GetUtcNow()) is { } denial)
            return new CommandResult(denial.Reason, denial.Detail, approval.PlanId);
        await StoreAsync(state with { Active = state.Active! with { ApprovedBy = approval.Approver } });
        await launcher.RaiseApprovedAsync(approval.PlanId, approval.Approver);
        Approved(approval.PlanId, approval.Approver);
        return new CommandResult(null, $"Plan {approval.PlanId} runs, approved by {approval.Approver}.", approval.PlanId);
    }

    public async Task<CommandResult> CancelAsync(string planId)
    {
        var state = await LoadAsync();
        if (state.Active is not { } active || active.PlanId != planId)
            return new CommandResult(ReasonCode.Cancelled, $"Plan {planId} neither runs nor waits.", planId);
        await StoreAsync(state with { Active = active with { Cancelled = true } });
        await launcher.WakeAsync(planId);
        return new CommandResult(null, $"Plan {planId} stops before its next step.", planId);
    }

    public async Task<ControlState> SwitchAsync(SwitchCommand command)
    {
        ArgumentNullException.ThrowIfNull(command);
        var state = ControlRules.Switch(await LoadAsync(), command, time.GetUtcNow());
        await StoreAsync(state);
        metrics.Circuit(state.Circuit is not null);
        SwitchTurned(command.Switch, command.Reason ?? "");
        if (state.Active is { } active)
            await launcher.WakeAsync(active.PlanId);
        return state;
    }

    public async Task PinAsync(TopicPin pin)
    {
        ArgumentNullException.ThrowIfNull(pin);
        var state = await LoadAsync();
        var others = state.Pins.Where(p => p.Topic != pin.Topic);
        await StoreAsync(state with { Pins = pin.BrokerId.Length == 0 ? [.. others] : [.. others, pin] });
    }

    public async Task MarkDrainedAsync(DrainMark mark)
    {
        ArgumentNullException.ThrowIfNull(mark);
        var state = await LoadAsync();
        var others = state.DrainedBrokers.Where(b => b != mark.BrokerId);
        await StoreAsync(state with { DrainedBrokers = mark.Drained ? [.. others, mark.BrokerId] : [.. others] });
    }

    public async Task<Continuation> MayContinueAsync(string planId) => ControlRules.MayContinue(await LoadAsync(), planId, time.GetUtcNow());

    public async Task FinishedAsync(PlanResult result)
    {
        ArgumentNullException.ThrowIfNull(result);
        var before = await LoadAsync();
        var state = Outcomes.Apply(before, result, monitor.CurrentValue, time.GetUtcNow());
        if (state == before)
            return;
        await StoreAsync(state);
        metrics.PlanEnded(result.Reason);
        metrics.Circuit(state.Circuit is not null);
        if (before.Circuit is null && state.Circuit is { } circuit)
            CircuitOpened(circuit.Reason, circuit.Detail);
    }

    private async Task RunCycleAsync()
    {
        using var span = RebalancerTracing.Start("cycle");
        var state = await ReconcileAsync(await LoadAsync());
        var result = await runner.RunAsync(state, span?.TraceId.ToString());
        state = result.State;
        if (result.Plan is { } plan)
        {
            DateTimeOffset? deadline = result.Record.Outcome == CycleOutcome.Proposed
                ? time.GetUtcNow().AddMinutes(monitor.CurrentValue.ApprovalTimeoutMinutes)
                : null;
            state = await BeginAsync(state, plan, manual: false, deadline, null, null, "");
        }
        else
        {
            await StoreAsync(state);
        }

        await PublishAsync(state, result.Record);
    }

    /// <summary>Gives the plan the floor and starts its workflow. Stored first: a process that dies in between is made good by <see cref="ReconcileAsync"/>.</summary>
    private async Task<ControlState> BeginAsync(
        ControlState state, RebalancePlan plan, bool manual, DateTimeOffset? deadline, string? by, string? key, string body)
    {
        var now = time.GetUtcNow();
        await actors.Plan(plan.Id).CreateAsync(new PlanRun(plan, PlanRunState.Proposed, deadline is null ? null : ReasonCode.AwaitingApproval, 0, 0, 0, null)
        {
            ApprovalDeadline = deadline,
            ApprovedBy = by,
        });
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
                TraceParent = Activity.Current?.Id,
            },
            Ledger = state.Ledger.Add(now, plan.Moves.Where(m => m.Cause != MoveCause.Repair).Select(m => CountedMove.Of(m.Topic, m.From, m.To))),
            Plans = [new PlanEntry(plan.Id, plan.Moves.Count), .. state.Plans.Where(p => p.Id != plan.Id).Take(KeptPlans - 1)],
            Commands = key is null ? state.Commands : [new KeyedCommand(key, body, plan.Id), .. state.Commands.Take(KeptCommands - 1)],
        };
        await StoreAsync(state);
        await launcher.StartAsync(state.Active);
        PlanBegun(plan.Id, plan.Moves.Count, plan.Summary);
        return state;
    }

    /// <summary>
    /// Makes good what a dead process left: starts the workflow of a plan that has the floor but never began, takes the floor from one whose workflow ended
    /// without saying so, and unmasks what is masked for no running plan.
    /// </summary>
    private async Task<ControlState> ReconcileAsync(ControlState state)
    {
        if (state.Active is { } active)
        {
            if (await launcher.EnsureAsync(active) is { } ended)
            {
                PlanLost(active.PlanId, ended);
                var moves = await actors.Plan(active.PlanId).GetMovesAsync();
                await actors.Plan(active.PlanId).ChangeAsync(new PlanChange(PlanRunState.Stopped, ReasonCode.Fault));
                state = Outcomes.Apply(state, PlanResults.Of(active.PlanId, ReasonCode.Fault, ended, moves), monitor.CurrentValue, time.GetUtcNow());
                await StoreAsync(state);
            }
        }

        await actors.Mask.CloseUnlessAsync(state.Active?.PlanId ?? "");
        return state;
    }

    private async Task<PlanRun?> KnownAsync(ControlState state, string? key, string body) =>
        key is not null && state.Commands.FirstOrDefault(c => c.Key == key && c.Body == body) is { } command
            ? await actors.Plan(command.PlanId).GetAsync()
            : null;

    private async Task PublishAsync(ControlState state, CycleRecord record)
    {
        if (!ControlRules.IsWorthPublishing(state, record, monitor.CurrentValue))
            return;
        await events.PublishAsync(record);
        await StoreAsync(state with { Published = new PublishedCycle(ControlRules.Signature(record), record.Time) });
    }

    private async Task<ControlState> LoadAsync()
    {
        var stored = await StateManager.TryGetStateAsync<ControlState>(StateKey);
        return stored.HasValue ? stored.Value : new ControlState();
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

    [LoggerMessage(Level = LogLevel.Information, Message = "Plan {PlanId} was approved by {Approver}")]
    private partial void Approved(string planId, string approver);

    [LoggerMessage(Level = LogLevel.Warning, Message = "Switch {Switch} turned by an operator: {Reason}")]
    private partial void SwitchTurned(ControlSwitch @switch, string reason);

    [LoggerMessage(Level = LogLevel.Error, Message = "Circuit breaker opened ({Reason}): {Detail}")]
    private partial void CircuitOpened(ReasonCode reason, string detail);

    [LoggerMessage(Level = LogLevel.Error, Message = "The workflow of plan {PlanId} ended without a result: {Ended}")]
    private partial void PlanLost(string planId, string ended);
}
