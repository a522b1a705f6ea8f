using System.Globalization;
using Danube.Dapr.Contracts;
using Danube.Dapr.Rebalancer.Cycle;
using Danube.Dapr.Rebalancer.Plans;
using Dapr.Actors.Runtime;

namespace Danube.Dapr.Rebalancer.Actors;

/// <summary>
/// Keeps a plan, its sums and the last record of each move, one small value per move, so that a step writes little. Stores first and publishes after;
/// a caller whose publishing failed calls again, and history knows a record by its move and state.
/// </summary>
internal sealed class PlanActor(ActorHost host, EventPublisher events, TimeProvider time) : FreshActor(host), IPlanActor
{
    private const string PlanKey = "plan";
    private const string RunKey = "run";
    private const string EffectKey = "effect";

    /// <summary>Each move is a value of its own, and state stores take a limited number of changes in one transaction: 128 in etcd, unless it is told otherwise.</summary>
    private const int MovesAtOnce = 100;

    // Read once as long as nobody else wrote: a plan of a thousand moves is not read again for each of them.
    private Guid? _version;
    private bool _isUnsaved;
    private RebalancePlan? _plan;
    private MoveRecord?[] _moves = [];
    private Dictionary<string, int>? _positions;

    protected override async Task OnPreActorMethodAsync(ActorMethodContext actorMethodContext)
    {
        await base.OnPreActorMethodAsync(actorMethodContext);
        var sums = await StateManager.TryGetStateAsync<PlanSums>(RunKey);
        var version = sums.HasValue ? sums.Value.Version : null;
        if (version is not null && version == _version && !_isUnsaved)
            return;
        (_version, _isUnsaved, _plan, _moves, _positions) = (version, false, null, [], null);
    }

    public async Task CreateAsync(PlanRun run)
    {
        ArgumentNullException.ThrowIfNull(run);
        if (await GetAsync() is null)
        {
            await StateManager.SetStateAsync(PlanKey, run.Plan);
            await StoreAsync(Sums(run));
        }

        await events.PublishAsync(run.Plan);
    }

    public async Task<PlanRun?> GetAsync()
    {
        var sums = await StateManager.TryGetStateAsync<PlanSums>(RunKey);
        if (!sums.HasValue)
            return null;
        var plan = await PlanAsync() ?? throw new InvalidOperationException($"Plan {Id} has sums and no moves.");
        var s = sums.Value;
        var effect = await StateManager.TryGetStateAsync<PlanEffect>(EffectKey);
        return new PlanRun(plan, s.State, s.Reason, s.Done, s.Failed, s.Skipped, s.FinishedAt)
        {
            ApprovedBy = s.ApprovedBy,
            ApprovalDeadline = s.ApprovalDeadline,
            WaitsSince = s.WaitsSince,
            Effect = effect.HasValue ? effect.Value : null,
        };
    }

    public async Task<IReadOnlyList<MoveRecord>> GetMovesAsync()
    {
        if (await PlanAsync() is not { } plan)
            return [];
        var moves = new MoveRecord[plan.Moves.Count];
        for (var i = 0; i < moves.Length; i++)
            moves[i] = await LoadMoveAsync(plan, i);
        return moves;
    }

    public async Task RecordAsync(IReadOnlyList<MoveRecord> steps)
    {
        ArgumentNullException.ThrowIfNull(steps);
        var run = await GetAsync() ?? throw new InvalidOperationException($"Plan {Id} is not known.");
        var publish = new List<MoveRecord>(steps.Count);
        foreach (var some in steps.Chunk(MovesAtOnce))
        {
            foreach (var step in some)
            {
                var position = Position(run.Plan, step.Topic);
                var last = await LoadMoveAsync(run.Plan, position);
                if (last.State == step.State)
                {
                    publish.Add(last with { Attempt = Math.Max(last.Attempt, step.Attempt) });
                    continue;
                }

                if (!PlanProgress.MayFollow(last.State, step.State))
                    continue;
                await SetMoveAsync(position, step);
                if (PlanProgress.IsEnd(step.State))
                    run = PlanProgress.Count(run, step.State);
                publish.Add(step);
            }

            await StoreAsync(Sums(run));
        }

        foreach (var step in publish.Where(s => s.State != MoveState.Planned))
            await events.PublishAsync(step);
    }

    public async Task ChangeAsync(PlanChange change)
    {
        ArgumentNullException.ThrowIfNull(change);
        var run = await GetAsync() ?? throw new InvalidOperationException($"Plan {Id} is not known.");
        // Steps go forward: an approval that is told again does not take a running plan back.
        if (run.State is PlanRunState.Finished or PlanRunState.Stopped || change.State < run.State)
            return;
        var ends = change.State is PlanRunState.Finished or PlanRunState.Stopped;
        await StoreAsync(Sums(run) with
        {
            State = change.State,
            Reason = change.Reason,
            ApprovedBy = change.ApprovedBy ?? run.ApprovedBy,
            FinishedAt = ends ? time.GetUtcNow() : null,
            WaitsSince = null,
        });
    }

