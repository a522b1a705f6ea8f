using System.Collections.Concurrent;
using Danube.Dapr.LocalSidecar.State;
using Danube.Dapr.LocalSidecar.Workflows;
using Danube.Dapr.TaskHub;
using Google.Protobuf.WellKnownTypes;
using Grpc.Core;

namespace Danube.Dapr.LocalSidecar.Tests.Workflows;

/// <summary>Writes that fail beside a turn, or that would be too large, and what they leave behind.</summary>
public sealed class WorkflowStoreFaultTests
{
    private const int OperationsOfEtcd = 128;

    private static readonly WorkflowEngineOptions Impatient = new() { RetryDelay = TimeSpan.FromMilliseconds(20) };

    /// <summary>A turn does nothing but compute: it runs beside the write that causes it, and is saved after it.</summary>
    [Fact]
    public async Task Turn_WhileItsCauseIsBeingWritten_IsComputedAndSavedAfterIt()
    {
        var (written, writes) = (new TaskCompletionSource(), new ConcurrentQueue<string>());
        var store = new FaultyStore(TimeProvider.System)
        {
            BeforeWrite = async o =>
            {
                if (o.Put("a||inbox")) await written.Task;
                writes.Enqueue(o.Put("a||inbox") ? "start" : "turn");
            },
        };
        await using var host = await EngineHost.StartAsync(store);
        var computed = new TaskCompletionSource();
        await host.WorkerAsync(new Dictionary<string, Func<WorkflowRequest, WorkflowResponse>>
        {
            ["NoTasks"] = r =>
            {
                computed.SetResult();
                return Scripts.Workflows["NoTasks"](r);
            },
        });

        var start = host.Client.StartInstanceAsync(new CreateInstanceRequest { InstanceId = "a", Name = "NoTasks" }).ResponseAsync;
        await computed.Task.WaitAsync(TimeSpan.FromSeconds(60));
        Assert.False(start.IsCompleted);
        Assert.Empty(writes);
        written.SetResult();

        await start;
        Assert.Equal(OrchestrationStatus.Completed, (await host.CompletionAsync("a")).WorkflowStatus);
        Assert.Equal(["start", "turn"], writes);
    }

    [Fact]
    public async Task Turn_WhoseCauseCannotBeWritten_NeverWas()
    {
        var computed = new TaskCompletionSource();
        var store = new FaultyStore(TimeProvider.System)
        {
            Fail = { [1] = false },
            BeforeWrite = async o =>
            {
                if (o.Put("a||inbox")) await computed.Task;
            },
        };
        await using var host = await EngineHost.StartAsync(store, options: Impatient);
        var worker = await host.WorkerAsync(new Dictionary<string, Func<WorkflowRequest, WorkflowResponse>>
        {
            ["Hello"] = r =>
            {
                computed.TrySetResult();
                return Scripts.Workflows["Hello"](r);
            },
        });

        var e = await Assert.ThrowsAsync<RpcException>(async () => await host.Client.StartInstanceAsync(new CreateInstanceRequest { InstanceId = "a", Name = "Hello", Input = "lost" }));

        Assert.Contains("the store failed", e.Status.Detail, StringComparison.Ordinal);
        Assert.Null(await host.StateAsync("a"));
        Assert.Equal("x!", (await host.RunAsync("Hello", "a", "x")).Output);
        Assert.Equal("x", worker.ActivityRequests.Single().Input);
    }

    [Fact]
    public async Task Turn_WhoseCauseCannotBeWritten_KeepsNoPlaceOfItsWorker()
    {
        var store = new FaultyStore(TimeProvider.System) { Fail = { [1] = false } };
        await using var host = await EngineHost.StartAsync(store, options: Impatient with { TurnsPerStream = 1 });
        using var never = new ManualResetEventSlim();
        await host.WorkerAsync(new Dictionary<string, Func<WorkflowRequest, WorkflowResponse>>(Scripts.Workflows)
        {
            ["Hang"] = r =>
            {
                never.Wait();
                return Scripts.Answer();
            },
        });

        await Assert.ThrowsAsync<RpcException>(async () => await host.Client.StartInstanceAsync(new CreateInstanceRequest { InstanceId = "lost", Name = "Hang" }));

        Assert.Equal("x!", (await host.RunAsync("Hello", "a", "x")).Output);
        never.Set();
    }

