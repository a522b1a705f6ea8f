using Danube.Dapr.Contracts;
using Danube.Dapr.Rebalancer.Control;
using Danube.Dapr.Rebalancer.Workflows;
using Danube.Dapr.Workflow;
using Grpc.Core;

namespace Danube.Dapr.Rebalancer.Plans;

/// <summary>Starts the workflows of plans and speaks to them. The instance id is the plan's id, so a second start is the same run.</summary>
internal sealed partial class PlanLauncher(IDaprWorkflowClient workflows, ILogger<PlanLauncher> logger)
{
    public async Task StartAsync(ActivePlan plan, CancellationToken cancellationToken)
    {
        try
        {
            await workflows.ScheduleNewWorkflowAsync(
                nameof(ExecutePlanWorkflow),
                plan.PlanId,
                new ExecutePlanInput(plan.PlanId, plan.Hash, plan.ApprovalDeadline?.UtcDateTime, plan.TraceParent),
                (DateTimeOffset?)null,
                cancellationToken);
        }
        catch (RpcException error) when (error.StatusCode == StatusCode.AlreadyExists || error.Status.Detail.Contains("already exists", StringComparison.Ordinal))
        {
            // It runs: that is what was wanted.
        }
    }

    /// <summary>Starts the workflow of a plan that has the floor if it never began, and tells it again that it was approved.</summary>
    /// <returns>How the workflow ended; null while it runs.</returns>
    public async Task<string?> EnsureAsync(ActivePlan plan, CancellationToken cancellationToken)
    {
        var state = await workflows.GetWorkflowStateAsync(plan.PlanId, getInputsAndOutputs: true, cancellationToken);
        if (state is not { Exists: true })
        {
            NeverBegan(plan.PlanId);
            await StartAsync(plan, cancellationToken);
            return null;
        }

        if (state.IsWorkflowCompleted)
            return $"{state.RuntimeStatus}: {state.FailureDetails?.ErrorMessage ?? "no failure details"}";
        if (plan is { ApprovalDeadline: not null, ApprovedBy: { } approver } && state.ReadCustomStatusAs<PlanStatus>() is { Reason: ReasonCode.AwaitingApproval })
            await RaiseApprovedAsync(plan.PlanId, approver, cancellationToken);
        return null;
    }

    public Task RaiseApprovedAsync(string planId, string approver, CancellationToken cancellationToken) =>
        workflows.RaiseEventAsync(planId, ExecutePlanWorkflow.ApprovedEvent, approver, cancellationToken);

    /// <summary>Makes a waiting workflow look again. One that does not wait looks before its next step anyway.</summary>
    public async Task WakeAsync(string planId, CancellationToken cancellationToken)
    {
        try
        {
            await workflows.RaiseEventAsync(planId, ExecutePlanWorkflow.WakeEvent, "switch", cancellationToken);
        }
        catch (Exception error) when (error is RpcException or OperationCanceledException or WorkflowInstanceNotFoundException)
        {
            NotWoken(planId, error.Message);
        }
    }

    [LoggerMessage(Level = LogLevel.Warning, Message = "Plan {PlanId} has the floor but its workflow never began; starting it")]
    private partial void NeverBegan(string planId);

    [LoggerMessage(Level = LogLevel.Warning, Message = "Plan {PlanId} could not be woken: {Detail}")]
    private partial void NotWoken(string planId, string detail);
}
