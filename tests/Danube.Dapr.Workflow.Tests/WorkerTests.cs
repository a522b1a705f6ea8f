using System.Net;
using System.Net.Sockets;
using Danube.Dapr.TaskHub;
using Grpc.Core;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace Danube.Dapr.Workflow.Tests;

/// <summary>The worker against a sidecar that behaves well, badly, or goes away.</summary>
public sealed class WorkerTests : IAsyncLifetime
{
    private ScriptedSidecar _sidecar = null!;

    public async Task InitializeAsync() => _sidecar = await ScriptedSidecar.StartAsync();

    public async Task DisposeAsync() => await _sidecar.DisposeAsync();

    private static void Register(WorkflowRuntimeOptions options)
    {
        options.RegisterWorkflow<string?, string>("Test", (c, input) => c.CallActivityAsync<string>("Echo", input));
        options.RegisterActivity<string, string>("Echo", (_, text) => Task.FromResult(text));
    }

    private async Task<(IHost App, ScriptedSidecar.Stream Stream)> StartAsync(
        Action<WorkflowRuntimeOptions> configure, string? token = null, ILoggerProvider? log = null)
    {
        IHost app = ScriptedSidecar.CreateApp(_sidecar.Port, configure, token, log);
        await app.StartAsync();
        return (app, await _sidecar.NextStreamAsync());
    }

    private static async Task StopAsync(IHost app)
    {
        await app.StopAsync();
        app.Dispose();
    }

    [Fact]
    public async Task Items_OfAStream_AreAnsweredWithTheirTokens()
    {
        (IHost app, ScriptedSidecar.Stream stream) = await StartAsync(Register);

        stream.SendTurn("wf-1", "token-1", Turns.Begin("hello"));
        stream.SendActivity("Echo", "token-2", taskId: 3, input: "\"hi\"");

        WorkflowResponse turn = await _sidecar.NextTurnAsync();
        Assert.Equal(("wf-1", "token-1"), (turn.InstanceId, turn.CompletionToken));
        Assert.Equal(["0 activity Echo \"hello\""], Turns.Steps(turn));
        ActivityResponse activity = await _sidecar.NextActivityAsync();
        Assert.Equal(("token-2", 3, "\"hi\""), (activity.CompletionToken, activity.TaskId, activity.Result));
        Assert.Equal(new GetWorkItemsRequest(), stream.Request);
        await StopAsync(app);
    }

    [Fact]
    public async Task Calls_WithAnApiToken_CarryIt()
    {
        (IHost app, ScriptedSidecar.Stream stream) = await StartAsync(Register, token: "secret");

        stream.SendActivity("Echo", "");
        await _sidecar.NextActivityAsync();

        Assert.Equal(["secret", "secret"], _sidecar.Tokens);
        await StopAsync(app);
    }

    [Fact]
    public async Task Sidecar_ThatComesLater_IsFound()
    {
        int port = FreePort();
        using IHost app = ScriptedSidecar.CreateApp(port, Register);
        await app.StartAsync();

        await using ScriptedSidecar late = await ScriptedSidecar.StartAsync(port);
        ScriptedSidecar.Stream stream = await late.NextStreamAsync();
        stream.SendActivity("Echo", "t");

        Assert.Equal("t", (await late.NextActivityAsync()).CompletionToken);
        await app.StopAsync();
    }

    [Fact]
    public async Task Stream_ThatBreaks_IsOpenedAgain()
    {
        (IHost app, ScriptedSidecar.Stream stream) = await StartAsync(Register);

        for (int i = 0; i < 3; i++)
        {
            stream.Break();
            stream = await _sidecar.NextStreamAsync();
        }
        stream.SendActivity("Echo", "after");

        Assert.Equal("after", (await _sidecar.NextActivityAsync()).CompletionToken);
        await StopAsync(app);
    }

    [Theory]
    [InlineData(StatusCode.Unavailable, "unable to establish work item stream")]
    [InlineData(StatusCode.Cancelled, "context canceled")]
    [InlineData(StatusCode.Unknown, "shutting down")]
    [InlineData(StatusCode.Internal, "stream terminated by RST_STREAM")]
    [InlineData(StatusCode.OK, "")]
    public async Task Stream_ThatTheSidecarEnds_IsOpenedAgain(StatusCode code, string detail)
    {
        (IHost app, ScriptedSidecar.Stream stream) = await StartAsync(Register);

        if (code == StatusCode.OK)
            stream.End();
        else
            stream.Break(code, detail);
        stream = await _sidecar.NextStreamAsync();
        stream.SendActivity("Echo", "after");

        Assert.Equal("after", (await _sidecar.NextActivityAsync()).CompletionToken);
        await StopAsync(app);
    }

