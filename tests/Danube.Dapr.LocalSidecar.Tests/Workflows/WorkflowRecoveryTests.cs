using Danube.Dapr.LocalSidecar.State;
using Danube.Dapr.LocalSidecar.Workflows;
using Danube.Dapr.TaskHub;
using Grpc.Core;
using Microsoft.Extensions.Time.Testing;

namespace Danube.Dapr.LocalSidecar.Tests.Workflows;

public sealed class WorkflowRecoveryTests
{
    private static readonly WorkflowEngineOptions Impatient = new() { RetryDelay = TimeSpan.FromMilliseconds(20) };

    /// <summary>Every write of these workflows is the last one of a process once, with the answer lost or not; the next process ends them.</summary>
    [Theory]
    [InlineData("Sequence", "x!!!", 12)]
    [InlineData("Parent", "child: kid!", 14)]
    [InlineData("Count", "3", 8)]
    public async Task Crash_AfterAnyWrite_LosesNothing(string name, string output, int writes)
    {
        for (var lastWrite = 1; lastWrite <= writes; lastWrite++)
        {
            var store = new FaultyStore(TimeProvider.System) { DieAfter = lastWrite };
            await using (var first = await EngineHost.StartAsync(store, options: Impatient))
            {
                await first.WorkerAsync();
                _ = first.Client.StartInstanceAsync(new CreateInstanceRequest { InstanceId = "a", Name = name, Input = name == "Sequence" ? "x" : null }).ResponseAsync.ContinueWith(static t => t.Exception, TaskScheduler.Default);
                await Eventually.TrueAsync(async () => store.Writes >= lastWrite || (await first.StateAsync("a"))?.WorkflowStatus == OrchestrationStatus.Completed, "it died or ended");
            }
            store.Revive();

            await using var second = await EngineHost.StartAsync(store, options: Impatient);
            await second.WorkerAsync();
            var state = await second.CompletionAsync("a");

            Assert.Equal(OrchestrationStatus.Completed, state.WorkflowStatus);
            Assert.Equal(output, state.Output);
            var history = await second.HistoryAsync("a");
            Assert.Equal(history.Count, history.Select(static e => e.EventTypeCase switch
            {
                HistoryEvent.EventTypeOneofCase.TaskScheduled => $"scheduled {e.EventId}",
                HistoryEvent.EventTypeOneofCase.TaskCompleted => $"completed {e.TaskCompleted.TaskScheduledId}",
                HistoryEvent.EventTypeOneofCase.ChildWorkflowInstanceCreated => $"child {e.EventId}",
                HistoryEvent.EventTypeOneofCase.ChildWorkflowInstanceCompleted => $"child completed {e.ChildWorkflowInstanceCompleted.TaskScheduledId}",
                HistoryEvent.EventTypeOneofCase.WorkflowStarted => $"{e.Timestamp}",
                _ => e.EventTypeCase.ToString(),
            }).Distinct().Count());
        }
    }

    /// <summary>Every write fails once: before it was done, or after.</summary>
    [Theory]
    [InlineData("Sequence", "x!!!", 9, false)]
    [InlineData("Sequence", "x!!!", 9, true)]
    [InlineData("Parent", "child: kid!", 10, false)]
    [InlineData("Parent", "child: kid!", 10, true)]
    [InlineData("Count", "3", 5, false)]
    [InlineData("Count", "3", 5, true)]
    public async Task StoreFailure_AtAnyWrite_DelaysButLosesNothing(string name, string output, int writes, bool done)
    {
        for (var failing = 2; failing <= writes; failing++)
        {
            var store = new FaultyStore(TimeProvider.System) { Fail = { [failing] = done } };
            await using var host = await EngineHost.StartAsync(store, options: Impatient);
            await host.WorkerAsync();
            _ = host.Client.StartInstanceAsync(new CreateInstanceRequest { InstanceId = "a", Name = name, Input = name == "Sequence" ? "x" : null }).ResponseAsync.ContinueWith(static t => t.Exception, TaskScheduler.Default);

            Assert.Equal(output, (await host.CompletionAsync("a")).Output);
        }
    }