    [Fact]
    public async Task Answer_ToATurnWhoseInstanceCannotBeRead_IsNoneThatAWorkerSendsAgain()
    {
        var written = new TaskCompletionSource();
        var store = new FaultyStore(TimeProvider.System);
        await using var host = await EngineHost.StartAsync(store, options: Impatient);
        var hanging = new TaskCompletionSource<bool>();
        var worker = await host.WorkerAsync(new Dictionary<string, Func<WorkflowRequest, WorkflowResponse>>
        {
            ["WaitEvent"] = r =>
            {
                if (r.Raised("go") is not null && !hanging.Task.IsCompleted) hanging.Task.Wait();
                return Scripts.Workflows["WaitEvent"](r);
            },
        });
        await host.Client.StartInstanceAsync(new CreateInstanceRequest { InstanceId = "a", Name = "WaitEvent" });
        store.BeforeWrite = _ => written.Task;
        store.Fail[store.Writes + 1] = false;
        var raise = host.Client.RaiseEventAsync(new RaiseEventRequest { InstanceId = "a", Name = "go", Input = "1" }).ResponseAsync;
        await Eventually.TrueAsync(() => worker.Turns.Count() == 2, "the turn is at the worker");

        var answer = host.Engine.CompleteTurnAsync(new WorkflowResponse { InstanceId = "a" });
        store.FailingReads = 1;
        written.SetResult();

        await Assert.ThrowsAsync<RpcException>(() => raise);
        Assert.Equal(StatusCode.Unknown, (await Assert.ThrowsAsync<WorkflowException>(() => answer)).Status);
        hanging.SetResult(true);
        await host.Client.RaiseEventAsync(new RaiseEventRequest { InstanceId = "a", Name = "go", Input = "2" });
        Assert.Equal("2", (await host.CompletionAsync("a")).Output);
    }

    [Fact]
    public async Task Restart_SendsWhatAnotherProcessMayHaveSentWithAToken()
    {
        var store = new InMemoryStateStore(TimeProvider.System);
        await using (var first = await EngineHost.StartAsync(store))
        {
            var held = await first.WorkerAsync(activities: static _ => new TaskCompletionSource<ActivityResponse>().Task);
            await first.Client.StartInstanceAsync(new CreateInstanceRequest { InstanceId = "old", Name = "Hello", Input = "x" });
            await Eventually.TrueAsync(() => held.ActivityRequests.Any(), "the activity is out");
        }

        await using var second = await EngineHost.StartAsync(store);
        var worker = await second.WorkerAsync();

        Assert.Equal("x!", (await second.CompletionAsync("old")).Output);
        Assert.Equal("y!", (await second.RunAsync("Hello", "new", "y")).Output);
        Assert.All(worker.Items, static i => Assert.Equal((i.WorkflowRequest?.InstanceId ?? i.ActivityRequest.WorkflowInstance.InstanceId) == "old", i.CompletionToken.Length > 0));
    }

    [Theory]
    [InlineData(long.MaxValue)]
    [InlineData(long.MinValue)]
    public async Task Start_AtAMomentBeyondTheCalendar_IsNeverOrAtOnce(long seconds)
    {
        var store = new InMemoryStateStore(TimeProvider.System);
        await using (var first = await EngineHost.StartAsync(store))
        {
            await first.Client.StartInstanceAsync(new CreateInstanceRequest { InstanceId = "a", Name = "NoTasks", ScheduledStartTimestamp = new Timestamp { Seconds = seconds, Nanos = -1 } });
        }

        await using var second = await EngineHost.StartAsync(store);
        await second.WorkerAsync();
        await second.Engine.Recovered;

        if (seconds > 0) Assert.Equal(OrchestrationStatus.Pending, (await second.StateAsync("a"))!.WorkflowStatus);
        else Assert.Equal(OrchestrationStatus.Completed, (await second.CompletionAsync("a")).WorkflowStatus);
    }