    [Fact]
    public async Task Stream_WhileEverySlotIsTaken_IsReadOn()
    {
        // More than the connection holds in between; a daprd cuts a worker off that lets one item lie for ten seconds.
        const int Items = 80;
        string input = $"\"{new string('x', 256 * 1024)}\"";
        var goOn = new TaskCompletionSource();
        (IHost app, ScriptedSidecar.Stream stream) = await StartAsync(options =>
        {
            options.MaxConcurrentActivities = 1;
            options.RegisterActivity<string, int>("Slow", async (_, text) =>
            {
                await goOn.Task;
                return text.Length;
            });
        });

        for (int i = 0; i < Items; i++)
            stream.SendActivity("Slow", "", taskId: i, input: input);

        Assert.True(SpinWait.SpinUntil(() => stream.Written == Items, ScriptedSidecar.Patience), $"{stream.Written} of {Items} items were read");
        goOn.SetResult();
        for (int i = 0; i < Items; i++)
            Assert.Equal("262144", (await _sidecar.NextActivityAsync()).Result);
        await StopAsync(app);
    }

    [Fact]
    public async Task Turn_OfMoreThanFourMebibytes_IsRead()
    {
        (IHost app, ScriptedSidecar.Stream stream) = await StartAsync(options => options.RegisterWorkflow<string, int>("Test", (_, input) => Task.FromResult(input.Length)));

        stream.SendTurn("wf-1", "", Turns.Begin(new string('x', 5_000_000)));

        Assert.Equal("Completed 5000000", Turns.End(await _sidecar.NextTurnAsync()));
        await StopAsync(app);
    }

    [Fact]
    public async Task Answers_ThatNobodyWaitsForAnyMore_AreDropped()
    {
        _sidecar.OnActivityAnswer = answer => answer.CompletionToken == "stale" ? throw ScriptedSidecar.Error(StatusCode.Unknown, "no pending task with ID 7") : Task.CompletedTask;
        _sidecar.OnOldTurnAnswer = answer => answer.CompletionToken == "stale" ? throw ScriptedSidecar.Error(StatusCode.Unknown, "no such instance exists") : Task.CompletedTask;
        (IHost app, ScriptedSidecar.Stream stream) = await StartAsync(options =>
        {
            Register(options);
            options.MaxConcurrentActivities = options.MaxConcurrentWorkflows = 1;
        });

        stream.SendActivity("Echo", "stale");
        Assert.True(SpinWait.SpinUntil(() => _sidecar.Calls.Contains("CompleteActivityTask wf-1"), ScriptedSidecar.Patience));
        stream.SendActivity("Echo", "next");
        Assert.Equal("next", (await _sidecar.NextActivityAsync()).CompletionToken);
        stream.SendTurn("gone", "stale", Turns.Begin());
        Assert.True(SpinWait.SpinUntil(() => _sidecar.Calls.Contains("CompleteOrchestratorTask gone"), ScriptedSidecar.Patience));
        stream.SendTurn("wf-2", "next", Turns.Begin());
        Assert.Equal("wf-2", (await _sidecar.NextTurnAsync()).InstanceId);

        Assert.Single(_sidecar.Calls, "CompleteOrchestratorTask gone");
        Assert.Equal(2, _sidecar.Calls.Count(call => call == "CompleteActivityTask wf-1"));
        await StopAsync(app);
    }

    [Fact]
    public async Task Turn_OfABrokenStream_IsNotAnswered()
    {
        using var inTurn = new SemaphoreSlim(0);
        using var goOn = new ManualResetEventSlim();
        (IHost app, ScriptedSidecar.Stream stream) = await StartAsync(options => options.RegisterWorkflow<string, string>("Test", (_, input) =>
        {
            if (input == "old")
            {
                inTurn.Release();
                goOn.Wait(ScriptedSidecar.Patience);
            }
            return Task.FromResult(input);
        }));

        stream.SendTurn("wf-1", "", Turns.Begin("old"));
        Assert.True(await inTurn.WaitAsync(ScriptedSidecar.Patience));
        stream.Break();
        stream = await _sidecar.NextStreamAsync();
        stream.SendTurn("wf-1", "", Turns.Begin("new"));
        Assert.Equal("Completed \"new\"", Turns.End(await _sidecar.NextTurnAsync()));
        goOn.Set();

        stream.SendActivity("None", "fence");
        await _sidecar.NextActivityAsync();
        await StopAsync(app);
        Assert.True(_sidecar.HasNoFurtherAnswer);
    }

