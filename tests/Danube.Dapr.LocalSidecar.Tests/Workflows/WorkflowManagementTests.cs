using Danube.Dapr.LocalSidecar.State;
using Danube.Dapr.LocalSidecar.Workflows;
using Danube.Dapr.TaskHub;
using Grpc.Core;
using Microsoft.Extensions.Time.Testing;

namespace Danube.Dapr.LocalSidecar.Tests.Workflows;

public sealed class WorkflowManagementTests
{
    [Fact]
    public async Task UnknownInstance_IsAnsweredAsDaprdDoes()
    {
        await using var host = await EngineHost.StartAsync();
        var client = host.Client;

        Assert.False((await client.GetInstanceAsync(new GetInstanceRequest { InstanceId = "x" })).Exists);
        await AssertFailsAsync(StatusCode.Unknown, "no such instance exists", async () => await client.RaiseEventAsync(new RaiseEventRequest { InstanceId = "x", Name = "e" }));
        await AssertFailsAsync(StatusCode.Unknown, "no such instance exists", async () => await client.SuspendInstanceAsync(new SuspendRequest { InstanceId = "x" }));
        await AssertFailsAsync(StatusCode.Unknown, "no such instance exists", async () => await client.ResumeInstanceAsync(new ResumeRequest { InstanceId = "x" }));
        await AssertFailsAsync(StatusCode.Unknown, "failed to submit termination request: no such instance exists", async () => await client.TerminateInstanceAsync(new TerminateRequest { InstanceId = "x" }));
        await AssertFailsAsync(StatusCode.Unknown, "failed to purge workflow state: failed to fetch workflow state: no such instance exists", async () => await client.PurgeInstancesAsync(new PurgeInstancesRequest { InstanceId = "x" }));
        await AssertFailsAsync(StatusCode.NotFound, "workflow instance 'x' not found", async () => await client.GetInstanceHistoryAsync(new GetInstanceHistoryRequest { InstanceId = "x" }));
    }

    [Fact]
    public async Task Wait_ForAnUnknownId_LastsUntilItIsStartedAndEnds()
    {
        await using var host = await EngineHost.StartAsync();
        await host.WorkerAsync();
        var wait = host.CompletionAsync("a");
        await host.RunAsync("NoTasks", "a", "x");
        Assert.Equal("done x", (await wait).Output);
    }

    [Fact]
    public async Task Wait_WithoutPayloads_HasNone()
    {
        await using var host = await EngineHost.StartAsync();
        await host.WorkerAsync();
        await host.RunAsync("NoTasks", "a", "x");

        var state = (await host.Client.WaitForInstanceCompletionAsync(new GetInstanceRequest { InstanceId = "a" })).WorkflowState;

        Assert.Null(state.Input);
        Assert.Null(state.Output);
        Assert.Equal(OrchestrationStatus.Completed, state.WorkflowStatus);
    }

    [Fact]
    public async Task Suspended_HoldsEventsUntilResumed()
    {
        await using var host = await EngineHost.StartAsync();
        await host.WorkerAsync();
        await host.Client.StartInstanceAsync(new CreateInstanceRequest { InstanceId = "a", Name = "WaitEvent" });

        await host.Client.SuspendInstanceAsync(new SuspendRequest { InstanceId = "a", Reason = "because" });
        Assert.Equal(OrchestrationStatus.Suspended, (await host.StateAsync("a"))!.WorkflowStatus);
        await host.Client.SuspendInstanceAsync(new SuspendRequest { InstanceId = "a" });
        await host.Client.RaiseEventAsync(new RaiseEventRequest { InstanceId = "a", Name = "go", Input = "meanwhile" });
        await Eventually.TrueAsync(async () => (await host.HistoryAsync("a")).Any(static e => e.EventRaised is not null), "the event came as a turn");
        Assert.Equal(OrchestrationStatus.Suspended, (await host.StateAsync("a"))!.WorkflowStatus);
        await host.Client.ResumeInstanceAsync(new ResumeRequest { InstanceId = "a" });

        Assert.Equal("meanwhile", (await host.CompletionAsync("a")).Output);
    }

