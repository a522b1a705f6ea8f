using Danube.Dapr.Contracts;
using Danube.Dapr.Rebalancer.Control;
using Danube.Dapr.Rebalancer.Cycle;

namespace Danube.Dapr.Rebalancer.Actors;

/// <summary>What plans did: to the balance, and to the topics that they moved.</summary>
internal sealed partial class ControlLoopActor
{
    /// <summary>Takes up the moves of plans that ended a while ago.</summary>
    private async Task<ControlState> WatchAsync(ControlState state)
    {
        var now = time.GetUtcNow();
        foreach (var due in state.EffectsDue.Where(d => !d.Watched && (now - d.At).TotalSeconds >= monitor.CurrentValue.EffectAfterSeconds))
        {
            state = await AskPlanAsync(due.PlanId, p => p.GetAsync()) is { } run
                ? MoveWatch.Begin(state, due, run.Plan, await AskPlanAsync(due.PlanId, p => p.GetMovesAsync()))
                : state with { EffectsDue = [.. state.EffectsDue.Where(d => d != due)] };
        }

        return state;
    }

    /// <summary>Writes down with their plans what moves did, before the state forgets that they were looked at: told twice is better than never.</summary>
    private async Task TellJudgedAsync(IReadOnlyList<JudgedMove> judged)
    {
        foreach (var ofPlan in judged.GroupBy(j => j.PlanId, StringComparer.Ordinal))
        {
            await AskPlanAsync(ofPlan.Key, p => p.JudgedAsync([.. ofPlan.Select(j => j.Effect)]));
            if (ofPlan.Count(j => MoveWatch.IsBad(j.Effect.Verdict)) is > 0 and var bad)
                NotBack(ofPlan.Key, bad);
        }
    }

    /// <summary>Measures what a plan did once there are reports that can show it, and tells it again when the last of its moves is judged.</summary>
    /// <param name="state">What the loop remembers.</param>
    /// <param name="snapshot">The cluster as this cycle saw it.</param>
    /// <param name="undisturbed">False when another plan was running: a measurement would be of both.</param>
    private async Task<(ControlState State, PlanEffect? Effect)> MeasureAsync(ControlState state, ClusterSnapshot snapshot, bool undisturbed)
    {
        PlanEffect? told = null;
        if (undisturbed && state.EffectsDue.FirstOrDefault(d => !d.Measured) is { } due && Effects.WhyNotYet(snapshot, due, monitor.CurrentValue) is null)
        {
            if (await AskPlanAsync(due.PlanId, p => p.GetAsync()) is { } run)
            {
                var effect = Effects.Measure(snapshot, run.Plan, await AskPlanAsync(due.PlanId, p => p.GetMovesAsync()), time.GetUtcNow());
                await AskPlanAsync(due.PlanId, p => p.MeasuredAsync(effect));
                told = effect;
                EffectMeasured(due.PlanId, told.PredictedMaxOverMean, told.MeasuredMaxOverMean);
            }

            state = state with { EffectsDue = [.. state.EffectsDue.Select(d => d == due ? d with { Measured = true } : d)] };
        }

        var open = state.Watched.Where(w => w.JudgedAt is null).Select(w => w.PlanId).ToHashSet(StringComparer.Ordinal);
        if (state.EffectsDue.FirstOrDefault(d => d is { Measured: true, Watched: true } && !open.Contains(d.PlanId)) is not { } over || (told is not null && told.PlanId != over.PlanId))
            return (state, told);
        return (state with { EffectsDue = [.. state.EffectsDue.Where(d => d != over)] }, told ?? (await AskPlanAsync(over.PlanId, p => p.GetAsync()))?.Effect);
    }

    [LoggerMessage(Level = LogLevel.Information, Message = "Plan {PlanId}: predicted max/mean {Predicted:0.00}, measured {Measured:0.00}")]
    private partial void EffectMeasured(string planId, double predicted, double measured);

    [LoggerMessage(Level = LogLevel.Warning, Message = "Plan {PlanId}: {Moves} of its topics have not come back since their moves")]
    private partial void NotBack(string planId, int moves);
}
