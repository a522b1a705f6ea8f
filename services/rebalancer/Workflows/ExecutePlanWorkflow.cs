using Danube.Dapr.Contracts;
using Danube.Dapr.Rebalancer.Control;
using Danube.Dapr.Workflow;

namespace Danube.Dapr.Rebalancer.Workflows;

/// <summary>
/// Runs a plan: waits for approval where it is needed, takes batch after batch until all moves have ended, and tells the control loop how it ended. The instance id is the
/// plan's id, so a second start of the same plan is the same run. What is left to do is read from the plan's actor before each batch, never
/// remembered here.
/// </summary>
internal sealed class ExecutePlanWorkflow : Workflow<ExecutePlanInput, BatchResult>
{
    public const string ApprovedEvent = "approved";
    public const string WakeEvent = "wake";

    private const int BatchesPerRun = 20;
    private const int MaxInterruptions = 12;
    private static readonly TimeSpan PausePoll = TimeSpan.FromSeconds(15);
    private static readonly TimeSpan ShortWait = TimeSpan.FromSeconds(2);

    public override async Task<BatchResult> RunAsync(WorkflowContext context, ExecutePlanInput input)
    {
        try
        {
            return await ExecuteAsync(context, input);
        }
        catch (WorkflowTaskFailedException failure)
        {
            return await FinishAsync(context, input, new BatchResult(ContinuationKind.Stop, ReasonCode.Fault, failure.FailureDetails?.ErrorMessage ?? failure.Message));
        }
    }

    private static async Task<BatchResult> ExecuteAsync(WorkflowContext context, ExecutePlanInput input)
    {
        if (!input.Started)
        {
            if (input.ApprovalDeadline is { } deadline && await WhyNotApprovedAsync(context, input, deadline) is { } denied)
                return await FinishAsync(context, input, denied);
            var begun = await context.CallActivityAsync<BatchResult>(
                nameof(BeginPlanActivity), new PlanStep(input.PlanId, input.Hash, input.TraceParent), Retries.Step);
            if (begun.Kind == ContinuationKind.Stop)
                return await FinishAsync(context, input, begun);
        }

        var sequence = input.Sequence;
        var interruptions = input.Interruptions;
        var rested = true;
        for (var batch = 0; batch < BatchesPerRun; batch++)
        {
            var next = await context.CallActivityAsync<NextBatch>(nameof(NextBatchActivity), new PlanStep(input.PlanId, input.Hash, input.TraceParent), Retries.Step);
            if (next.Kind == ContinuationKind.Stop)
                return await FinishAsync(context, input, new BatchResult(ContinuationKind.Stop, next.Reason, next.Detail));
            if (next.Kind == ContinuationKind.Wait)
            {
                context.SetCustomStatus(new PlanStatus("waiting", sequence, null, next.Reason));
                await WaitAsync(context, PausePoll);
                continue;
            }

            if (next.Moves.Count == 0)
                return await FinishAsync(context, input, new BatchResult(ContinuationKind.Go));

            if (!rested && next.RestSeconds > 0)
            {
                rested = true;
                context.SetCustomStatus(new PlanStatus("resting", sequence, null, ReasonCode.ClientImpact));
                await WaitAsync(context, TimeSpan.FromSeconds(next.RestSeconds));
                continue;
            }

            rested = false;
            var target = next.Moves[0].To;
            var batchId = $"{input.PlanId}-{sequence}";
            context.SetCustomStatus(new PlanStatus(next.Repair ? "repairing" : "moving", sequence, target));
            sequence++;
            var result = next.Repair
                ? await RepairAsync(context, input, batchId, next.Moves)
                : await context.CallChildWorkflowAsync<BatchResult>(
                    nameof(MoveBatchWorkflow),
                    new BatchInput(input.PlanId, batchId, target, next.Moves, input.TraceParent),
                    new ChildWorkflowTaskOptions(batchId));
            if (result.Kind == ContinuationKind.Stop)
                return await FinishAsync(context, input, result);
            if (result.Kind == ContinuationKind.Wait)
            {
                if (++interruptions > MaxInterruptions)
                    return await FinishAsync(context, input, result with { Kind = ContinuationKind.Stop });
                context.SetCustomStatus(new PlanStatus("waiting", sequence, target, result.Reason));
                await WaitAsync(context, ShortWait);
            }
            else
            {
                interruptions = 0;
            }
        }

        context.ContinueAsNew(input with { Sequence = sequence, Started = true, Interruptions = interruptions });
        return new BatchResult(ContinuationKind.Go);
    }

    private static async Task<BatchResult?> WhyNotApprovedAsync(WorkflowContext context, ExecutePlanInput input, DateTime deadline)
    {
        context.SetCustomStatus(new PlanStatus("waiting", 0, null, ReasonCode.AwaitingApproval));
        var approved = context.WaitForExternalEventAsync<string>(ApprovedEvent);
        var expired = context.CreateTimer(deadline, CancellationToken.None);
        while (true)
        {
            var woken = context.WaitForExternalEventAsync<string>(WakeEvent);
            var first = await Task.WhenAny(approved, woken, expired);
            if (first == approved)
                return null;
            if (first == expired)
                return new BatchResult(ContinuationKind.Stop, ReasonCode.ApprovalExpired, ControlRules.NotApproved);
            // Somebody turned a switch: only a plan that was cancelled, drifted, has no floor or waited too long ends here; a pause has no meaning for a plan that waits.
            var next = await context.CallActivityAsync<NextBatch>(nameof(NextBatchActivity), new PlanStep(input.PlanId, input.Hash, input.TraceParent), Retries.Step);
            if (next is { Kind: ContinuationKind.Stop, Reason: ReasonCode.Cancelled or ReasonCode.Drift or ReasonCode.ApprovalExpired })
                return new BatchResult(ContinuationKind.Stop, next.Reason, next.Detail);
        }
    }

    /// <summary>One topic at a time, and no further after the first surprise.</summary>
    private static async Task<BatchResult> RepairAsync(WorkflowContext context, ExecutePlanInput input, string batchId, IReadOnlyList<MoveTask> topics)
    {
        foreach (var topic in topics)
        {
            var repaired = await context.CallActivityAsync<MoveResult>(
                nameof(RepairTopicActivity), new MoveInput(input.PlanId, batchId, topic, false, "", 0, input.TraceParent), Retries.Step);
            if (repaired.Interruption is { } interruption)
                return interruption;
        }

        return new BatchResult(ContinuationKind.Go);
    }

    private static async Task WaitAsync(WorkflowContext context, TimeSpan atMost)
    {
        try
        {
            await context.WaitForExternalEventAsync<string>(WakeEvent, atMost);
        }
        catch (TaskCanceledException)
        {
            // The time is up: look again.
        }
    }

    private static async Task<BatchResult> FinishAsync(WorkflowContext context, ExecutePlanInput input, BatchResult result)
    {
        await context.CallActivityAsync<bool>(nameof(FinishPlanActivity), new FinishInput(input.PlanId, result.Reason, result.Detail, input.TraceParent), Retries.Compensation);
        context.SetCustomStatus(new PlanStatus("ended", 0, null, result.Reason));
        return result;
    }
}
