using System.Collections.Concurrent;
using System.Collections.Frozen;
using Danube.Dapr.LocalSidecar.Api;
using Danube.Dapr.LocalSidecar.Hosting;
using Danube.Dapr.LocalSidecar.Names;
using Danube.Dapr.LocalSidecar.Scheduling;
using Danube.Dapr.LocalSidecar.Tracing;
using Grpc.Core;

namespace Danube.Dapr.LocalSidecar.Actors;

/// <summary>No instance hosts the actor's type.</summary>
internal sealed class NoHostException(ActorAddress address) : Exception($"did not find address for actor '{address}'");

/// <summary>The actor is in another process, or is about to be in this one.</summary>
internal sealed class NotHereException(ActorAddress address) : Exception($"actor '{address}' is not here");

/// <summary>Places actors over the instances that host their types, gives each one turn at a time, and deactivates idle ones.</summary>
internal sealed partial class ActorSystem : IAsyncDisposable
{
    // While the processes agree on a new placement, calls wait longer than for a host that may not exist.
    private static readonly TimeSpan MovingTime = TimeSpan.FromSeconds(10);
    private static readonly TimeSpan LookupTime = TimeSpan.FromSeconds(5);
    private static readonly TimeSpan ScanInterval = TimeSpan.FromMilliseconds(250);

    private readonly ConcurrentDictionary<ActorAddress, ActorEntry> _active = new();
    private readonly Lock _placementLock = new();
    private readonly TimeProvider _time;
    private readonly ILogger _logger;
    private readonly ITimer _scan;
    private readonly CancellationTokenSource _stopping = new();
    private readonly Membership? _members;
    private readonly ActorRelay? _relay;
    private readonly Departures _saves = new();
    private FrozenDictionary<int, AppInstance> _instances = FrozenDictionary<int, AppInstance>.Empty;
    private FrozenDictionary<string, (AppInstance[] Hosts, ActorTypeConfig Config)> _hosts = FrozenDictionary<string, (AppInstance[], ActorTypeConfig)>.Empty;
    private TaskCompletionSource _placementChanged = new(TaskCreationOptions.RunContinuationsAsynchronously);

    /// <param name="members">The processes that share the actors, or null when this one is alone.</param>
    public ActorSystem(TimeProvider time, ILogger<ActorSystem> logger, Membership? members = null)
    {
        (_time, _logger, _members) = (time, logger, members);
        if (members is not null) _relay = new ActorRelay(members);
        Due = new DueQueue(time);
        _scan = time.CreateTimer(_ => DeactivateIdle(), null, ScanInterval, ScanInterval);
    }

    /// <summary>The clock of timers and reminders.</summary>
    public DueQueue Due { get; }

    public CancellationToken Stopping => _stopping.Token;

    /// <summary>Takes in what instances host now; actors whose place changed move when their turn is over.</summary>
    public void Place(IEnumerable<AppInstance> instances)
    {
        TaskCompletionSource changed;
        lock (_placementLock)
        {
            // Read inside the lock: of two apps that come up at once, the one that is placed last must see the other.
            if (_members is not null) _instances = instances.ToFrozenDictionary(static i => i.Options.DaprHttpPort);
            _hosts = instances.Where(static i => i.IsReady).SelectMany(static i => i.Actors.Types.Select(t => (t.Key, Instance: i, Config: t.Value)))
                .GroupBy(static t => t.Key, StringComparer.Ordinal)
                .ToFrozenDictionary(static g => g.Key, static g => (g.Select(static t => t.Instance).ToArray(), g.First().Config), StringComparer.Ordinal);
            changed = _placementChanged;
            _placementChanged = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        }
        changed.TrySetResult();
        // With others, actors move when all have agreed.
        if (_members is not null) return;
        foreach (var entry in _active.Values)
            if (entry.Owner is not null && OwnerOf(entry.Address) != entry.Owner) _ = MoveAsync(entry);
    }

    public bool IsHosted(string type) => _members?.Placement.Latest.Hosts(type) ?? _hosts.ContainsKey(type);

    public int ActiveCount(AppInstance instance, string type) => _active.Count(e => e.Key.Type == type && e.Value.Owner == instance);

    public ActorEntry? FindActive(ActorAddress address, AppInstance instance) =>
        _active.TryGetValue(address, out var entry) && entry.Owner == instance && _members is not { IsFenced: true } ? entry : null;

