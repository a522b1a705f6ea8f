using Danube.Dapr.TaskHub;
using Danube.Dapr.Workflow.Client;
using Google.Protobuf.WellKnownTypes;
using Grpc.Core;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Wire = Danube.Dapr.TaskHub.WorkflowState;

namespace Danube.Dapr.Workflow.Tests;

/// <summary>The client against a sidecar whose answers come late, early, twice or not at all.</summary>
public sealed class ClientTests : IAsyncLifetime
{
    private const string ActorIsClosed = "actor is closed, cannot handle deactivated";

    private ScriptedSidecar _sidecar = null!;
    private IHost _app = null!;
    private DaprWorkflowClient _client = null!;

    public async Task InitializeAsync()
    {
        _sidecar = await ScriptedSidecar.StartAsync();
        // The app is not started: its worker opens no stream.
        _app = _sidecar.CreateApp(_ => { }, token: "secret");
        _client = _app.Services.GetRequiredService<DaprWorkflowClient>();
    }

    public async Task DisposeAsync()
    {
        _app.Dispose();
        await _sidecar.DisposeAsync();
    }

    private static Task<GetInstanceResponse> State(OrchestrationStatus status) =>
        Task.FromResult(new GetInstanceResponse { Exists = true, WorkflowState = new Wire { InstanceId = "wf-1", Name = "Test", WorkflowStatus = status, Output = "\"out\"" } });

    [Fact]
    public async Task Schedule_OfANewInstance_SendsNameInputAndToken()
    {
        CreateInstanceRequest? sent = null;
        _sidecar.OnStart = request =>
        {
            sent = request;
            return Task.FromResult(new CreateInstanceResponse { InstanceId = request.InstanceId });
        };

        string id = await _client.ScheduleNewWorkflowAsync("Test", "wf-1", new { Text = "a" });
        string generated = await _client.ScheduleNewWorkflowAsync("Test", null, null, new DateTimeOffset(2030, 1, 1, 0, 0, 0, TimeSpan.Zero));

        Assert.Equal("wf-1", id);
        Assert.Equal(generated, sent!.InstanceId);
        Assert.Equal(32, generated.Length);
        Assert.Equal(1893456000, sent.ScheduledStartTimestamp.Seconds);
        Assert.Equal(["secret", "secret"], _sidecar.Tokens);
    }

    [Theory]
    [InlineData(StatusCode.AlreadyExists, "failed to create workflow instance: an active workflow with ID 'wf-1' already exists")]
    [InlineData(StatusCode.Unknown, "an active workflow with ID 'wf-1' already exists")]
    public async Task Schedule_OfARunningInstance_MeansThatOne(StatusCode code, string detail)
    {
        _sidecar.OnStart = _ => throw ScriptedSidecar.Error(code, detail);

        Assert.Equal("wf-1", await _client.ScheduleNewWorkflowAsync("Test", "wf-1"));
    }