    [Fact]
    public async Task Start_OverOneThatEndedWithMoreUnreadEventsThanOneWriteTakes_DeletesThemFirst()
    {
        var store = new FaultyStore(TimeProvider.System);
        await using var host = await EngineHost.StartAsync(store);
        using var full = new ManualResetEventSlim();
        await host.WorkerAsync(new Dictionary<string, Func<WorkflowRequest, WorkflowResponse>>
        {
            ["Late"] = r =>
            {
                full.Wait();
                return Scripts.Complete(0, r.Input() ?? "");
            },
        });
        var start = host.Client.StartInstanceAsync(new CreateInstanceRequest { InstanceId = "a", Name = "Late", Input = "1" }).ResponseAsync;
        await Eventually.TrueAsync(async () => await host.StateAsync("a") is not null, "it exists");
        for (var i = 0; i < 300; i++) await host.Client.RaiseEventAsync(new RaiseEventRequest { InstanceId = "a", Name = "unread" });
        full.Set();
        await start;
        Assert.Equal("1", (await host.CompletionAsync("a")).Output);

        Assert.Equal("2", (await host.RunAsync("Late", "a", "2")).Output);

        Assert.InRange(store.LargestWrite, 1, OperationsOfEtcd);
        Assert.DoesNotContain(await store.ListAsync("", CancellationToken.None), static e => e.Key.Contains("||inbox", StringComparison.Ordinal));
    }

    [Fact]
    public async Task NextGeneration_WithMoreUnreadAnswersThanOneWriteTakes_DeletesThemFirst()
    {
        var store = new FaultyStore(TimeProvider.System);
        await using var host = await EngineHost.StartAsync(store);
        using var full = new ManualResetEventSlim();
        await host.WorkerAsync(new Dictionary<string, Func<WorkflowRequest, WorkflowResponse>>
        {
            ["Many"] = r =>
            {
                if (r.Input() == "last") return Scripts.Complete(0, "last");
                if (r.PastEvents.Count == 0) return Scripts.Schedule([.. Enumerable.Range(0, 300).Select(static i => (i, "Greet", (string?)"x"))]);
                full.Wait();
                return Scripts.Answer(new WorkflowAction { CompleteWorkflow = new CompleteWorkflowAction { WorkflowStatus = OrchestrationStatus.ContinuedAsNew, Result = "last" } });
            },
        });
        await host.Client.StartInstanceAsync(new CreateInstanceRequest { InstanceId = "a", Name = "Many" });
        await Eventually.TrueAsync(async () => (await store.ListAsync("", CancellationToken.None)).Count(static e => e.Key.Contains("||inbox", StringComparison.Ordinal)) == 300, "all have answered");

        full.Set();

        Assert.Equal("last", (await host.CompletionAsync("a")).Output);
        Assert.InRange(store.LargestWrite, 1, OperationsOfEtcd);
    }

    [Fact]
    public async Task Termination_OfAStalledOneWithManyEvents_FitsIntoOneWriteAndKeepsNothingInMemory()
    {
        var store = new FaultyStore(TimeProvider.System);
        await using var host = await EngineHost.StartAsync(store, options: Impatient with { CacheInstances = 0, CacheFinished = 0 });
        await host.WorkerAsync(new Dictionary<string, Func<WorkflowRequest, WorkflowResponse>>
        {
            ["Old"] = static _ => Scripts.Answer(new WorkflowAction { WorkflowVersionNotAvailable = new WorkflowVersionNotAvailableAction() }),
        });
        _ = host.Client.StartInstanceAsync(new CreateInstanceRequest { InstanceId = "a", Name = "Old" }).ResponseAsync.ContinueWith(static t => t.Exception, TaskScheduler.Default);
        await Eventually.TrueAsync(() => host.Engine.StalledInstances == 1, "it is stalled");
        for (var i = 0; i < 300; i++) await host.Client.RaiseEventAsync(new RaiseEventRequest { InstanceId = "a", Name = "unread" });
        store.Fail[store.Writes + 1] = false;

        await Assert.ThrowsAsync<RpcException>(async () => await host.Client.TerminateInstanceAsync(new TerminateRequest { InstanceId = "a" }));
        await host.Client.TerminateInstanceAsync(new TerminateRequest { InstanceId = "a" });

        Assert.Equal(OrchestrationStatus.Terminated, (await host.CompletionAsync("a")).WorkflowStatus);
        Assert.InRange(store.LargestWrite, 1, OperationsOfEtcd);
        await Eventually.TrueAsync(() => host.Engine.CachedInstances == 0, "nothing is held in memory");
    }