    [Fact]
    public async Task Turn_ThatIsHandedOutAgain_IsAnsweredOnceFromTheLaterItem()
    {
        using var inTurn = new SemaphoreSlim(0);
        using var goOn = new ManualResetEventSlim();
        (IHost app, ScriptedSidecar.Stream stream) = await StartAsync(options => options.RegisterWorkflow<string, string>("Test", (_, input) =>
        {
            if (input == "first")
            {
                inTurn.Release();
                goOn.Wait(ScriptedSidecar.Patience);
            }
            return Task.FromResult(input);
        }));

        stream.SendTurn("wf-1", "1", Turns.Begin("first"));
        Assert.True(await inTurn.WaitAsync(ScriptedSidecar.Patience));
        stream.SendTurn("wf-1", "2", Turns.Begin("second"));
        WorkflowResponse answer = await _sidecar.NextTurnAsync();
        goOn.Set();
        await StopAsync(app);

        Assert.Equal(("2", "Completed \"second\""), (answer.CompletionToken, Turns.End(answer)));
        Assert.True(_sidecar.HasNoFurtherAnswer);
    }

    [Fact]
    public async Task Activity_ThatIsHandedOutAgainWhileItRuns_RunsOnceAndAnswersBoth()
    {
        int runs = 0;
        using var begun = new SemaphoreSlim(0);
        var goOn = new TaskCompletionSource();
        var lines = new List<string>();
        Action<WorkflowRuntimeOptions> register = options => options.RegisterActivity<string?, int>("Slow", async (_, _) =>
        {
            begun.Release();
            await goOn.Task;
            return Interlocked.Increment(ref runs);
        });
        using var log = new ListLoggerProvider("Danube.Dapr.Workflow.Worker.WorkItemRunner", lines);
        (IHost app, ScriptedSidecar.Stream stream) = await StartAsync(register, log: log);

        stream.SendActivity("Slow", "first", key: "attempt-1");
        Assert.True(await begun.WaitAsync(ScriptedSidecar.Patience));
        stream.Break();
        stream = await _sidecar.NextStreamAsync();
        stream.SendActivity("Slow", "second", key: "attempt-1");
        stream.SendActivity("Slow", "other", key: "attempt-2");
        Assert.True(await begun.WaitAsync(ScriptedSidecar.Patience));
        Assert.True(SpinWait.SpinUntil(() => HasLine(lines, "it is not run twice"), ScriptedSidecar.Patience));
        goOn.SetResult();

        ActivityResponse[] answers = [await _sidecar.NextActivityAsync(), await _sidecar.NextActivityAsync(), await _sidecar.NextActivityAsync()];
        Assert.Equal(["first", "other", "second"], answers.Select(answer => answer.CompletionToken).Order());
        Assert.Equal(2, runs);
        await StopAsync(app);
    }

    [Fact]
    public async Task Activities_BeyondTheBound_Wait()
    {
        int running = 0, most = 0;
        using var begun = new SemaphoreSlim(0);
        using var goOn = new SemaphoreSlim(0);
        (IHost app, ScriptedSidecar.Stream stream) = await StartAsync(options =>
        {
            options.MaxConcurrentActivities = 2;
            options.RegisterActivity<string?, int>("Slow", async (_, _) =>
            {
                InterlockedMax(ref most, Interlocked.Increment(ref running));
                begun.Release();
                await goOn.WaitAsync(ScriptedSidecar.Patience);
                return Interlocked.Decrement(ref running);
            });
        });

        for (int i = 0; i < 6; i++)
            stream.SendActivity("Slow", "", taskId: i);
        for (int i = 0; i < 6; i++)
        {
            Assert.True(await begun.WaitAsync(ScriptedSidecar.Patience));
            if (i >= 1)
                goOn.Release();
        }
        goOn.Release();
        for (int i = 0; i < 6; i++)
            await _sidecar.NextActivityAsync();

        Assert.Equal(2, most);
        await StopAsync(app);
    }

