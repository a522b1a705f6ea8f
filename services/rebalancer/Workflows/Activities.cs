using Danube.Dapr.Contracts;
using Danube.Dapr.Rebalancer.Actors;
using Danube.Dapr.Rebalancer.Execution;
using Danube.Dapr.Rebalancer.Control;
using Danube.Dapr.Rebalancer.Telemetry;
using Danube.Dapr.Workflow;

namespace Danube.Dapr.Rebalancer.Workflows;

/// <summary>Checks that the plan is the one that was shown, and begins it.</summary>
internal sealed class BeginPlanActivity(PlanSteps steps) : WorkflowActivity<PlanStep, BatchResult>
{
    public override Task<BatchResult> RunAsync(WorkflowActivityContext context, PlanStep input) => steps.BeginAsync(input);
}

/// <summary>Reads what comes next, and whether the plan still fits the cluster.</summary>
internal sealed class NextBatchActivity(PlanSteps steps) : WorkflowActivity<PlanStep, NextBatch>
{
    public override Task<NextBatch> RunAsync(WorkflowActivityContext context, PlanStep input) => steps.NextAsync(input);
}

/// <summary>Ends the plan.</summary>
internal sealed class FinishPlanActivity(PlanSteps steps) : WorkflowActivity<FinishInput, bool>
{
    public override Task<bool> RunAsync(WorkflowActivityContext context, FinishInput input) => steps.FinishAsync(input);
}

/// <summary>Looks, refuses, reserves.</summary>
internal sealed class PreflightActivity(BatchPreflight preflight) : WorkflowActivity<BatchInput, PreflightResult>
{
    public override async Task<PreflightResult> RunAsync(WorkflowActivityContext context, BatchInput input)
    {
        using var span = RebalancerTracing.Start("preflight", input.TraceParent);
        return await preflight.RunAsync(input);
    }
}

/// <summary>Opens the batch's mask window.</summary>
internal sealed class MaskActivity(ActorDirectory actors, MoveRecorder recorder) : WorkflowActivity<BatchInput, BatchResult>
{
    public override async Task<BatchResult> RunAsync(WorkflowActivityContext context, BatchInput input)
    {
        using var span = RebalancerTracing.Start("mask", input.TraceParent);
        var answer = await actors.Mask.OpenAsync(new MaskRequest(input.PlanId, input.BatchId, input.Target, input.Moves.Count, MoveTask.CountFrom(input.Moves)));
        if (answer.Reason is { } reason)
            return new BatchResult(ContinuationKind.Wait, reason, answer.Detail);
        var detail = $"Masked {answer.Masked.Count} brokers.";
        await recorder.RecordAsync(input.PlanId, [.. input.Moves.Select(m => recorder.At(input.PlanId, m, MoveState.Masked, null, detail))]);
        return new BatchResult(ContinuationKind.Go);
    }
}

/// <summary>Moves one topic, or looks how far it is.</summary>
internal sealed class MoveTopicActivity(TopicMover mover) : WorkflowActivity<MoveInput, MoveResult>
{
    public override Task<MoveResult> RunAsync(WorkflowActivityContext context, MoveInput input) => mover.MoveAsync(input);
}

/// <summary>Checks what landed together.</summary>
internal sealed class CheckWaveActivity(DoubleLoads doubleLoads) : WorkflowActivity<WaveInput, MoveResult>
{
    public override Task<MoveResult> RunAsync(WorkflowActivityContext context, WaveInput input) => doubleLoads.CheckAsync(input);
}

/// <summary>Gives one topic an owner again.</summary>
internal sealed class RepairTopicActivity(TopicRepairer repairer) : WorkflowActivity<MoveInput, MoveResult>
{
    public override Task<MoveResult> RunAsync(WorkflowActivityContext context, MoveInput input) => repairer.RepairAsync(input);
}

/// <summary>Closes the batch's mask window.</summary>
internal sealed class UnmaskActivity(ActorDirectory actors) : WorkflowActivity<BatchInput, bool>
{
    public override async Task<bool> RunAsync(WorkflowActivityContext context, BatchInput input)
    {
        using var span = RebalancerTracing.Start("unmask", input.TraceParent);
        await actors.Mask.EndAsync(input.BatchId);
        return true;
    }
}

/// <summary>Verifies what landed and frees what did not begin.</summary>
internal sealed class SettleActivity(BatchSettler settler) : WorkflowActivity<SettleInput, BatchResult>
{
    public override Task<BatchResult> RunAsync(WorkflowActivityContext context, SettleInput input) => settler.SettleAsync(input);
}