    /// <summary>Row numbers begin anew after a purge: history that could not be deleted before must not come back as the new instance's.</summary>
    [Fact]
    public async Task Purge_OfOneWhoseOlderHistoryCouldNotBeDeleted_DeletesThatToo()
    {
        var failed = false;
        var store = new FaultyStore(TimeProvider.System)
        {
            BeforeWrite = o => !failed && o.All(static w => w.Value is null && w.Key.Contains("||history", StringComparison.Ordinal)) && (failed = true) ? throw new IOException("the store failed") : Task.CompletedTask,
        };
        await using (var first = await EngineHost.StartAsync(store, options: Impatient))
        {
            await first.WorkerAsync();
            await first.RunAsync("Sequence", "a", "x");
            await first.RunAsync("NoTasks", "a", "x");
            await Eventually.TrueAsync(() => failed, "the old history could not be deleted");
            await first.Client.PurgeInstancesAsync(new PurgeInstancesRequest { InstanceId = "a" });

            Assert.Empty((await store.ListAsync("", CancellationToken.None)).Select(static e => e.Key));
            await first.Client.StartInstanceAsync(new CreateInstanceRequest { InstanceId = "a", Name = "WaitEvent" });
        }

        await using var second = await EngineHost.StartAsync(store, options: Impatient);
        Assert.Equal(OrchestrationStatus.Running, (await second.StateAsync("a"))!.WorkflowStatus);
    }

    /// <summary>While what the first one had to tell is on its way, the id is started anew and ends with something to tell, too.</summary>
    [Fact]
    public async Task Crash_OfOneThatWasStartedAnewBeforeItHadToldAll_DeliversWhatTheSecondOneHadToTell()
    {
        var firstKid = new TaskCompletionSource();
        var tried = false;
        var store = new FaultyStore(TimeProvider.System)
        {
            BeforeWrite = async o =>
            {
                if (o.Put("kid1||inbox")) await firstKid.Task;
                if (!o.Put("kid2||inbox")) return;
                tried = true;
                await Task.Delay(Timeout.Infinite);
            },
        };
        var scripts = new Dictionary<string, Func<WorkflowRequest, WorkflowResponse>>(Scripts.Workflows)
        {
            ["Leave"] = static r => Scripts.Answer(
                new WorkflowAction { Id = 0, CreateDetachedWorkflow = new CreateDetachedWorkflowAction { Name = "NoTasks", InstanceId = r.Input(), Input = r.Input() } },
                new WorkflowAction { Id = 1, CompleteWorkflow = new CompleteWorkflowAction { WorkflowStatus = OrchestrationStatus.Completed, Result = "left" } }),
        };
        await using (var first = await EngineHost.StartAsync(store, options: Impatient))
        {
            await first.WorkerAsync(scripts);
            await first.RunAsync("Leave", "a", "kid1");
            await first.RunAsync("Leave", "a", "kid2");
            firstKid.SetResult();
            await Eventually.TrueAsync(() => tried, "the second one's message is about to be delivered");
        }
        store.Revive();

        await using var second = await EngineHost.StartAsync(store, options: Impatient);
        await second.WorkerAsync(scripts);

        Assert.Equal("done kid2", (await second.CompletionAsync("kid2")).Output);
    }

    /// <summary>Only the instance is read again: what its activities do, they do once.</summary>
    [Fact]
    public async Task Step_ThatCannotBeWritten_LeavesRunningActivitiesAlone()
    {
        var store = new FaultyStore(TimeProvider.System);
        await using var host = await EngineHost.StartAsync(store, options: Impatient);
        var go = new TaskCompletionSource();
        var worker = await host.WorkerAsync(activities: async r =>
        {
            await go.Task;
            return await Scripts.Activity(r);
        });
        await host.Client.StartInstanceAsync(new CreateInstanceRequest { InstanceId = "a", Name = "Hello", Input = "x" });
        await Eventually.TrueAsync(() => worker.ActivityRequests.Any(), "the activity runs");

        store.Fail[store.Writes + 1] = false;
        await Assert.ThrowsAsync<RpcException>(async () => await host.Client.RaiseEventAsync(new RaiseEventRequest { InstanceId = "a", Name = "unread" }));
        Assert.Equal(OrchestrationStatus.Running, (await host.StateAsync("a"))!.WorkflowStatus);
        go.SetResult();

        Assert.Equal("x!", (await host.CompletionAsync("a")).Output);
        Assert.Single(worker.ActivityRequests);
        Assert.Empty(worker.Errors);
    }

    /// <summary>The worker that can go on with it may be there before it is read.</summary>
    [Fact]
    public async Task Stalled_ReadWhileAWorkerIsConnected_IsTriedAgain()
    {
        var store = new FaultyStore(TimeProvider.System);
        await StallAsync(store);
        store.FailingReads = int.MaxValue;

        await using var second = await EngineHost.StartAsync(store, options: Impatient);
        await second.WorkerAsync(new Dictionary<string, Func<WorkflowRequest, WorkflowResponse>> { ["Old"] = static _ => Scripts.Complete(0, "new") });
        store.FailingReads = 0;

        Assert.Equal("new", (await second.CompletionAsync("a")).Output);
    }

