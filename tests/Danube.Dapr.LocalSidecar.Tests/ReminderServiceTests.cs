using System.Net;
using System.Text.Json;
using Danube.Dapr.LocalSidecar.Actors;
using Danube.Dapr.LocalSidecar.Names;
using Danube.Dapr.LocalSidecar.State;
using Microsoft.Data.Sqlite;
using Microsoft.Extensions.Logging.Abstractions;

namespace Danube.Dapr.LocalSidecar.Tests;

/// <summary>Reminders on a store that takes its time with each write.</summary>
public sealed class ReminderServiceTests
{
    private static readonly ActorAddress s_actor = new("Counter", "1");

    [Theory]
    [InlineData("")]
    [InlineData("1h")]
    public async Task Register_WhileATickIsStored_IsWhatARestartFinds(string period)
    {
        await using var host = await Host.StartAsync();
        await host.TickAsync(period);

        var register = host.Reminders.RegisterAsync(s_actor, "r", "7h", "", "", null, true, default);
        await host.Store.EndNewestFirstAsync(register);
        await host.Store.DieAsync();

        Assert.True(await register);
        Assert.Equal("7h", JsonSerializer.Deserialize(Assert.Single(await host.Store.ListAsync("", default)).Value, ReminderJson.Default.Reminder)!.DueTime);
    }

    [Fact]
    public async Task Unregister_WhileATickIsStored_IsWhatARestartFinds()
    {
        await using var host = await Host.StartAsync();
        await host.TickAsync("1h");

        var unregister = host.Reminders.UnregisterAsync(s_actor, "r", default);
        await host.Store.EndNewestFirstAsync(unregister);
        await host.Store.DieAsync();

        await unregister;
        Assert.Empty(await host.Store.ListAsync("", default));
        Assert.Null(await host.Reminders.FindAsync(s_actor, "r", default));
    }

    [Fact]
    public async Task Register_CallerGivesUp_NextWriteOfTheReminderWaitsForItsEnd()
    {
        await using var host = await Host.StartAsync();
        using var cancelled = new CancellationTokenSource();
        host.Store.IsSlow = true;
        var register = host.Reminders.RegisterAsync(s_actor, "r", "7h", "", "", null, true, cancelled.Token);
        await cancelled.CancelAsync();

        var unregister = host.Reminders.UnregisterAsync(s_actor, "r", default);
        await host.Store.EndNewestFirstAsync(unregister);

        Assert.True(await register);
        Assert.Empty(await host.Store.ListAsync("", default));
    }

    [Fact]
    public async Task LastTick_WhoseRemovalCannotBeStored_IsRemovedLater()
    {
        await using var host = await Host.StartAsync();
        await host.Reminders.RegisterAsync(s_actor, "r", "100ms", "", "", null, true, default);
        host.Store.Failing = 1;

        await TestSidecar.Eventually(() => host.Ticks == 1 && host.Store.Failing == 0);
        await TestSidecar.Eventually(async () => (await host.Store.ListAsync("", default)).Count == 0);

        Assert.Equal(1, host.Ticks);
    }

    [Fact]
    public async Task Tick_EndsWhileTheProcessIsCutOff_TheNextOnesCome()
    {
        using var folder = new TempFolder();
        var (time, file) = (new SkippingTime(), Path.Combine(folder.Path, "names.db"));
        await using var members = new Membership(new NameResolution(file), "default", time, NullLogger.Instance);
        var answer = new TaskCompletionSource<(int, string)>(TaskCreationOptions.RunContinuationsAsynchronously);
        await using var host = await Host.StartAsync(members, _ => answer.Task);
        members.Publish([new HostEntry("a", 1, "127.0.0.1:1", "127.0.0.1:2", "store", ["Counter"])]);
        members.Start(new IPEndPoint(IPAddress.Loopback, 1), new PlacementActions(static _ => Task.CompletedTask, static () => { }, p => host.Reminders.Reload(a => p.Here(a) is not null)));
        await TestSidecar.Eventually(() => members.Placement.Here(s_actor) is not null);
        await host.Reminders.RegisterAsync(s_actor, "r", "0s", "10ms", "", null, true, default);
        await TestSidecar.Eventually(() => host.Ticks == 1);

        using (var connection = new SqliteConnection($"Data Source={file};Pooling=false"))
        {
            connection.Open();
            using var other = connection.BeginTransaction();
            time.Skip(Membership.FenceTime + TimeSpan.FromSeconds(1));
            answer.SetResult((200, ""));
            await TestSidecar.Eventually(() => host.Reminders.Count == 0);
        }

        await TestSidecar.Eventually(() => host.Ticks > 3);
    }

