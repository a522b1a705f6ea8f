using Danube.Dapr.TaskHub;
using static Danube.Dapr.Workflow.Tests.Turns;

namespace Danube.Dapr.Workflow.Tests;

/// <summary>Code that no longer takes the steps of its history fails the instance, and says which step differs.</summary>
public sealed class NonDeterminismTests
{
    private static Func<WorkflowContext, string?, Task<string>> Calls(params string[] activities) => async (context, _) =>
    {
        foreach (string activity in activities)
            await context.CallActivityAsync(activity);
        return "done";
    };

    private static async Task<WorkflowResponse> FailsAsync(Func<WorkflowContext, string?, Task<string>> workflow, HistoryEvent[] past, string message)
    {
        WorkflowResponse response = await RunAsync(workflow, past, TurnStarted(9), Raised("irrelevant"));
        CompleteWorkflowAction end = Assert.Single(response.Actions).CompleteWorkflow;
        Assert.Equal(OrchestrationStatus.Failed, end.WorkflowStatus);
        Assert.Equal(typeof(NonDeterministicWorkflowException).FullName, end.FailureDetails.ErrorType);
        Assert.True(end.FailureDetails.IsNonRetriable);
        Assert.Contains(message, end.FailureDetails.ErrorMessage, StringComparison.Ordinal);
        return response;
    }

    [Fact]
    public Task Activity_OfAnotherName_FailsTheInstance() =>
        FailsAsync(Calls("B"), [.. Begin(), Scheduled(0, "A")], "has activity 'A' as step #0, but the code asks for activity 'B'");

    [Fact]
    public Task Step_OfAnotherKind_FailsTheInstance() =>
        FailsAsync(Calls("A"), [.. Begin(), TimerCreated(0, 5)], "has timer as step #0, but the code asks for activity 'A'");

    [Fact]
    public Task Child_OfAnotherName_FailsTheInstance() => FailsAsync(
        async (context, _) => await context.CallChildWorkflowAsync<string>("D"),
        [.. Begin(), ChildCreated(0, "C")],
        "has child workflow 'C' as step #0, but the code asks for child workflow 'D'");

    [Fact]
    public Task Step_ThatWasTakenOut_FailsTheInstance() =>
        FailsAsync(Calls("A"), [.. Begin(), Scheduled(0, "A"), TurnStarted(1), Completed(0, null), Scheduled(1, "B")], "has activity 'B' as step #1");

    [Fact]
    public Task Step_ThatWasPutIn_FailsTheInstance() => FailsAsync(
        async (context, _) =>
        {
            await context.CallActivityAsync("A");
            await context.CallActivityAsync("New");
            return await context.WaitForExternalEventAsync<string>("go");
        },
        [.. Begin(), Scheduled(0, "A"), TurnStarted(1), Completed(0, null), TurnStarted(2), Raised("other")],
        "asks for activity 'New' as step #1, but its history went on without it");

    [Fact]
    public Task End_ThatComesEarlier_FailsTheInstance() => FailsAsync(
        Calls("A"), [.. Begin(), Scheduled(0, "A"), TurnStarted(1), Completed(0, null), TurnStarted(2), Raised("x")], "ends where its history went on");

    [Fact]
    public async Task Rerun_OfAPartOfAHistory_IsNoChangeOfCode()
    {
        HistoryEvent again = Scheduled(1, "B");
        again.TaskScheduled.RerunParentInstanceInfo = new RerunParentInstanceInfo { InstanceID = "source" };

        // As a sidecar copies it: the begin of a turn stands before the steps of the one before.
        HistoryEvent[] copied = [.. Begin(), TurnStarted(1), Scheduled(0, "A"), Completed(0, null), again];
        WorkflowResponse response = await RunAsync(Calls("A", "B", "C"), copied, TurnStarted(2), Completed(1, null));

        Assert.Equal(["2 activity C"], Steps(response));
    }

    [Fact]
    public async Task Code_ThatAwaitsAForeignTask_FailsTheInstance()
    {
        WorkflowResponse response = await RunAsync<string>(
            async (_, _) =>
            {
                await Task.Delay(Timeout.Infinite);
                return "never";
            },
            [],
            Begin());

        Assert.StartsWith("Failed WorkflowAwaitsForeignTask", End(response), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Context_OnAnotherThread_Refuses()
    {
        Exception? thrown = null;
        await RunAsync<string>(
            async (context, _) =>
            {
                var thread = new Thread(() => thrown = Record.Exception(() => context.NewGuid()));
                thread.Start();
                thread.Join();
                return await context.WaitForExternalEventAsync<string>("x");
            },
            [],
            Begin());

        Assert.IsType<InvalidOperationException>(thrown);
    }

    [Fact]
    public async Task Context_AfterItsTurn_Refuses()
    {
        WorkflowContext? kept = null;
        await RunAsync<string>(
            (context, _) =>
            {
                kept = context;
                return Task.FromResult("done");
            },
            [],
            Begin());

        Assert.Throws<InvalidOperationException>(() => kept!.NewGuid());
    }
}