    [Fact]
    public async Task Stalled_WhoseNewTryCannotBeWritten_IsTriedAgain()
    {
        var store = new FaultyStore(TimeProvider.System);
        await StallAsync(store);
        await using var second = await EngineHost.StartAsync(store, options: Impatient);
        await second.Engine.Recovered;
        store.Fail[store.Writes + 1] = false;

        await second.WorkerAsync(new Dictionary<string, Func<WorkflowRequest, WorkflowResponse>> { ["Old"] = static _ => Scripts.Complete(0, "new") });

        Assert.Equal("new", (await second.CompletionAsync("a")).Output);
    }

    /// <summary>The termination is stored before the turn stalls, or just after.</summary>
    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Termination_WhileATurnThatWillStallIsOut_EndsIt(bool before)
    {
        var (told, go, stalls) = (new TaskCompletionSource(), new TaskCompletionSource(), false);
        var store = new FaultyStore(TimeProvider.System)
        {
            BeforeWrite = o =>
            {
                // Its start is the first row.
                if (o.Put("a||inbox") && stalls) told.TrySetResult();
                return Task.CompletedTask;
            },
        };
        await using var host = await EngineHost.StartAsync(store, options: Impatient);
        var isOut = new TaskCompletionSource();
        await host.WorkerAsync(new Dictionary<string, Func<WorkflowRequest, WorkflowResponse>>
        {
            ["Old"] = _ =>
            {
                stalls = true;
                isOut.TrySetResult();
                go.Task.Wait();
                return Stall();
            },
        });
        _ = host.Client.StartInstanceAsync(new CreateInstanceRequest { InstanceId = "a", Name = "Old" }).ResponseAsync.ContinueWith(static t => t.Exception, TaskScheduler.Default);
        await isOut.Task;
        await Eventually.TrueAsync(async () => await host.StateAsync("a") is not null, "its start is stored");
        if (!before)
        {
            go.SetResult();
            await Eventually.TrueAsync(() => host.Engine.StalledInstances == 1, "it is stalled");
        }
        var end = host.Client.TerminateInstanceAsync(new TerminateRequest { InstanceId = "a", Output = "over" }, deadline: DateTime.UtcNow.AddSeconds(60)).ResponseAsync;
        await told.Task;
        go.TrySetResult();
        await end;

        var state = await host.CompletionAsync("a");
        Assert.Equal((OrchestrationStatus.Terminated, "over"), (state.WorkflowStatus, state.Output));
    }

    /// <summary>A child is told by its parent, not by a client; and patches that the worker does not know are in its history.</summary>
    [Fact]
    public async Task Termination_OfAParentWhoseChildStalledOverItsPatches_EndsBoth()
    {
        await using var host = await EngineHost.StartAsync(options: Impatient);
        await host.WorkerAsync(new Dictionary<string, Func<WorkflowRequest, WorkflowResponse>>(Scripts.Workflows)
        {
            ["Patched"] = static r =>
            {
                var response = Scripts.Answer();
                if (r.PastEvents.Count == 0) response.Version = new WorkflowVersion { Patches = { "first" } };
                return response;
            },
        });
        await host.Client.StartInstanceAsync(new CreateInstanceRequest { InstanceId = "a", Name = "Parent", Input = "Patched" });
        await Eventually.TrueAsync(async () => await host.StateAsync("a-child") is { WorkflowStatus: OrchestrationStatus.Running }, "the child runs");
        await host.Client.RaiseEventAsync(new RaiseEventRequest { InstanceId = "a-child", Name = "turn" });
        await Eventually.TrueAsync(async () => await host.StateAsync("a-child") is { WorkflowStatus: OrchestrationStatus.Stalled }, "the child is stalled");

        await host.Client.TerminateInstanceAsync(new TerminateRequest { InstanceId = "a", Output = "over", Recursive = true }, deadline: DateTime.UtcNow.AddSeconds(60));

        Assert.Equal(OrchestrationStatus.Terminated, (await host.CompletionAsync("a-child")).WorkflowStatus);
        Assert.Equal(0, host.Engine.StalledInstances);
    }