    [Fact]
    public async Task Stop_WithWorkInHand_AnswersItAndBeginsNoMore()
    {
        using var begun = new SemaphoreSlim(0);
        var goOn = new TaskCompletionSource();
        (IHost app, ScriptedSidecar.Stream stream) = await StartAsync(options => options.RegisterActivity<string?, string>("Slow", async (_, _) =>
        {
            begun.Release();
            await goOn.Task;
            return "done";
        }));
        stream.SendActivity("Slow", "begun");
        Assert.True(await begun.WaitAsync(ScriptedSidecar.Patience));

        Task stopping = app.StopAsync();
        stream.SendActivity("Slow", "too late", taskId: 1);
        Assert.False(stopping.IsCompleted);
        goOn.SetResult();
        await stopping.WaitAsync(ScriptedSidecar.Patience);

        Assert.Equal(("begun", "\"done\""), ((await _sidecar.NextActivityAsync()) is var answer ? answer.CompletionToken : "", answer.Result));
        Assert.True(_sidecar.HasNoFurtherAnswer);
        app.Dispose();
    }

    [Fact]
    public async Task Stop_WithWorkThatDoesNotEnd_GivesUpAfterTheDrainTimeout()
    {
        using var begun = new SemaphoreSlim(0);
        var never = new TaskCompletionSource<string>();
        (IHost app, ScriptedSidecar.Stream stream) = await StartAsync(options =>
        {
            options.DrainTimeout = TimeSpan.FromMilliseconds(50);
            options.RegisterActivity<string?, string>("Stuck", (_, _) =>
            {
                begun.Release();
                return never.Task;
            });
        });
        stream.SendActivity("Stuck", "");
        Assert.True(await begun.WaitAsync(ScriptedSidecar.Patience));

        await app.StopAsync().WaitAsync(ScriptedSidecar.Patience);

        Assert.True(_sidecar.HasNoFurtherAnswer);
        app.Dispose();
    }

    [Theory]
    [InlineData(StatusCode.Unimplemented, "")]
    [InlineData(StatusCode.Unknown, "failed to proxy request: required metadata dapr-callee-app-id or dapr-app-id not found")]
    public async Task TurnAnswer_ToASidecarWithoutTheOldName_IsSentByTheNewOne(StatusCode code, string detail)
    {
        _sidecar.OnOldTurnAnswer = _ => throw ScriptedSidecar.Error(code, detail);
        (IHost app, ScriptedSidecar.Stream stream) = await StartAsync(Register);

        stream.SendTurn("wf-1", "1", Turns.Begin());
        await _sidecar.NextTurnAsync();
        stream.SendTurn("wf-2", "2", Turns.Begin());
        await _sidecar.NextTurnAsync();

        Assert.Equal(["GetWorkItems", "CompleteOrchestratorTask wf-1", "CompleteWorkflowTask wf-1", "CompleteWorkflowTask wf-2"], _sidecar.Calls);
        await StopAsync(app);
    }

    [Fact]
    public async Task TurnAnswer_ThatBreaksOff_IsSentAgain()
    {
        int calls = 0;
        _sidecar.OnOldTurnAnswer = _ => ++calls < 3 ? throw ScriptedSidecar.Error(StatusCode.Unavailable, "try again") : Task.CompletedTask;
        (IHost app, ScriptedSidecar.Stream stream) = await StartAsync(Register);

        stream.SendTurn("wf-1", "1", Turns.Begin());

        Assert.Equal("1", (await _sidecar.NextTurnAsync()).CompletionToken);
        Assert.Equal(3, calls);
        await StopAsync(app);
    }

    [Fact]
    public async Task TurnAnswer_ThatTheSidecarFindsTooLarge_FailsTheInstance()
    {
        _sidecar.OnOldTurnAnswer = answer => answer.Actions[0].CompleteWorkflow is null
            ? throw ScriptedSidecar.Error(StatusCode.ResourceExhausted, "grpc: received message larger than max (9 vs. 8)")
            : Task.CompletedTask;
        (IHost app, ScriptedSidecar.Stream stream) = await StartAsync(Register);

        stream.SendTurn("wf-1", "1", Turns.Begin());

        WorkflowResponse answer = await _sidecar.NextTurnAsync();
        Assert.Equal("1", answer.CompletionToken);
        Assert.Contains("larger than max (9 vs. 8)", Turns.End(answer), StringComparison.Ordinal);
        await StopAsync(app);
    }

