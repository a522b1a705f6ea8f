using Danube.Dapr.TaskHub;
using static Danube.Dapr.Workflow.Tests.Turns;

namespace Danube.Dapr.Workflow.Tests;

public sealed class TurnTests
{
    [Fact]
    public async Task Suspended_Turn_AnswersWithoutStepsAndKeepsEvents()
    {
        async Task<string> Workflow(WorkflowContext context, string? input)
        {
            context.SetCustomStatus("waiting");
            string data = await context.WaitForExternalEventAsync<string>("go");
            return data + await context.CallActivityAsync<string>("A");
        }

        HistoryEvent[] begun = Begin();
        WorkflowResponse suspended = await RunAsync<string>(Workflow, begun, TurnStarted(1), Suspended(), Raised("go", "x"));
        Assert.Empty(suspended.Actions);
        Assert.Equal("\"waiting\"", suspended.CustomStatus);

        HistoryEvent[] past = [.. begun, TurnStarted(1), Suspended(), Raised("go", "x")];
        WorkflowResponse resumed = await RunAsync<string>(Workflow, past, TurnStarted(2), Resumed());
        Assert.Equal(["0 activity A"], Steps(resumed));
    }

    [Fact]
    public async Task Suspended_InTheTurnOfAStep_HoldsThatStepBack()
    {
        Task<string> Workflow(WorkflowContext context, string? input) => context.CallActivityAsync<string>("A");

        WorkflowResponse suspended = await RunAsync<string>(Workflow, [], [.. Begin(), Suspended()]);
        Assert.Empty(suspended.Actions);

        WorkflowResponse resumed = await RunAsync<string>(Workflow, [.. Begin(), Suspended()], TurnStarted(1), Resumed());
        Assert.Equal(["0 activity A"], Steps(resumed));
    }

    [Fact]
    public async Task Terminated_WhileSuspended_EndsAtOnce()
    {
        WorkflowResponse response = await RunAsync<string>(
            (context, _) => context.WaitForExternalEventAsync<string>("go"), [.. Begin(), TurnStarted(1), Suspended()], TurnStarted(2), Raised("go", "x"), Terminated("stopped"));

        Assert.Equal("Terminated \"stopped\"", End(response));
        Assert.Single(response.Actions);
    }

    [Fact]
    public async Task ContinueAsNew_WithUnprocessedEvents_CarriesThemOverInOrder()
    {
        static async Task<string> Workflow(WorkflowContext context, string? input)
        {
            await context.WaitForExternalEventAsync<object>("next");
            context.ContinueAsNew("again");
            return "";
        }

        WorkflowResponse response = await RunAsync<string>(Workflow, [], [.. Begin(), Raised("a", 1), Raised("NEXT"), Raised("b", 2), Raised("next", 3)]);

        CompleteWorkflowAction end = Assert.Single(response.Actions).CompleteWorkflow;
        Assert.Equal(OrchestrationStatus.ContinuedAsNew, end.WorkflowStatus);
        Assert.Equal("\"again\"", end.Result);
        Assert.Equal(["a", "b", "next"], end.CarryoverEvents.Select(e => e.EventRaised.Name));
    }

    [Fact]
    public async Task ContinueAsNew_WithoutKeptEvents_CarriesNone()
    {
        WorkflowResponse response = await RunAsync<string>(
            (context, _) =>
            {
                context.ContinueAsNew("again", preserveUnprocessedEvents: false);
                return Task.FromResult("");
            },
            [],
            [.. Begin(), Raised("a", 1)]);

        Assert.Empty(Assert.Single(response.Actions).CompleteWorkflow.CarryoverEvents);
    }

    [Fact]
    public async Task EventWait_WithTimeout_MakesNoTimerForAnEventThatIsThere()
    {
        WorkflowResponse response = await RunAsync<string>(
            async (context, _) =>
            {
                await context.WaitForExternalEventAsync<string>("first");
                return await context.WaitForExternalEventAsync<string>("second", TimeSpan.FromMinutes(1));
            },
            [],
            [.. Begin(), Raised("second", "early"), Raised("first", "x")]);

        Assert.Equal(["0 Completed \"early\""], Steps(response));
    }

