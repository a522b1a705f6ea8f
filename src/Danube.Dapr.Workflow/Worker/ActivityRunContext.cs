using System.Globalization;
using Danube.Dapr.TaskHub;
using Danube.Dapr.Workflow.Abstractions;

namespace Danube.Dapr.Workflow.Worker;

/// <summary>The context that an activity sees during one run.</summary>
internal sealed class ActivityRunContext(ActivityRequest request) : WorkflowActivityContext
{
    public override TaskIdentifier Identifier => request.Name;

    public override string InstanceId => request.WorkflowInstance.InstanceId;

    public override int ScheduledEventId => request.TaskId;

    public override string TaskExecutionKey => request.TaskExecutionId is { Length: > 0 } id ? id : request.TaskId.ToString(CultureInfo.InvariantCulture);
}
