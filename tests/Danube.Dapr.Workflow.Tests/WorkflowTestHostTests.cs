using Danube.Dapr.Workflow.Client;
using Danube.Dapr.Workflow.Testing;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;

namespace Danube.Dapr.Workflow.Tests;

/// <summary>What workflows can do, run in memory under a virtual clock.</summary>
public sealed class WorkflowTestHostTests
{
    private static WorkflowTestHost Host<TIn, TOut>(Func<WorkflowContext, TIn, Task<TOut>> workflow, Action<WorkflowRuntimeOptions>? more = null) => new(options =>
    {
        options.RegisterWorkflow("Test", workflow);
        options.RegisterActivity<int, int>("Square", (_, n) => Task.FromResult(n * n));
        more?.Invoke(options);
    });

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task FanOut_OfActivities_FansIn(bool loseTurns)
    {
        await using WorkflowTestHost host = Host<int, int>(async (c, n) => (await Task.WhenAll(Enumerable.Range(1, n).Select(i => c.CallActivityAsync<int>("Square", i)))).Sum());
        host.LoseEveryTurnOnce = loseTurns;

        WorkflowState state = await host.RunAsync("Test", 4);

        Assert.Equal(WorkflowRuntimeStatus.Completed, state.RuntimeStatus);
        Assert.Equal(30, state.ReadOutputAs<int>());
        Assert.Equal(4, state.ReadInputAs<int>());
        Assert.Equal(4, host.ActivityCalls.Count);
    }

    [Fact]
    public async Task Timer_OfADay_TakesADayOfVirtualTime()
    {
        await using WorkflowTestHost host = Host<object?, double>(async (c, _) =>
        {
            DateTime start = c.CurrentUtcDateTime;
            await c.CreateTimer(TimeSpan.FromDays(1));
            return (c.CurrentUtcDateTime - start).TotalHours;
        });
        string id = await host.StartAsync("Test");

        await host.AdvanceAsync(TimeSpan.FromHours(23));
        Assert.True(host.GetState(id).IsWorkflowRunning);
        await host.AdvanceAsync(TimeSpan.FromHours(1));

        Assert.Equal(24, host.GetState(id).ReadOutputAs<double>());
    }

    [Fact]
    public async Task Retry_UntilItWorks_WaitsLongerEachTime()
    {
        int runs = 0;
        var policy = new WorkflowRetryPolicy(5, TimeSpan.FromSeconds(1), backoffCoefficient: 2, maxRetryInterval: TimeSpan.FromSeconds(3));
        await using WorkflowTestHost host = Host<object?, int>(
            (c, _) => c.CallActivityAsync<int>("Flaky", null, new WorkflowTaskOptions(policy)),
            options => options.RegisterActivity<object?, int>("Flaky", (_, _) => ++runs < 5 ? throw new TimeoutException($"run {runs}") : Task.FromResult(runs)));

        WorkflowState state = await host.RunAsync("Test");

        Assert.Equal(5, state.ReadOutputAs<int>());
        DateTime first = host.ActivityCalls[0].CalledAt;
        Assert.Equal([0, 1, 3, 6, 9], host.ActivityCalls.Select(call => (call.CalledAt - first).TotalSeconds));
    }

    [Fact]
    public async Task Retry_OfALastAttempt_FailsTheInstance()
    {
        await using WorkflowTestHost host = Host<object?, int>(
            (c, _) => c.CallActivityAsync<int>("Flaky", null, new WorkflowTaskOptions(new WorkflowRetryPolicy(3, TimeSpan.FromSeconds(1)))),
            options => options.RegisterActivity<object?, int>("Flaky", (_, _) => throw new TimeoutException("always")));

        WorkflowState state = await host.RunAsync("Test");

        Assert.Equal(WorkflowRuntimeStatus.Failed, state.RuntimeStatus);
        Assert.Equal(3, host.ActivityCalls.Count);
        Assert.True(state.FailureDetails!.InnerFailure!.IsCausedBy<TimeoutException>());
    }

