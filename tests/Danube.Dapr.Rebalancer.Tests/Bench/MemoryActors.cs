using System.Collections.Concurrent;
using System.Reflection;
using System.Text.Json;
using Danube.Dapr.Contracts;
using Dapr.Actors;
using Dapr.Actors.Client;
using Dapr.Actors.Runtime;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging.Abstractions;

namespace Danube.Dapr.Rebalancer.Tests.Bench;

/// <summary>
/// Runs actors in memory as Dapr would: one turn at a time, arguments, results and state as JSON, state saved at the end of a turn that did not fail. A test
/// can end the process at any call: what was stored stays, what was only in memory is gone.
/// </summary>
internal sealed class MemoryActors : IActorProxyFactory
{
    private readonly ConcurrentDictionary<string, Slot> _slots = new();
    private readonly ConcurrentDictionary<(string Actor, string Reminder), TimeSpan> _reminders = new();
    private readonly Dictionary<string, Type> _types = [];
    private readonly AsyncLocal<bool> _inTurn = new();

    // What Dapr's runtime calls around a turn is not public.
    private static readonly MethodInfo BeforeMethod = typeof(Actor).GetMethod("OnPreActorMethodAsync", BindingFlags.Instance | BindingFlags.NonPublic)!;
    private static readonly MethodInfo AfterMethod = typeof(Actor).GetMethod("OnPostActorMethodAsync", BindingFlags.Instance | BindingFlags.NonPublic)!;
    private static readonly MethodInfo MethodFailed = typeof(Actor).GetMethod("OnActorMethodFailedAsync", BindingFlags.Instance | BindingFlags.NonPublic)!;
    private static readonly object Context = typeof(ActorMethodContext).GetMethod("CreateForActor", BindingFlags.Static | BindingFlags.NonPublic)!.Invoke(null, ["method"])!;
    private int _calls;

    public IServiceProvider Services { get; set; } = null!;

    /// <summary>Calls so far.</summary>
    public int Calls => _calls;

    /// <summary>The call that fails, counted from 1; 0 for none.</summary>
    public int FailCall { get; set; }

    /// <summary>True: the call fails after its turn was stored; false: before it began.</summary>
    public bool FailAfterwards { get; set; }

    /// <summary>
    /// The process that has the actors now. Another one activates its own, and those of the one before stay as they are, as behind a sidecar that was started again meanwhile and knows of none.
    /// </summary>
    public int Process { get; set; }

    /// <summary>Runs before each call that does not come from another actor, with the number of the call; null for none.</summary>
    public Func<int, Task>? Before { get; set; }

    /// <summary>The type of actors that do not answer; null for none.</summary>
    public string? Hanging { get; set; }

    /// <summary>Calls that are not answered.</summary>
    public int Hung { get; private set; }

    /// <summary>Reminders that are set, as <c>type/id/name</c>.</summary>
    public IReadOnlyList<string> Reminders => [.. _reminders.Keys.Select(k => $"{k.Actor}/{k.Reminder}")];

    public void Register<TActor>(string type) where TActor : Actor => _types[type] = typeof(TActor);

    public TActorInterface CreateActorProxy<TActorInterface>(ActorId actorId, string actorType, ActorProxyOptions? options = null)
        where TActorInterface : IActor
    {
        var proxy = DispatchProxy.Create<TActorInterface, ActorCall>();
        ((ActorCall)(object)proxy!).Target = (actorType, actorId, this);
        return proxy;
    }

    public object CreateActorProxy(ActorId actorId, Type actorInterfaceType, string actorType, ActorProxyOptions? options = null) => throw new NotSupportedException();

    public ActorProxy Create(ActorId actorId, string actorType, ActorProxyOptions? options = null) => throw new NotSupportedException();

    /// <summary>What the state store has of an actor.</summary>
    public Dictionary<string, string> Stored(string type, string id) => _slots[$"{type}/{id}"].Stored;

    /// <summary>Lets a reminder fire now, as long as it is set.</summary>
    public Task FireAsync(string type, string id, string reminder) => _reminders.ContainsKey(($"{type}/{id}", reminder))
        ? TurnAsync(type, new ActorId(id), actor => ((IRemindable)actor).ReceiveReminderAsync(reminder, [], TimeSpan.Zero, TimeSpan.Zero))
        : Task.CompletedTask;

    /// <summary>The process dies: every activation is gone.</summary>
    public void Crash()
    {
        foreach (var slot in _slots.Values)
            slot.Actors.Clear();
    }