    [Fact]
    public async Task StoreFailure_AtTheReadForAnActivitysAnswer_AsksForItAgain()
    {
        var store = new FaultyStore(TimeProvider.System);
        await using var host = await EngineHost.StartAsync(store, options: new WorkflowEngineOptions { RetryDelay = TimeSpan.FromMilliseconds(20), CacheInstances = 0 });
        var answer = new TaskCompletionSource();
        var worker = await host.WorkerAsync(activities: async r =>
        {
            await answer.Task;
            return new ActivityResponse { Result = r.Input + "!" };
        });
        await host.Client.StartInstanceAsync(new CreateInstanceRequest { InstanceId = "a", Name = "Hello", Input = "x" });
        await Eventually.TrueAsync(() => worker.ActivityRequests.Any() && host.Engine.CachedInstances == 0, "the instance waits in the store alone");

        store.FailingReads = 2;
        answer.SetResult();
        await Eventually.TrueAsync(() => store.FailingReads == 0, "the store was read");

        Assert.Equal("x!", (await host.CompletionAsync("a")).Output);
        Assert.Contains("the store failed", worker.Errors.Single().Status.Detail, StringComparison.Ordinal);
    }

    /// <summary>Its end is stored while the message that starts a child is not: the next process gives it.</summary>
    [Fact]
    public async Task Crash_OfOneThatEndedBeforeItsMessagesArrived_DeliversThem()
    {
        var store = new FaultyStore(TimeProvider.System) { BeforeWrite = static o => Never(o, "kid||inbox") };
        await using (var first = await EngineHost.StartAsync(store, options: Impatient))
        {
            await first.WorkerAsync(Forgetful);
            await first.Client.StartInstanceAsync(new CreateInstanceRequest { InstanceId = "a", Name = "Forget" });
            await first.Client.RaiseEventAsync(new RaiseEventRequest { InstanceId = "a", Name = "go" });
            Assert.Equal("forgot", (await first.CompletionAsync("a")).Output);
        }
        store.Revive();

        await using var second = await EngineHost.StartAsync(store, options: Impatient);
        await second.WorkerAsync(Forgetful);

        Assert.Equal("done kid", (await second.CompletionAsync("kid")).Output);
    }

    /// <summary>What an earlier turn had to tell has arrived, the end that the parent waits for has not.</summary>
    [Fact]
    public async Task Crash_BetweenTheMessagesOfTwoTurns_DeliversTheSecondsToo()
    {
        var kid = new TaskCompletionSource();
        var (ended, tried) = (false, false);
        var store = new FaultyStore(TimeProvider.System)
        {
            BeforeWrite = async o =>
            {
                if (o.Put("kid||inbox")) await kid.Task;
                tried |= ended && o.Put("||p||inbox");
                if (ended) await Never(o, "||p||inbox");
            },
        };
        await using (var first = await EngineHost.StartAsync(store, options: Impatient))
        {
            await first.WorkerAsync(Forgetful);
            await first.Client.StartInstanceAsync(new CreateInstanceRequest { InstanceId = "p", Name = "Parent", Input = "Forget" });
            await Eventually.TrueAsync(async () => (await first.StateAsync("p-child"))?.WorkflowStatus == OrchestrationStatus.Running, "the child runs");
            ended = true;
            await first.Client.RaiseEventAsync(new RaiseEventRequest { InstanceId = "p-child", Name = "go" });
            Assert.Equal("forgot", (await first.CompletionAsync("p-child")).Output);
            kid.SetResult();
            Assert.Equal("done kid", (await first.CompletionAsync("kid")).Output);
            await Eventually.TrueAsync(() => tried, "the parent is about to be told");
        }
        store.Revive();

        await using var second = await EngineHost.StartAsync(store, options: Impatient);
        await second.WorkerAsync(Forgetful);

        Assert.Equal("child: forgot", (await second.CompletionAsync("p")).Output);
    }