    [Fact]
    public async Task Schedule_OfAnIdWhoseChildrenStillRun_SaysSo()
    {
        _sidecar.OnStart = _ => throw ScriptedSidecar.Error(StatusCode.AlreadyExists, "cannot recreate workflow with ID 'wf-1': a child already exists");

        var e = await Assert.ThrowsAsync<InvalidOperationException>(() => _client.ScheduleNewWorkflowAsync("Test", "wf-1"));
        Assert.Contains("children that still run", e.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(StatusCode.Unknown, ActorIsClosed)]
    [InlineData(StatusCode.Unavailable, "connection lost")]
    [InlineData(StatusCode.DeadlineExceeded, "it blocks while no worker is connected")]
    public async Task Schedule_ThatBreaksOffAfterItWasAccepted_IsNotRepeated(StatusCode code, string detail)
    {
        _sidecar.OnStart = _ => throw ScriptedSidecar.Error(code, detail);
        _sidecar.OnGet = _ => State(OrchestrationStatus.Completed);

        await _client.ScheduleNewWorkflowAsync("Test", "wf-1");

        Assert.Equal(["StartInstance wf-1", "GetInstance wf-1"], _sidecar.Calls);
    }

    [Fact]
    public async Task Schedule_ThatBreaksOffBeforeItWasAccepted_IsRepeated()
    {
        int calls = 0;
        _sidecar.OnStart = request => ++calls < 2 ? throw ScriptedSidecar.Error(StatusCode.Unavailable, "") : Task.FromResult(new CreateInstanceResponse());

        await _client.ScheduleNewWorkflowAsync("Test", "wf-1");

        Assert.Equal(["StartInstance wf-1", "GetInstance wf-1", "StartInstance wf-1"], _sidecar.Calls);
    }

    [Theory]
    [InlineData("a/b")]
    [InlineData("a||b")]
    [InlineData("a::b")]
    [InlineData("")]
    public async Task Schedule_OfAPoisonousId_NeverReachesTheSidecar(string id)
    {
        await Assert.ThrowsAnyAsync<ArgumentException>(() => _client.ScheduleNewWorkflowAsync("Test", id));
        await Assert.ThrowsAnyAsync<ArgumentException>(() => _client.ScheduleNewWorkflowAsync(" ", "wf-1"));

        Assert.Empty(_sidecar.Calls);
    }

    [Fact]
    public async Task Schedule_OfTooLargeAnInput_NeverReachesTheSidecar()
    {
        await Assert.ThrowsAsync<WorkflowPayloadTooLargeException>(() => _client.ScheduleNewWorkflowAsync("Test", "wf-1", new string('x', 2_000_000)));

        Assert.Empty(_sidecar.Calls);
    }

    [Fact]
    public async Task Wait_ForAnUnknownInstance_DoesNotAskTheSidecarToWait()
    {
        var e = await Assert.ThrowsAsync<WorkflowInstanceNotFoundException>(() => _client.WaitForWorkflowCompletionAsync("nobody"));

        Assert.Equal("nobody", e.InstanceId);
        Assert.Equal(["GetInstance nobody"], _sidecar.Calls);
    }

    [Fact]
    public async Task Wait_WhoseActorIsClosedAgainAndAgain_GoesOn()
    {
        int waits = 0;
        _sidecar.OnGet = _ => State(OrchestrationStatus.Running);
        _sidecar.OnWait = (_, _) => ++waits < 6 ? throw ScriptedSidecar.Error(StatusCode.Unknown, ActorIsClosed) : State(OrchestrationStatus.Completed);

        WorkflowState state = await _client.WaitForWorkflowCompletionAsync("wf-1");

        Assert.Equal((WorkflowRuntimeStatus.Completed, "out", 6), (state.RuntimeStatus, state.ReadOutputAs<string>(), waits));
    }

    [Fact]
    public async Task Wait_ThatIsAnsweredTooEarly_GoesOn()
    {
        int waits = 0;
        _sidecar.OnGet = _ => State(OrchestrationStatus.Running);
        _sidecar.OnWait = (_, _) => State(++waits < 3 ? OrchestrationStatus.Running : OrchestrationStatus.Failed);

        Assert.Equal(WorkflowRuntimeStatus.Failed, (await _client.WaitForWorkflowCompletionAsync("wf-1")).RuntimeStatus);
    }

    [Fact]
    public async Task Wait_ThatIsNeverAnswered_SeesTheEndAllTheSame()
    {
        int looks = 0;
        _sidecar.OnGet = _ => State(++looks < 3 ? OrchestrationStatus.Running : OrchestrationStatus.Completed);
        _sidecar.OnWait = async (_, cancellation) =>
        {
            await Task.Delay(Timeout.Infinite, cancellation);
            return new GetInstanceResponse();
        };

        Assert.True((await _client.WaitForWorkflowCompletionAsync("wf-1").WaitAsync(ScriptedSidecar.Patience)).IsWorkflowCompleted);
        Assert.Equal(1, _sidecar.Calls.Count(call => call.StartsWith("WaitForInstanceCompletion", StringComparison.Ordinal)));
    }

    [Fact]
    public async Task Wait_ThatIsCancelled_Ends()
    {
        using var cancel = new CancellationTokenSource();
        _sidecar.OnGet = _ => State(OrchestrationStatus.Running);
        _sidecar.OnWait = async (_, cancellation) =>
        {
            await cancel.CancelAsync();
            await Task.Delay(Timeout.Infinite, cancellation);
            return new GetInstanceResponse();
        };

        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => _client.WaitForWorkflowCompletionAsync("wf-1", cancellation: cancel.Token).WaitAsync(ScriptedSidecar.Patience));
    }

    [Fact]
    public async Task WaitForStart_OfAPendingInstance_EndsWhenItRuns()
    {
        _sidecar.OnGet = _ => State(OrchestrationStatus.Pending);
        _sidecar.OnWait = (_, _) => State(OrchestrationStatus.Running);

        Assert.True((await _client.WaitForWorkflowStartAsync("wf-1")).IsWorkflowRunning);
    }