    internal async Task TurnAsync(string type, ActorId id, Func<Actor, Task> turn)
    {
        var call = Interlocked.Increment(ref _calls);
        if (Before is { } before && !_inTurn.Value)
            await before(call);
        if (type == Hanging)
        {
            Hung++;
            await Task.Delay(Timeout.Infinite);
        }

        if (call == FailCall && !FailAfterwards)
            throw new IOException($"Call {call} ({type} {id}) did not get through.");
        var slot = _slots.GetOrAdd($"{type}/{id}", key => new Slot(key));
        if (!await slot.Turn.WaitAsync(TimeSpan.FromSeconds(30)))
            throw new TimeoutException($"{type} {id} is busy for ever: a turn waits for itself.");
        if (!slot.Actors.TryGetValue(Process, out var actor))
            slot.Actors.Add(Process, actor = Activate(type, id, slot));
        try
        {
            _inTurn.Value = true;
            await (Task)BeforeMethod.Invoke(actor, [Context])!;
            await turn(actor);
            await (Task)AfterMethod.Invoke(actor, [Context])!;
            await actor.StateManager.SaveStateAsync();
        }
        catch (Exception error)
        {
            await (Task)MethodFailed.Invoke(actor, [Context, error])!;
            await actor.StateManager.ClearCacheAsync();
            throw;
        }
        finally
        {
            slot.Turn.Release();
        }

        if (call == FailCall)
            throw new IOException($"The answer to call {call} ({type} {id}) was lost.");
    }

    private Actor Activate(string type, ActorId id, Slot slot)
    {
        var implementation = _types[type];
        var host = ActorHost.CreateForTest(implementation, type, new ActorTestOptions
        {
            ActorId = id,
            JsonSerializerOptions = ContractsJson.Wire,
            LoggerFactory = NullLoggerFactory.Instance,
            ProxyFactory = this,
            TimerManager = new Timers(this, slot.Key),
        });
        var actor = (Actor)ActivatorUtilities.CreateInstance(Services, implementation, host);
        typeof(Actor).GetProperty(nameof(Actor.StateManager))!.SetValue(actor, new MemoryState(slot.Stored));
        return actor;
    }

    private sealed class Slot(string key)
    {
        public string Key => key;

        public SemaphoreSlim Turn { get; } = new(1, 1);

        /// <summary>What the state store has.</summary>
        public Dictionary<string, string> Stored { get; } = [];

        /// <summary>The activations by process.</summary>
        public Dictionary<int, Actor> Actors { get; } = [];
    }

    private sealed class Timers(MemoryActors owner, string actor) : ActorTimerManager
    {
        public override Task RegisterReminderAsync(ActorReminder reminder)
        {
            owner._reminders[(actor, reminder.Name)] = reminder.Period;
            return Task.CompletedTask;
        }

        public override Task UnregisterReminderAsync(ActorReminderToken reminder)
        {
            owner._reminders.TryRemove((actor, reminder.Name), out _);
            return Task.CompletedTask;
        }

        public override Task<IActorReminder> GetReminderAsync(ActorReminderToken reminder) => throw new NotSupportedException();

        public override Task RegisterTimerAsync(ActorTimer timer) => throw new NotSupportedException();

        public override Task UnregisterTimerAsync(ActorTimerToken timer) => throw new NotSupportedException();
    }
}

/// <summary>A proxy that sends its calls through <see cref="MemoryActors"/>. Public because the run time derives from it.</summary>
public class ActorCall : DispatchProxy
{
    internal (string Type, ActorId Id, MemoryActors Actors) Target { get; set; }

    protected override object? Invoke(MethodInfo? targetMethod, object?[]? args)
    {
        var method = targetMethod!;
        var copies = args!.Select((a, i) => Copy(a, method.GetParameters()[i].ParameterType)).ToArray();
        if (method.ReturnType == typeof(Task))
            return Target.Actors.TurnAsync(Target.Type, Target.Id, actor => (Task)method.Invoke(actor, copies)!);
        var result = method.ReturnType.GetGenericArguments()[0];
        return typeof(ActorCall).GetMethod(nameof(AskAsync), BindingFlags.NonPublic | BindingFlags.Instance)!.MakeGenericMethod(result).Invoke(this, [method, copies]);
    }

    private async Task<T> AskAsync<T>(MethodInfo method, object?[] args)
    {
        object? answer = null;
        await Target.Actors.TurnAsync(Target.Type, Target.Id, async actor => answer = await (Task<T>)method.Invoke(actor, args)!);
        return (T)Copy(answer, typeof(T))!;
    }

