using System.Globalization;
using Danube.Dapr.TaskHub;
using Google.Protobuf.WellKnownTypes;

namespace Danube.Dapr.LocalSidecar.Workflows;

/// <summary>Dapr's workflow API, which its HTTP paths and its gRPC methods share. Unlike the task hub it checks ids and names.</summary>
internal static class WorkflowApi
{
    private const int LongestInstanceId = 64;

    /// <summary>Starts a workflow; without an id under a new one.</summary>
    public static async Task<string> StartAsync(
        WorkflowEngine engine, string name, string instanceId, string input, IReadOnlyDictionary<string, string> options, string? traceParent, CancellationToken cancellationToken)
    {
        if (instanceId.Length == 0) instanceId = Guid.NewGuid().ToString();
        if (System.Text.Encoding.UTF8.GetByteCount(instanceId) > LongestInstanceId)
            throw WorkflowApiException.BadRequest("ERR_INSTANCE_ID_TOO_LONG", $"workflow instance ID exceeds the max length of {LongestInstanceId} characters");
        // The text says less than what is allowed; it is daprd's.
        if (instanceId.Any(static c => !char.IsLetter(c) && !char.IsDigit(c) && c is not ('_' or '-')))
            throw WorkflowApiException.BadRequest("ERR_INSTANCE_ID_INVALID", $"workflow instance ID '{instanceId}' is invalid: only alphanumeric and underscore characters are allowed");
        if (name.Length == 0) throw WorkflowApiException.BadRequest("ERR_WORKFLOW_NAME_MISSING", "workflow name is not configured");
        var request = new CreateInstanceRequest { InstanceId = instanceId, Name = name, Input = input };
        if (options.TryGetValue("dapr.workflow.start_time", out var startTime))
        {
            if (!DateTimeOffset.TryParse(startTime, CultureInfo.InvariantCulture, DateTimeStyles.AssumeUniversal, out var start))
                throw WorkflowApiException.Failed("ERR_START_WORKFLOW", $"error starting workflow '{name}': start time option '{startTime}' is no RFC 3339 time");
            request.ScheduledStartTimestamp = Timestamp.FromDateTimeOffset(start);
        }
        try
        {
            return await engine.StartAsync(request, traceParent, null, cancellationToken);
        }
        catch (WorkflowException e)
        {
            throw WorkflowApiException.Failed("ERR_START_WORKFLOW", $"error starting workflow '{name}': unable to start workflow: {e.Message}");
        }
    }

    /// <summary>The state of an instance, or null when there is none.</summary>
    public static async Task<WorkflowState?> GetAsync(WorkflowEngine engine, string instanceId, CancellationToken cancellationToken)
    {
        RequireId(instanceId);
        try
        {
            return await engine.GetAsync(instanceId, true, cancellationToken);
        }
        catch (WorkflowException e)
        {
            throw WorkflowApiException.Failed("ERR_GET_WORKFLOW", $"error while getting workflow info on instance '{instanceId}': {e.Message}");
        }
    }

    /// <summary>The properties that the API shows of a state.</summary>
    public static IEnumerable<KeyValuePair<string, string>> Properties(WorkflowState state)
    {
        if (state.Input is { } input) yield return new("dapr.workflow.input", input);
        if (state.Output is { } output) yield return new("dapr.workflow.output", output);
        if (state.CustomStatus is { } customStatus) yield return new("dapr.workflow.custom_status", customStatus);
        if (state.FailureDetails is { } failure)
        {
            yield return new("dapr.workflow.failure.error_type", failure.ErrorType);
            yield return new("dapr.workflow.failure.error_message", failure.ErrorMessage);
        }
    }

    /// <summary>A status as the API writes it, for example <c>RUNNING</c>.</summary>
    public static string StatusText(OrchestrationStatus status) => status switch
    {
        OrchestrationStatus.ContinuedAsNew => "CONTINUED_AS_NEW",
        _ => status.ToString().ToUpperInvariant(),
    };

    public static async Task TerminateAsync(WorkflowEngine engine, string instanceId, CancellationToken cancellationToken)
    {
        RequireId(instanceId);
        try
        {
            await engine.TerminateAsync(instanceId, null, true, cancellationToken);
        }
        catch (WorkflowException e) when (e.IsNotFound)
        {
            // daprd formats the cause into a text that has no place for it.
            throw WorkflowApiException.NotFound(instanceId, "%!(EXTRA *fmt.wrapError=failed to submit termination request:: no such instance exists)");
        }
        catch (WorkflowException e)
        {
            throw WorkflowApiException.Failed("ERR_TERMINATE_WORKFLOW", $"error terminating workflow '{instanceId}': {e.Message}");
        }
    }

    public static async Task PurgeAsync(WorkflowEngine engine, string instanceId, CancellationToken cancellationToken)
    {
        RequireId(instanceId);
        try
        {
            await engine.PurgeAsync(instanceId, true, false, cancellationToken);
        }
        catch (WorkflowException e) when (e.IsNotFound)
        {
            throw WorkflowApiException.NotFound(instanceId, $"%!(EXTRA *fmt.wrapError={e.Message})");
        }
        catch (WorkflowException e)
        {
            throw WorkflowApiException.Failed("ERR_PURGE_WORKFLOW", $"error purging workflow {instanceId}: failed to Purge workflow {instanceId}: {e.Message}");
        }
    }

    public static async Task PauseAsync(WorkflowEngine engine, string instanceId, CancellationToken cancellationToken)
    {
        RequireId(instanceId);
        try
        {
            await engine.SuspendAsync(instanceId, null, cancellationToken);
        }
        catch (WorkflowException e)
        {
            throw WorkflowApiException.Failed("ERR_PAUSE_WORKFLOW", $"error pausing workflow {instanceId}: failed to pause workflow {instanceId}: failed to suspend workflow: {e.Message}");
        }
    }

    public static async Task ResumeAsync(WorkflowEngine engine, string instanceId, CancellationToken cancellationToken)
    {
        RequireId(instanceId);
        try
        {
            await engine.ResumeAsync(instanceId, null, cancellationToken);
        }
        catch (WorkflowException e)
        {
            throw WorkflowApiException.Failed("ERR_RESUME_WORKFLOW", $"error resuming workflow {instanceId}: failed to resume workflow {instanceId}: failed to resume workflow: {e.Message}");
        }
    }

    public static async Task RaiseEventAsync(WorkflowEngine engine, string instanceId, string name, string? data, CancellationToken cancellationToken)
    {
        RequireId(instanceId);
        if (name.Length == 0) throw WorkflowApiException.BadRequest("ERR_WORKFLOW_EVENT_NAME_MISSING", "missing workflow event name");
        try
        {
            await engine.RaiseEventAsync(instanceId, name, data, cancellationToken);
        }
        catch (WorkflowException e)
        {
            throw WorkflowApiException.Failed("ERR_RAISE_EVENT_WORKFLOW", $"error raising event on workflow '{instanceId}': failed to raise event {name} on workflow {instanceId}: failed to raise event: {e.Message}");
        }
    }

    private static void RequireId(string instanceId)
    {
        if (instanceId.Length == 0) throw WorkflowApiException.BadRequest("ERR_INSTANCE_ID_PROVIDED_MISSING", "no instance ID was provided");
    }
}
