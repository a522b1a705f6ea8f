using Danube.Dapr.Contracts;
using Danube.Dapr.Rebalancer.Control;
using Danube.Dapr.Rebalancer.Telemetry;
using Dapr;
using Grpc.Core;

namespace Danube.Dapr.Rebalancer.Actors;

/// <summary>What operators command: rebalance, moves and repairs, approval, cancel, switches, pins.</summary>
internal sealed partial class ControlLoopActor
{
    public async Task<RebalanceResponse> RebalanceAsync(ManualRebalance request)
    {
        ArgumentNullException.ThrowIfNull(request);
        using var span = RebalancerTracing.Start("rebalance by hand", request.TraceParent);
        using var limit = BeginTurn();
        var state = await ReconcileAsync(await LoadAsync());
        var command = $"rebalance {request.Request.Policy} {request.Request.MaxMoves}".TrimEnd();
        if (!request.Request.DryRun)
        {
            var (same, other) = ControlRules.Keyed(state, request.IdempotencyKey, command);
            if (other is not null)
                return new RebalanceResponse(false, other.Reason, other.Detail, null);
            if (same is not null && await AskPlanAsync(same.PlanId, p => p.GetAsync()) is { } known)
                return new RebalanceResponse(true, null, Before(same), known.Plan);
        }

        // A plan that only waits for approval gives way, and what was counted for it with it.
        var made = await runner.MakeManualAsync(state with { Ledger = await LedgerWithoutWaitingAsync(state) }, request.Request);
        if (made.Plan is not { Moves.Count: > 0 } plan)
            return new RebalanceResponse(false, made.Reason, made.Detail, made.Plan);
        if (request.Request.DryRun)
            return new RebalanceResponse(false, null, plan.Summary, plan);
        if (ControlRules.WhyNotStartManually(state, monitor.CurrentValue, time.GetUtcNow()) is { } denial)
            return new RebalanceResponse(false, denial.Reason, denial.Detail, plan);
        await BeginAsync(state, plan, manual: true, deadline: null, request.Request.Reason ?? "operator", request.IdempotencyKey, command);
        return new RebalanceResponse(true, null, plan.Summary, plan);
    }

    public async Task<CommandResult> SubmitAsync(PlanSubmission submission)
    {
        ArgumentNullException.ThrowIfNull(submission);
        using var span = RebalancerTracing.Start("submit plan", submission.TraceParent);
        using var limit = BeginTurn();
        var state = await ReconcileAsync(await LoadAsync());
        if (Find(state, submission.IdempotencyKey, submission.Command) is { } known)
            return known;
        var repairs = submission.Plan.Trigger == PlanTrigger.Repair;
        if (ControlRules.WhyNotStartManually(state, monitor.CurrentValue, time.GetUtcNow(), repairs || submission.Plan.Moves.All(m => m.Force), repairs) is { } denial)
            return new CommandResult(denial.Reason, denial.Detail);
        await BeginAsync(state, submission.Plan, manual: true, deadline: null, submission.RequestedBy, submission.IdempotencyKey, submission.Command);
        return new CommandResult(null, submission.Plan.Summary, submission.Plan.Id);
    }

    public async Task<CommandResult> ApproveAsync(Approval approval)
    {
        ArgumentNullException.ThrowIfNull(approval);
        using var limit = BeginTurn();
        var state = await LoadAsync();
        var now = time.GetUtcNow();
        if (ControlRules.WhyNotApprove(state, approval, monitor.CurrentValue, now) is { } denial)
            return new CommandResult(denial.Reason, denial.Detail, approval.PlanId);
        if (state.Active!.ApprovedBy is null)
        {
            if (await WhyNotAsShownAsync(state, approval.PlanId) is { } other)
                return new CommandResult(other.Reason, other.Detail, approval.PlanId);
            // Its moves are made from now on, so they count from now on, not from when it was proposed.
            var moves = await CountedAsync(approval.PlanId);
            var ledger = state.Ledger.Remove(now, state.Active.Since, moves);
            if (ControlRules.WhyOverLimit(ledger, moves, monitor.CurrentValue, now) is { } over)
                return new CommandResult(over.Reason, over.Detail, approval.PlanId);
            state = state with { Ledger = ledger.Add(now, moves), Active = state.Active with { Since = now, ApprovedBy = approval.Approver, ApprovedAt = now } };
            await StoreAsync(state);
        }

        await AskPlanAsync(approval.PlanId, p => p.ChangeAsync(new PlanChange(PlanRunState.Proposed, null, approval.Approver)));
        await AskWorkflowsAsync(cancel => launcher.RaiseApprovedAsync(approval.PlanId, approval.Approver, cancel));
        Approved(approval.PlanId, approval.Approver);
        await TellAsync($"Plan {approval.PlanId} was approved by {approval.Approver}.");
        var go = ControlRules.MayContinue(state, approval.PlanId, monitor.CurrentValue, now);
        return new CommandResult(null, $"Plan {approval.PlanId} {(go.Kind == ContinuationKind.Wait ? $"will run ({go.Detail})" : "runs")}, approved by {approval.Approver}.", approval.PlanId);
    }

    public async Task<CommandResult> CancelAsync(string planId)
    {
        using var limit = BeginTurn();
        var state = await LoadAsync();
        if (state.Active is not { } active || active.PlanId != planId)
            return new CommandResult(ReasonCode.Cancelled, $"Plan {planId} neither runs nor waits.", planId);
        await StoreAsync(state with { Active = active with { Cancelled = true } });
        await launcher.WakeAsync(planId, limit.Token);
        await TellAsync($"Plan {planId} was cancelled.");
        return new CommandResult(null, $"Plan {planId} stops before its next step.", planId);
    }

