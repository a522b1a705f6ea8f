using Danube.Dapr.TaskHub;
using Google.Protobuf.WellKnownTypes;
using Grpc.Core;

namespace Danube.Dapr.Conformance.Areas;

/// <summary>The rpcs of TaskHubSidecarService themselves, without a workflow library that explains their answers.</summary>
internal static class TaskHubBehaviours
{
    private const string Area = "taskhub";

    public static IEnumerable<Behaviour> All() =>
    [
        new(Area, "Hello is answered", async c => await Hub(c).HelloAsync(new Empty())),
        new(Area, "StartInstance tells the id, and GetInstance the state without input and output", async c =>
        {
            var id = Stage.Id("hub");
            Check.Equal(id, (await Hub(c).StartInstanceAsync(new CreateInstanceRequest { InstanceId = id, Name = "Nothing", Input = "\"x\"" })).InstanceId);
            await Hub(c).WaitForInstanceCompletionAsync(new GetInstanceRequest { InstanceId = id });
            var state = (await Hub(c).GetInstanceAsync(new GetInstanceRequest { InstanceId = id })).WorkflowState;
            Check.Equal((id, "Nothing", OrchestrationStatus.Completed, null, null), (state.InstanceId, state.Name, state.WorkflowStatus, state.Input, state.Output));
            Check.Equal("\"nothing: x\"", (await Hub(c).GetInstanceAsync(new GetInstanceRequest { InstanceId = id, GetInputsAndOutputs = true })).WorkflowState.Output);
        }),
        new(Area, "StartInstance of an id that runs is AlreadyExists", async c =>
        {
            var id = await WorkflowBehaviours.StartedAsync(c, "WaitEvent", null);
            await Check.Rpc(StatusCode.AlreadyExists, $"failed to create workflow instance: rpc error: code = AlreadyExists desc = an active workflow with ID '{id}' already exists",
                async () => await Hub(c).StartInstanceAsync(new CreateInstanceRequest { InstanceId = id, Name = "WaitEvent" }));
            await c.Workflows.TerminateWorkflowAsync(id);
        }),
        new(Area, "StartInstance of an id with a slash is Unknown: job name is invalid", async c =>
        {
            var id = Stage.Id("a/b");
            var failure = await Check.Rpc(StatusCode.Unknown, null, async () => await Hub(c).StartInstanceAsync(new CreateInstanceRequest { InstanceId = id, Name = "Nothing" }));
            Check.Contains("job name is invalid", failure.Status.Detail);
            Check.Contains("must not contain '/', '\\', '#' or '?'", failure.Status.Detail);
        }),
        new(Area, "GetInstance before the first turn: PENDING, no name, times of year 1", async c =>
        {
            var id = Stage.Id("hub");
            await Hub(c).StartInstanceAsync(new CreateInstanceRequest { InstanceId = id, Name = "Nothing", ScheduledStartTimestamp = Timestamp.FromDateTime(DateTime.UtcNow.AddHours(1)) });
            var state = (await Hub(c).GetInstanceAsync(new GetInstanceRequest { InstanceId = id })).WorkflowState;
            Check.Equal((OrchestrationStatus.Pending, "", 1, 1), (state.WorkflowStatus, state.Name, state.CreatedTimestamp.ToDateTime().Year, state.LastUpdatedTimestamp.ToDateTime().Year));
            await Hub(c).PurgeInstancesAsync(new PurgeInstancesRequest { InstanceId = id, Force = true });
        }),
        new(Area, "GetInstance of an unknown id: it does not exist", async c => Check.Equal(false, (await Hub(c).GetInstanceAsync(new GetInstanceRequest { InstanceId = Stage.Id("unknown") })).Exists)),
        new(Area, "WaitForInstanceCompletion of an unknown id waits until the caller gives up", c => Check.Rpc(StatusCode.DeadlineExceeded, null,
            async () => await Hub(c).WaitForInstanceCompletionAsync(new GetInstanceRequest { InstanceId = Stage.Id("unknown") }, deadline: DateTime.UtcNow.AddSeconds(2)))) { Waits = true },
        Unknown("RaiseEvent", "no such instance exists", (hub, id) => hub.RaiseEventAsync(new RaiseEventRequest { InstanceId = id, Name = "go" }).ResponseAsync),
        Unknown("SuspendInstance", "no such instance exists", (hub, id) => hub.SuspendInstanceAsync(new SuspendRequest { InstanceId = id }).ResponseAsync),
        Unknown("ResumeInstance", "no such instance exists", (hub, id) => hub.ResumeInstanceAsync(new ResumeRequest { InstanceId = id }).ResponseAsync),
        Unknown("TerminateInstance", "failed to submit termination request: no such instance exists", (hub, id) => hub.TerminateInstanceAsync(new TerminateRequest { InstanceId = id, Recursive = true }).ResponseAsync),
        Unknown("PurgeInstances", "failed to purge workflow state: failed to fetch workflow state: no such instance exists", (hub, id) => hub.PurgeInstancesAsync(new PurgeInstancesRequest { InstanceId = id }).ResponseAsync),
        new(Area, "GetInstanceHistory of an unknown id is NotFound", c =>
        {
            var id = Stage.Id("unknown");
            return Check.Rpc(StatusCode.NotFound, $"workflow instance '{id}' not found", async () => await Hub(c).GetInstanceHistoryAsync(new GetInstanceHistoryRequest { InstanceId = id }));
        }),
        new(Area, "PurgeInstances of one that runs is Unknown: not yet completed", async c =>
        {
            var id = await WorkflowBehaviours.StartedAsync(c, "WaitEvent", null);
            await Check.Rpc(StatusCode.Unknown, "failed to purge workflow state: orchestration has not yet completed", async () => await Hub(c).PurgeInstancesAsync(new PurgeInstancesRequest { InstanceId = id }));
            await c.Workflows.TerminateWorkflowAsync(id);
        }),
        new(Area, "PurgeInstances of a finished one deletes one", async c =>
        {
            var id = (await WorkflowBehaviours.RunAsync(c, "Nothing", "x")).InstanceId;
            Check.Equal(1, (await Hub(c).PurgeInstancesAsync(new PurgeInstancesRequest { InstanceId = id })).DeletedInstanceCount);
        }),
        new(Area, "a history: ids of what was scheduled, -1 for what came from outside, links by taskScheduledId", async c =>
        {
            var id = (await WorkflowBehaviours.RunAsync(c, "Hello", "x")).InstanceId;
            var events = (await Hub(c).GetInstanceHistoryAsync(new GetInstanceHistoryRequest { InstanceId = id })).Events;
            Check.Equal((HistoryEvent.EventTypeOneofCase.WorkflowStarted, HistoryEvent.EventTypeOneofCase.ExecutionStarted), (events[0].EventTypeCase, events[1].EventTypeCase), "the first two:");
            var (scheduled, completed) = (events.Single(e => e.TaskScheduled is not null), events.Single(e => e.TaskCompleted is not null));
            Check.Equal((0, -1, 0), (scheduled.EventId, completed.EventId, completed.TaskCompleted.TaskScheduledId));
            Check.Equal(("Greet", "\"x\"", "\"Hello, x!\""), (scheduled.TaskScheduled.Name, scheduled.TaskScheduled.Input, completed.TaskCompleted.Result));
            Check.Equal(scheduled.TaskScheduled.TaskExecutionId, completed.TaskCompleted.TaskExecutionId, "taskExecutionId");
            Check.Equal(c.AppId, scheduled.Router?.SourceAppID, "router.sourceAppID");
            Check.Equal(OrchestrationStatus.Completed, events[^1].ExecutionCompleted?.WorkflowStatus, "the last:");
        }),
        new(Area, "an event that was raised has no router and eventId -1", async c =>
        {
            var id = await WorkflowBehaviours.StartedAsync(c, "WaitEvent", null);
            await Hub(c).RaiseEventAsync(new RaiseEventRequest { InstanceId = id, Name = "go", Input = "\"y\"" });
            await WorkflowBehaviours.DoneAsync(c, id);
            var raised = (await Hub(c).GetInstanceHistoryAsync(new GetInstanceHistoryRequest { InstanceId = id })).Events.Single(e => e.EventRaised is not null);
            Check.Equal((-1, null, "go", "\"y\""), (raised.EventId, raised.Router, raised.EventRaised.Name, raised.EventRaised.Input));
        }),
        // Not on the main sidecar: a second stream gets work items that nobody here answers.
        new Behaviour(Area, "a second stream of work items may open and close without harm", async c =>
        {
            var other = await c.Lab.RetryingAsync();
            using (var stop = new CancellationTokenSource())
            {
                using var stream = Hub(other).GetWorkItems(new GetWorkItemsRequest(), cancellationToken: stop.Token);
                await WorkersAsync(other, 2);
                await stop.CancelAsync();
            }
            await WorkersAsync(other, 1);
            Check.Equal("Hello, x!", (await WorkflowBehaviours.RunAsync(other, "Hello", "x")).ReadOutputAs<string>());
        }).Launching(),
    ];

    private static Behaviour Unknown(string rpc, string detail, Func<TaskHubSidecarService.TaskHubSidecarServiceClient, string, Task> call) =>
        new(Area, $"{rpc} of an unknown id is Unknown: {detail}", c => Check.Rpc(StatusCode.Unknown, detail, () => call(Hub(c), Stage.Id("unknown"))));

    private static Task WorkersAsync(Stage c, int count) =>
        Stage.UntilAsync(async () => (int?)(await c.MetadataAsync())["workflows"]!["connectedWorkers"] == count, () => $"connectedWorkers {count}");

    private static TaskHubSidecarService.TaskHubSidecarServiceClient Hub(Stage c) => new(c.Invoker);
}
