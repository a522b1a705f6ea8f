using Danube.Dapr.BrokerClient;
using Danube.Dapr.Contracts;
using Danube.Dapr.Rebalancer.Control;
using Danube.Dapr.Rebalancer.Telemetry;

namespace Danube.Dapr.Rebalancer.Actors;

/// <summary>Brokers that operators empty and take back.</summary>
internal sealed partial class ControlLoopActor
{
    private const int KeptActivations = 100;

    public async Task<DrainAnswer> DrainAsync(DrainCommand command)
    {
        ArgumentNullException.ThrowIfNull(command);
        using var span = RebalancerTracing.Start("drain broker", command.TraceParent);
        using var limit = BeginTurn();
        var state = await ReconcileAsync(await LoadAsync());
        var words = $"drain {command.BrokerId}";
        if (Find(state, command.IdempotencyKey, words) is { } known)
            return new DrainAnswer(known, state.Drains.FirstOrDefault(d => d.BrokerId == command.BrokerId)?.Refusals ?? []);
        // While Danube's own rebalancer moves topics the broker is closed, and its topics move afterwards.
        if (ControlRules.WhyNotStartManually(state, monitor.CurrentValue, time.GetUtcNow(), forced: true) is { } denial)
            return new DrainAnswer(new CommandResult(denial.Reason, denial.Detail), []);
        var snapshot = await _turn.AskAsync("ranking", () => runner.EnrichedSnapshotAsync(state, limit.Token));
        var look = drains.Look(snapshot, state, command.BrokerId, time.GetUtcNow());
        if (look.Made.Plan is not { } plan)
            return new DrainAnswer(new CommandResult(look.Made.Reason ?? ReasonCode.InvalidSnapshot, look.Made.Detail), look.Refusals);

        // First remembered, then closed for new topics, then emptied: a crash in between leaves a drain that the next cycle goes on with.
        var intent = new DrainIntent { BrokerId = command.BrokerId, Since = time.GetUtcNow(), Reason = command.Reason }.Looked(look.TopicsLeft, look.Refusals);
        var before = state;
        state = Keyed(With(state, intent), command.IdempotencyKey, words, "");
        await StoreAsync(state);
        var open = await CloseAsync(intent, limit.Token);
        if (open is { Reason: ReasonCode.Refused })
        {
            await StoreAsync(before);
            return new DrainAnswer(new CommandResult(open.Reason, open.Detail), look.Refusals);
        }

        DrainBegun(command.BrokerId, plan.Moves.Count, look.Refusals.Count, command.Reason ?? "");
        await TellAsync($"Broker {command.BrokerId} is drained: {plan.Moves.Count} topics move, {look.Refusals.Count} cannot{(string.IsNullOrEmpty(command.Reason) ? "." : $": {command.Reason}.")}", command.BrokerId);
        // Danube may have closed the broker although its answer did not come: the drain stays, and the next cycle goes on with it.
        if (open is not null)
            return new DrainAnswer(new CommandResult(null, $"The drain of broker {command.BrokerId} is taken, but Danube did not answer: the next cycle goes on with it. {open.Detail}"), look.Refusals);
        var rest = ControlRules.WhyBuiltInRest(state, time.GetUtcNow());
        state = With(state, intent with { Closed = true, PlanId = plan.Moves.Count > 0 && rest is null ? plan.Id : null });
        if (plan.Moves.Count == 0 || rest is not null)
        {
            await StoreAsync(state);
            return new DrainAnswer(new CommandResult(null, $"Broker {command.BrokerId} takes no more topics. {(plan.Moves.Count == 0 ? look.Made.Detail : $"Its topics move later: {rest!.Detail}")}"), look.Refusals);
        }

        await BeginAsync(state, plan, manual: true, deadline: null, command.Reason ?? "operator", command.IdempotencyKey, words);
        return new DrainAnswer(new CommandResult(null, plan.Summary, plan.Id), look.Refusals);
    }

    public async Task<CommandResult> ActivateAsync(string brokerId)
    {
        using var limit = BeginTurn();
        var state = await LoadAsync();
        if (await _turn.AskAsync("the actor of the masks", () => actors.Mask.GetAsync()) is { } window && window.Masked.Any(m => m.Id == brokerId))
            return new CommandResult(ReasonCode.PlanRunning, $"Broker {brokerId} is masked by plan {window.PlanId} for a moment; it is activated when that batch ends.");
        var intent = state.Drains.FirstOrDefault(d => d.BrokerId == brokerId);
        try
        {
            await drains.OpenAsync(brokerId);
        }
        catch (DanubeException error)
        {
            return new CommandResult(ReasonCode.BrokerUnreachable, $"Danube did not activate broker {brokerId}: {error.Message}");
        }

        state = Without(state, brokerId);
        state = state with { Activated = [.. state.Activated.Where(a => a.BrokerId != brokerId).TakeLast(KeptActivations - 1), new ActivatedBroker(brokerId, time.GetUtcNow())] };
        var stops = state.Active is { } active && active.PlanId == intent?.PlanId;
        if (stops)
            state = state with { Active = state.Active! with { Cancelled = true } };
        await StoreAsync(state);
        if (stops)
            await launcher.WakeAsync(intent!.PlanId!, limit.Token);
        DrainEnded(brokerId);
        await TellAsync($"Broker {brokerId} was activated.", brokerId);
        return new CommandResult(null, $"Broker {brokerId} takes topics.{(stops ? $" Its drain, plan {intent!.PlanId}, stops before its next step." : "")}");
    }

    /// <summary>Goes on with drains that a crash interrupted before Danube was told.</summary>
    private async Task<ControlState> CloseDrainedAsync(ControlState state, CancellationToken cancellationToken)
    {
        foreach (var intent in state.Drains.Where(d => !d.Closed))
        {
            if (await CloseAsync(intent, cancellationToken) is { } refused)
                DrainRefused(intent.BrokerId, refused.Detail);
            else
                state = With(state, intent with { Closed = true });
        }

        return state;
    }

    /// <summary>Null when Danube gives the broker no more topics, or did not answer: then the next cycle tries again.</summary>
    private async Task<Denial?> CloseAsync(DrainIntent intent, CancellationToken cancellationToken)
    {
        try
        {
            return await drains.CloseAsync(intent.BrokerId, cancellationToken);
        }
        catch (Exception error) when (error is DanubeException or OperationCanceledException)
        {
            DrainRefused(intent.BrokerId, error.Message);
            return new Denial(ReasonCode.BrokerUnreachable, error.Message);
        }
    }

    private static ControlState With(ControlState state, DrainIntent intent) =>
        state with { Drains = [.. state.Drains.Where(d => d.BrokerId != intent.BrokerId), intent], Activated = [.. state.Activated.Where(a => a.BrokerId != intent.BrokerId)] };

    private static ControlState Without(ControlState state, string broker) => state with { Drains = [.. state.Drains.Where(d => d.BrokerId != broker)] };

    [LoggerMessage(Level = LogLevel.Warning, Message = "Broker {Broker} is drained by an operator: {Moves} topics move, {Left} cannot. {Reason}")]
    private partial void DrainBegun(string broker, int moves, int left, string reason);

    [LoggerMessage(Level = LogLevel.Warning, Message = "Broker {Broker} was activated by an operator")]
    private partial void DrainEnded(string broker);

    [LoggerMessage(Level = LogLevel.Warning, Message = "Broker {Broker} could not be closed for new topics: {Why}")]
    private partial void DrainRefused(string broker, string why);
}