    [Fact]
    public async Task Terminate_Recursively_EndsTheChildren()
    {
        await using var host = await EngineHost.StartAsync();
        await host.WorkerAsync();
        await host.Client.StartInstanceAsync(new CreateInstanceRequest { InstanceId = "a", Name = "Parent", Input = "WaitEvent" });
        await host.Client.WaitForInstanceStartAsync(new GetInstanceRequest { InstanceId = "a-child" });

        await host.Client.TerminateInstanceAsync(new TerminateRequest { InstanceId = "a", Output = "stopped", Recursive = true });

        Assert.Equal(OrchestrationStatus.Terminated, (await host.StateAsync("a"))!.WorkflowStatus);
        Assert.Equal("stopped", (await host.StateAsync("a"))!.Output);
        Assert.Equal(OrchestrationStatus.Terminated, (await host.CompletionAsync("a-child")).WorkflowStatus);
        await host.Client.TerminateInstanceAsync(new TerminateRequest { InstanceId = "a" });
        await host.Client.RaiseEventAsync(new RaiseEventRequest { InstanceId = "a", Name = "late" });
    }

    [Fact]
    public async Task Terminate_OfAChildAlone_FailsForItsParent()
    {
        await using var host = await EngineHost.StartAsync();
        await host.WorkerAsync();
        await host.Client.StartInstanceAsync(new CreateInstanceRequest { InstanceId = "a", Name = "Parent", Input = "WaitEvent" });
        await host.Client.WaitForInstanceStartAsync(new GetInstanceRequest { InstanceId = "a-child" });

        await host.Client.TerminateInstanceAsync(new TerminateRequest { InstanceId = "a-child" });

        Assert.Equal("failed: Child workflow 'a-child' ended as Terminated.", (await host.CompletionAsync("a")).Output);
    }

    [Fact]
    public async Task Purge_DeletesEveryRow()
    {
        var store = new InMemoryStateStore(TimeProvider.System);
        await using var host = await EngineHost.StartAsync(store);
        await host.WorkerAsync();
        await host.RunAsync("Parent", "a");
        Assert.NotEmpty(await store.ListAsync("", default));

        var answer = await host.Client.PurgeInstancesAsync(new PurgeInstancesRequest { InstanceId = "a", Recursive = true });

        Assert.Equal(2, answer.DeletedInstanceCount);
        Assert.Null(answer.IsComplete);
        Assert.False((await host.Client.GetInstanceAsync(new GetInstanceRequest { InstanceId = "a" })).Exists);
        Assert.Empty(await store.ListAsync("", default));
    }

    [Fact]
    public async Task Purge_OfALongHistory_DeletesEveryRowInSeveralWrites()
    {
        var store = new InMemoryStateStore(TimeProvider.System);
        await using var host = await EngineHost.StartAsync(store, options: new WorkflowEngineOptions { EventsPerTurn = 4 });
        await host.WorkerAsync();
        Assert.Equal("100", (await host.RunAsync("FanOut", "a")).Output);

        await host.Client.PurgeInstancesAsync(new PurgeInstancesRequest { InstanceId = "a" });

        Assert.Empty(await store.ListAsync("", default));
    }

    [Fact]
    public async Task Purge_OfARunningInstance_IsRefusedUnlessForced()
    {
        await using var host = await EngineHost.StartAsync();
        await host.WorkerAsync();
        await host.Client.StartInstanceAsync(new CreateInstanceRequest { InstanceId = "a", Name = "WaitEvent" });

        await AssertFailsAsync(StatusCode.Unknown, "failed to purge workflow state: orchestration has not yet completed", async () => await host.Client.PurgeInstancesAsync(new PurgeInstancesRequest { InstanceId = "a" }));
        Assert.Equal(1, (await host.Client.PurgeInstancesAsync(new PurgeInstancesRequest { InstanceId = "a", Force = true })).DeletedInstanceCount);
        Assert.False((await host.Client.GetInstanceAsync(new GetInstanceRequest { InstanceId = "a" })).Exists);
    }

