using Danube.Dapr.Contracts;
using Danube.Dapr.Rebalancer.Actors;
using Danube.Dapr.Rebalancer.Control;
using Danube.Dapr.Rebalancer.Cycle;
using Danube.Dapr.Rebalancer.Options;
using Danube.Dapr.Rebalancer.Plans;
using Danube.Dapr.Rebalancer.Telemetry;
using Danube.Dapr.Rebalancer.Workflows;
using Microsoft.Extensions.Options;

namespace Danube.Dapr.Rebalancer.Execution;

/// <summary>Begin, continuation and end of a plan.</summary>
internal sealed class PlanSteps(
    CycleRunner runner, ActorDirectory actors, MoveRecorder recorder, Recreation recreation, DeadCopies deadCopies, IOptionsMonitor<RebalancerOptions> monitor, TimeProvider time)
{
    private const int MovesAtOnce = 100;

    /// <summary>What was shown is what runs: the same hash. Whether it still fits is looked at before each batch, the first one too.</summary>
    public async Task<BatchResult> BeginAsync(PlanStep step)
    {
        using var span = RebalancerTracing.Start("begin plan", step.TraceParent);
        var plan = actors.Plan(step.PlanId);
        var run = await plan.GetAsync() ?? throw new InvalidOperationException($"Plan {step.PlanId} is not known.");
        if (run.Plan.Hash != step.Hash)
            return new BatchResult(ContinuationKind.Stop, ReasonCode.Drift, $"The plan's hash is {run.Plan.Hash}, but {step.Hash} was to run.");
        await plan.ChangeAsync(new PlanChange(PlanRunState.Running));
        return new BatchResult(ContinuationKind.Go);
    }

    public async Task<NextBatch> NextAsync(PlanStep step)
    {
        var go = await actors.Control.MayContinueAsync(step.PlanId);
        var plan = actors.Plan(step.PlanId);
        if (go.Kind != ContinuationKind.Go)
        {
            if (go.Kind == ContinuationKind.Wait)
                await plan.WaitsAsync(go.Reason);
            return new NextBatch(go.Kind, go.Reason, go.Detail, []);
        }

        var options = monitor.CurrentValue;
        var state = await actors.Control.GetStateAsync();
        var pace = state.Pace ?? Pace.Start(options);
        var moves = await plan.GetMovesAsync();
        if (Outcomes.WhyTooManyFailed(step.PlanId, moves, options) is { } failed)
            return new NextBatch(ContinuationKind.Stop, failed.Reason, failed.Detail, []);
        var batch = PlanProgress.NextBatch(moves, Math.Min(pace.MovesPerWindow, options.MaxMovesPerMask));
        if (batch.Count == 0)
            return new NextBatch(ContinuationKind.Go, null, "", []);
        var run = (await plan.GetAsync())!;
        if (await WhyNotNowAsync(state, run.Plan, moves) is { } other)
            return other.Reason == ReasonCode.Drift ? new NextBatch(ContinuationKind.Stop, other.Reason, other.Detail, []) : await WaitOrStopAsync(plan, other, options);
        await plan.WaitsAsync(null);
        var planned = run.Plan.Moves.ToDictionary(m => m.Topic, StringComparer.Ordinal);
        var repair = batch[0].Cause == MoveCause.Repair;
        return new NextBatch(ContinuationKind.Go, null, "",
            [.. batch.Select(m => planned[m.Topic]).Select(m => new MoveTask(m.Topic, m.From, m.To, m.Cause, m.Force, m.Clients, FirstSeen: m.FirstSeen))],
            repair, repair ? 0 : pace.RestSeconds);
    }

    /// <summary>Ends moves that were not made, the plan, and the plan's claim to the floor, in this order: each part may be repeated.</summary>
    public async Task<bool> FinishAsync(FinishInput input)
    {
        using var span = RebalancerTracing.Start("finish plan", input.TraceParent);
        var plan = actors.Plan(input.PlanId);
        var moves = await plan.GetMovesAsync();
        // Danube may have been out of reach between the delete and the new creation: this step is tried again until it is there, for as long as a move may take.
        var deleted = await recreation.CreateAsync(await recreation.DeletedAsync(moves));
        if (deleted.FirstOrDefault(d => (time.GetUtcNow() - d.At).TotalSeconds is >= 0 and var age && age < monitor.CurrentValue.MoveTimeoutSeconds) is { } missing)
            throw new InvalidOperationException($"{missing.Topic}: {missing.Detail}");
        await EndMovesAsync(input, deleted);
        await actors.Control.FinishedAsync(PlanResults.Of(input.PlanId, input.Reason, input.Detail, await plan.GetMovesAsync()) with { Deleted = deleted });
        return true;
    }

    /// <summary>Ends moves that were not made, with their hold on topics, and then the plan, but not its claim to the floor.</summary>
    /// <param name="input">How the plan ended.</param>
    /// <param name="deleted">Topics that it deleted to create them again, and that are not there.</param>
    /// <param name="cancellationToken">Stops it between two parts; done again it goes on there.</param>
    public async Task EndMovesAsync(FinishInput input, IReadOnlyList<DeletedTopic> deleted, CancellationToken cancellationToken = default)
    {
        var plan = actors.Plan(input.PlanId);
        var open = (await plan.GetMovesAsync().WaitAsync(cancellationToken)).Where(m => !PlanProgress.IsEnd(m.State)).ToList();
        foreach (var move in open.Where(m => m.State >= MoveState.Unloading))
        {
            var task = new MoveTask(move.Topic, move.From, move.To, move.Cause);
            var (owner, source) = await deadCopies.LookAsync(move.Topic, move.From, cancellationToken);
            var why = deleted.FirstOrDefault(d => d.Topic == move.Topic) is { } gone ? $" {gone.Detail}" : source is null ? "" : " Nobody owns it.";
            await recorder.EndAsync(input.PlanId, recorder.At(
                input.PlanId, task, source is null ? MoveState.Failed : MoveState.Stuck, ReasonCode.Fault, $"The plan ended before the move did: {input.Detail}{why}"), owner, source).WaitAsync(cancellationToken);
        }

        open.RemoveAll(m => m.State >= MoveState.Unloading);
        var state = input.Reason is ReasonCode.Cancelled or ReasonCode.KillSwitch ? MoveState.Cancelled : MoveState.Skipped;
        // Some at a time: what is recorded has not to be done again when the time is over.
        foreach (var some in open.Chunk(MovesAtOnce))
        {
            foreach (var move in some)
                await actors.Topic(move.Topic).ReleaseAsync(move.MoveId).WaitAsync(cancellationToken);
            await recorder.RecordAsync(input.PlanId,
                [.. some.Select(m => recorder.At(input.PlanId, new MoveTask(m.Topic, m.From, m.To, m.Cause), state, input.Reason ?? ReasonCode.Fault, input.Detail))]).WaitAsync(cancellationToken);
        }

        await plan.ChangeAsync(new PlanChange(input.Reason is null ? PlanRunState.Finished : PlanRunState.Stopped, input.Reason)).WaitAsync(cancellationToken);
    }

    /// <summary>
    /// Why the moves that are left of a plan would not do what it said (<see cref="ReasonCode.Drift"/>), or why that cannot be told (any other reason); null when they would, and for a plan that an operator commanded: that is
    /// done as commanded.
    /// </summary>
    public async Task<Denial?> WhyOtherThanPlannedAsync(ControlState state, RebalancePlan plan, IReadOnlyList<MoveRecord> moves, CancellationToken cancellationToken = default)
    {
        if (plan.Trigger != PlanTrigger.Imbalance)
            return null;
        try
        {
            return Drift.Why(plan, moves, await runner.EnrichedSnapshotAsync(state, cancellationToken), monitor.CurrentValue, MoveWatch.Resting(state));
        }
        catch (SnapshotUnavailableException error)
        {
            return new Denial(ReasonCode.StaleReports, error.Message);
        }
        catch (Planning.SnapshotException error)
        {
            return new Denial(ReasonCode.InvalidSnapshot, error.Message);
        }
    }

    /// <summary>A plan that cannot be compared keeps drains and repairs waiting: it gives way after twice the age that a report may have.</summary>
    private async Task<NextBatch> WaitOrStopAsync(IPlanActor plan, Denial unknown, RebalancerOptions options)
    {
        var since = await plan.WaitsAsync(unknown.Reason);
        return (time.GetUtcNow() - since).TotalSeconds > 2 * options.MaxReportAgeSeconds
            ? new NextBatch(ContinuationKind.Stop, unknown.Reason, $"The plan has waited since {since:u} and cannot be compared yet. {unknown.Detail}", [])
            : new NextBatch(ContinuationKind.Wait, unknown.Reason, unknown.Detail, []);
    }

    /// <summary>What was approved waits until it can be compared. What runs by itself was made a moment ago, and goes on when it cannot.</summary>
    private async Task<Denial?> WhyNotNowAsync(ControlState state, RebalancePlan plan, IReadOnlyList<MoveRecord> moves)
    {
        var approved = state.Active is { ApprovalDeadline: not null, ApprovedBy: not null };
        if (!approved && !moves.Any(m => PlanProgress.IsEnd(m.State)))
            return null;
        return await WhyOtherThanPlannedAsync(state, plan, moves) is { } other && (approved || other.Reason == ReasonCode.Drift) ? other : null;
    }
}