    [Fact]
    public async Task Retry_BeyondItsTimeout_IsNotMade()
    {
        var policy = new WorkflowRetryPolicy(100, TimeSpan.FromSeconds(10), retryTimeout: TimeSpan.FromSeconds(35));
        await using WorkflowTestHost host = Host<object?, int>(
            (c, _) => c.CallActivityAsync<int>("Flaky", null, new WorkflowTaskOptions(policy)),
            options => options.RegisterActivity<object?, int>("Flaky", (_, _) => throw new TimeoutException("always")));

        await host.RunAsync("Test");

        Assert.Equal(4, host.ActivityCalls.Count);
    }

    [Fact]
    public async Task Retry_AfterNonRetriable_IsNotMade()
    {
        await using WorkflowTestHost host = Host<object?, int>(
            (c, _) => c.CallActivityAsync<int>("Bad", null, new WorkflowTaskOptions(new WorkflowRetryPolicy(9, TimeSpan.FromSeconds(1)))),
            options => options.RegisterActivity<object?, int>("Bad", (_, _) => throw new NonRetriableTaskException("no such topic")));

        WorkflowState state = await host.RunAsync("Test");

        Assert.Single(host.ActivityCalls);
        Assert.True(state.FailureDetails!.IsNonRetriable);
    }

    [Fact]
    public async Task Events_BeforeTheyAreWaitedFor_AreKeptInOrder()
    {
        await using WorkflowTestHost host = Host<object?, string>(async (c, _) =>
        {
            await c.CreateTimer(TimeSpan.FromMinutes(1));
            string first = await c.WaitForExternalEventAsync<string>("data");
            return first + await c.WaitForExternalEventAsync<string>("DATA");
        });
        string id = await host.StartAsync("Test");
        await host.RaiseEventAsync(id, "Data", "1");
        await host.RaiseEventAsync(id, "data", "2");

        Assert.Equal("12", (await host.RunToEndAsync(id)).ReadOutputAs<string>());
    }

    [Theory]
    [InlineData(true, "came")]
    [InlineData(false, "late")]
    public async Task EventWait_WithTimeout_EndsInOneOfTwoWays(bool raise, string expected)
    {
        await using WorkflowTestHost host = Host<object?, string>(async (c, _) =>
        {
            try
            {
                return await c.WaitForExternalEventAsync<string>("go", TimeSpan.FromSeconds(30));
            }
            catch (TaskCanceledException)
            {
                return "late";
            }
        });
        string id = await host.StartAsync("Test");
        await host.AdvanceAsync(TimeSpan.FromSeconds(29));
        if (raise)
            await host.RaiseEventAsync(id, "go", "came");
        await host.AdvanceAsync(TimeSpan.FromSeconds(1));

        Assert.Equal(expected, host.GetState(id).ReadOutputAs<string>());
    }

    [Fact]
    public async Task Child_ThatFails_IsTriedAgainUnderTheSameId()
    {
        int runs = 0;
        var ids = new List<string>();
        await using WorkflowTestHost host = Host<object?, string>(
            (c, _) => c.CallChildWorkflowAsync<string>("Child", "x", new ChildWorkflowTaskOptions("the-child", new WorkflowRetryPolicy(3, TimeSpan.FromSeconds(5)))),
            options => options.RegisterWorkflow<string, string>("Child", (c, input) =>
            {
                ids.Add(c.InstanceId);
                return ++runs < 2 ? throw new InvalidOperationException("not yet") : Task.FromResult(input + runs);
            }));

        Assert.Equal("x2", (await host.RunAsync("Test")).ReadOutputAs<string>());
        Assert.Equal(["the-child", "the-child"], ids);
    }