    [Fact]
    public async Task List_PagesInOrderOfStart()
    {
        var time = new FakeTimeProvider();
        await using var host = await EngineHost.StartAsync(time: time);
        await host.WorkerAsync();
        foreach (var id in new[] { "c", "a", "d", "b", "a.b" })
        {
            await host.RunAsync("NoTasks", id);
            time.Advance(TimeSpan.FromMilliseconds(1));
        }

        var seen = new List<string>();
        string? token = null;
        do
        {
            var request = new ListInstanceIDsRequest { PageSize = 2 };
            if (token is not null) request.ContinuationToken = token;
            var page = await host.Client.ListInstanceIDsAsync(request);
            seen.AddRange(page.InstanceIds);
            token = page.HasContinuationToken ? page.ContinuationToken : null;
        }
        while (token is not null);

        Assert.Equal(["c", "a", "d", "b", "a.b"], seen);
        Assert.Equal(5, (await host.Client.ListInstanceIDsAsync(new ListInstanceIDsRequest())).InstanceIds.Count);
        await AssertFailsAsync(StatusCode.InvalidArgument, "continuation token 'x' is not one that a list answered", async () => await host.Client.ListInstanceIDsAsync(new ListInstanceIDsRequest { ContinuationToken = "x" }));
    }

    [Fact]
    public async Task Rerun_FromAnActivity_RunsItAndWhatFollows()
    {
        await using var host = await EngineHost.StartAsync();
        var worker = await host.WorkerAsync();
        await host.RunAsync("Sequence", "a", "x");
        var before = worker.ActivityRequests.Count();

        await host.Client.RerunWorkflowFromEventAsync(new RerunWorkflowFromEventRequest { SourceInstanceID = "a", EventID = 1, NewInstanceID = "b", Input = "y", OverwriteInput = true });

        Assert.Equal("y!!", (await host.CompletionAsync("b")).Output);
        Assert.Equal([1, 2], worker.ActivityRequests.Skip(before).Select(static r => r.TaskId));
        Assert.Equal("a", (await host.HistoryAsync("b")).First(static e => e.TaskScheduled is not null && e.EventId == 1).TaskScheduled.RerunParentInstanceInfo.InstanceID);
        await AssertFailsAsync(StatusCode.NotFound, "'a' has no activity, timer or child workflow with event ID '7'", async () => await host.Client.RerunWorkflowFromEventAsync(new RerunWorkflowFromEventRequest { SourceInstanceID = "a", EventID = 7 }));
        await AssertFailsAsync(StatusCode.AlreadyExists, "workflow 'b' has already been created", async () => await host.Client.RerunWorkflowFromEventAsync(new RerunWorkflowFromEventRequest { SourceInstanceID = "a", EventID = 1, NewInstanceID = "b" }));
    }

    [Fact]
    public async Task CustomStatus_IsSeenWhileItRuns()
    {
        await using var host = await EngineHost.StartAsync();
        await host.WorkerAsync(new Dictionary<string, Func<WorkflowRequest, WorkflowResponse>>
        {
            ["Status"] = static r =>
            {
                var answer = r.Raised("go") is null ? Scripts.Answer() : Scripts.Complete(0, "end");
                answer.CustomStatus = r.Raised("go") is null ? "waiting" : "over";
                return answer;
            },
        });
        await host.Client.StartInstanceAsync(new CreateInstanceRequest { InstanceId = "a", Name = "Status" });

        Assert.Equal("waiting", (await host.StateAsync("a"))!.CustomStatus);
        await host.Client.RaiseEventAsync(new RaiseEventRequest { InstanceId = "a", Name = "go" });
        Assert.Equal("over", (await host.CompletionAsync("a")).CustomStatus);
    }

    [Fact]
    public async Task Retention_PurgesFinishedInstances_AlsoAfterARestart()
    {
        var time = new FakeTimeProvider();
        var store = new InMemoryStateStore(time);
        var options = new WorkflowEngineOptions { Retention = new WorkflowRetention(AnyTerminal: TimeSpan.FromHours(2), Completed: TimeSpan.FromHours(1)) };
        await using (var first = await EngineHost.StartAsync(store, time, options))
        {
            await first.WorkerAsync();
            await first.RunAsync("NoTasks", "completed");
            await first.RunAsync("Fail", "failed");
        }

        await using var second = await EngineHost.StartAsync(store, time, options);
        await second.Engine.Recovered;
        time.Advance(TimeSpan.FromHours(1));
        await Eventually.TrueAsync(async () => await second.StateAsync("completed") is null, "the completed one was purged");
        Assert.NotNull(await second.StateAsync("failed"));
        time.Advance(TimeSpan.FromHours(1));
        await Eventually.TrueAsync(async () => await second.StateAsync("failed") is null, "the failed one was purged");
    }

