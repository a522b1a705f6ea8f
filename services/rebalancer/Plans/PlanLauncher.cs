using Danube.Dapr.Rebalancer.Control;
using Danube.Dapr.Rebalancer.Workflows;
using Danube.Dapr.Workflow;

namespace Danube.Dapr.Rebalancer.Plans;

/// <summary>Starts the workflows of plans and speaks to them. The instance id is the plan's id.</summary>
internal sealed class PlanLauncher(DaprWorkflowClient workflows)
{
    public Task StartAsync(ActivePlan plan) => workflows.ScheduleNewWorkflowAsync(
        nameof(ExecutePlanWorkflow),
        plan.PlanId,
        new ExecutePlanInput(plan.PlanId, plan.Hash, plan.ApprovalDeadline?.UtcDateTime, plan.TraceParent));
}
