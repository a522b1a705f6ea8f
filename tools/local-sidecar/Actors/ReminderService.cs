using System.Collections.Concurrent;
using System.Text.Json;
using Danube.Dapr.LocalSidecar.Hosting;
using Danube.Dapr.LocalSidecar.Names;
using Danube.Dapr.LocalSidecar.Scheduling;
using Danube.Dapr.LocalSidecar.State;

namespace Danube.Dapr.LocalSidecar.Actors;

/// <summary>
/// The reminders of one app-id: kept in its actor state store, delivered at least once, in the turn of their actor. A reminder whose app is
/// not there waits for it. Of several processes each has the reminders of its actors.
/// </summary>
internal sealed partial class ReminderService(string appId, IStateStore store, ActorSystem actors, TimeProvider time, ILogger<ReminderService> logger)
{
    private const int Retries = 3;
    private static readonly TimeSpan RetryDelay = TimeSpan.FromSeconds(1);

    // No key of an app begins so: keys begin with an app-id, a store's name or a literal, none of which is empty.
    private readonly string _prefix = $"||actorreminder||{appId}||";
    private readonly ConcurrentDictionary<(ActorAddress Actor, string Name), Scheduled> _reminders = new();
    private readonly Departures _writes = new();

    // What is stored and what is in memory of one reminder change together: a tick, a new reminder and its removal go one after the other.
    private readonly Gates<(ActorAddress Actor, string Name)> _gates = new();
    private Task? _loading;

    // What was removed since the store was read into memory.
    private volatile ConcurrentDictionary<(ActorAddress Actor, string Name), byte>? _removed;

    /// <summary>How many are in memory.</summary>
    public int Count => _reminders.Count;

    /// <summary>Takes in what is stored; every call after the first waits for the same. Where several processes share the actors, <see cref="Reload"/> begins it.</summary>
    public Task LoadAsync(CancellationToken cancellationToken)
    {
        lock (_reminders) return _loading ??= actors.Relay is null ? ReadAsync(cancellationToken) : Task.CompletedTask;
    }

    /// <summary>Takes in the reminders of the actors that are here now, and forgets the others.</summary>
    public void Reload(Func<ActorAddress, bool> isHere)
    {
        lock (_reminders) _loading = ReloadAsync(_loading ?? Task.CompletedTask, isHere);
    }

    /// <summary>Returns when nothing is under way any more for actors that are not here.</summary>
    public Task LeaveAsync() => _writes.EndAsync();

    /// <summary>Stores and schedules a reminder, in the place of one with the same name.</summary>
    /// <returns>False when there is one already and <paramref name="overwrite"/> is false.</returns>
    /// <exception cref="FormatException">A time is not understood.</exception>
    /// <exception cref="NotHereException">The actor belongs to another process.</exception>
    public async Task<bool> RegisterAsync(ActorAddress actor, string name, string dueTime, string period, string ttl, string? dataJson, bool overwrite, CancellationToken cancellationToken)
    {
        await LoadAsync(cancellationToken).WaitAsync(cancellationToken);
        using var write = Begin(actor);
        var now = time.GetUtcNow();
        var ticks = Ticks.Parse(dueTime, period, ttl, now);
        if (ticks.Until < now) throw new FormatException($"reminder {name} has already expired");
        using var gate = await _gates.EnterAsync((actor, name), cancellationToken);
        if (!overwrite && _reminders.ContainsKey((actor, name))) return false;
        var reminder = new Reminder(actor.Type, actor.Id, name, dueTime, period, dataJson, ticks);
        await ApplyAsync(Put(reminder));
        Schedule(reminder);
        return true;
    }

    public async Task<Reminder?> FindAsync(ActorAddress actor, string name, CancellationToken cancellationToken)
    {
        if (!actors.IsHere(actor)) return await store.GetAsync(Key(actor, name), cancellationToken) is { } stored ? JsonSerializer.Deserialize(stored.Value, ReminderJson.Default.Reminder) : null;
        await LoadAsync(cancellationToken).WaitAsync(cancellationToken);
        return _reminders.TryGetValue((actor, name), out var found) ? found.Reminder : null;
    }