    [Fact]
    public async Task ActivityResult_ThatTheSidecarFindsTooLarge_FailsTheActivityForGood()
    {
        _sidecar.OnActivityAnswer = answer => answer.FailureDetails is null ? throw ScriptedSidecar.Error(StatusCode.ResourceExhausted, "too large") : Task.CompletedTask;
        (IHost app, ScriptedSidecar.Stream stream) = await StartAsync(Register);

        stream.SendActivity("Echo", "1", taskId: 4, input: "\"x\"");

        ActivityResponse answer = await _sidecar.NextActivityAsync();
        Assert.Equal((4, true), (answer.TaskId, answer.FailureDetails.IsNonRetriable));
        await StopAsync(app);
    }

    [Fact]
    public async Task Turn_WithStreamedHistory_FetchesTheHistory()
    {
        _sidecar.OnHistory = () => new GetInstanceHistoryResponse { Events = { Turns.Begin("x"), Turns.Scheduled(0, "Echo") } };
        (IHost app, ScriptedSidecar.Stream stream) = await StartAsync(Register);

        stream.Send(new WorkItem
        {
            WorkflowRequest = new WorkflowRequest
            {
                InstanceId = "wf-1",
                RequiresHistoryStreaming = true,
                NewEvents = { Turns.TurnStarted(1), Turns.Completed(0, "x") },
            },
        });

        Assert.Equal("Completed \"x\"", Turns.End(await _sidecar.NextTurnAsync()));
        await StopAsync(app);
    }

    [Fact]
    public async Task Item_OfAnUnknownKind_IsPassedOver()
    {
        (IHost app, ScriptedSidecar.Stream stream) = await StartAsync(Register);

        stream.Send(new WorkItem { CompletionToken = "health ping" });
        stream.SendActivity("Echo", "next");

        Assert.Equal("next", (await _sidecar.NextActivityAsync()).CompletionToken);
        await StopAsync(app);
    }

    [Fact]
    public async Task Activity_ThatFails_ReportsWhy()
    {
        (IHost app, ScriptedSidecar.Stream stream) = await StartAsync(options =>
        {
            Register(options);
            options.RegisterActivity<string?, string>("Throws", (_, _) => throw new TimeoutException("slow", new IOException("disk")));
            options.RegisterActivity<string?, string>("Large", (_, _) => Task.FromResult(new string('x', 5000)));
            options.MaxPayloadBytes = 4096;
        });

        stream.SendActivity("Throws", "");
        TaskFailureDetails thrown = (await _sidecar.NextActivityAsync()).FailureDetails;
        stream.SendActivity("Nobody", "");
        TaskFailureDetails unknown = (await _sidecar.NextActivityAsync()).FailureDetails;
        stream.SendActivity("Echo", "", input: "{");
        TaskFailureDetails unreadable = (await _sidecar.NextActivityAsync()).FailureDetails;
        stream.SendActivity("Large", "");
        TaskFailureDetails large = (await _sidecar.NextActivityAsync()).FailureDetails;

        Assert.Equal(("System.TimeoutException", "slow", "disk"), (thrown.ErrorType, thrown.ErrorMessage, thrown.InnerFailure.ErrorMessage));
        Assert.Contains(nameof(WorkerTests), thrown.StackTrace, StringComparison.Ordinal);
        Assert.Equal("ActivityNotFound", unknown.ErrorType);
        Assert.Contains("registered are: Echo, Large, Throws", unknown.ErrorMessage, StringComparison.Ordinal);
        Assert.Contains("input of activity 'Echo' cannot be read", unreadable.ErrorMessage, StringComparison.Ordinal);
        Assert.Contains("result of activity 'Large' has 5002 bytes of JSON; at most 4096", large.ErrorMessage, StringComparison.Ordinal);
        await StopAsync(app);
    }

    private static bool HasLine(List<string> lines, string text)
    {
        lock (lines)
            return lines.Any(line => line.Contains(text, StringComparison.Ordinal));
    }

    private static void InterlockedMax(ref int target, int value)
    {
        for (int seen = target; value > seen; seen = target)
            Interlocked.CompareExchange(ref target, value, seen);
    }

    private static int FreePort()
    {
        using var socket = new TcpListener(IPAddress.Loopback, 0);
        socket.Start();
        return ((IPEndPoint)socket.LocalEndpoint).Port;
    }
}