    [Fact]
    public async Task State_BeforeTheFirstTurn_HasNoNameAndNoTimes()
    {
        var never = Timestamp.FromDateTimeOffset(DateTimeOffset.MinValue);
        _sidecar.OnGet = _ => Task.FromResult(new GetInstanceResponse
        {
            Exists = true,
            WorkflowState = new Wire { InstanceId = "wf-1", WorkflowStatus = OrchestrationStatus.Pending, CreatedTimestamp = never, LastUpdatedTimestamp = never },
        });

        WorkflowState state = (await _client.GetWorkflowStateAsync("wf-1"));

        Assert.Equal((WorkflowRuntimeStatus.Pending, (string?)null, default(DateTimeOffset)), (state.RuntimeStatus, state.WorkflowName, state.CreatedAt));
        Assert.Null(state.ReadOutputAs<string>());
    }

    [Fact]
    public async Task State_OfAStalledOrUnknownStatus_IsNamed()
    {
        _sidecar.OnGet = _ => State(OrchestrationStatus.Stalled);
        Assert.Equal(WorkflowRuntimeStatus.Stalled, (await _client.GetWorkflowStateAsync("wf-1")).RuntimeStatus);
        _sidecar.OnGet = _ => State((OrchestrationStatus)77);
        Assert.Equal(WorkflowRuntimeStatus.Unknown, (await _client.GetWorkflowStateAsync("wf-1")).RuntimeStatus);
        _sidecar.OnGet = _ => Task.FromResult(new GetInstanceResponse());
        Assert.False((await _client.GetWorkflowStateAsync("wf-1")).Exists);
    }

    [Fact]
    public async Task RaiseEvent_ThatBreaksOff_IsNotRepeated()
    {
        _sidecar.OnOther = () => throw ScriptedSidecar.Error(StatusCode.Unavailable, "gone");

        await Assert.ThrowsAsync<RpcException>(() => _client.RaiseEventAsync("wf-1", "go", 7));

        Assert.Equal(["RaiseEvent wf-1 go 7"], _sidecar.Calls);
    }

    [Fact]
    public async Task Calls_OnAnUnknownInstance_SaySo()
    {
        _sidecar.OnOther = () => throw ScriptedSidecar.Error(StatusCode.Unknown, "failed to submit termination request: no such instance exists");

        await Assert.ThrowsAsync<WorkflowInstanceNotFoundException>(() => _client.RaiseEventAsync("nobody", "go"));
        await Assert.ThrowsAsync<WorkflowInstanceNotFoundException>(() => _client.TerminateWorkflowAsync("nobody"));
        await Assert.ThrowsAsync<WorkflowInstanceNotFoundException>(() => _client.SuspendWorkflowAsync("nobody"));
        await Assert.ThrowsAsync<WorkflowInstanceNotFoundException>(() => _client.ResumeWorkflowAsync("nobody"));
        Assert.False(await _client.PurgeInstanceAsync("nobody"));
    }

    [Fact]
    public async Task RaiseEvent_ToAStalledInstance_ShowsTheRefusal()
    {
        _sidecar.OnOther = () => throw ScriptedSidecar.Error(StatusCode.Unknown, "cannot raise event: workflow is stalled");

        var e = await Assert.ThrowsAsync<RpcException>(() => _client.RaiseEventAsync("wf-1", "go"));

        Assert.Contains("stalled", e.Status.Detail, StringComparison.Ordinal);
        Assert.Single(_sidecar.Calls);
    }

    [Fact]
    public async Task Terminate_ThatIsNotAnsweredInTime_LooksWhetherItWorked()
    {
        _sidecar.OnOther = () => throw ScriptedSidecar.Error(StatusCode.DeadlineExceeded, "");
        _sidecar.OnGet = _ => State(OrchestrationStatus.Terminated);

        await _client.TerminateWorkflowAsync("wf-1");

        Assert.Equal(["TerminateInstance wf-1  True", "GetInstance wf-1"], _sidecar.Calls);
    }

    [Fact]
    public async Task Resume_WhoseActorIsClosed_LooksWhetherItWorked()
    {
        _sidecar.OnOther = () => throw ScriptedSidecar.Error(StatusCode.Unknown, ActorIsClosed);
        _sidecar.OnGet = _ => State(OrchestrationStatus.Running);

        await _client.ResumeWorkflowAsync("wf-1", "go on");

        Assert.Equal(["ResumeInstance wf-1 go on", "GetInstance wf-1"], _sidecar.Calls);
    }

