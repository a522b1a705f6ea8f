using Danube.Dapr.Conformance.App;
using Danube.Dapr.Workflow;

namespace Danube.Dapr.Conformance.Areas;

/// <summary>What workflows do: activities, timers, events, children, failures.</summary>
internal static class WorkflowBehaviours
{
    private const string Area = "workflow";

    public static IEnumerable<Behaviour> All() =>
    [
        Completes("one activity", "Hello", "Danube", "Hello, Danube!"),
        Completes("a workflow that waits for nothing", "Nothing", "x", "nothing: x"),
        Completes("three activities in a row", "Sequence", "s", "s+++"),
        Completes("a timer", "Timer", 700, "on time"),
        Completes("an event that does not come in time", "EventOrTimeout", 300, "timed out"),
        Completes("a child without an id of its own", "ParentOfUnnamed", "x", "nothing: x"),
        Completes("continue-as-new three times", "CountDown", 3, "at zero"),
        new(Area, "no input and no output", async c => Check.Equal(null, (await RunAsync(c, "Null", null)).ReadOutputAs<string>())),
        new(Area, "five activities at the same time", async c => Check.Equal(55, (await RunAsync(c, "FanOut", 5)).ReadOutputAs<int>())),
        new(Area, "20 instances at the same time", async c =>
            Check.True((await Task.WhenAll(Enumerable.Range(0, 20).Select(_ => RunAsync(c, "Sequence", "p")))).All(s => s.ReadOutputAs<string>() == "p+++"), "20 results", "others")),
        new(Area, "an activity that fails twice is tried three times", async c =>
        {
            var key = Stage.Id("retry");
            Check.Equal(3, (await RunAsync(c, "Retry", key)).ReadOutputAs<int>());
        }),
        new(Area, "an activity that fails in every try ends the instance: FAILED with its error", async c =>
        {
            var key = Stage.Id("vain");
            var state = await RunAsync(c, "RetryInVain", key);
            Check.Equal((WorkflowRuntimeStatus.Failed, 2), (state.RuntimeStatus, TestWorkflows.AttemptsOf(key)));
            Check.Contains("always fails", state.FailureDetails?.ErrorMessage);
        }),
        new(Area, "an activity runs once", async c =>
        {
            var key = Stage.Id("once");
            var id = await c.Workflows.ScheduleNewWorkflowAsync("Survivor", key, key);
            await c.Workflows.RaiseEventAsync(id, "go", "now");
            Check.Equal("1,now,2", (await DoneAsync(c, id)).ReadOutputAs<string>());
            Check.Equal(2, TestWorkflows.AttemptsOf(key));
        }),
        new(Area, "an event raised while it is waited for", async c =>
        {
            var id = await StartedAsync(c, "WaitEvent", null);
            await c.Workflows.RaiseEventAsync(id, "go", "payload ü");
            Check.Equal("payload ü", (await DoneAsync(c, id)).ReadOutputAs<string>());
        }),
        new(Area, "event names do not depend on case", async c =>
        {
            var id = await StartedAsync(c, "WaitEvent", null);
            await c.Workflows.RaiseEventAsync(id, "GO", "x");
            Check.Equal("x", (await DoneAsync(c, id)).ReadOutputAs<string>());
        }),
        new(Area, "events raised before they are waited for are kept, in order", async c =>
        {
            var id = await c.Workflows.ScheduleNewWorkflowAsync("TwoEvents", Stage.Id("early"));
            await c.Workflows.RaiseEventAsync(id, "go", "first");
            await c.Workflows.RaiseEventAsync(id, "go", "second");
            Check.Equal("first,second", (await DoneAsync(c, id)).ReadOutputAs<string>());
        }),
        new(Area, "an event that nobody waits for does no harm", async c =>
        {
            var id = await StartedAsync(c, "WaitEvent", null);
            await c.Workflows.RaiseEventAsync(id, "other", "x");
            await c.Workflows.RaiseEventAsync(id, "go", "y");
            Check.Equal("y", (await DoneAsync(c, id)).ReadOutputAs<string>());
        }),
        new(Area, "an event beats its timeout", async c =>
        {
            var id = await StartedAsync(c, "EventOrTimeout", 60000);
            await c.Workflows.RaiseEventAsync(id, "go", "in time");
            Check.Equal("in time", (await DoneAsync(c, id)).ReadOutputAs<string>());
        }),
        new(Area, "events that are not taken go on to the next generation", async c =>
        {
            var id = await c.Workflows.ScheduleNewWorkflowAsync("Collect", Stage.Id("carry"), "");
            foreach (var item in new[] { "a", "b", "c" })
                await c.Workflows.RaiseEventAsync(id, "item", item);
            Check.Equal("abc", (await DoneAsync(c, id)).ReadOutputAs<string>());
        }),
        new(Area, "a child with an id of its own has a state of its own", async c =>
        {
            var child = Stage.Id("child");
            Check.Equal("child said nothing: from parent", (await RunAsync(c, "Parent", child)).ReadOutputAs<string>());
            var state = await c.Workflows.GetWorkflowStateAsync(child);
            Check.Equal(("Nothing", WorkflowRuntimeStatus.Completed), (state.WorkflowName, state.RuntimeStatus));
        }),
        new(Area, "a failing child's error is caught by its parent", async c => Check.Equal("caught fails: a child", (await RunAsync(c, "ParentOfFailing", Stage.Id("child"))).ReadOutputAs<string>())),
        new(Area, "a workflow that throws is FAILED with type, message and stack", async c =>
        {
            var state = await RunAsync(c, "Fail", "x");
            Check.Equal(WorkflowRuntimeStatus.Failed, state.RuntimeStatus);
            Check.Equal(("System.InvalidOperationException", "fails: x"), (state.FailureDetails?.ErrorType, state.FailureDetails?.ErrorMessage));
            Check.True(state.FailureDetails?.StackTrace?.Length > 0, "a stack trace", state.FailureDetails?.StackTrace);
        }),
        new(Area, "an activity's error that is not caught fails the workflow", async c =>
        {
            var state = await RunAsync(c, "ActivityFails", Stage.Id("fails"));
            Check.Equal(WorkflowRuntimeStatus.Failed, state.RuntimeStatus);
            Check.Contains("always fails", state.FailureDetails?.ErrorMessage);
        }),
        new(Area, "an unknown workflow is FAILED", async c => Check.Equal(WorkflowRuntimeStatus.Failed, (await RunAsync(c, "NoSuchWorkflow", "x")).RuntimeStatus)),
        new(Area, "an unknown activity is FAILED", async c => Check.Equal(WorkflowRuntimeStatus.Failed, (await RunAsync(c, "UnknownActivity", "x")).RuntimeStatus)),
        new(Area, "a custom status is seen while it runs and kept at the end", async c =>
        {
            var id = await StartedAsync(c, "CustomStatus", null);
            await Stage.UntilAsync(async () => (await c.Workflows.GetWorkflowStateAsync(id)).ReadCustomStatusAs<string>() == "waiting", () => "the custom status 'waiting'");
            await c.Workflows.RaiseEventAsync(id, "go", "x");
            Check.Equal("went on", (await DoneAsync(c, id)).ReadCustomStatusAs<string>());
        }),
        new(Area, "200 KB pass through workflow and activity", async c => Check.Equal(200_001, (await RunAsync(c, "Large", new string('x', 200_000))).ReadOutputAs<int>())),
    ];

    public static Task<WorkflowState> DoneAsync(Stage c, string id) => c.Workflows.WaitForWorkflowCompletionAsync(id).WaitAsync(Stage.Patience);

    /// <summary>Starts an instance and waits until its first turn is over.</summary>
    public static async Task<string> StartedAsync(Stage c, string workflow, object? input)
    {
        var id = await c.Workflows.ScheduleNewWorkflowAsync(workflow, Stage.Id("wf"), input).WaitAsync(Stage.Patience);
        await c.Workflows.WaitForWorkflowStartAsync(id).WaitAsync(Stage.Patience);
        return id;
    }

    public static async Task<WorkflowState> RunAsync(Stage c, string workflow, object? input) =>
        await DoneAsync(c, await c.Workflows.ScheduleNewWorkflowAsync(workflow, Stage.Id("wf"), input).WaitAsync(Stage.Patience));

    private static Behaviour Completes(string name, string workflow, object input, string output) => new(Area, name, async c =>
    {
        var state = await RunAsync(c, workflow, input);
        Check.Equal((WorkflowRuntimeStatus.Completed, output), (state.RuntimeStatus, state.ReadOutputAs<string>()));
    });
}