    /// <summary>Reads work, writes do not: it is tried again at the pace that was set, not as fast as it fails.</summary>
    [Fact]
    public async Task Store_ThatTakesNothing_IsNotAskedOverAndOver()
    {
        var time = new Microsoft.Extensions.Time.Testing.FakeTimeProvider();
        var store = new FaultyStore(time);
        await StallAsync(store, time);
        await using var second = await EngineHost.StartAsync(store, time);
        await second.Engine.Recovered;
        var tried = 0;
        store.BeforeWrite = _ => Interlocked.Increment(ref tried) > 0 ? throw new IOException("no room") : Task.CompletedTask;

        await second.WorkerAsync(new Dictionary<string, Func<WorkflowRequest, WorkflowResponse>> { ["Old"] = static _ => Scripts.Complete(0, "new") });
        for (var i = 0; i < 50; i++) await Assert.ThrowsAsync<RpcException>(async () => await second.Client.RaiseEventAsync(new RaiseEventRequest { InstanceId = "a", Name = "x" }).ResponseAsync);

        // Only those that clients asked for, and at most one of its own before the first pause.
        Assert.InRange(Volatile.Read(ref tried), 0, 51);
        store.BeforeWrite = static _ => Task.CompletedTask;
        var end = second.CompletionAsync("a");
        while (!end.IsCompleted)
        {
            time.Advance(TimeSpan.FromSeconds(1));
            await Task.WhenAny(end, Task.Delay(20));
        }
        Assert.Equal("new", (await end).Output);
    }

    /// <summary>As with etcd: what nobody waits for any more can still be written.</summary>
    [Fact]
    public async Task Start_ThatIsWrittenAfterItSeemedToHaveFailed_HasItsTurnWhenItIsNextLookedAt()
    {
        IReadOnlyList<StateOperation> late = [];
        var store = new FaultyStore(TimeProvider.System) { Fail = { [1] = false } };
        store.BeforeWrite = o =>
        {
            if (late.Count == 0) late = o;
            return Task.CompletedTask;
        };
        await using var host = await EngineHost.StartAsync(store, options: Impatient);
        await host.WorkerAsync();
        await Assert.ThrowsAsync<RpcException>(async () => await host.Client.StartInstanceAsync(new CreateInstanceRequest { InstanceId = "a", Name = "NoTasks", Input = "x" }));
        Assert.Null(await host.StateAsync("a"));

        await store.ApplyAsync(late, CancellationToken.None);

        Assert.Equal("done x", (await host.CompletionAsync("a")).Output);
    }

    [Fact]
    public async Task Crash_InAPurgeOfMoreThanOneWriteTakes_IsFinishedByTheNextProcess()
    {
        var store = new FaultyStore(TimeProvider.System);
        await using (var first = await EngineHost.StartAsync(store, options: Impatient))
        {
            await first.WorkerAsync(new Dictionary<string, Func<WorkflowRequest, WorkflowResponse>>
            {
                ["Long"] = static r => r.All().Count(static e => e.TaskCompleted is not null) is var n && n < 80 ? Scripts.Schedule((n, "Greet", "x")) : Scripts.Complete(80, "long"),
            });
            Assert.Equal("long", (await first.RunAsync("Long", "a")).Output);
            store.DieAfter = store.Writes + 2;
            await Assert.ThrowsAsync<RpcException>(async () => await first.Client.PurgeInstancesAsync(new PurgeInstancesRequest { InstanceId = "a" }));
        }
        store.Revive();
        Assert.NotEmpty(await store.ListAsync("", CancellationToken.None));

        await using var second = await EngineHost.StartAsync(store, options: Impatient);
        await second.Engine.Recovered;

        Assert.Empty((await store.ListAsync("", CancellationToken.None)).Select(static e => e.Key));
    }

    private static WorkflowResponse Stall() => Scripts.Answer(new WorkflowAction { WorkflowVersionNotAvailable = new WorkflowVersionNotAvailableAction() });

    /// <summary>Leaves an instance "a" of "Old" that no worker could go on with.</summary>
    private static async Task StallAsync(FaultyStore store, TimeProvider? time = null)
    {
        await using var first = await EngineHost.StartAsync(store, time, Impatient);
        await first.WorkerAsync(new Dictionary<string, Func<WorkflowRequest, WorkflowResponse>> { ["Old"] = static _ => Stall() });
        _ = first.Client.StartInstanceAsync(new CreateInstanceRequest { InstanceId = "a", Name = "Old" }).ResponseAsync.ContinueWith(static t => t.Exception, TaskScheduler.Default);
        await Eventually.TrueAsync(() => first.Engine.StalledInstances == 1, "it is stalled");
    }
}