    // Starts a child, does not wait for it, and ends when it is told.
    private static readonly Dictionary<string, Func<WorkflowRequest, WorkflowResponse>> Forgetful = new(Scripts.Workflows)
    {
        ["Forget"] = static r => r.Raised("go") is not null ? Scripts.Complete(1, "forgot")
            : r.PastEvents.Count == 0 ? Scripts.Answer(new WorkflowAction { CreateChildWorkflow = new CreateChildWorkflowAction { Name = "NoTasks", Input = "kid", InstanceId = "kid" } })
            : Scripts.Answer(),
    };

    // The process dies before the row is written.
    private static Task Never(IReadOnlyList<StateOperation> operations, string row) => operations.Put(row) ? Task.Delay(Timeout.Infinite) : Task.CompletedTask;

    [Fact]
    public async Task Restart_KeepsTimersAndScheduledStarts()
    {
        var time = new FakeTimeProvider();
        var store = new InMemoryStateStore(time);
        await using (var first = await EngineHost.StartAsync(store, time))
        {
            await first.WorkerAsync();
            await first.Client.StartInstanceAsync(new CreateInstanceRequest { InstanceId = "timer", Name = "Timer" });
            var at = Google.Protobuf.WellKnownTypes.Timestamp.FromDateTimeOffset(time.GetUtcNow().AddMinutes(30));
            await first.Client.StartInstanceAsync(new CreateInstanceRequest { InstanceId = "later", Name = "NoTasks", ScheduledStartTimestamp = at });
        }

        await using var second = await EngineHost.StartAsync(store, time);
        await second.WorkerAsync();
        await second.Engine.Recovered;
        Assert.Equal(OrchestrationStatus.Pending, (await second.StateAsync("later"))!.WorkflowStatus);
        time.Advance(TimeSpan.FromHours(1));

        Assert.Equal("fired", (await second.CompletionAsync("timer")).Output);
        Assert.Equal(OrchestrationStatus.Completed, (await second.CompletionAsync("later")).WorkflowStatus);
    }

    [Fact]
    public async Task Restart_ManyUnfinished_AreLoadedTogether()
    {
        var time = new FakeTimeProvider();
        var store = new CrowdStore(16);
        await using (var first = await EngineHost.StartAsync(store, time))
        {
            await first.WorkerAsync();
            for (var i = 0; i < 20; i++) await first.Client.StartInstanceAsync(new CreateInstanceRequest { InstanceId = $"{i}", Name = "Timer" });
        }
        time.Advance(TimeSpan.FromDays(1));

        store.IsSlow = true;
        await using var second = await EngineHost.StartAsync(store, time);
        await second.Engine.Recovered.WaitAsync(TimeSpan.FromSeconds(30));
        await second.WorkerAsync();
        time.Advance(TimeSpan.FromMilliseconds(1));

        for (var i = 0; i < 20; i++) Assert.Equal("fired", (await second.CompletionAsync($"{i}")).Output);
    }

    /// <summary>A store that answers when so many ask together.</summary>
    private sealed class CrowdStore(int crowd) : IStateStore
    {
        private readonly InMemoryStateStore _inner = new(TimeProvider.System);
        private readonly TaskCompletionSource _together = new(TaskCreationOptions.RunContinuationsAsynchronously);
        private int _asking;

        public bool IsSlow { get; set; }

        public async Task<StateEntry?> GetAsync(string key, CancellationToken cancellationToken)
        {
            if (IsSlow && !_together.Task.IsCompleted)
            {
                if (Interlocked.Increment(ref _asking) == crowd) _together.TrySetResult();
                await _together.Task.WaitAsync(cancellationToken);
            }
            return await _inner.GetAsync(key, cancellationToken);
        }

        public Task<IReadOnlyList<StateEntry>> ListAsync(string prefix, CancellationToken cancellationToken) => _inner.ListAsync(prefix, cancellationToken);

        public Task ApplyAsync(IReadOnlyList<StateOperation> operations, CancellationToken cancellationToken) => _inner.ApplyAsync(operations, cancellationToken);

        public ValueTask DisposeAsync() => ValueTask.CompletedTask;
    }

