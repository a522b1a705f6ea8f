namespace Danube.Dapr.Workflow.Engine;

/// <summary>Does what <see cref="WorkflowContext.SendEvent"/> asks for: the sidecar has no action for it.</summary>
internal sealed class RaiseEventActivity(DaprWorkflowClient client) : WorkflowActivity<RaiseEventActivity.Request, bool>
{
    public const string ReservedName = "danube.raise-event";

    public sealed record Request(string InstanceId, string EventName, string? Data);

    public override async Task<bool> RunAsync(WorkflowActivityContext context, Request input)
    {
        try
        {
            await client.RaiseRawEventAsync(input.InstanceId, input.EventName, input.Data, CancellationToken.None);
            return true;
        }
        catch (WorkflowInstanceNotFoundException)
        {
            return false;
        }
    }
}