    /// <summary>Runs one turn of an actor on the instance it belongs to.</summary>
    /// <param name="waitForHost">How long to wait for a host, or null for as long as it takes.</param>
    /// <param name="reentrancyId">The call chain, when the caller is inside one.</param>
    /// <exception cref="NoHostException">Nobody hosts the type.</exception>
    /// <exception cref="NotHereException">The actor belongs to another process.</exception>
    /// <exception cref="HttpRequestException">The app broke off.</exception>
    public async Task<T> TurnAsync<T>(ActorAddress address, TimeSpan? waitForHost, string? reentrancyId, Func<AppInstance, AppChannel, CancellationToken, Task<T>> turn, CancellationToken cancellationToken)
    {
        var limit = new TimeLimit(_time, waitForHost ?? TimeLimit.None);
        while (true)
        {
            await OwnerAsync(address, limit, cancellationToken);
            var entry = _active.GetOrAdd(address, static a => new ActorEntry(a));
            if (!entry.TryEnter())
            {
                await entry.Closed.WaitAsync(cancellationToken);
                continue;
            }
            try
            {
                var reentrant = reentrancyId is not null && entry.ReentrancyId == reentrancyId;
                if (reentrant)
                {
                    if (entry.Depth >= TypeConfig(address.Type).MaxStackDepth)
                        throw new DaprError("ERR_ACTOR_STACK_DEPTH", 500, StatusCode.ResourceExhausted, "maximum stack depth exceeded");
                }
                else
                {
                    await entry.Turn.WaitAsync(cancellationToken);
                }
                using var running = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
                try
                {
                    entry.Depth++;
                    if (!reentrant)
                    {
                        (entry.ReentrancyId, entry.Running) = (TypeConfig(address.Type).Reentrant ? reentrancyId : null, running);
                        if (OwnerOf(address) is not { } owner) continue;
                        if (entry.Owner != owner) await SettleAsync(entry, owner);
                    }
                    var host = entry.Owner!;
                    try
                    {
                        return await turn(host, host.Channel!, running.Token);
                    }
                    catch (HttpRequestException e) when (AppChannel.WasRefused(e))
                    {
                        // The call never reached the app: it goes to the next owner, if one comes in time.
                        host.Suspect();
                        if (limit.Left <= TimeSpan.Zero) throw;
                        await Task.Delay(TimeSpan.FromMilliseconds(20), _time, cancellationToken);
                    }
                }
                finally
                {
                    entry.Depth--;
                    entry.LastUsed = _time.GetTimestamp();
                    if (!reentrant)
                    {
                        (entry.ReentrancyId, entry.Running) = (null, null);
                        entry.Turn.Release();
                    }
                }
            }
            finally
            {
                Exit(entry);
            }
        }
    }

    /// <summary>Ends what <see cref="ActorEntry.TryEnter"/> began.</summary>
    public void Exit(ActorEntry entry)
    {
        entry.Exit();
        if (entry.Owner is null) Forget(entry);
    }

    /// <summary>Deactivates every actor whose app is there, within the time given, then stops.</summary>
    public async Task StopAsync(TimeSpan limit)
    {
        await _scan.DisposeAsync();
        Due.Dispose();
        using var late = new CancellationTokenSource(limit);
        await Parallel.ForEachAsync(_active.Values, new ParallelOptions { MaxDegreeOfParallelism = 64 }, async (entry, _) =>
        {
            if (!late.IsCancellationRequested && entry.TryClose()) await CloseAsync(entry, late.Token);
        });
        await _stopping.CancelAsync();
    }

    public async ValueTask DisposeAsync()
    {
        await _scan.DisposeAsync();
        Due.Dispose();
        if (!_stopping.IsCancellationRequested) await _stopping.CancelAsync();
        _stopping.Dispose();
        _relay?.Dispose();
    }

    private ActorTypeConfig TypeConfig(string type) => _hosts.TryGetValue(type, out var host) ? host.Config : ActorTypeConfig.Default;

    // Rendezvous hashing: when an instance comes or goes, only its own share of the actors moves.
    private AppInstance? OwnerOf(ActorAddress address)
    {
        if (_members is not null) return PortOf(address, _members.Placement) is { } port ? _instances.GetValueOrDefault(port) : null;
        if (!_hosts.TryGetValue(address.Type, out var found)) return null;
        if (found.Hosts.Length == 1) return found.Hosts[0];
        return found.Hosts.MaxBy(host => Weight($"{address}@{host.AppId}:{host.Options.DaprHttpPort}"));
    }

    // FNV-1a with the final mix of MurmurHash3: the same in every run of the process, unlike string.GetHashCode. Names of hosts differ in their
    // last digit alone, which FNV by itself (or with a weaker mix) lets win or lose for nearly all actors at once.
    internal static ulong Weight(string text)
    {
        var hash = 14695981039346656037UL;
        foreach (var c in text) hash = (hash ^ c) * 1099511628211UL;
        hash = (hash ^ (hash >> 33)) * 0xFF51AFD7ED558CCDUL;
        hash = (hash ^ (hash >> 33)) * 0xC4CEB9FE1A85EC53UL;
        return hash ^ (hash >> 33);
    }

