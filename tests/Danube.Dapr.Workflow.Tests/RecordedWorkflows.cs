namespace Danube.Dapr.Workflow.Tests;

/// <summary>The workflows whose histories were recorded beside a daprd 1.18.3, written for this library.</summary>
internal static class RecordedWorkflows
{
    public static void Register(WorkflowRuntimeOptions options)
    {
        options.RegisterWorkflow<string?, string>("Hello", (c, input) => c.CallActivityAsync<string>("SayHello", input));
        options.RegisterWorkflow<string?, string>("NoTasks", (_, input) => Task.FromResult("nothing awaited: " + input));
        options.RegisterWorkflow<string?, string?>("NullResult", (_, _) => Task.FromResult<string?>(null));
        options.RegisterWorkflow<string?, string>("Sequence", SequenceAsync);
        options.RegisterWorkflow<string?, int>("FanOut", FanOutAsync);
        options.RegisterWorkflow<string?, string>("Retry", (c, _) => c.CallActivityAsync<string>(
            "FailTwice", c.InstanceId, new WorkflowTaskOptions(new WorkflowRetryPolicy(5, TimeSpan.FromSeconds(1)))));
        options.RegisterWorkflow<string?, string>("RetryGivesUp", (c, _) => c.CallActivityAsync<string>(
            "FailAlways", "x", new WorkflowTaskOptions(new WorkflowRetryPolicy(2, TimeSpan.FromMilliseconds(300)))));
        options.RegisterWorkflow<string?, string>("Timer", TimerAsync);
        options.RegisterWorkflow<string?, object>("WaitEvent", (c, _) => c.WaitForExternalEventAsync<object>("go"));
        options.RegisterWorkflow<string?, string>("TwoEvents", async (c, _) =>
            $"{await c.WaitForExternalEventAsync<string>("e")},{await c.WaitForExternalEventAsync<string>("E")}");
        options.RegisterWorkflow<string?, string>("EventTimeout", (c, _) => EventAsync(c, "never", TimeSpan.FromSeconds(1)));
        options.RegisterWorkflow<string?, string>("EventInTime", (c, _) => EventAsync(c, "soon", TimeSpan.FromSeconds(60)));
        options.RegisterWorkflow<string?, string>("Parent", async (c, input) =>
            "child said " + await c.CallChildWorkflowAsync<string>("Hello", "child of " + input, new ChildWorkflowTaskOptions(c.InstanceId + "-child")));
        options.RegisterWorkflow<string?, string>("ParentAutoId", async (c, _) => "child said " + await c.CallChildWorkflowAsync<string>("NoTasks", "auto"));
        options.RegisterWorkflow<string?, string>("ParentOfFailing", ParentOfFailingAsync);
        options.RegisterWorkflow<string?, object>("ParentOfWaiting", (c, _) =>
            c.CallChildWorkflowAsync<object>("WaitEvent", null, new ChildWorkflowTaskOptions(c.InstanceId + "-child")));
        options.RegisterWorkflow<int, string?>("ContinueAsNew", ContinueAsNewAsync);
        options.RegisterWorkflow<int, string?>("CarryOver", CarryOverAsync);
        options.RegisterWorkflow<string?, string>("Fail", (_, input) => throw new InvalidOperationException("this workflow fails: " + input));
        options.RegisterWorkflow<string?, string>("FailAfterActivity", async (c, _) =>
        {
            await c.CallActivityAsync("SayHello", "before failing");
            throw new ArgumentException("failed after an activity");
        });
        options.RegisterWorkflow<string?, string>("ActivityFails", (c, input) => c.CallActivityAsync<string>("FailAlways", input));
        options.RegisterWorkflow<string?, string>("CustomStatus", CustomStatusAsync);
    }

    private static async Task<string> SequenceAsync(WorkflowContext context, string? input)
    {
        string first = await context.CallActivityAsync<string>("Append", input + "1");
        string second = await context.CallActivityAsync<string>("Append", first + "2");
        return await context.CallActivityAsync<string>("Append", second + "3");
    }

    private static async Task<int> FanOutAsync(WorkflowContext context, string? input) =>
        (await Task.WhenAll(Enumerable.Range(1, 5).Select(n => context.CallActivityAsync<int>("Square", n)).ToList())).Sum();

    private static async Task<string> TimerAsync(WorkflowContext context, string? input)
    {
        DateTime start = context.CurrentUtcDateTime;
        await context.CreateTimer(TimeSpan.FromSeconds(2));
        return FormattableString.Invariant($"waited {(context.CurrentUtcDateTime - start).TotalMilliseconds:0} ms");
    }

    private static async Task<string> EventAsync(WorkflowContext context, string name, TimeSpan timeout)
    {
        try
        {
            return "came: " + await context.WaitForExternalEventAsync<string>(name, timeout);
        }
        catch (TaskCanceledException)
        {
            return "timeout";
        }
    }

    private static async Task<string> ParentOfFailingAsync(WorkflowContext context, string? input)
    {
        try
        {
            return await context.CallChildWorkflowAsync<string>("Fail", "from parent", new ChildWorkflowTaskOptions(context.InstanceId + "-child"));
        }
        catch (WorkflowTaskFailedException e)
        {
            return $"caught {e.FailureDetails.ErrorType}: {e.FailureDetails.ErrorMessage}";
        }
    }

    private static async Task<string?> ContinueAsNewAsync(WorkflowContext context, int generation)
    {
        context.SetCustomStatus("generation " + generation);
        await context.CallActivityAsync("Append", "gen" + generation);
        if (generation >= 3)
            return "done after " + generation;
        context.ContinueAsNew(generation + 1);
        return null;
    }

    private static async Task<string?> CarryOverAsync(WorkflowContext context, int generation)
    {
        if (generation > 0)
            return "kept " + await context.WaitForExternalEventAsync<string>("kept");
        await context.WaitForExternalEventAsync<object>("start");
        context.ContinueAsNew(1);
        return null;
    }

    private static async Task<string> CustomStatusAsync(WorkflowContext context, string? input)
    {
        context.SetCustomStatus("step 1");
        await context.CallActivityAsync("SayHello", "one");
        context.SetCustomStatus(new { step = 2, text = "ü" });
        await context.WaitForExternalEventAsync<object>("finish");
        context.SetCustomStatus("step 3");
        return "finished";
    }
}