    public async Task UnregisterAsync(ActorAddress actor, string name, CancellationToken cancellationToken)
    {
        await LoadAsync(cancellationToken).WaitAsync(cancellationToken);
        using var write = Begin(actor);
        using var gate = await _gates.EnterAsync((actor, name), cancellationToken);
        await ApplyAsync(new StateOperation(Key(actor, name), null));
        _removed?.TryAdd((actor, name), 0);
        if (_reminders.TryRemove((actor, name), out var old)) old.Pending?.Dispose();
    }

    private IDisposable Begin(ActorAddress actor)
    {
        var write = _writes.Enter();
        if (actors.IsHere(actor)) return write;
        write.Dispose();
        throw new NotHereException(actor);
    }

    private async Task ReloadAsync(Task before, Func<ActorAddress, bool> isHere)
    {
        await before.ContinueWith(static _ => { }, TaskScheduler.Default);
        foreach (var (key, scheduled) in _reminders)
            if (!isHere(key.Actor)) Forget(scheduled);
        await ReadAsync(actors.Stopping, isHere);
    }

    private async Task ReadAsync(CancellationToken cancellationToken, Func<ActorAddress, bool>? isHere = null)
    {
        var removed = _removed = new();
        while (true)
        {
            try
            {
                foreach (var entry in await store.ListAsync(_prefix, cancellationToken))
                {
                    if (JsonSerializer.Deserialize(entry.Value, ReminderJson.Default.Reminder) is not { } reminder) continue;
                    if (isHere?.Invoke(reminder.Address) == false) continue;
                    using var gate = await _gates.EnterAsync((reminder.Address, reminder.Name), cancellationToken);
                    // What happened to it since the store was read is newer.
                    if (_reminders.ContainsKey((reminder.Address, reminder.Name)) || removed.ContainsKey((reminder.Address, reminder.Name))) continue;
                    Schedule(reminder.AsOf(time.GetUtcNow()));
                }
                _removed = null;
                return;
            }
            catch (Exception e) when (e is not OperationCanceledException)
            {
                CannotLoad(logger, appId, e.Message);
                await Task.Delay(RetryDelay, time, cancellationToken);
            }
        }
    }

    private void Schedule(Reminder reminder)
    {
        var scheduled = new Scheduled(reminder);
        _reminders.AddOrUpdate((reminder.Address, reminder.Name), scheduled, (_, old) =>
        {
            old.Pending?.Dispose();
            return scheduled;
        });
        scheduled.Pending = actors.Due.At(reminder.Ticks.Next, () => _ = FireAsync(scheduled));
    }

    private bool IsCurrent(Scheduled scheduled) => _reminders.TryGetValue((scheduled.Reminder.Address, scheduled.Reminder.Name), out var current) && current == scheduled;

    private async Task FireAsync(Scheduled scheduled)
    {
        var reminder = scheduled.Reminder;
        try
        {
            var goesOn = await DeliverAsync(scheduled);
            using var write = Begin(reminder.Address);
            using var gate = await _gates.EnterAsync((reminder.Address, reminder.Name), actors.Stopping);
            // It was replaced or removed while it was delivered: the last word stands.
            if (!IsCurrent(scheduled)) return;
            var rest = goesOn ? reminder.Ticks.After(time.GetUtcNow()) : null;
            if (rest is null)
            {
                var isStored = await PersistAsync(new StateOperation(Key(reminder.Address, reminder.Name), null));
                _removed?.TryAdd((reminder.Address, reminder.Name), 0);
                Forget(scheduled);
                if (!isStored) _ = RemoveLaterAsync(reminder.Address, reminder.Name);
                return;
            }
            var next = reminder with { Ticks = rest };
            await PersistAsync(Put(next));
            if (IsCurrent(scheduled)) Schedule(next);
        }
        catch (OperationCanceledException)
        {
            // The sidecar stops: the tick comes again when it is back.
        }
        catch (NotHereException)
        {
            // Who has the actor now has its reminders, too.
            Forget(scheduled);
            // It is back already, and whoever read the store for that still saw this one.
            if (actors.IsHere(reminder.Address)) Reload(actors.IsHere);
        }
        catch (Exception e)
        {
            NotDelivered(logger, reminder.Address, reminder.Name, e.Message);
        }
    }