    [Fact]
    public async Task Stalled_GoesOnWithAWorkerThatCan()
    {
        await using var host = await EngineHost.StartAsync();
        var incapable = await host.WorkerAsync(new Dictionary<string, Func<WorkflowRequest, WorkflowResponse>>
        {
            ["Hello"] = static _ => Scripts.Answer(new WorkflowAction { WorkflowVersionNotAvailable = new WorkflowVersionNotAvailableAction() }),
        });
        var start = host.Client.StartInstanceAsync(new CreateInstanceRequest { InstanceId = "a", Name = "Hello", Input = "x" }).ResponseAsync;
        await Eventually.TrueAsync(() => host.Engine.StalledInstances == 1, "it is stalled");

        await host.LeaveAsync(incapable);
        await host.WorkerAsync();

        await start;
        Assert.Equal("x!", (await host.CompletionAsync("a")).Output);
    }

    [Fact]
    public async Task Patches_OfAnAnswer_AreKeptOnceAndStallTheInstanceWhenThoseOfTheHistoryAreMissing()
    {
        await using var host = await EngineHost.StartAsync();
        var turns = 0;
        var forgetful = await host.WorkerAsync(new Dictionary<string, Func<WorkflowRequest, WorkflowResponse>>
        {
            ["Sequence"] = r => ++turns <= 2 ? Patched(Scripts.Workflows["Sequence"](r), "p") : Scripts.Workflows["Sequence"](r),
        });
        var start = host.Client.StartInstanceAsync(new CreateInstanceRequest { InstanceId = "a", Name = "Sequence", Input = "x" }).ResponseAsync;
        await Eventually.TrueAsync(() => host.Engine.StalledInstances == 1, "it is stalled");

        await host.LeaveAsync(forgetful);
        await host.WorkerAsync(new Dictionary<string, Func<WorkflowRequest, WorkflowResponse>>
        {
            ["Sequence"] = static r => Patched(Scripts.Workflows["Sequence"](r), "p", "q"),
        });

        await start;
        Assert.Equal("x!!!", (await host.CompletionAsync("a")).Output);
        var history = await host.Client.GetInstanceHistoryAsync(new GetInstanceHistoryRequest { InstanceId = "a" });
        Assert.Equal(["p", "q"], history.Events.SelectMany(static e => e.WorkflowStarted?.Version?.Patches ?? []));
    }

    private static WorkflowResponse Patched(WorkflowResponse response, params string[] patches)
    {
        response.Version = new WorkflowVersion { Patches = { patches } };
        return response;
    }

    [Fact]
    public async Task Turn_TooLargeForAWorker_StallsAndCanBeTerminated()
    {
        await using var host = await EngineHost.StartAsync(options: new WorkflowEngineOptions { LargestTurnBytes = 2000 });
        await host.WorkerAsync();
        await host.Client.StartInstanceAsync(new CreateInstanceRequest { InstanceId = "a", Name = "WaitEvent" });

        await host.Client.RaiseEventAsync(new RaiseEventRequest { InstanceId = "a", Name = "big", Input = new string('z', 4000) });
        await Eventually.TrueAsync(async () => (await host.StateAsync("a"))!.WorkflowStatus == OrchestrationStatus.Stalled, "it is stalled");

        await AssertFailsAsync(StatusCode.FailedPrecondition, "workflow instance 'a' is stalled", async () => await host.Client.RaiseEventAsync(new RaiseEventRequest { InstanceId = "a", Name = "go" }));
        await host.Client.TerminateInstanceAsync(new TerminateRequest { InstanceId = "a", Output = "enough" });
        Assert.Equal(OrchestrationStatus.Terminated, (await host.StateAsync("a"))!.WorkflowStatus);
        Assert.Equal("enough", (await host.StateAsync("a"))!.Output);
    }

    private static async Task AssertFailsAsync(StatusCode status, string detail, Func<Task> call)
    {
        var e = await Assert.ThrowsAsync<RpcException>(call);
        Assert.Equal(status, e.StatusCode);
        Assert.Equal(detail, e.Status.Detail);
    }
}
