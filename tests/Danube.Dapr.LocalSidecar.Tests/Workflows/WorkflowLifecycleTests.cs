using Danube.Dapr.LocalSidecar.State;
using Danube.Dapr.TaskHub;
using Google.Protobuf.WellKnownTypes;
using Grpc.Core;
using Microsoft.Extensions.Time.Testing;

namespace Danube.Dapr.LocalSidecar.Tests.Workflows;

public sealed class WorkflowLifecycleTests
{
    [Fact]
    public async Task Workflow_WithActivities_CompletesWithTheirResult()
    {
        await using var host = await EngineHost.StartAsync();
        await host.WorkerAsync();

        var state = await host.RunAsync("Sequence", "a", "x");

        Assert.Equal(OrchestrationStatus.Completed, state.WorkflowStatus);
        Assert.Equal("x!!!", state.Output);
        Assert.Equal("x", state.Input);
    }

    [Fact]
    public async Task FanOut_OfAHundred_LosesNoResult()
    {
        await using var host = await EngineHost.StartAsync();
        await host.WorkerAsync();

        Assert.Equal("100", (await host.RunAsync("FanOut", "a")).Output);
        Assert.Equal(100, (await host.HistoryAsync("a")).Count(static e => e.TaskCompleted is not null));
    }

    [Fact]
    public async Task Start_WithoutWorker_WaitsForTheFirstTurn()
    {
        await using var host = await EngineHost.StartAsync();
        var start = host.Client.StartInstanceAsync(new CreateInstanceRequest { InstanceId = "a", Name = "NoTasks" }).ResponseAsync;
        await Eventually.TrueAsync(async () => await host.StateAsync("a") is not null, "the instance is there");

        var state = await host.StateAsync("a");
        Assert.False(start.IsCompleted);
        Assert.Equal(OrchestrationStatus.Pending, state!.WorkflowStatus);
        Assert.Equal("", state.Name);
        Assert.Equal(-62135596800, state.CreatedTimestamp.Seconds);

        await host.WorkerAsync();
        Assert.Equal("a", (await start).InstanceId);
    }

    [Fact]
    public async Task Start_OfAnActiveId_IsAlreadyExists()
    {
        await using var host = await EngineHost.StartAsync();
        await host.WorkerAsync();
        await host.Client.StartInstanceAsync(new CreateInstanceRequest { InstanceId = "a", Name = "WaitEvent" });

        var e = await Assert.ThrowsAsync<RpcException>(async () => await host.Client.StartInstanceAsync(new CreateInstanceRequest { InstanceId = "a", Name = "NoTasks" }));

        Assert.Equal(StatusCode.AlreadyExists, e.StatusCode);
        Assert.Equal("failed to create workflow instance: rpc error: code = AlreadyExists desc = an active workflow with ID 'a' already exists", e.Status.Detail);
    }

    [Fact]
    public async Task Start_OfAFinishedId_BeginsAnew()
    {
        await using var host = await EngineHost.StartAsync();
        await host.WorkerAsync();
        await host.RunAsync("Sequence", "a", "x");

        var state = await host.RunAsync("NoTasks", "a", "again");

        Assert.Equal("done again", state.Output);
        Assert.Equal(3, (await host.HistoryAsync("a")).Count);
    }

