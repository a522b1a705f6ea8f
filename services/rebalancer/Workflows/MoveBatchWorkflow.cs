using Danube.Dapr.Contracts;
using Danube.Dapr.Rebalancer.Control;
using Danube.Dapr.Workflow;

namespace Danube.Dapr.Rebalancer.Workflows;

/// <summary>
/// Moves topics to one broker in one mask window: preflight and reservation, mask, one topic after the other (or as many at a time as the operator accepted), unmask,
/// verification. Whatever happens, it unmasks and releases what it holds.
/// </summary>
internal sealed class MoveBatchWorkflow : Workflow<BatchInput, BatchResult>
{
    private static readonly TimeSpan FirstLook = TimeSpan.FromMilliseconds(250);
    private static readonly TimeSpan SlowestLook = TimeSpan.FromSeconds(2);

    public override async Task<BatchResult> RunAsync(WorkflowContext context, BatchInput input)
    {
        var preflight = await context.CallActivityAsync<PreflightResult>(nameof(PreflightActivity), input, Retries.Step);
        var landed = new List<LandedMove>();
        var left = preflight.Reserved.ToList();
        var result = preflight.Interruption ?? new BatchResult(ContinuationKind.Go);
        var baseline = preflight.Target;
        try
        {
            if (preflight.Interruption is null && left.Count > 0)
                (result, baseline) = await MoveAllAsync(context, input, preflight, left, landed);
        }
        catch (WorkflowTaskFailedException failure)
        {
            result = new BatchResult(ContinuationKind.Stop, ReasonCode.Fault, failure.FailureDetails?.ErrorMessage ?? failure.Message);
        }

        if (preflight.Mask)
            await context.CallActivityAsync<bool>(nameof(UnmaskActivity), input with { Moves = [] }, Retries.Compensation);
        if (preflight.Reserved.Count == 0)
            return result;
        var settled = await context.CallActivityAsync<BatchResult>(
            nameof(SettleActivity), new SettleInput(input.PlanId, input.BatchId, input.Target, baseline, landed, left, input.TraceParent, preflight.Signs), Retries.Compensation);
        return result.Kind != ContinuationKind.Stop && settled.Kind == ContinuationKind.Stop ? settled : result;
    }

    private static async Task<(BatchResult Result, TargetBaseline Baseline)> MoveAllAsync(
        WorkflowContext context, BatchInput input, PreflightResult preflight, List<MoveTask> left, List<LandedMove> landed)
    {
        if (preflight.Mask)
        {
            var masked = await context.CallActivityAsync<BatchResult>(nameof(MaskActivity), input with { Moves = preflight.Reserved }, Retries.Step);
            if (masked.Kind != ContinuationKind.Go)
                return (masked, preflight.Target);
        }

        var baseline = preflight.Target;
        foreach (var wave in Waves.Of(preflight.Reserved, preflight.InFlight))
        {
            var before = landed.Count;
            // All that began are followed to their end, whatever becomes of one of them.
            var results = await Task.WhenAll(wave.Select(move => FollowAsync(context, Step(input, preflight, move, baseline.Excess, wave.Count), left, landed)).ToList());
            var interruption = results.FirstOrDefault(r => r.Interruption?.Kind == ContinuationKind.Stop)?.Interruption ?? results.FirstOrDefault(r => r.Interruption is not null)?.Interruption;
            // Known and recorded with its topic: the verification of the others starts from here.
            var excess = results.FirstOrDefault(r => r.Excess is not null)?.Excess;
            if (wave.Count > 1 && landed.Count > before && baseline.Excess is { } was)
            {
                var check = await context.CallActivityAsync<MoveResult>(
                    nameof(CheckWaveActivity), new WaveInput(input.PlanId, input.Target, landed[before..], was, input.TraceParent), Retries.Step);
                if (check.Interruption is { } twice)
                {
                    landed.RemoveRange(before, landed.Count - before);
                    (interruption, excess) = (twice, check.Excess);
                }
            }

            baseline = excess is null ? baseline : baseline with { Excess = excess };
            if (interruption is not null)
                return (interruption, baseline);
        }

        return (new BatchResult(ContinuationKind.Go), baseline);
    }

    private static MoveInput Step(BatchInput input, PreflightResult preflight, MoveTask move, double? excess, int inFlight) => new(
        input.PlanId, input.BatchId, move, preflight.Mask, preflight.LeaderId, preflight.RaftTerm, input.TraceParent, inFlight > 1 ? null : excess, preflight.Reserved.Count, inFlight,
        MoveTask.CountFrom(preflight.Reserved));

    /// <summary>Moves one topic to its end.</summary>
    private static async Task<MoveResult> FollowAsync(WorkflowContext context, MoveInput step, List<MoveTask> left, List<LandedMove> landed)
    {
        var result = await context.CallActivityAsync<MoveResult>(nameof(MoveTopicActivity), step, Retries.Step);
        var pause = FirstLook;
        // The activity itself gives up at the time limit of a move.
        while (result.Progress == MoveProgress.Pending)
        {
            await context.CreateTimer(pause);
            pause = pause * 2 < SlowestLook ? pause * 2 : SlowestLook;
            result = await context.CallActivityAsync<MoveResult>(nameof(MoveTopicActivity), step, Retries.Step);
        }

        if (result.Progress is MoveProgress.Landed)
            landed.Add(new LandedMove(step.Move, result.DurationMs));
        if (result.Progress is MoveProgress.Landed or MoveProgress.Ended)
            left.Remove(step.Move);
        return result;
    }
}