    [Fact]
    public async Task Restart_AfterATimerWasDue_FiresItAtOnce()
    {
        var time = new FakeTimeProvider();
        var store = new InMemoryStateStore(time);
        await using (var first = await EngineHost.StartAsync(store, time))
        {
            await first.WorkerAsync();
            await first.Client.StartInstanceAsync(new CreateInstanceRequest { InstanceId = "a", Name = "Timer" });
        }
        time.Advance(TimeSpan.FromDays(1));

        await using var second = await EngineHost.StartAsync(store, time);
        await second.WorkerAsync();
        await second.Engine.Recovered;
        time.Advance(TimeSpan.FromMilliseconds(1));

        Assert.Equal("fired", (await second.CompletionAsync("a")).Output);
    }

    [Fact]
    public async Task LostStream_GivesItsWorkToAnotherAtOnce()
    {
        await using var host = await EngineHost.StartAsync();
        var never = new TaskCompletionSource<ActivityResponse>();
        var first = await host.WorkerAsync(activities: _ => never.Task);
        var run = host.RunAsync("Hello", "a", "x");
        await Eventually.TrueAsync(() => first.ActivityRequests.Any(), "the first worker has the activity");
        var second = await host.WorkerAsync();

        await host.LeaveAsync(first);

        Assert.Equal("x!", (await run).Output);
        Assert.Single(second.ActivityRequests);
        Assert.Equal("task-0", second.ActivityRequests.Single().TaskExecutionId);
    }

    [Fact]
    public async Task LateAnswer_OfALostWorker_IsTakenForItsOwnTurnOnly()
    {
        await using var host = await EngineHost.StartAsync();
        using var slow = new SemaphoreSlim(0);
        var first = await host.WorkerAsync(new Dictionary<string, Func<WorkflowRequest, WorkflowResponse>>
        {
            ["Hello"] = r =>
            {
                slow.Wait();
                return Scripts.Workflows["Hello"](r);
            },
        });
        var start = host.Client.StartInstanceAsync(new CreateInstanceRequest { InstanceId = "a", Name = "Hello", Input = "x" }).ResponseAsync;
        await Eventually.TrueAsync(() => first.Turns.Any(), "the first worker has the turn");
        var hold = new TaskCompletionSource();
        await host.LeaveAsync(first);
        var second = await host.WorkerAsync(activities: async r =>
        {
            await hold.Task;
            return new ActivityResponse { Result = r.Input + "!" };
        });
        await start;

        // The first worker's answer comes when the turn it is for is over: an answer without token, while the next sending has one.
        await host.Client.CompleteOrchestratorTaskAsync(new WorkflowResponse { InstanceId = "a", Actions = { Scripts.Schedule((0, "Greet", "x")).Actions } });
        hold.SetResult();

        Assert.Equal("x!", (await host.CompletionAsync("a")).Output);
        Assert.Single(await host.HistoryAsync("a"), static e => e.TaskScheduled is not null);
        Assert.All(second.Items.Where(static i => i.WorkflowRequest is not null && i.WorkflowRequest.PastEvents.Count == 0), static i => Assert.NotEqual("", i.CompletionToken));
        slow.Release();
    }

    [Fact]
    public async Task Answer_ThatNobodyWaitsFor_IsUnknown()
    {
        await using var host = await EngineHost.StartAsync();
        await host.WorkerAsync();
        await host.RunAsync("NoTasks", "a");

        var e = await Assert.ThrowsAsync<RpcException>(async () => await host.Client.CompleteWorkflowTaskAsync(new WorkflowResponse { InstanceId = "a" }));

        Assert.Equal(StatusCode.Unknown, e.StatusCode);
        Assert.Equal(OrchestrationStatus.Completed, (await host.StateAsync("a"))!.WorkflowStatus);
    }