    [Fact]
    public async Task Suspend_WhoseActorIsClosed_LooksWhetherItWorked()
    {
        int calls = 0;
        _sidecar.OnOther = () =>
        {
            calls++;
            throw ScriptedSidecar.Error(StatusCode.Unknown, ActorIsClosed);
        };
        _sidecar.OnGet = _ => State(calls < 2 ? OrchestrationStatus.Running : OrchestrationStatus.Suspended);

        await _client.SuspendWorkflowAsync("wf-1", "because");

        Assert.Equal(["SuspendInstance wf-1 because", "GetInstance wf-1", "SuspendInstance wf-1 because", "GetInstance wf-1"], _sidecar.Calls);
    }

    [Fact]
    public async Task Terminate_AndPurge_IncludeChildren()
    {
        await _client.TerminateWorkflowAsync("wf-1", "enough");
        Assert.True(await _client.PurgeInstanceAsync("wf-1"));
        _sidecar.PurgeAnswer = new PurgeInstancesResponse();
        Assert.False(await _client.PurgeInstanceAsync("wf-1"));

        Assert.Equal(["TerminateInstance wf-1 \"enough\" True", "PurgeInstances wf-1 True", "PurgeInstances wf-1 True"], _sidecar.Calls);
    }

    [Fact]
    public async Task Purge_OfARunningInstance_IsNotDone()
    {
        _sidecar.OnOther = () => throw ScriptedSidecar.Error(StatusCode.Unknown, "failed to purge workflow state: orchestration has not yet completed");

        Assert.False(await _client.PurgeInstanceAsync("wf-1"));
    }

    [Fact]
    public async Task List_OfInstances_GoesPageByPage()
    {
        _sidecar.OnList = request => request.HasContinuationToken
            ? new ListInstanceIDsResponse { InstanceIds = { "c" } }
            : new ListInstanceIDsResponse { InstanceIds = { "a", "b" }, ContinuationToken = $"after {request.PageSize}" };

        WorkflowInstancePage first = await _client.ListInstanceIdsAsync(pageSize: 2);
        WorkflowInstancePage second = await _client.ListInstanceIdsAsync(first.ContinuationToken, 2);

        Assert.Equal(["a", "b"], first.InstanceIds);
        Assert.Equal("after 2", first.ContinuationToken);
        Assert.Equal(["c"], second.InstanceIds);
        Assert.Null(second.ContinuationToken);
        await Assert.ThrowsAsync<ArgumentOutOfRangeException>(() => _client.ListInstanceIdsAsync(pageSize: 0));
    }

    [Fact]
    public async Task List_OfAnOldSidecar_IsNotSupported()
    {
        _sidecar.OnList = _ => throw ScriptedSidecar.Error(StatusCode.Unknown, "cannot proxy request: missing dapr-callee-app-id or dapr-app-id metadata");

        await Assert.ThrowsAsync<NotSupportedException>(() => _client.ListInstanceIdsAsync());
    }

    [Fact]
    public async Task History_OfAnInstance_IsGivenInShortAndInFull()
    {
        _sidecar.OnHistory = () => new GetInstanceHistoryResponse { Events = { Turns.Begin("x"), Turns.Scheduled(0, "A") } };

        Assert.Equal(
            [WorkflowHistoryEventType.OrchestratorStarted, WorkflowHistoryEventType.ExecutionStarted, WorkflowHistoryEventType.TaskScheduled],
            (await _client.GetInstanceHistoryAsync("wf-1")).Select(e => e.EventType));
        Assert.Contains("\"taskScheduled\"", await _client.GetInstanceHistoryJsonAsync("wf-1"), StringComparison.Ordinal);

        _sidecar.OnHistory = () => throw ScriptedSidecar.Error(StatusCode.NotFound, "");
        await Assert.ThrowsAsync<WorkflowInstanceNotFoundException>(() => _client.GetInstanceHistoryAsync("wf-1"));
    }

    [Fact]
    public async Task Rerun_WithAnotherInput_SaysSoToTheSidecar()
    {
        string id = await _client.RerunWorkflowFromEventAsync("wf-1", 4, new RerunWorkflowFromEventOptions { NewInstanceId = "wf-2", Input = 5, OverwriteInput = true });

        Assert.Equal("wf-2", id);
        Assert.Equal(["RerunWorkflowFromEvent wf-1 4 True 5"], _sidecar.Calls);
        await Assert.ThrowsAsync<ArgumentException>(() => _client.RerunWorkflowFromEventAsync("wf-1", 4, new RerunWorkflowFromEventOptions { Input = 5 }));
    }
}
