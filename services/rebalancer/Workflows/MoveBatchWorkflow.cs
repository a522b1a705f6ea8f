using Danube.Dapr.Contracts;
using Danube.Dapr.Rebalancer.Control;
using Danube.Dapr.Workflow;

namespace Danube.Dapr.Rebalancer.Workflows;

/// <summary>
/// Moves topics to one broker in one mask window: preflight and reservation, mask, one topic after the other, unmask, verification. Whatever happens, it unmasks
/// and releases what it holds.
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
        foreach (var move in preflight.Reserved)
        {
            var step = new MoveInput(input.PlanId, input.BatchId, move, preflight.Mask, preflight.LeaderId, preflight.RaftTerm, input.TraceParent, baseline.Excess);
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
                landed.Add(new LandedMove(move, result.DurationMs));
            if (result.Progress is MoveProgress.Landed or MoveProgress.Ended)
                left.Remove(move);
            // Known and recorded with its topic: the verification of the others starts from here.
            baseline = result.Excess is { } excess ? baseline with { Excess = excess } : baseline;
            if (result.Interruption is { } interruption)
                return (interruption, baseline);
        }

        return (new BatchResult(ContinuationKind.Go), baseline);
    }
}
