using Danube.Dapr.Workflow;
using Danube.Dapr.Workflow.Client;

namespace Danube.Dapr.Conformance.Areas;

/// <summary>What one does with instances: state, suspend, terminate, purge, list, history.</summary>
internal static class WorkflowManagementBehaviours
{
    private const string Area = "workflow";

    public static IEnumerable<Behaviour> All() =>
    [
        new(Area, "a finished instance tells name, input, output and times", async c =>
        {
            var state = await WorkflowBehaviours.RunAsync(c, "Hello", "x");
            var again = (await c.Workflows.GetWorkflowStateAsync(state.InstanceId));
            Check.Equal(("Hello", "x", "Hello, x!"), (again.WorkflowName, again.ReadInputAs<string>(), again.ReadOutputAs<string>()));
            Check.True(again.CreatedAt > DateTimeOffset.UtcNow.AddMinutes(-10) && again.LastUpdatedAt >= again.CreatedAt, "times of now", $"{again.CreatedAt:O} {again.LastUpdatedAt:O}");
        }),
        new(Area, "an unknown instance has no state", async c => Check.Equal(false, (await c.Workflows.GetWorkflowStateAsync(Stage.Id("unknown"))).Exists)),
        new(Area, "without an id an instance gets one", async c =>
        {
            var id = await c.Workflows.ScheduleNewWorkflowAsync("Nothing", null, "x");
            Check.Equal("nothing: x", (await WorkflowBehaviours.DoneAsync(c, id)).ReadOutputAs<string>());
        }),
        new(Area, "the id of an instance that runs: it goes on with its first input", async c =>
        {
            var id = await WorkflowBehaviours.StartedAsync(c, "WaitEvent", null);
            Check.Equal(id, await c.Workflows.ScheduleNewWorkflowAsync("Nothing", id, "other"));
            await c.Workflows.RaiseEventAsync(id, "go", "first");
            Check.Equal("first", (await WorkflowBehaviours.DoneAsync(c, id)).ReadOutputAs<string>());
        }),
        new(Area, "the id of a finished instance may be used again", async c =>
        {
            var first = await WorkflowBehaviours.RunAsync(c, "Nothing", "first");
            await c.Workflows.ScheduleNewWorkflowAsync("Nothing", first.InstanceId, "second");
            Check.Equal("nothing: second", (await WorkflowBehaviours.DoneAsync(c, first.InstanceId)).ReadOutputAs<string>());
        }),
        new(Area, "a scheduled start is PENDING until then", async c =>
        {
            var id = await c.Workflows.ScheduleNewWorkflowAsync("Nothing", Stage.Id("later"), "x", DateTime.UtcNow.AddSeconds(4));
            Check.Equal(WorkflowRuntimeStatus.Pending, (await c.Workflows.GetWorkflowStateAsync(id)).RuntimeStatus);
            Check.Equal("nothing: x", (await WorkflowBehaviours.DoneAsync(c, id)).ReadOutputAs<string>());
        }) { Waits = true },
        new(Area, "suspend: SUSPENDED, events are held; resume: it takes them", async c =>
        {
            var id = await WorkflowBehaviours.StartedAsync(c, "WaitEvent", null);
            await c.Workflows.SuspendWorkflowAsync(id, "because");
            Check.Equal(WorkflowRuntimeStatus.Suspended, (await c.Workflows.GetWorkflowStateAsync(id)).RuntimeStatus);
            await c.Workflows.RaiseEventAsync(id, "go", "held");
            await Task.Delay(500);
            Check.Equal(WorkflowRuntimeStatus.Suspended, (await c.Workflows.GetWorkflowStateAsync(id)).RuntimeStatus);
            await c.Workflows.ResumeWorkflowAsync(id, "go on");
            Check.Equal("held", (await WorkflowBehaviours.DoneAsync(c, id)).ReadOutputAs<string>());
        }),
        new(Area, "terminate: TERMINATED with the output given", async c =>
        {
            var id = await WorkflowBehaviours.StartedAsync(c, "WaitEvent", null);
            await c.Workflows.TerminateWorkflowAsync(id, "stopped");
            var state = await WorkflowBehaviours.DoneAsync(c, id);
            Check.Equal((WorkflowRuntimeStatus.Terminated, "stopped"), (state.RuntimeStatus, state.ReadOutputAs<string>()));
        }),
        new(Area, "terminate of a finished instance is without effect", async c =>
        {
            var state = await WorkflowBehaviours.RunAsync(c, "Nothing", "x");
            await c.Workflows.TerminateWorkflowAsync(state.InstanceId);
            Check.Equal(WorkflowRuntimeStatus.Completed, (await c.Workflows.GetWorkflowStateAsync(state.InstanceId)).RuntimeStatus);
        }),
        new(Area, "terminate ends the child too", async c =>
        {
            var child = Stage.Id("child");
            var id = await WorkflowBehaviours.StartedAsync(c, "ParentOfWaiting", child);
            await Stage.UntilAsync(async () => (await c.Workflows.GetWorkflowStateAsync(child)).RuntimeStatus == WorkflowRuntimeStatus.Running, () => "the child to run");
            await c.Workflows.TerminateWorkflowAsync(id);
            Check.Equal(WorkflowRuntimeStatus.Terminated, (await WorkflowBehaviours.DoneAsync(c, child)).RuntimeStatus);
        }),
        new(Area, "terminate works while suspended", async c =>
        {
            var id = await WorkflowBehaviours.StartedAsync(c, "WaitEvent", null);
            await c.Workflows.SuspendWorkflowAsync(id);
            await c.Workflows.TerminateWorkflowAsync(id);
            Check.Equal(WorkflowRuntimeStatus.Terminated, (await WorkflowBehaviours.DoneAsync(c, id)).RuntimeStatus);
        }),
        new(Area, "purge of a finished instance removes it", async c =>
        {
            var state = await WorkflowBehaviours.RunAsync(c, "Nothing", "x");
            Check.Equal(true, await c.Workflows.PurgeInstanceAsync(state.InstanceId));
            Check.Equal(false, (await c.Workflows.GetWorkflowStateAsync(state.InstanceId)).Exists);
        }),
        new(Area, "purge of an unknown instance removes nothing", async c => Check.Equal(false, await c.Workflows.PurgeInstanceAsync(Stage.Id("unknown")))),
        new(Area, "purge of a running instance leaves it", async c =>
        {
            var id = await WorkflowBehaviours.StartedAsync(c, "WaitEvent", null);
            Check.Equal(false, await c.Workflows.PurgeInstanceAsync(id));
            Check.Equal(WorkflowRuntimeStatus.Running, (await c.Workflows.GetWorkflowStateAsync(id)).RuntimeStatus);
            await c.Workflows.TerminateWorkflowAsync(id);
        }),
        new(Area, "an event for an unknown instance is refused", async c => await Check.Throws<WorkflowInstanceNotFoundException>(() => c.Workflows.RaiseEventAsync(Stage.Id("unknown"), "go", "x"))),
        new(Area, "suspend of an unknown instance is refused", async c => await Check.Throws<WorkflowInstanceNotFoundException>(() => c.Workflows.SuspendWorkflowAsync(Stage.Id("unknown")))),
        new(Area, "terminate of an unknown instance is refused", async c => await Check.Throws<WorkflowInstanceNotFoundException>(() => c.Workflows.TerminateWorkflowAsync(Stage.Id("unknown")))),
        new(Area, "an event for a finished instance is accepted without effect", async c =>
        {
            var state = await WorkflowBehaviours.RunAsync(c, "Nothing", "x");
            await c.Workflows.RaiseEventAsync(state.InstanceId, "go", "late");
            Check.Equal("nothing: x", (await c.Workflows.GetWorkflowStateAsync(state.InstanceId)).ReadOutputAs<string>());
        }),
        new(Area, "the history tells what happened, in order", async c =>
        {
            var state = await WorkflowBehaviours.RunAsync(c, "Hello", "x");
            var types = (await c.Workflows.GetInstanceHistoryAsync(state.InstanceId)).Select(e => e.EventType.ToString()).Where(t => !t.Contains("Orchestrator", StringComparison.Ordinal) && !t.Contains("WorkflowStarted", StringComparison.Ordinal)).ToList();
            Check.Sequence(["ExecutionStarted", "TaskScheduled", "TaskCompleted", "ExecutionCompleted"], types);
        }),
        new(Area, "the history of an unknown instance is not found", async c => await Check.Throws<WorkflowInstanceNotFoundException>(() => c.Workflows.GetInstanceHistoryAsync(Stage.Id("unknown")))),
        new(Area, "list has an instance, page by page", async c =>
        {
            var wanted = (await WorkflowBehaviours.RunAsync(c, "Nothing", "x")).InstanceId;
            var all = new List<string>();
            for (string? token = null; ;)
            {
                var page = await c.Workflows.ListInstanceIdsAsync(token, 10);
                all.AddRange(page.InstanceIds);
                token = page.ContinuationToken;
                if (string.IsNullOrEmpty(token))
                    break;
                Check.True(page.InstanceIds.Count <= 10, "at most 10 on a page", page.InstanceIds.Count);
            }
            Check.True(all.Contains(wanted), wanted, $"{all.Count} others");
        }),
        new(Area, "rerun from an event makes a new instance with the same result", async c =>
        {
            var state = await WorkflowBehaviours.RunAsync(c, "Sequence", "r");
            var id = await c.Workflows.RerunWorkflowFromEventAsync(state.InstanceId, 1, new RerunWorkflowFromEventOptions { NewInstanceId = Stage.Id("rerun") });
            Check.Equal("r+++", (await WorkflowBehaviours.DoneAsync(c, id)).ReadOutputAs<string>());
        }),
    ];
}
