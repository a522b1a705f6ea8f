using System.Diagnostics;
using Danube.Dapr.TaskHub;
using Danube.Dapr.Workflow.Abstractions;
using Danube.Dapr.Workflow.Engine;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;

namespace Danube.Dapr.Workflow.Worker;

/// <summary>Runs activities. Whatever happens, there is an answer.</summary>
internal sealed partial class ActivityRunner(WorkflowEnvironment environment)
{
    private readonly ILogger _logger = environment.LoggerFactory.CreateLogger<ActivityRunner>();

    public async Task<ActivityResponse> RunAsync(ActivityRequest request)
    {
        var response = new ActivityResponse { InstanceId = request.WorkflowInstance.InstanceId, TaskId = request.TaskId };
        using Activity? span = WorkflowTracing.StartActivityRun(request);
        try
        {
            Func<IServiceProvider, IWorkflowActivity>? factory = environment.Registry.FindActivity(request.Name);
            if (factory is null)
            {
                string message = $"The activity '{request.Name}' is not registered in this app; registered are: {string.Join(", ", environment.Registry.ActivityNames)}.";
                response.FailureDetails = Failures.ToWire("ActivityNotFound", message, isNonRetriable: false);
            }
            else
            {
                response.Result = await RunAsync(factory, request);
            }
        }
        catch (Exception e)
        {
            response.FailureDetails = Failures.ToWire(e);
        }
        if (response.FailureDetails is { } failure)
        {
            span?.SetStatus(ActivityStatusCode.Error, $"{failure.ErrorType}: {failure.ErrorMessage}");
            LogFailed(request.Name, request.WorkflowInstance.InstanceId, request.TaskId, failure.ErrorType, failure.ErrorMessage);
        }
        return response;
    }

    private async Task<string?> RunAsync(Func<IServiceProvider, IWorkflowActivity> factory, ActivityRequest request)
    {
        await using AsyncServiceScope scope = environment.Scopes.CreateAsyncScope();
        IWorkflowActivity activity = factory(scope.ServiceProvider);
        object? input = environment.Payloads.Read(activity.InputType, request.Input, $"input of activity '{request.Name}'");
        object? result = await activity.RunAsync(new ActivityRunContext(request), input);
        return environment.Payloads.Write(result, $"result of activity '{request.Name}'");
    }

    [LoggerMessage(10, LogLevel.Warning, "Activity {Activity} of workflow instance {InstanceId} (#{TaskId}) failed: {ErrorType}: {ErrorMessage}")]
    private partial void LogFailed(string activity, string instanceId, int taskId, string errorType, string errorMessage);
}