    [Fact]
    public async Task Start_OfAFinishedIdWhoseChildRuns_IsRefused()
    {
        await using var host = await EngineHost.StartAsync();
        await host.WorkerAsync();
        await host.Client.StartInstanceAsync(new CreateInstanceRequest { InstanceId = "a", Name = "Parent", Input = "WaitEvent" });
        await host.Client.WaitForInstanceStartAsync(new GetInstanceRequest { InstanceId = "a-child" });
        await host.Client.TerminateInstanceAsync(new TerminateRequest { InstanceId = "a" });

        var e = await Assert.ThrowsAsync<RpcException>(async () => await host.Client.StartInstanceAsync(new CreateInstanceRequest { InstanceId = "a", Name = "NoTasks" }));

        Assert.Equal(StatusCode.AlreadyExists, e.StatusCode);
        Assert.Contains("cannot recreate workflow with ID 'a'", e.Status.Detail, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("a/b")]
    [InlineData("a\\b")]
    [InlineData("a#b")]
    [InlineData("a?b")]
    [InlineData("a||b")]
    public async Task Start_WithAnIdThatBreaksKeys_IsRefused(string id)
    {
        await using var host = await EngineHost.StartAsync();
        var e = await Assert.ThrowsAsync<RpcException>(async () => await host.Client.StartInstanceAsync(new CreateInstanceRequest { InstanceId = id, Name = "NoTasks" }));
        Assert.Equal(StatusCode.Unknown, e.StatusCode);
        Assert.Contains("must not contain", e.Status.Detail, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Start_WithEmptyIdAndName_Runs()
    {
        await using var host = await EngineHost.StartAsync();
        await host.WorkerAsync(new Dictionary<string, Func<WorkflowRequest, WorkflowResponse>> { [""] = static _ => Scripts.Complete(0, "unnamed") });
        Assert.Equal("unnamed", (await host.RunAsync("", "")).Output);
    }

    [Fact]
    public async Task ScheduledStart_StaysPendingUntilItsTime()
    {
        var time = new FakeTimeProvider();
        await using var host = await EngineHost.StartAsync(time: time);
        var worker = await host.WorkerAsync();
        var due = time.GetUtcNow().AddMinutes(5);

        await host.Client.StartInstanceAsync(new CreateInstanceRequest { InstanceId = "a", Name = "NoTasks", ScheduledStartTimestamp = Timestamp.FromDateTimeOffset(due) });
        Assert.Equal(OrchestrationStatus.Pending, (await host.StateAsync("a"))!.WorkflowStatus);
        Assert.Empty(worker.Items);
        time.Advance(TimeSpan.FromMinutes(5));

        Assert.Equal(OrchestrationStatus.Completed, (await host.CompletionAsync("a")).WorkflowStatus);
        Assert.Equal(due, worker.Turns.Single().Now());
    }

    [Fact]
    public async Task Timer_FiresAtItsTime()
    {
        var time = new FakeTimeProvider();
        await using var host = await EngineHost.StartAsync(time: time);
        await host.WorkerAsync();
        await host.Client.StartInstanceAsync(new CreateInstanceRequest { InstanceId = "a", Name = "Timer" });

        time.Advance(TimeSpan.FromMinutes(59));
        Assert.Equal(OrchestrationStatus.Running, (await host.StateAsync("a"))!.WorkflowStatus);
        time.Advance(TimeSpan.FromMinutes(1));

        Assert.Equal("fired", (await host.CompletionAsync("a")).Output);
        var fired = Assert.Single(await host.HistoryAsync("a"), static e => e.TimerFired is not null);
        Assert.Equal(0, fired.TimerFired.TimerId);
        Assert.Equal(-1, fired.EventId);
        Assert.Null(fired.Router);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Timer_ClockSetBackBeforeItIsSet_WaitsNoLongerThanWasAsked(bool restarted)
    {
        var time = new SettableClock();
        var store = new InMemoryStateStore(time);
        await using (var first = await EngineHost.StartAsync(store, time))
        {
            await first.WorkerAsync(new Dictionary<string, Func<WorkflowRequest, WorkflowResponse>>
            {
                ["Late"] = r =>
                {
                    // Its time to fire is of the clock that its turn shows.
                    if (!restarted && r.PastEvents.Count == 0) time.SetBack(TimeSpan.FromDays(1));
                    return Scripts.Workflows["Timer"](r);
                },
            });
            await first.Client.StartInstanceAsync(new CreateInstanceRequest { InstanceId = "a", Name = "Late" });
            await Eventually.TrueAsync(async () => (await first.HistoryAsync("a")).Any(static e => e.TimerCreated is not null), "the timer is set");
            if (!restarted)
            {
                time.Advance(TimeSpan.FromHours(1));
                Assert.Equal("fired", (await first.CompletionAsync("a")).Output);
                return;
            }
        }

        time.SetBack(TimeSpan.FromDays(1));
        await using var second = await EngineHost.StartAsync(store, time);
        await second.WorkerAsync(new Dictionary<string, Func<WorkflowRequest, WorkflowResponse>> { ["Late"] = Scripts.Workflows["Timer"] });
        await second.Engine.Recovered;
        time.Advance(TimeSpan.FromHours(1));
        Assert.Equal("fired", (await second.CompletionAsync("a")).Output);
    }

    [Fact]
    public async Task Timer_OfARerunWhoseClockWasSetBack_WaitsNoLongerThanWasAsked()
    {
        var time = new SettableClock();
        var store = new InMemoryStateStore(time);
        await using (var first = await EngineHost.StartAsync(store, time))
        {
            await first.WorkerAsync();
            await first.Client.StartInstanceAsync(new CreateInstanceRequest { InstanceId = "a", Name = "Timer" });
            await Eventually.TrueAsync(async () => (await first.HistoryAsync("a")).Any(static e => e.TimerCreated is not null), "the timer is set");
            time.Advance(TimeSpan.FromHours(1));
            Assert.Equal("fired", (await first.CompletionAsync("a")).Output);
            time.Advance(TimeSpan.FromDays(30));
            await first.Client.RerunWorkflowFromEventAsync(new RerunWorkflowFromEventRequest { SourceInstanceID = "a", EventID = 0, NewInstanceID = "b" });
        }

        time.SetBack(TimeSpan.FromDays(1));
        await using var second = await EngineHost.StartAsync(store, time);
        await second.WorkerAsync();
        await second.Engine.Recovered;
        time.Advance(TimeSpan.FromHours(1));
        Assert.Equal("fired", (await second.CompletionAsync("b")).Output);
    }

    [Fact]
    public async Task Timer_WithoutATime_FiresAtOnce()
    {
        await using var host = await EngineHost.StartAsync();
        await host.WorkerAsync(new Dictionary<string, Func<WorkflowRequest, WorkflowResponse>>
        {
            ["Now"] = static r => r.All().Any(static e => e.TimerFired is not null) ? Scripts.Complete(1, "fired")
                : Scripts.Answer(new WorkflowAction { CreateTimer = new CreateTimerAction { CreateTimer = new TimerOriginCreateTimer() } }),
        });

        Assert.Equal("fired", (await host.RunAsync("Now", "a")).Output);
    }

    [Fact]
    public async Task ContinueAsNew_StartsAnotherExecutionUnderTheSameId()
    {
        await using var host = await EngineHost.StartAsync();
        var worker = await host.WorkerAsync();

        var state = await host.RunAsync("Count", "a", "0");

        Assert.Equal("3", state.Output);
        Assert.Equal("3", state.Input);
        Assert.Equal(3, (await host.HistoryAsync("a")).Count);
        Assert.All(worker.Turns, static t => Assert.Empty(t.PastEvents));
        Assert.Equal(4, worker.Turns.Select(static t => t.NewEvents[1].ExecutionStarted.WorkflowInstance.ExecutionId).Distinct().Count());
    }

    [Fact]
    public async Task ContinueAsNew_KeepsCarriedAndLateEventsInOrder()
    {
        await using var host = await EngineHost.StartAsync();
        using var hold = new SemaphoreSlim(0);
        var scripts = new Dictionary<string, Func<WorkflowRequest, WorkflowResponse>>
        {
            ["Carry"] = r =>
            {
                if (r.Input() == "1") return r.Raised("late") is not null ? Scripts.Complete(0, string.Join(',', r.All().Where(static e => e.EventRaised is not null).Select(static e => e.EventRaised.Name))) : Scripts.Answer();
                if (r.Raised("start") is null) return Scripts.Answer();
                hold.Wait();
                var again = new CompleteWorkflowAction { WorkflowStatus = OrchestrationStatus.ContinuedAsNew, Result = "1" };
                again.CarryoverEvents.AddRange(r.All().Where(static e => e.EventRaised?.Name == "kept"));
                return Scripts.Answer(new WorkflowAction { CompleteWorkflow = again });
            },
        };
        var worker = await host.WorkerAsync(scripts);
        await host.Client.StartInstanceAsync(new CreateInstanceRequest { InstanceId = "a", Name = "Carry", Input = "0" });
        await host.Client.RaiseEventAsync(new RaiseEventRequest { InstanceId = "a", Name = "kept" });
        await host.Client.RaiseEventAsync(new RaiseEventRequest { InstanceId = "a", Name = "start" });
        await Eventually.TrueAsync(() => worker.Turns.Any(static t => t.Raised("start") is not null), "the turn with the start event is out");
        await host.Client.RaiseEventAsync(new RaiseEventRequest { InstanceId = "a", Name = "late" });
        hold.Release();

        Assert.Equal("kept,late", (await host.CompletionAsync("a")).Output);
    }

    [Fact]
    public async Task ContinueAsNew_WithAnActivityUnderWay_DropsItsLateResult()
    {
        await using var host = await EngineHost.StartAsync();
        var first = new TaskCompletionSource<ActivityResponse>();
        var scripts = new Dictionary<string, Func<WorkflowRequest, WorkflowResponse>>
        {
            ["Race"] = static r => r.Input() == "1"
                ? r.Result(0) is { } result ? Scripts.Complete(1, result) : r.PastEvents.Count == 0 ? Scripts.Schedule((0, "Second", "second")) : Scripts.Answer()
                : r.Raised("go") is not null ? Scripts.Answer(new WorkflowAction { CompleteWorkflow = new CompleteWorkflowAction { WorkflowStatus = OrchestrationStatus.ContinuedAsNew, Result = "1" } })
                : Scripts.Schedule((0, "First", "first")),
        };
        var second = new TaskCompletionSource<ActivityResponse>();
        var worker = await host.WorkerAsync(scripts, r => r.Name == "First" ? first.Task : second.Task);
        await host.Client.StartInstanceAsync(new CreateInstanceRequest { InstanceId = "a", Name = "Race", Input = "0" });
        await Eventually.TrueAsync(() => worker.ActivityRequests.Any(), "the first activity runs");
        await host.Client.RaiseEventAsync(new RaiseEventRequest { InstanceId = "a", Name = "go" });
        await Eventually.TrueAsync(() => worker.ActivityRequests.Count() == 2, "the second activity runs");

        first.SetResult(new ActivityResponse { Result = "of the first" });
        second.SetResult(new ActivityResponse { Result = "of the second" });

        Assert.Equal("of the second", (await host.CompletionAsync("a")).Output);
        var items = worker.Items.Where(static i => i.ActivityRequest is not null).ToList();
        Assert.Equal("", items[0].CompletionToken);
        Assert.NotEqual("", items[1].CompletionToken);
    }

    [Fact]
    public async Task Child_TellsItsParentHowItEnded()
    {
        await using var host = await EngineHost.StartAsync();
        await host.WorkerAsync();

        Assert.Equal("child: kid!", (await host.RunAsync("Parent", "a")).Output);
        Assert.Equal("failed: it fails", (await host.RunAsync("Parent", "b", "Fail")).Output);
        Assert.Equal("kid!", (await host.StateAsync("a-child"))!.Output);
    }

    [Fact]
    public async Task Child_WhoseIdIsActive_FailsForItsParent()
    {
        await using var host = await EngineHost.StartAsync();
        await host.WorkerAsync();
        await host.Client.StartInstanceAsync(new CreateInstanceRequest { InstanceId = "a-child", Name = "WaitEvent" });

        var state = await host.RunAsync("Parent", "a");

        Assert.Equal("failed: failed to create workflow instance: an active workflow with ID 'a-child' already exists", state.Output);
        Assert.Equal(OrchestrationStatus.Running, (await host.StateAsync("a-child"))!.WorkflowStatus);
    }

    [Fact]
    public async Task Turn_WithSendEvent_IsNeverSavedAndItsStartFails()
    {
        var time = new FakeTimeProvider();
        await using var host = await EngineHost.StartAsync(time: time);
        var worker = await host.WorkerAsync();
        var start = host.Client.StartInstanceAsync(new CreateInstanceRequest { InstanceId = "a", Name = "SendEvent" }).ResponseAsync;

        await Eventually.TrueAsync(() =>
        {
            time.Advance(TimeSpan.FromSeconds(1));
            return start.IsCompleted;
        }, "the start is given up");

        var e = await Assert.ThrowsAsync<RpcException>(() => start);
        Assert.Equal(StatusCode.Unknown, e.StatusCode);
        Assert.Equal("actor is closed, cannot handle deactivated", e.Status.Detail);
        Assert.True(worker.Turns.Count() >= 6);
        Assert.Empty(await host.HistoryAsync("a"));
    }

    [Fact]
    public async Task Activity_OfAnotherApp_Fails()
    {
        await using var host = await EngineHost.StartAsync();
        await host.WorkerAsync(new Dictionary<string, Func<WorkflowRequest, WorkflowResponse>>
        {
            ["Cross"] = static r =>
            {
                if (r.All().FirstOrDefault(static e => e.TaskFailed is not null) is { } failed) return Scripts.Complete(1, failed.TaskFailed.FailureDetails.ErrorMessage);
                var answer = Scripts.Schedule((0, "Greet", "x"));
                answer.Actions[0].Router = new TaskRouter { SourceAppID = "app", TargetAppID = "other" };
                return answer;
            },
        });

        Assert.Equal("App 'other' cannot be reached: workflows of this sidecar stay in their app 'app'.", (await host.RunAsync("Cross", "a")).Output);
    }

    [Fact]
    public async Task Children_ManyInOneTurn_AllRunAndFitIntoOneTransactionOfEtcd()
    {
        var store = new FaultyStore(TimeProvider.System);
        await using var host = await EngineHost.StartAsync(store);
        await host.WorkerAsync(new Dictionary<string, Func<WorkflowRequest, WorkflowResponse>>(Scripts.Workflows)
        {
            ["Many"] = static r => r.PastEvents.Count == 0
                ? Scripts.Answer([.. Enumerable.Range(0, 300).Select(i => new WorkflowAction { Id = i, CreateChildWorkflow = new CreateChildWorkflowAction { Name = "NoTasks", Input = $"{i}" } })])
                : r.All().Count(static e => e.ChildWorkflowInstanceCompleted is not null) == 300 ? Scripts.Complete(300, "300") : Scripts.Answer(),
        });

        Assert.Equal("300", (await host.RunAsync("Many", "a")).Output);
        Assert.Equal("done 299", (await host.StateAsync("a:012b"))!.Output);
        Assert.InRange(store.LargestWrite, 1, 128);
    }
}