    private static object? Copy(object? value, Type type) => JsonSerializer.Deserialize(JsonSerializer.Serialize(value, type, ContractsJson.Wire), type, ContractsJson.Wire);
}

/// <summary>Actor state as JSON: what was read stays as it was, as in Dapr's, and uncommitted changes are lost with a failed turn.</summary>
internal sealed class MemoryState(Dictionary<string, string> stored) : IActorStateManager
{
    private readonly Dictionary<string, string?> _read = [];
    private readonly Dictionary<string, string?> _changed = [];

    public Task<ConditionalValue<T>> TryGetStateAsync<T>(string stateName, CancellationToken cancellationToken = default)
    {
        if (!_changed.TryGetValue(stateName, out var text) && !_read.TryGetValue(stateName, out text))
            _read[stateName] = text = stored.GetValueOrDefault(stateName);
        return Task.FromResult(text is null ? new ConditionalValue<T>(false, default!) : new ConditionalValue<T>(true, JsonSerializer.Deserialize<T>(text, ContractsJson.Wire)!));
    }

    public async Task<T> GetStateAsync<T>(string stateName, CancellationToken cancellationToken = default)
    {
        var found = await TryGetStateAsync<T>(stateName, cancellationToken);
        return found.HasValue ? found.Value : throw new KeyNotFoundException(stateName);
    }

    public Task SetStateAsync<T>(string stateName, T value, CancellationToken cancellationToken = default)
    {
        _changed[stateName] = JsonSerializer.Serialize(value, ContractsJson.Wire);
        return Task.CompletedTask;
    }

    public Task RemoveStateAsync(string stateName, CancellationToken cancellationToken = default)
    {
        _changed[stateName] = null;
        return Task.CompletedTask;
    }

    public Task ClearCacheAsync(CancellationToken cancellationToken = default)
    {
        _read.Clear();
        _changed.Clear();
        return Task.CompletedTask;
    }

    public Task SaveStateAsync(CancellationToken cancellationToken = default)
    {
        foreach (var (key, value) in _changed)
        {
            _read[key] = value;
            if (value is null)
                stored.Remove(key);
            else
                stored[key] = value;
        }

        _changed.Clear();
        return Task.CompletedTask;
    }

    public Task UnloadStateAsync(string stateName, UnloadStateOptions? options = null, CancellationToken cancellationToken = default) => throw new NotSupportedException();

    public Task AddStateAsync<T>(string stateName, T value, CancellationToken cancellationToken = default) => throw new NotSupportedException();

    public Task AddStateAsync<T>(string stateName, T value, TimeSpan ttl, CancellationToken cancellationToken = default) => throw new NotSupportedException();

    public Task SetStateAsync<T>(string stateName, T value, TimeSpan ttl, CancellationToken cancellationToken = default) => throw new NotSupportedException();

    public Task<bool> TryAddStateAsync<T>(string stateName, T value, CancellationToken cancellationToken = default) => throw new NotSupportedException();

    public Task<bool> TryAddStateAsync<T>(string stateName, T value, TimeSpan ttl, CancellationToken cancellationToken = default) => throw new NotSupportedException();

    public async Task<bool> TryRemoveStateAsync(string stateName, CancellationToken cancellationToken = default)
    {
        var found = (await TryGetStateAsync<JsonElement>(stateName, cancellationToken)).HasValue;
        if (found)
            await RemoveStateAsync(stateName, cancellationToken);
        return found;
    }

    public Task<bool> ContainsStateAsync(string stateName, CancellationToken cancellationToken = default) => throw new NotSupportedException();

    public Task<T> GetOrAddStateAsync<T>(string stateName, T value, CancellationToken cancellationToken = default) => throw new NotSupportedException();

    public Task<T> GetOrAddStateAsync<T>(string stateName, T value, TimeSpan ttl, CancellationToken cancellationToken = default) => throw new NotSupportedException();

    public Task<T> AddOrUpdateStateAsync<T>(string stateName, T addValue, Func<string, T, T> updateValueFactory, CancellationToken cancellationToken = default) => throw new NotSupportedException();

    public Task<T> AddOrUpdateStateAsync<T>(
        string stateName, T addValue, Func<string, T, T> updateValueFactory, TimeSpan ttl, CancellationToken cancellationToken = default) => throw new NotSupportedException();
}