    [Fact]
    public async Task Terminate_OfAParent_TerminatesItsChild()
    {
        await using WorkflowTestHost host = Host<object?, string>(
            (c, _) => c.CallChildWorkflowAsync<string>("Child", null, new ChildWorkflowTaskOptions("the-child")),
            options => options.RegisterWorkflow<string?, string>("Child", (c, _) => c.WaitForExternalEventAsync<string>("never")));
        string id = await host.StartAsync("Test");

        await host.TerminateAsync(id, "enough");

        Assert.Equal(WorkflowRuntimeStatus.Terminated, host.GetState(id).RuntimeStatus);
        Assert.Equal("enough", host.GetState(id).ReadOutputAs<string>());
        Assert.Equal(WorkflowRuntimeStatus.Terminated, host.GetState("the-child").RuntimeStatus);
    }

    [Fact]
    public async Task Suspend_AndResume_HoldsTheInstance()
    {
        await using WorkflowTestHost host = Host<object?, int>(async (c, _) =>
        {
            await c.WaitForExternalEventAsync<object>("go");
            return await c.CallActivityAsync<int>("Square", 3);
        });
        string id = await host.StartAsync("Test");

        await host.SuspendAsync(id);
        await host.RaiseEventAsync(id, "go");
        Assert.Equal(WorkflowRuntimeStatus.Suspended, host.GetState(id).RuntimeStatus);
        Assert.Empty(host.ActivityCalls);
        await host.ResumeAsync(id);

        Assert.Equal(9, host.GetState(id).ReadOutputAs<int>());
    }

    [Fact]
    public async Task ContinueAsNew_InALoop_KeepsEventsAndShortHistories()
    {
        await using WorkflowTestHost host = Host<int, int>(async (c, sum) =>
        {
            int add = await c.WaitForExternalEventAsync<int>("add");
            if (add == 0)
                return sum;
            c.ContinueAsNew(sum + add);
            return 0;
        });
        string id = await host.StartAsync("Test", 0);
        await host.SuspendAsync(id);
        foreach (int add in new[] { 1, 2, 3, 0 })
            await host.RaiseEventAsync(id, "add", add);
        await host.ResumeAsync(id);

        Assert.Equal(6, host.GetState(id).ReadOutputAs<int>());
        Assert.DoesNotContain(WorkflowHistoryEventType.ExecutionSuspended, host.GetHistory(id).Select(e => e.EventType));
    }

    [Fact]
    public async Task SendEvent_ToAnotherInstance_Arrives()
    {
        await using WorkflowTestHost host = Host<string, string>(
            (c, other) =>
            {
                c.SendEvent(other, "go", "hello");
                c.SendEvent("nobody", "go", "lost");
                return Task.FromResult("sent");
            },
            options => options.RegisterWorkflow<string?, string>("Receiver", (c, _) => c.WaitForExternalEventAsync<string>("go")));
        string receiver = await host.StartAsync("Receiver");

        Assert.Equal("sent", (await host.RunAsync("Test", receiver)).ReadOutputAs<string>());
        Assert.Equal("hello", host.GetState(receiver).ReadOutputAs<string>());
    }

    [Fact]
    public async Task Guids_OfOneInstance_DifferAndStayTheSameOverReplays()
    {
        var seen = new List<(Guid First, Guid Second)>();
        await using WorkflowTestHost host = Host<object?, Guid>(async (c, _) =>
        {
            (Guid First, Guid Second) guids = (c.NewGuid(), c.NewGuid());
            seen.Add(guids);
            await c.CallActivityAsync<int>("Square", 1);
            await c.CallActivityAsync<int>("Square", 2);
            return guids.First;
        });

        await host.RunAsync("Test");
        await host.RunAsync("Test");

        Assert.Equal(6, seen.Count);
        Assert.Equal(2, seen.Distinct().Count());
        Assert.All(seen, pair => Assert.NotEqual(pair.First, pair.Second));
        Assert.All(seen, pair => Assert.Equal(5, pair.First.Version));
    }