    [Fact]
    public async Task DuplicateDeliveries_ChangeNoResult()
    {
        await using var host = await EngineHost.StartAsync(options: new WorkflowEngineOptions { DuplicateDeliveries = true });
        var workers = new[] { await host.WorkerAsync(), await host.WorkerAsync() };

        var states = await Task.WhenAll(Enumerable.Range(0, 20).Select(i => host.RunAsync("Sequence", $"a{i}", "x")));

        Assert.All(states, static s => Assert.Equal("x!!!", s.Output));
        Assert.Equal("100", (await host.RunAsync("FanOut", "f")).Output);
        Assert.Equal(7, (await host.HistoryAsync("a0")).Count(static e => e.TaskScheduled is not null || e.TaskCompleted is not null || e.ExecutionCompleted is not null));
        // Every one of the 3 activities of 20 instances and of the 100 of the fan-out came twice.
        await Eventually.TrueAsync(() => workers.Sum(static w => w.ActivityRequests.Count()) == 2 * (60 + 100), "every activity came twice");
    }

    [Fact]
    public async Task SeveralWorkers_ShareTheInstances()
    {
        await using var host = await EngineHost.StartAsync();
        var workers = new[] { await host.WorkerAsync(), await host.WorkerAsync() };
        Assert.Equal(2, host.Engine.ConnectedWorkers);

        await Task.WhenAll(Enumerable.Range(0, 50).Select(i => host.RunAsync("Sequence", $"a{i}", "x")));

        Assert.All(workers, static w => Assert.InRange(w.Turns.Count(), 20, 180));
    }

    [Fact]
    public async Task Turns_OfOneInstance_NeverOverlap()
    {
        await using var host = await EngineHost.StartAsync();
        var inTurn = 0;
        var overlapped = false;
        var scripts = new Dictionary<string, Func<WorkflowRequest, WorkflowResponse>>
        {
            ["Events"] = r =>
            {
                overlapped |= Interlocked.Increment(ref inTurn) > 1;
                Thread.Yield();
                Interlocked.Decrement(ref inTurn);
                return r.All().Count(static e => e.EventRaised is not null) == 200 ? Scripts.Complete(0, "200") : Scripts.Answer();
            },
        };
        await host.WorkerAsync(scripts);
        await host.WorkerAsync(scripts);
        await host.Client.StartInstanceAsync(new CreateInstanceRequest { InstanceId = "a", Name = "Events" });

        await Task.WhenAll(Enumerable.Range(0, 200).Select(async i => await host.Client.RaiseEventAsync(new RaiseEventRequest { InstanceId = "a", Name = $"e{i}" })));

        Assert.Equal("200", (await host.CompletionAsync("a")).Output);
        Assert.False(overlapped);
    }

    [Fact]
    public async Task Memory_OfManyInstances_IsBounded()
    {
        await using var host = await EngineHost.StartAsync(options: new WorkflowEngineOptions { CacheInstances = 10 });
        await host.WorkerAsync();
        for (var i = 0; i < 5; i++) await Task.WhenAll(Enumerable.Range(0, 20).Select(n => host.Client.StartInstanceAsync(new CreateInstanceRequest { InstanceId = $"w{i}-{n}", Name = "WaitEvent" }).ResponseAsync));

        await Eventually.TrueAsync(() => host.Engine.CachedInstances <= 10, "idle instances were dropped");
        await host.Client.RaiseEventAsync(new RaiseEventRequest { InstanceId = "w0-0", Name = "go", Input = "woken" });

        Assert.Equal("woken", (await host.CompletionAsync("w0-0")).Output);
    }

    [Fact]
    public async Task Memory_OfFinishedInstances_IsBounded()
    {
        await using var host = await EngineHost.StartAsync(options: new WorkflowEngineOptions { CacheFinished = 5 });
        await host.WorkerAsync();
        for (var i = 0; i < 20; i++)
        {
            await host.Client.StartInstanceAsync(new CreateInstanceRequest { InstanceId = $"w{i}", Name = "WaitEvent" });
            await host.Client.RaiseEventAsync(new RaiseEventRequest { InstanceId = $"w{i}", Name = "go", Input = $"woken {i}" });
            await host.CompletionAsync($"w{i}");
        }

        await Eventually.TrueAsync(() => host.Engine.CachedInstances <= 5, "finished instances were dropped");
        Assert.Equal("woken 0", (await host.CompletionAsync("w0")).Output);
    }
}