    public async Task<DateTimeOffset> WaitsAsync(ReasonCode? reason)
    {
        var now = time.GetUtcNow();
        if (await StateManager.TryGetStateAsync<PlanSums>(RunKey) is not { HasValue: true, Value: { State: PlanRunState.Running } sums })
            return now;
        var since = sums.Reason == reason || (IsNotCompared(sums.Reason) && IsNotCompared(reason)) ? sums.WaitsSince ?? now : now;
        // Since a time to come: the clock was set back, and it counts as from now.
        var isToCome = since > now;
        if (isToCome)
            since = now;
        if (sums.Reason != reason || isToCome)
        {
            await StoreAsync(sums with { Reason = reason, WaitsSince = reason is null ? null : since });
        }

        return since;
    }

    public async Task MeasuredAsync(PlanEffect effect)
    {
        await StateManager.SetStateAsync(EffectKey, effect);
        await SaveStateAsync();
    }

    public async Task JudgedAsync(IReadOnlyList<MoveEffect> effects)
    {
        ArgumentNullException.ThrowIfNull(effects);
        if (await GetAsync() is not { } run)
            return;
        foreach (var some in effects.Chunk(MovesAtOnce))
        {
            var told = new List<MoveRecord>(some.Length);
            foreach (var effect in some)
            {
                var position = Position(run.Plan, effect.Topic);
                told.Add(await LoadMoveAsync(run.Plan, position) with { Effect = effect });
                await SetMoveAsync(position, told[^1]);
            }

            await StoreAsync(Sums(run));
            await Task.WhenAll(told.Select(m => events.PublishAsync(m)));
        }

        if (run.Effect is { } measured)
            await MeasuredAsync(Effects.Sum(measured, await GetMovesAsync()));
    }

    public async Task ForgetAsync()
    {
        _isUnsaved = true;
        // The plan last: a removal that was interrupted can be repeated.
        var moves = await PlanAsync() is { } plan ? plan.Moves.Count : 0;
        foreach (var keys in Enumerable.Range(0, moves).Select(MoveKey).Concat([EffectKey, RunKey, PlanKey]).Chunk(MovesAtOnce))
        {
            foreach (var key in keys)
                await StateManager.TryRemoveStateAsync(key);
            await SaveStateAsync();
        }
    }

    private async Task<RebalancePlan?> PlanAsync()
    {
        if (_plan is null && await StateManager.TryGetStateAsync<RebalancePlan>(PlanKey) is { HasValue: true } stored)
            (_plan, _moves) = (stored.Value, new MoveRecord?[stored.Value.Moves.Count]);
        return _plan;
    }

    private async Task<MoveRecord> LoadMoveAsync(RebalancePlan plan, int position)
    {
        if (_moves[position] is { } known)
            return known;
        var stored = await StateManager.TryGetStateAsync<MoveRecord>(MoveKey(position));
        return _moves[position] = stored.HasValue ? stored.Value : PlanProgress.FirstRecord(plan, plan.Moves[position]);
    }

    private async Task SetMoveAsync(int position, MoveRecord record)
    {
        _isUnsaved = true;
        await StateManager.SetStateAsync(MoveKey(position), record);
        _moves[position] = record;
    }

    private async Task StoreAsync(PlanSums sums)
    {
        var version = Guid.NewGuid();
        _isUnsaved = true;
        await StateManager.SetStateAsync(RunKey, sums with { Version = version });
        await SaveStateAsync();
        (_version, _isUnsaved) = (version, false);
    }

    private int Position(RebalancePlan plan, string topic)
    {
        _positions ??= plan.Moves.Select((m, i) => (m.Topic, i)).ToDictionary(p => p.Topic, p => p.i, StringComparer.Ordinal);
        return _positions.TryGetValue(topic, out var position)
            ? position
            : throw new InvalidOperationException($"Plan {plan.Id} has no move of {topic}.");
    }

    private static string MoveKey(int position) => string.Create(CultureInfo.InvariantCulture, $"move-{position}");

    private static bool IsNotCompared(ReasonCode? reason) => reason is ReasonCode.StaleReports or ReasonCode.RatesUnknown or ReasonCode.InvalidSnapshot;

    private static PlanSums Sums(PlanRun run) => new(run.State, run.Reason, run.Done, run.Failed, run.Skipped, run.FinishedAt, run.ApprovedBy, run.ApprovalDeadline, run.WaitsSince);

    private sealed record PlanSums(
        PlanRunState State, ReasonCode? Reason, int Done, int Failed, int Skipped, DateTimeOffset? FinishedAt, string? ApprovedBy, DateTimeOffset? ApprovalDeadline, DateTimeOffset? WaitsSince = null, Guid? Version = null);
}