    [Fact]
    public async Task Logger_ThatIsReplaySafe_WritesEachLineOnce()
    {
        var lines = new List<string>();
        await using var host = new WorkflowTestHost(
            options =>
            {
                options.RegisterActivity<int, int>("Square", (_, n) => Task.FromResult(n * n));
                options.RegisterWorkflow<object?, int>("Test", async (c, _) =>
                {
                    ILogger log = c.CreateReplaySafeLogger("workflow");
                    log.LogInformation("begin");
                    int square = await c.CallActivityAsync<int>("Square", 3);
                    log.LogInformation("square is {Square}", square);
                    return await c.CallActivityAsync<int>("Square", square);
                });
            },
            services => services.AddLogging(logging => logging.AddProvider(new ListLoggerProvider("workflow", lines))));

        await host.RunAsync("Test");

        Assert.Equal(["begin", "square is 9"], lines);
    }

    [Fact]
    public async Task Activities_AreMadeByDependencyInjectionInAScopeEach()
    {
        await using var host = new WorkflowTestHost(
            options =>
            {
                options.RegisterWorkflow<TwoStamps>();
                options.RegisterActivity<Stamp>();
            },
            services => services.AddScoped<Ticket>());

        string[] stamps = (await host.RunAsync(nameof(TwoStamps))).ReadOutputAs<string[]>()!;

        Assert.Equal(2, stamps.Distinct().Count());
        Assert.All(stamps, stamp => Assert.StartsWith("Stamp test-1 ", stamp, StringComparison.Ordinal));
    }

    [Fact]
    public async Task RunToEnd_OfAnInstanceThatWaitsForAnEvent_SaysSo()
    {
        await using WorkflowTestHost host = Host<object?, string>((c, _) => c.WaitForExternalEventAsync<string>("never"));

        var e = await Assert.ThrowsAsync<InvalidOperationException>(() => host.RunAsync("Test"));

        Assert.Contains("waits for an event", e.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task LostTurns_OfAWholeWorkflow_ChangeNothingButActivityRuns()
    {
        await using WorkflowTestHost host = Host<object?, string>(
            async (c, _) =>
            {
                int four = await c.CallActivityAsync<int>("Square", 2);
                await c.CreateTimer(TimeSpan.FromMinutes(1));
                string child = await c.CallChildWorkflowAsync<string>("Child", four);
                return child + await c.CallActivityAsync<int>("Square", 3);
            },
            options => options.RegisterWorkflow<int, string>("Child", async (c, n) => $"{await c.CallActivityAsync<int>("Square", n)}-"));
        host.LoseEveryTurnOnce = true;

        Assert.Equal("16-9", (await host.RunAsync("Test")).ReadOutputAs<string>());
    }

    [Fact]
    public async Task ProcessInParallel_WithABound_NeverHasMoreOpen()
    {
        await using WorkflowTestHost host = Host<int, int[]>((c, n) => c.ProcessInParallelAsync(Enumerable.Range(1, n), i => c.CallActivityAsync<int>("Square", i), 2));
        string id = await host.StartAsync("Test", 5);

        Assert.Equal([1, 4, 9, 16, 25], host.GetState(id).ReadOutputAs<int[]>()!);
        int open = 0;
        foreach (WorkflowHistoryEvent e in host.GetHistory(id))
        {
            open += e.EventType == WorkflowHistoryEventType.TaskScheduled ? 1 : e.EventType == WorkflowHistoryEventType.TaskCompleted ? -1 : 0;
            Assert.True(open <= 2);
        }
    }

    private sealed class Ticket
    {
        public Guid Id { get; } = Guid.NewGuid();
    }

    private sealed class Stamp(Ticket ticket) : WorkflowActivity<string, string>
    {
        public override Task<string> RunAsync(WorkflowActivityContext context, string input) =>
            Task.FromResult($"{context.Identifier} {context.InstanceId} {ticket.Id} {context.TaskExecutionKey}");
    }

    private sealed class TwoStamps : Workflow<object?, string[]>
    {
        public override Task<string[]> RunAsync(WorkflowContext context, object? input) =>
            Task.WhenAll(context.CallActivityAsync<string>(nameof(Stamp), "a"), context.CallActivityAsync<string>(nameof(Stamp), "b"));
    }
}