    // Until it is gone from the store, or there is another one of its name: after a restart it would come again.
    private async Task RemoveLaterAsync(ActorAddress actor, string name)
    {
        try
        {
            var stopping = actors.Stopping;
            while (true)
            {
                await Task.Delay(RetryDelay, time, stopping);
                // It may have been elsewhere meanwhile, and have got another one there.
                await LoadAsync(stopping).WaitAsync(stopping);
                using var write = Begin(actor);
                using var gate = await _gates.EnterAsync((actor, name), stopping);
                if (_reminders.ContainsKey((actor, name))) return;
                if (!await PersistAsync(new StateOperation(Key(actor, name), null))) continue;
                _removed?.TryAdd((actor, name), 0);
                return;
            }
        }
        catch (Exception e) when (e is OperationCanceledException or NotHereException)
        {
            // Who has the actor next fires it once more.
        }
    }

    private void Forget(Scheduled scheduled)
    {
        scheduled.Pending?.Dispose();
        _reminders.TryRemove(new((scheduled.Reminder.Address, scheduled.Reminder.Name), scheduled));
    }

    /// <returns>False when the app asked for no more.</returns>
    private async Task<bool> DeliverAsync(Scheduled scheduled)
    {
        var reminder = scheduled.Reminder;
        for (var attempt = 0; ; attempt++)
        {
            string problem;
            try
            {
                var (status, cancelled) = await actors.TurnAsync(reminder.Address, null, null, async (_, channel, running) =>
                {
                    // It may have been unregistered while it waited for its turn.
                    if (!IsCurrent(scheduled)) return (200, true);
                    using var request = channel.Request(HttpMethod.Put, $"{ActorSystem.Path(reminder.Address)}/method/remind/{Uri.EscapeDataString(reminder.Name)}", Tracing.TraceContext.None);
                    request.Content = AppChannel.Content(CallbackBody.Reminder(reminder.Data), "application/json");
                    using var response = await channel.SendAsync(request, running);
                    return ((int)response.StatusCode, CallbackBody.AsksToCancel(response));
                }, actors.Stopping);
                if (status == 200) return !cancelled;
                problem = $"the app answered {status}";
            }
            catch (Exception e) when (e is HttpRequestException or IOException or NoHostException || (e is OperationCanceledException && !actors.Stopping.IsCancellationRequested))
            {
                problem = e.Message;
            }
            if (attempt == Retries)
            {
                GivenUp(logger, reminder.Address, reminder.Name, problem);
                return true;
            }
            NotDelivered(logger, reminder.Address, reminder.Name, problem);
            await Task.Delay(RetryDelay, time, actors.Stopping);
        }
    }

    private StateOperation Put(Reminder reminder) => new(Key(reminder.Address, reminder.Name), JsonSerializer.SerializeToUtf8Bytes(reminder, ReminderJson.Default.Reminder));

    // Not cancelled with the call that asked for it: who gives up waiting would leave a write under way that may end after the next one.
    private Task ApplyAsync(StateOperation operation) => store.ApplyAsync([operation], CancellationToken.None);

    // When the store fails, the reminder goes on in memory; after a restart its old tick comes again.
    private async Task<bool> PersistAsync(StateOperation operation)
    {
        try
        {
            await ApplyAsync(operation);
            return true;
        }
        catch (Exception e)
        {
            NotStored(logger, operation.Key, e.Message);
            return false;
        }
    }

    private string Key(ActorAddress actor, string name) => $"{_prefix}{actor.Type}||{actor.Id}||{name}";

    [LoggerMessage(LogLevel.Error, "{appId}: the reminders cannot be read: {problem}")]
    private static partial void CannotLoad(ILogger logger, string appId, string problem);

    [LoggerMessage(LogLevel.Warning, "actor {actor}: reminder {name} was not delivered: {problem}")]
    private static partial void NotDelivered(ILogger logger, ActorAddress actor, string name, string problem);

    [LoggerMessage(LogLevel.Error, "actor {actor}: a tick of reminder {name} is given up: {problem}")]
    private static partial void GivenUp(ILogger logger, ActorAddress actor, string name, string problem);

    [LoggerMessage(LogLevel.Error, "reminder {key} was not stored: {problem}")]
    private static partial void NotStored(ILogger logger, string key, string problem);

    private sealed class Scheduled(Reminder reminder)
    {
        public Reminder Reminder { get; } = reminder;

        public IDisposable? Pending { get; set; }
    }
}
