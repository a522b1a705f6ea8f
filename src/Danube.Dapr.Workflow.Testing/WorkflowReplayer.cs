using Danube.Dapr.TaskHub;
using Danube.Dapr.Workflow.Client;
using Danube.Dapr.Workflow.Engine;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;

namespace Danube.Dapr.Workflow.Testing;

/// <summary>
/// Runs the code of a workflow over a recorded history and says whether it still fits. Keep one history for each released version of a
/// workflow and replay them all: what passes can be rolled out over running instances.
/// </summary>
public static class WorkflowReplayer
{
    /// <summary>Replays a history. No activity runs.</summary>
    /// <param name="historyJson">
    /// What <see cref="WorkflowTestHost.GetHistoryJson"/> or <see cref="DaprWorkflowClient.GetInstanceHistoryJsonAsync"/> gave, of an ended
    /// or a living instance.
    /// </param>
    /// <param name="configure">Registers the workflow.</param>
    /// <param name="services">Registers what it is injected with.</param>
    /// <exception cref="NonDeterministicWorkflowException">The code takes other steps than the history has.</exception>
    /// <exception cref="ArgumentException">The text is no history.</exception>
    public static async Task ReplayAsync(string historyJson, Action<WorkflowRuntimeOptions> configure, Action<IServiceCollection>? services = null)
    {
        ArgumentNullException.ThrowIfNull(historyJson);
        ArgumentNullException.ThrowIfNull(configure);
        IReadOnlyList<HistoryEvent> history = HistoryEvents.FromJson(historyJson);
        ExecutionStartedEvent started = history.FirstOrDefault(e => e.ExecutionStarted is not null)?.ExecutionStarted
            ?? throw new ArgumentException("The history has no executionStarted event.", nameof(historyJson));

        // The last turn is run as a new one, and has to ask for just the steps that were recorded for it.
        int lastTurn = history.ToList().FindLastIndex(e => e.WorkflowStarted is not null);
        List<HistoryEvent> lastEvents = [.. history.Skip(Math.Max(lastTurn, 0))];
        List<HistoryEvent> recorded = [.. lastEvents.Where(IsStep)];
        var request = new WorkflowRequest { InstanceId = started.WorkflowInstance.InstanceId };
        request.PastEvents.AddRange(history.Take(Math.Max(lastTurn, 0)));
        request.NewEvents.AddRange(lastEvents.Where(e => !IsStep(e)));

        var options = new WorkflowRuntimeOptions();
        configure(options);
        var collection = new ServiceCollection();
        collection.AddLogging();
        services?.Invoke(collection);
        await using ServiceProvider provider = collection.BuildServiceProvider();
        WorkflowResponse response = await WorkflowTurn.RunAsync(request, WorkflowEnvironment.Create(options, provider, provider.GetRequiredService<ILoggerFactory>()));
        Compare(started.Name, recorded, [.. response.Actions]);
    }

    private static bool IsStep(HistoryEvent e) =>
        e.TaskScheduled is not null || e.TimerCreated is not null || e.ChildWorkflowInstanceCreated is not null || e.ExecutionCompleted is not null;

    private static void Compare(string workflow, List<HistoryEvent> recorded, List<WorkflowAction> asked)
    {
        for (int i = 0; i < Math.Max(recorded.Count, asked.Count); i++)
        {
            string then = i < recorded.Count ? Describe(recorded[i]) : "no further step";
            string now = i < asked.Count ? Describe(asked[i]) : "no further step";
            if (then == now)
                continue;
            string reason = i < asked.Count ? asked[i].CompleteWorkflow?.FailureDetails?.ErrorMessage ?? "" : "";
            throw new NonDeterministicWorkflowException($"The history of workflow '{workflow}' has {then} in its last turn, but the code asks for {now}. {reason}".TrimEnd());
        }
    }

    private static string Describe(HistoryEvent e) => e.EventTypeCase switch
    {
        HistoryEvent.EventTypeOneofCase.TaskScheduled => $"activity '{e.TaskScheduled.Name}' (#{e.EventId})",
        HistoryEvent.EventTypeOneofCase.ChildWorkflowInstanceCreated => $"child workflow '{e.ChildWorkflowInstanceCreated.Name}' (#{e.EventId})",
        HistoryEvent.EventTypeOneofCase.TimerCreated => $"timer (#{e.EventId})",
        _ => $"the end as {e.ExecutionCompleted.WorkflowStatus}",
    };

    private static string Describe(WorkflowAction action) => action.WorkflowActionTypeCase switch
    {
        WorkflowAction.WorkflowActionTypeOneofCase.ScheduleTask => $"activity '{action.ScheduleTask.Name}' (#{action.Id})",
        WorkflowAction.WorkflowActionTypeOneofCase.CreateChildWorkflow => $"child workflow '{action.CreateChildWorkflow.Name}' (#{action.Id})",
        WorkflowAction.WorkflowActionTypeOneofCase.CreateTimer => $"timer (#{action.Id})",
        _ => $"the end as {action.CompleteWorkflow.WorkflowStatus}",
    };
}