    public async Task<ControlState> SwitchAsync(SwitchCommand command)
    {
        ArgumentNullException.ThrowIfNull(command);
        using var limit = BeginTurn();
        var state = ControlRules.Switch(await LoadAsync(), command, time.GetUtcNow());
        await StoreAsync(state);
        metrics.Circuit(state.Circuit is not null);
        SwitchTurned(command.Switch, command.Reason ?? "");
        if (state.Active is { } active)
            await launcher.WakeAsync(active.PlanId, limit.Token);
        await TellAsync($"{command.Switch switch
        {
            ControlSwitch.Pause => command.Minutes is { } minutes ? $"Moves are paused for {minutes} minutes" : "Moves are paused until told",
            ControlSwitch.Resume => "Moves may go on",
            ControlSwitch.Kill => "The kill switch is on",
            ControlSwitch.Revive => "The kill switch is off",
            _ => "The circuit breaker was closed",
        }}{(string.IsNullOrEmpty(command.Reason) ? "." : $": {command.Reason}.")}");
        return state;
    }

    public async Task PinAsync(TopicPin pin)
    {
        ArgumentNullException.ThrowIfNull(pin);
        var state = await LoadAsync();
        var others = state.Pins.Where(p => p.Topic != pin.Topic);
        await StoreAsync(state with { Pins = pin.BrokerId.Length == 0 ? [.. others] : [.. others, pin] });
        await TellAsync(pin.BrokerId.Length == 0 ? $"{pin.Topic} is not pinned any more." : $"{pin.Topic} is pinned to broker {pin.BrokerId}.", topic: pin.Topic);
    }

    public async Task<CommandResult?> FindCommandAsync(CommandKey key)
    {
        ArgumentNullException.ThrowIfNull(key);
        return Find(await LoadAsync(), key.Key, key.Command);
    }

    /// <summary>Why a plan that waits is not what its approver looked at, or why that cannot be told; null when it is. One that has drifted ends, and is planned anew.</summary>
    private async Task<Denial?> WhyNotAsShownAsync(ControlState state, string planId)
    {
        if (await AskPlanAsync(planId, p => p.GetAsync()) is not { } run)
            return null;
        var moves = await AskPlanAsync(planId, p => p.GetMovesAsync());
        if (await _turn.AskAsync("ranking", () => steps.WhyOtherThanPlannedAsync(state, run.Plan, moves, _turn.Token)) is not { } other)
            return null;
        if (other.Reason != ReasonCode.Drift)
            return other;
        await StoreAsync(state with { Active = state.Active! with { Drifted = other.Detail } });
        await launcher.WakeAsync(planId, _turn.Token);
        PlanDrifted(planId, other.Detail);
        return other with { Detail = $"{other.Detail} The plan ends, and a new one is made where one is needed." };
    }

    private async Task<IReadOnlyList<CountedMove>> CountedAsync(string planId) => await AskPlanAsync(planId, p => p.GetAsync()) is { } run ? Counted(run.Plan) : [];

    private async Task<MoveLedger> LedgerWithoutWaitingAsync(ControlState state) => state.Active is { AwaitsApproval: true } waiting
        ? state.Ledger.Remove(time.GetUtcNow(), waiting.Since, await CountedAsync(waiting.PlanId))
        : state.Ledger;

    private static CommandResult? Find(ControlState state, string? key, string command)
    {
        var (same, other) = ControlRules.Keyed(state, key, command);
        return other is not null ? new CommandResult(other.Reason, other.Detail)
            : same is not null ? new CommandResult(null, Before(same), same.PlanId.Length > 0 ? same.PlanId : null)
            : null;
    }

    private static string Before(KeyedCommand command) => command.PlanId.Length > 0 ? $"This request started plan {command.PlanId} before." : "This request was made before.";

    /// <summary>Leaves a trace of what an operator did. It is done already: that it cannot be told is no reason to say that it failed.</summary>
    private async Task TellAsync(string what, string broker = "", string? topic = null)
    {
        try
        {
            await events.PublishAsync(new BrokerEvent
            {
                Id = $"operator-{Guid.CreateVersion7(time.GetUtcNow()):n}",
                Time = time.GetUtcNow(),
                Kind = BrokerEventKind.OperatorActed,
                BrokerId = broker,
                Topic = topic,
                Detail = what,
            }).WaitAsync(LastWord);
        }
        catch (Exception error) when (error is DaprException or HttpRequestException or RpcException or TimeoutException)
        {
            NotTold(what, error.Message);
        }
    }

    [LoggerMessage(Level = LogLevel.Information, Message = "Plan {PlanId} was approved by {Approver}")]
    private partial void Approved(string planId, string approver);

    [LoggerMessage(Level = LogLevel.Warning, Message = "Plan {PlanId} was not approved: {Detail}")]
    private partial void PlanDrifted(string planId, string detail);

    [LoggerMessage(Level = LogLevel.Warning, Message = "Switch {Switch} turned by an operator: {Reason}")]
    private partial void SwitchTurned(ControlSwitch @switch, string reason);

    [LoggerMessage(Level = LogLevel.Warning, Message = "Not told to the history: {What} {Why}")]
    private partial void NotTold(string what, string why);
}
