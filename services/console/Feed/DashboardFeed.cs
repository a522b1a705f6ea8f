using Microsoft.Extensions.Options;

namespace Danube.Dapr.WebConsole.Feed;

/// <summary>Looks at the services for all who watch, and not at all while nobody does.</summary>
internal sealed class DashboardFeed(Services services, IOptions<ConsoleOptions> options, TimeProvider clock) : BackgroundService
{
    private const int Cycles = 12;
    private const int MoveSteps = 120;
    private const int Events = 12;

    private readonly SemaphoreSlim _wake = new(0, 1);
    private int _watchers;

    /// <summary>The last look.</summary>
    internal Dashboard Current { get; private set; } = new();

    /// <summary>Raised after each look.</summary>
    internal event Action? Changed;

    /// <summary>Begins to watch; end it by disposing.</summary>
    internal IDisposable Watch(Action changed)
    {
        Changed += changed;
        Interlocked.Increment(ref _watchers);
        Refresh();
        return new Watcher(this, changed);
    }

    /// <summary>Looks at once.</summary>
    internal void Refresh()
    {
        try
        {
            _wake.Release();
        }
        catch (SemaphoreFullException)
        {
            // A look is due already.
        }
    }

    /// <summary>Looks once if nobody has looked yet.</summary>
    internal Task EnsureAsync(CancellationToken cancel) => Current.Time is null ? LookAsync(cancel) : Task.CompletedTask;

    /// <summary>Looks at all services once.</summary>
    internal async Task<Dashboard> LookAsync(CancellationToken cancel)
    {
        var last = Current;
        var brokers = last.Brokers.ThenAsync(services.BrokersAsync(cancel), clock);
        var balance = last.Balance.ThenAsync(services.BalanceAsync(cancel), clock);
        var curve = last.Curve.ThenAsync(services.CurveAsync(cancel), clock);
        var unowned = last.Unowned.ThenAsync(services.UnownedAsync(cancel), clock);
        var status = last.Status.ThenAsync(services.StatusAsync(cancel), clock);
        var cycles = last.Cycles.ThenAsync(services.HistoryAsync("cycle", Cycles, cancel), clock);
        var moves = last.Moves.ThenAsync(services.HistoryAsync("move", MoveSteps, cancel), clock);
        var events = last.Events.ThenAsync(services.HistoryAsync("broker-event", Events, cancel), clock);
        return Current = new Dashboard
        {
            Brokers = await brokers,
            Balance = await balance,
            Curve = await curve,
            Unowned = await unowned,
            Status = await status,
            Cycles = await cycles,
            Moves = await moves,
            Events = await events,
            Time = clock.GetUtcNow(),
        };
    }

    public override void Dispose()
    {
        _wake.Dispose();
        base.Dispose();
    }

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        var pause = TimeSpan.FromSeconds(options.Value.RefreshSeconds);
        while (!stoppingToken.IsCancellationRequested)
        {
            try
            {
                await _wake.WaitAsync(Volatile.Read(ref _watchers) > 0 ? pause : Timeout.InfiniteTimeSpan, stoppingToken);
                await LookAsync(stoppingToken);
            }
            catch (OperationCanceledException) when (stoppingToken.IsCancellationRequested)
            {
                return;
            }

            Changed?.Invoke();
        }
    }

    private sealed class Watcher(DashboardFeed feed, Action changed) : IDisposable
    {
        private int _disposed;

        public void Dispose()
        {
            if (Interlocked.Exchange(ref _disposed, 1) == 1)
                return;
            feed.Changed -= changed;
            Interlocked.Decrement(ref feed._watchers);
        }
    }
}
