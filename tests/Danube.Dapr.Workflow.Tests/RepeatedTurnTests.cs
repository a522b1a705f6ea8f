using Danube.Dapr.TaskHub;
using static Danube.Dapr.Workflow.Tests.Turns;

namespace Danube.Dapr.Workflow.Tests;

/// <summary>The sidecar starts a turn's work before it saves the turn: after a failed save the turn comes again while its work goes on.</summary>
public sealed class RepeatedTurnTests
{
    private static Task<string> TwoSteps(WorkflowContext context, string? input) => TwoStepsAsync(context);

    private static async Task<string> TwoStepsAsync(WorkflowContext context)
    {
        string first = await context.CallActivityAsync<string>("A");
        return first + await context.CallActivityAsync<string>("B");
    }

    [Fact]
    public async Task Turn_ThatIsRepeated_AsksForTheSameWorkUnderTheSameIds()
    {
        async Task<string> Workflow(WorkflowContext context, string? input)
        {
            Task<string> activity = context.CallActivityAsync<string>("A", context.NewGuid());
            Task<string> child = context.CallChildWorkflowAsync<string>("C");
            return await activity + await child;
        }

        WorkflowResponse first = await RunAsync<string>(Workflow, [], Begin(second: 0));
        WorkflowResponse again = await RunAsync<string>(Workflow, [], Begin(second: 7));

        Assert.Equal(first.Actions, again.Actions);
        Assert.NotEmpty(first.Actions[0].ScheduleTask.TaskExecutionId);
        Assert.NotEmpty(first.Actions[1].CreateChildWorkflow.InstanceId);
    }

    [Fact]
    public async Task Turn_OfANewRun_AsksUnderOtherIds()
    {
        WorkflowResponse first = await RunAsync<string>(TwoSteps, [], Begin(executionId: "run-1"));
        WorkflowResponse second = await RunAsync<string>(TwoSteps, [], Begin(executionId: "run-2"));

        Assert.NotEqual(first.Actions[0].ScheduleTask.TaskExecutionId, second.Actions[0].ScheduleTask.TaskExecutionId);
    }

    [Fact]
    public async Task Activity_ThatEndedBeforeItsTurnWasSaved_IsNotStartedAgain()
    {
        WorkflowResponse response = await RunAsync<string>(TwoSteps, [], [.. Begin(), Completed(0, "a")]);

        Assert.Equal(["1 activity B"], Steps(response));
    }

    [Fact]
    public async Task Activity_ThatEndedBeforeItsTurnWasSaved_ReplaysFromThatHistory()
    {
        HistoryEvent[] saved = [.. Begin(), Completed(0, "a"), Scheduled(1, "B")];

        WorkflowResponse response = await RunAsync<string>(TwoSteps, saved, TurnStarted(1), Completed(1, "b"));

        Assert.Equal("Completed \"ab\"", End(response));
    }

    [Fact]
    public async Task Activity_ThatEndsTwice_CountsOnce()
    {
        HistoryEvent[] saved = [.. Begin(), Scheduled(0, "A"), TurnStarted(1), Completed(0, "a"), Scheduled(1, "B")];

        WorkflowResponse response = await RunAsync<string>(TwoSteps, saved, TurnStarted(2), Completed(0, "again"), Completed(1, "b"), Completed(1, "again"));

        Assert.Equal("Completed \"ab\"", End(response));
    }

    [Fact]
    public async Task Activity_OfAnEarlierRun_IsNotTakenForThisOne()
    {
        HistoryEvent[] saved = [.. Begin(), Scheduled(0, "A", "mine")];

        WorkflowResponse stale = await RunAsync<string>(TwoSteps, saved, TurnStarted(1), Completed(0, "stale", "of another run"));
        WorkflowResponse mine = await RunAsync<string>(TwoSteps, saved, TurnStarted(1), Completed(0, "a", "mine"));

        Assert.Equal("waits after 0 steps", End(stale));
        Assert.Equal(["1 activity B"], Steps(mine));
    }

    [Fact]
    public async Task Timer_OfATurnThatWasLost_DoesNotEndTheTimerEarly()
    {
        async Task<string> Workflow(WorkflowContext context, string? input)
        {
            await context.CreateTimer(TimeSpan.FromSeconds(10));
            return "done";
        }

        // Lost at second 0, repeated at second 5: the first alarm comes at 10, the timer is for 15.
        WorkflowResponse repeated = await RunAsync<string>(Workflow, [], [.. Begin(second: 5), TimerFired(0, 10)]);
        Assert.Equal("waits after 1 steps", End(repeated));
        Assert.Equal(At(15), repeated.Actions[0].CreateTimer.FireAt);

        HistoryEvent[] saved = [.. Begin(second: 5), TimerFired(0, 10), TimerCreated(0, 15)];
        Assert.Equal("Completed \"done\"", End(await RunAsync<string>(Workflow, saved, TurnStarted(15), TimerFired(0, 15))));
    }

    [Fact]
    public async Task Step_ThatEndsAsAnotherKind_IsDropped()
    {
        HistoryEvent[] saved = [.. Begin(), Scheduled(0, "A")];

        WorkflowResponse response = await RunAsync<string>(TwoSteps, saved, TurnStarted(1), TimerFired(0, 1));

        Assert.Equal("waits after 0 steps", End(response));
    }
}