    [Fact]
    public async Task EventWait_WithTimeout_MakesATimerThatNamesTheEvent()
    {
        WorkflowResponse response = await RunAsync<string>((context, _) => context.WaitForExternalEventAsync<string>("go", TimeSpan.FromMinutes(1)), [], Begin());

        // By the name a daprd finds the reminder that it deletes when the event is there.
        Assert.Equal("go", Assert.Single(response.Actions).CreateTimer.ExternalEvent.Name);
    }

    [Fact]
    public async Task Clock_OfATurn_IsThatOfItsOwnBeginning()
    {
        var seen = new List<int>();
        async Task<string> Workflow(WorkflowContext context, string? input)
        {
            seen.Add(context.CurrentUtcDateTime.Second);
            await context.CallActivityAsync<string>("A");
            seen.Add(context.CurrentUtcDateTime.Second);
            return "";
        }

        // The start of the instance is older than its first turn, a completion older than the turn that sees it.
        HistoryEvent[] begun = [TurnStarted(3), Begin()[1], Scheduled(0, "A")];
        await RunAsync<string>(Workflow, begun, TurnStarted(8), Completed(0, "x"));

        Assert.Equal([3, 8], seen);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Timer_ThatIsGivenUpInItsTurn_IsNotStarted(bool cancelAsync)
    {
        async Task<string> Workflow(WorkflowContext context, string? input)
        {
            using var cancel = new CancellationTokenSource();
            Task timer = context.CreateTimer(TimeSpan.FromHours(1), cancel.Token);
            Task<string> go = context.WaitForExternalEventAsync<string>("go");
            await Task.WhenAny(timer, go);
            if (cancelAsync)
                await cancel.CancelAsync();
            else
                cancel.Cancel();
            await Assert.ThrowsAnyAsync<TaskCanceledException>(() => timer);
            return await context.CallActivityAsync<string>("A", await go);
        }

        WorkflowResponse response = await RunAsync<string>(Workflow, [], [.. Begin(), Raised("go", "x")]);
        Assert.Equal(["1 activity A \"x\""], Steps(response));

        HistoryEvent[] saved = [.. Begin(), Raised("go", "x"), Scheduled(1, "A")];
        Assert.Equal("Completed \"done\"", End(await RunAsync<string>(Workflow, saved, TurnStarted(1), Completed(1, "done"))));
    }

    [Fact]
    public async Task ConfigureAwaitFalse_InWorkflowCode_StaysOnTheTurn()
    {
        static async Task<string> HelperAsync(WorkflowContext context, string name)
        {
            await Task.WhenAll(context.CallActivityAsync(name + "1"), context.CallActivityAsync(name + "2")).ConfigureAwait(false);
            return await context.CallActivityAsync<string>(name + "3").ConfigureAwait(false);
        }

        async Task<string> Workflow(WorkflowContext context, string? input) => await HelperAsync(context, "A").ConfigureAwait(false) + context.NewGuid();

        HistoryEvent[] past = [.. Begin(), Scheduled(0, "A1"), Scheduled(1, "A2")];
        WorkflowResponse response = await RunAsync<string>(Workflow, past, TurnStarted(1), Completed(1, null), Completed(0, null));
        Assert.Equal(["2 activity A3"], Steps(response));
    }

    [Fact]
    public async Task Failure_WithInnerFailures_IsReportedWithAllOfThem()
    {
        WorkflowResponse response = await RunAsync<string>(
            (_, _) => throw new InvalidOperationException("outer", new TimeoutException("inner")), [], Begin());

        TaskFailureDetails failure = Assert.Single(response.Actions).CompleteWorkflow.FailureDetails;
        Assert.Equal(("System.InvalidOperationException", "outer"), (failure.ErrorType, failure.ErrorMessage));
        Assert.Equal(("System.TimeoutException", "inner"), (failure.InnerFailure.ErrorType, failure.InnerFailure.ErrorMessage));
        Assert.False(failure.IsNonRetriable);
    }

    [Fact]
    public async Task Failure_OfAnActivity_KeepsItsDetails()
    {
        var reported = new TaskFailureDetails
        {
            ErrorType = "System.TimeoutException",
            ErrorMessage = "slow",
            InnerFailure = new TaskFailureDetails { ErrorType = "System.IO.IOException", ErrorMessage = "disk" },
        };
        WorkflowTaskFailureDetails? seen = null;
        WorkflowResponse response = await RunAsync<string>(
            async (context, _) =>
            {
                try
                {
                    return await context.CallActivityAsync<string>("A");
                }
                catch (WorkflowTaskFailedException e)
                {
                    seen = e.FailureDetails;
                    throw;
                }
            },
            [.. Begin(), Scheduled(0, "A")],
            TurnStarted(1),
            Failed(0, reported));

        Assert.True(seen!.IsCausedBy<TimeoutException>());
        Assert.True(seen.IsCausedBy<SystemException>());
        Assert.False(seen.IsCausedBy<InvalidOperationException>());
        Assert.True(seen.InnerFailure!.IsCausedBy<IOException>());
        TaskFailureDetails failure = response.Actions[^1].CompleteWorkflow.FailureDetails;
        Assert.Equal(typeof(WorkflowTaskFailedException).FullName, failure.ErrorType);
        Assert.Equal("slow", failure.InnerFailure.ErrorMessage);
        Assert.Equal("disk", failure.InnerFailure.InnerFailure.ErrorMessage);
    }

    [Fact]
    public async Task Retry_OfANonRetriableFailure_IsNotMade()
    {
        var options = new WorkflowTaskOptions(new WorkflowRetryPolicy(5, TimeSpan.FromSeconds(1)));
        Task<string> Workflow(WorkflowContext context, string? input) => context.CallActivityAsync<string>("A", null, options);
        HistoryEvent[] past = [.. Begin(), Scheduled(0, "A")];

        WorkflowResponse plain = await RunAsync<string>(Workflow, past, TurnStarted(1), Failed(0, new TaskFailureDetails { ErrorType = "X" }));
        WorkflowResponse final = await RunAsync<string>(Workflow, past, TurnStarted(1), Failed(0, new TaskFailureDetails { ErrorType = "X", IsNonRetriable = true }));

        Assert.Equal(CreateTimerAction.OriginOneofCase.ActivityRetry, Assert.Single(plain.Actions).CreateTimer.OriginCase);
        Assert.StartsWith("Failed ", End(final), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Payload_OverTheLimit_FailsTheInstanceWithItsSize()
    {
        var environment = Environment(options =>
        {
            options.MaxPayloadBytes = 1024;
            options.RegisterWorkflow<string?, string>("Test", (context, _) => context.CallActivityAsync<string>("A", new string('x', 2000)));
        });

        WorkflowResponse response = await RunAsync(environment, [], Begin());

        Assert.Contains("input of activity 'A' has 2002 bytes of JSON; at most 1024", End(response), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Turn_OverTheLimit_FailsTheInstanceInsteadOfStallingIt()
    {
        var environment = Environment(options =>
        {
            options.MaxTurnBytes = 64 * 1024;
            options.RegisterWorkflow<string?, string>("Test", async (context, _) =>
            {
                await Task.WhenAll(Enumerable.Range(0, 100).Select(_ => context.CallActivityAsync("A", new string('x', 1000))));
                return "";
            });
        });

        WorkflowResponse response = await RunAsync(environment, [], Begin());

        Assert.Single(response.Actions);
        Assert.Contains("MaxTurnBytes", End(response), StringComparison.Ordinal);
        Assert.True(response.CalculateSize() < 64 * 1024);
    }

    [Fact]
    public async Task Workflow_ThatIsNotRegistered_FailsWithTheNamesThatAre()
    {
        WorkflowResponse response = await RunAsync(Environment(options => options.RegisterWorkflow<string, string>("Other", (_, i) => Task.FromResult(i))), [], Begin());

        Assert.Equal("Failed WorkflowNotFound: The workflow 'Test' is not registered in this app; registered are: Other.", End(response));
    }

    [Fact]
    public async Task Input_OfAnotherShape_FailsTheInstance()
    {
        WorkflowResponse response = await RunAsync(Environment<int, string>((_, _) => Task.FromResult("")), [], Begin("text"));

        Assert.Contains("input of workflow 'Test' cannot be read as System.Int32", End(response), StringComparison.Ordinal);
    }

    [Fact]
    public async Task ChildId_ThatWouldPoisonTheSidecar_FailsTheInstance()
    {
        WorkflowResponse response = await RunAsync<string>(
            (context, _) => context.CallChildWorkflowAsync<string>("C", null, new ChildWorkflowTaskOptions("a/b")), [], Begin());

        Assert.Contains("The workflow instance id 'a/b' is not allowed", End(response), StringComparison.Ordinal);
    }

    [Fact]
    public async Task AppId_OfAStep_IsRouted()
    {
        HistoryEvent[] begin = Begin();
        begin[1].Router = new TaskRouter { SourceAppID = "me" };

        WorkflowResponse response = await RunAsync<string>((context, _) => context.CallActivityAsync<string>("A", null, new WorkflowTaskOptions(TargetAppId: "other")), [], begin);

        Assert.Equal(new TaskRouter { SourceAppID = "me", TargetAppID = "other" }, Assert.Single(response.Actions).Router);
    }

    [Fact]
    public async Task Patch_OfANewInstance_IsAnsweredYesAndRecorded()
    {
        static async Task<string> Workflow(WorkflowContext context, string? input)
        {
            await context.WaitForExternalEventAsync<object>("go");
            return $"{context.IsPatched("p")} {context.IsPatched("p")}";
        }

        WorkflowResponse fresh = await RunAsync<string>(Workflow, Begin(), TurnStarted(1), Raised("go"));
        Assert.Equal("Completed \"True True\"", End(fresh));
        Assert.Equal(["p"], fresh.Version.Patches);
    }

    /// <summary>daprd stalls an instance unless each answer's patches begin with those of the history, in their order (1.17).</summary>
    [Fact]
    public async Task Patches_OfEveryAnswer_BeginWithThoseOfTheHistory()
    {
        static async Task<string> Workflow(WorkflowContext context, string? input)
        {
            context.IsPatched("b");
            await context.WaitForExternalEventAsync<object>("go");
            context.IsPatched("a");
            await context.WaitForExternalEventAsync<object>("stop");
            return "done";
        }

        // "gone" was asked for by a version of the code that is no longer there.
        HistoryEvent[] past = [TurnStarted(0, "gone", "b"), Begin()[1]];
        WorkflowResponse second = await RunAsync<string>(Workflow, past, TurnStarted(1), Raised("go"));
        WorkflowResponse third = await RunAsync<string>(Workflow, [.. past, TurnStarted(1, "a"), Raised("go")], TurnStarted(2), Raised("stop"));

        Assert.Equal(["gone", "b", "a"], second.Version.Patches);
        Assert.Equal("Completed \"done\"", End(third));
        Assert.Equal(["gone", "b", "a"], third.Version.Patches);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Patch_OfAnInstanceThatPassedIt_IsAnsweredFromTheHistory(bool wasThere)
    {
        static async Task<string> Workflow(WorkflowContext context, string? input)
        {
            bool patched = context.IsPatched("p");
            await context.WaitForExternalEventAsync<object>("go");
            return $"{patched} {context.IsPatched("p")}";
        }

        HistoryEvent[] past = [wasThere ? TurnStarted(0, "p") : TurnStarted(0), Begin()[1]];
        WorkflowResponse response = await RunAsync<string>(Workflow, past, TurnStarted(1), Raised("go"));

        Assert.Equal($"Completed \"{wasThere} {wasThere}\"", End(response));
        Assert.Equal(wasThere ? ["p"] : null, response.Version?.Patches);
    }
}
