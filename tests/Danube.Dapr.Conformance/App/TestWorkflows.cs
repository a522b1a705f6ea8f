using System.Collections.Concurrent;
using System.Diagnostics;
using Danube.Dapr.Workflow;

namespace Danube.Dapr.Conformance.App;

/// <summary>The workflows and activities of the test app.</summary>
internal static class TestWorkflows
{
    private static readonly ConcurrentDictionary<string, int> Attempts = new();

    /// <summary>How often an activity with this input has run.</summary>
    public static int AttemptsOf(string input) => Attempts.GetValueOrDefault(input);

    public static void Register(WorkflowRuntimeOptions options)
    {
        options.RegisterActivity<string, string>("Greet", (_, name) => Task.FromResult($"Hello, {name}!"));
        options.RegisterActivity<int, int>("Square", async (_, n) =>
        {
            await Task.Delay(Random.Shared.Next(5, 40));
            return n * n;
        });
        options.RegisterActivity<string, string>("Append", (_, text) => Task.FromResult(text + "+"));
        options.RegisterActivity<string, int>("FailTwice", (_, key) =>
            Count(key) is var n && n <= 2 ? throw new TimeoutException($"attempt {n} fails") : Task.FromResult(n));
        options.RegisterActivity<string, string>("FailAlways", (_, key) => throw new TimeoutException($"always fails, {Count(key)}"));
        options.RegisterActivity<string, int>("CountRuns", (_, key) => Task.FromResult(Count(key)));
        options.RegisterActivity<string, string>("Trace", (_, _) => Task.FromResult(Activity.Current?.TraceId.ToString() ?? ""));

        options.RegisterWorkflow<string, string>("Hello", (context, name) => context.CallActivityAsync<string>("Greet", name));
        options.RegisterWorkflow<string, string>("Nothing", (_, input) => Task.FromResult("nothing: " + input));
        options.RegisterWorkflow<string?, string?>("Null", (_, input) => Task.FromResult(input is null ? null : "something"));
        options.RegisterWorkflow<string, string>("Sequence", async (context, text) =>
        {
            for (var i = 0; i < 3; i++)
                text = await context.CallActivityAsync<string>("Append", text);
            return text;
        });
        options.RegisterWorkflow<int, int>("FanOut", async (context, n) =>
            (await Task.WhenAll(Enumerable.Range(1, n).Select(i => context.CallActivityAsync<int>("Square", i)))).Sum());
        options.RegisterWorkflow<string, int>("Retry", (context, key) =>
            context.CallActivityAsync<int>("FailTwice", key, new WorkflowTaskOptions(new WorkflowRetryPolicy(3, TimeSpan.FromMilliseconds(300)))));
        options.RegisterWorkflow<string, string>("RetryInVain", (context, key) =>
            context.CallActivityAsync<string>("FailAlways", key, new WorkflowTaskOptions(new WorkflowRetryPolicy(2, TimeSpan.FromMilliseconds(200)))));
        options.RegisterWorkflow<int, string>("Timer", async (context, ms) =>
        {
            var start = context.CurrentUtcDateTime;
            await context.CreateTimer(TimeSpan.FromMilliseconds(ms));
            return context.CurrentUtcDateTime - start >= TimeSpan.FromMilliseconds(ms) ? "on time" : "too early";
        });
        options.RegisterWorkflow<string?, string>("WaitEvent", (context, _) => context.WaitForExternalEventAsync<string>("go"));
        options.RegisterWorkflow<string?, string>("TwoEvents", async (context, _) =>
            await context.WaitForExternalEventAsync<string>("go") + "," + await context.WaitForExternalEventAsync<string>("go"));
        options.RegisterWorkflow<int, string>("EventOrTimeout", async (context, ms) =>
        {
            try
            {
                return await context.WaitForExternalEventAsync<string>("go", TimeSpan.FromMilliseconds(ms));
            }
            catch (OperationCanceledException)
            {
                return "timed out";
            }
        });
        options.RegisterWorkflow<string, string>("Parent", async (context, id) =>
            "child said " + await context.CallChildWorkflowAsync<string>("Nothing", "from parent", new ChildWorkflowTaskOptions(id)));
        options.RegisterWorkflow<string, string>("ParentOfUnnamed", (context, text) => context.CallChildWorkflowAsync<string>("Nothing", text));
        options.RegisterWorkflow<string, string>("ParentOfFailing", async (context, id) =>
        {
            try
            {
                return await context.CallChildWorkflowAsync<string>("Fail", "a child", new ChildWorkflowTaskOptions(id));
            }
            catch (WorkflowTaskFailedException e)
            {
                return "caught " + e.FailureDetails.ErrorMessage;
            }
        });
        options.RegisterWorkflow<string, string>("ParentOfWaiting", (context, id) => context.CallChildWorkflowAsync<string>("WaitEvent", null, new ChildWorkflowTaskOptions(id)));
        options.RegisterWorkflow<int, string>("CountDown", (context, n) =>
        {
            if (n > 0)
                context.ContinueAsNew(n - 1);
            return Task.FromResult("at zero");
        });
        options.RegisterWorkflow<string, string>("Collect", async (context, sofar) =>
        {
            var all = sofar + await context.WaitForExternalEventAsync<string>("item");
            if (all.Length < 3)
                context.ContinueAsNew(all);
            return all;
        });
        options.RegisterWorkflow<string, string>("Fail", (_, text) => throw new InvalidOperationException("fails: " + text));
        options.RegisterWorkflow<string, string>("ActivityFails", (context, key) => context.CallActivityAsync<string>("FailAlways", key));
        options.RegisterWorkflow<string, string>("UnknownActivity", (context, _) => context.CallActivityAsync<string>("NoSuchActivity", "x"));
        options.RegisterWorkflow<string?, string>("CustomStatus", async (context, _) =>
        {
            context.SetCustomStatus("waiting");
            await context.WaitForExternalEventAsync<string>("go");
            context.SetCustomStatus("went on");
            return "done";
        });
        options.RegisterWorkflow<string, int>("Large", async (context, text) => (await context.CallActivityAsync<string>("Append", text)).Length);
        options.RegisterWorkflow<string, string>("Traced", (context, _) => context.CallActivityAsync<string>("Trace", "x"));
        options.RegisterWorkflow<string, string>("Survivor", async (context, key) =>
        {
            var before = await context.CallActivityAsync<int>("CountRuns", key);
            var text = await context.WaitForExternalEventAsync<string>("go");
            return $"{before},{text},{await context.CallActivityAsync<int>("CountRuns", key)}";
        });
    }

    private static int Count(string key) => Attempts.AddOrUpdate(key, 1, static (_, n) => n + 1);
}