    private async Task OwnerAsync(ActorAddress address, TimeLimit limit, CancellationToken cancellationToken)
    {
        while (true)
        {
            // Taken before the look: what changes after it ends the wait.
            var (placed, shared) = (_placementChanged.Task, _members?.Changed);
            if (OwnerOf(address) is { IsReady: true }) return;
            if (_members?.Placement.Latest.OwnerOf(address) is { IsHere: false }) throw new NotHereException(address);
            var isMoving = _members is { Placement: var placement } && (!placement.IsSettled || placement.Latest.Version == 0);
            var left = limit.Left + (isMoving ? MovingTime : TimeSpan.Zero);
            if (left <= TimeSpan.Zero) throw new NoHostException(address);
            var wait = left < TimeSpan.FromMilliseconds(100) || isMoving || _hosts.ContainsKey(address.Type) ? TimeSpan.FromMilliseconds(Math.Min(50, left.TotalMilliseconds)) : left > TimeSpan.FromDays(1) ? TimeSpan.FromDays(1) : left;
            using var over = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
            // The one that completes first takes the wait off the others: a placement can stay for days.
            await Task.WhenAny(shared is null ? [placed, Task.Delay(wait, _time, over.Token)] : [placed, shared, Task.Delay(wait, _time, over.Token)]);
            cancellationToken.ThrowIfCancellationRequested();
            await over.CancelAsync();
        }
    }

    private void DeactivateIdle()
    {
        var now = _time.GetTimestamp();
        foreach (var entry in _active.Values)
            if (entry.Owner is not null && _time.GetElapsedTime(entry.LastUsed, now) >= TypeConfig(entry.Address.Type).IdleTimeout && entry.TryClose()) _ = CloseAsync(entry, _stopping.Token);
    }

    private async Task CloseAsync(ActorEntry entry, CancellationToken cancellationToken)
    {
        try
        {
            await LeaveAsync(entry, cancellationToken);
        }
        finally
        {
            _active.TryRemove(new(entry.Address, entry));
            entry.Left();
        }
    }

    private void Forget(ActorEntry entry)
    {
        if (!entry.TryClose()) return;
        _active.TryRemove(new(entry.Address, entry));
        entry.Left();
    }

    private async Task DeactivateAsync(ActorEntry entry, CancellationToken cancellationToken)
    {
        if (entry.Owner is not { IsReady: true, Channel: { } channel }) return;
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        limit.CancelAfter(TimeSpan.FromSeconds(10));
        try
        {
            using var request = channel.Request(HttpMethod.Delete, Path(entry.Address), TraceContext.None);
            request.Content = AppChannel.Content([], "application/x-protobuf");
            using var response = await channel.SendAsync(request, limit.Token);
            if (!response.IsSuccessStatusCode) NotDeactivated(_logger, entry.Address, $"the app answered {(int)response.StatusCode}");
        }
        catch (HttpRequestException e) when (AppChannel.WasRefused(e))
        {
            // An app that is gone took its actors with it.
            entry.Owner?.Suspect();
        }
        catch (Exception e) when (e is HttpRequestException or OperationCanceledException or IOException)
        {
            NotDeactivated(_logger, entry.Address, e.Message);
        }
    }

    // Within a turn: the actor leaves its old place before it acts at the new one.
    private async Task SettleAsync(ActorEntry entry, AppInstance owner)
    {
        if (entry.Owner is not null) await LeaveAsync(entry, _stopping.Token);
        entry.Owner = owner;
    }

    private async Task LeaveAsync(ActorEntry entry, CancellationToken cancellationToken)
    {
        entry.StopTimers();
        await DeactivateAsync(entry, cancellationToken);
        entry.Owner = null;
        // Again: those that the app set while it deactivated the actor.
        entry.StopTimers();
        // What the app saved until now is stored before the actor is active anywhere else; what it sends from now on is refused.
        await _saves.EndAsync().WaitAsync(cancellationToken).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
    }

    private async Task MoveAsync(ActorEntry entry)
    {
        if (!entry.TryEnter())
        {
            // It is being deactivated.
            await entry.Closed;
            return;
        }
        try
        {
            if (!await entry.Turn.WaitAsync(TypeConfig(entry.Address.Type).DrainTimeout, _stopping.Token))
            {
                // The call had its time: it is broken off, so that the actor does not act in two places.
                BreakOff(entry);
                await entry.Turn.WaitAsync(_stopping.Token);
            }
            try
            {
                if (OwnerOf(entry.Address) == entry.Owner) return;
                await LeaveAsync(entry, _stopping.Token);
            }
            finally
            {
                entry.Turn.Release();
            }
        }
        catch (OperationCanceledException)
        {
            // The sidecar stops.
        }
        finally
        {
            Exit(entry);
        }
    }

    [LoggerMessage(LogLevel.Warning, "actor {actor} was not deactivated: {problem}")]
    private static partial void NotDeactivated(ILogger logger, ActorAddress actor, string problem);
}