    [Fact]
    public async Task Gate_NobodyIsThereAnyMore_TakesNoMemory()
    {
        var gates = new Gates<string>();
        using var cancelled = new CancellationTokenSource();
        var first = await gates.EnterAsync("a", default);
        var (second, third) = (gates.EnterAsync("a", cancelled.Token), gates.EnterAsync("a", default));
        using (await gates.EnterAsync("b", default)) Assert.Equal(2, gates.Count);

        await cancelled.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => second);
        Assert.False(third.IsCompleted);
        first.Dispose();
        (await third).Dispose();

        Assert.Equal(0, gates.Count);
    }

    /// <summary>The reminders of an app that is up.</summary>
    private sealed class Host : IAsyncDisposable
    {
        private readonly TestApp _app = new();
        private readonly ActorSystem _actors;

        private Host(Membership? members)
        {
            _actors = new ActorSystem(TimeProvider.System, NullLogger<ActorSystem>.Instance, members);
            Reminders = new ReminderService("a", Store, _actors, TimeProvider.System, NullLogger<ReminderService>.Instance);
        }

        public SlowStore Store { get; } = new();

        public ReminderService Reminders { get; }

        public int Ticks => _app.To("/actors/Counter/1/method/remind/r").Count();

        public static async Task<Host> StartAsync(Membership? members = null, Func<AppCall, Task<(int Status, string Body)>>? answer = null)
        {
            var host = new Host(members);
            if (answer is not null) host._app.Answer = answer;
            await host._app.StartAsync();
            host._actors.Place([host._app.ToInstance()]);
            return host;
        }

        /// <summary>Registers a reminder that is due in a moment, and returns when the write after its delivery is under way.</summary>
        public async Task TickAsync(string period)
        {
            await Reminders.RegisterAsync(s_actor, "r", "1s", period, "", null, true, default);
            Store.IsSlow = true;
            await TestSidecar.Eventually(() => Store.UnderWay == 1);
            Assert.Equal(1, Ticks);
        }

        public async ValueTask DisposeAsync()
        {
            await _actors.DisposeAsync();
            await _app.DisposeAsync();
        }
    }

    /// <summary>A store whose writes end when the test says so, in any order.</summary>
    private sealed class SlowStore : IStateStore
    {
        private readonly InMemoryStateStore _inner = new(TimeProvider.System);
        private readonly List<(TaskCompletionSource Go, Task Done)> _writes = [];
        private bool _isDead;
        private int _failing;

        /// <summary>As many writes fail.</summary>
        public int Failing
        {
            get => Volatile.Read(ref _failing);
            set => Volatile.Write(ref _failing, value);
        }

        public bool IsSlow { get; set; }

        public int UnderWay
        {
            get
            {
                lock (_writes) return _writes.Count;
            }
        }

        public Task<StateEntry?> GetAsync(string key, CancellationToken cancellationToken) => _inner.GetAsync(key, cancellationToken);

        public Task<IReadOnlyList<StateEntry>> ListAsync(string prefix, CancellationToken cancellationToken) => _inner.ListAsync(prefix, cancellationToken);

        public Task ApplyAsync(IReadOnlyList<StateOperation> operations, CancellationToken cancellationToken)
        {
            if (Interlocked.Decrement(ref _failing) >= 0) throw new IOException("the store failed");
            Failing = 0;
            if (!IsSlow) return _inner.ApplyAsync(operations, cancellationToken);
            var go = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
            lock (_writes)
            {
                if (_isDead) throw new IOException("the process died");
                var done = WriteAsync(go.Task, operations);
                _writes.Add((go, done));
                // As with etcd: who does not wait any more does not call the write back.
                return done.WaitAsync(cancellationToken);
            }
        }

        /// <summary>Lets one write after the other end until a task has, each time the one that began last.</summary>
        public Task EndNewestFirstAsync(Task until) => TestSidecar.Eventually(async () =>
        {
            if (!until.IsCompleted) await EndNewestAsync();
            return until.IsCompleted;
        });

        /// <summary>What is under way arrives, nothing else begins.</summary>
        public async Task DieAsync()
        {
            lock (_writes) _isDead = true;
            while (UnderWay > 0) await EndNewestAsync();
        }

        public ValueTask DisposeAsync() => ValueTask.CompletedTask;

        private async Task WriteAsync(Task go, IReadOnlyList<StateOperation> operations)
        {
            await go;
            await _inner.ApplyAsync(operations, CancellationToken.None);
        }

        private async Task EndNewestAsync()
        {
            (TaskCompletionSource Go, Task Done) newest;
            lock (_writes)
            {
                if (_writes.Count == 0) return;
                newest = _writes[^1];
                _writes.RemoveAt(_writes.Count - 1);
            }
            newest.Go.TrySetResult();
            await newest.Done;
        }
    }
}
