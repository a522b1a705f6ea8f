using System.Text;
using Dapr.Actors;
using Dapr.Actors.Client;
using Dapr.Actors.Runtime;

namespace Danube.Dapr.Conformance.App;

/// <summary>A timer or reminder to register.</summary>
public sealed class Schedule
{
    public string Name { get; set; } = "";

    public int DueMs { get; set; }

    /// <summary>−1: only once.</summary>
    public int PeriodMs { get; set; } = -1;

    /// <summary>0: no end.</summary>
    public int TtlMs { get; set; }

    /// <summary>0: no limit.</summary>
    public int Repetitions { get; set; }

    public string Data { get; set; } = "";
}

/// <summary>A reminder as the SDK reads it back.</summary>
public sealed class ReminderView
{
    public string Name { get; set; } = "";

    public double DueMs { get; set; }

    public double PeriodMs { get; set; }

    public string Data { get; set; } = "";
}

/// <summary>When a slow turn began and ended.</summary>
public sealed class Span
{
    public double StartMs { get; set; }

    public double EndMs { get; set; }
}

/// <summary>A key and its value.</summary>
public sealed class Pair
{
    public string Key { get; set; } = "";

    public string Value { get; set; } = "";
}

/// <summary>The actor that the suite calls, by remoting and by plain JSON.</summary>
public interface ICounterActor : IActor
{
    Task<int> Increment(int by);

    Task<int> Count();

    Task Set(Pair pair);

    Task<string?> Get(string key);

    Task<bool> Remove(string key);

    Task SetThenThrow(Pair pair);

    Task Throw(string message);

    Task<Span> Slow(int ms);

    Task<string> Concat(string text, int number);

    Task Nothing();

    Task<string> Instance();

    Task<int> IncrementOther(string otherId);

    Task<string> CallSelf(int timeoutMs);

    Task StartTimer(Schedule schedule);

    Task StopTimer(string name);

    Task StartReminder(Schedule schedule);

    Task StopReminder(string name);

    Task<ReminderView?> FindReminder(string name);
}

internal sealed class CounterActor(ActorHost host, Inbox inbox, IConfiguration configuration) : Actor(host), ICounterActor, IRemindable
{
    private readonly string _instance = Guid.NewGuid().ToString("N");

    public async Task<int> Increment(int by)
    {
        var count = await Count() + by;
        await StateManager.SetStateAsync("count", count);
        return count;
    }

    public Task<int> Count() => StateManager.GetOrAddStateAsync("count", 0);

    public Task Set(Pair pair) => StateManager.SetStateAsync(pair.Key, pair.Value);

    public async Task<string?> Get(string key) => await StateManager.TryGetStateAsync<string>(key) is { HasValue: true } found ? found.Value : null;

    public Task<bool> Remove(string key) => StateManager.TryRemoveStateAsync(key);

    public async Task SetThenThrow(Pair pair)
    {
        await Set(pair);
        throw new InvalidOperationException("after the state was set");
    }

    public Task Throw(string message) => throw new InvalidOperationException(message);

    public async Task<Span> Slow(int ms)
    {
        var start = inbox.NowMs;
        await Task.Delay(ms);
        return new Span { StartMs = start, EndMs = inbox.NowMs };
    }

    public Task<string> Concat(string text, int number) => Task.FromResult(text + number);

    public Task Nothing() => Task.CompletedTask;

    public Task<string> Instance() => Task.FromResult(_instance);

    public Task<int> IncrementOther(string otherId) => ProxyFactory.CreateActorProxy<ICounterActor>(new ActorId(otherId), Host.ActorTypeInfo.ActorTypeName).Increment(1);

    public async Task<string> CallSelf(int timeoutMs)
    {
        var self = ProxyFactory.CreateActorProxy<ICounterActor>(
            Id,
            Host.ActorTypeInfo.ActorTypeName,
            new ActorProxyOptions { HttpEndpoint = configuration["DAPR_HTTP_ENDPOINT"], DaprApiToken = configuration["DAPR_API_TOKEN"], RequestTimeout = TimeSpan.FromMilliseconds(timeoutMs) });
        try
        {
            await self.Nothing();
            return "went through";
        }
        catch (OperationCanceledException)
        {
            return "timed out";
        }
    }

    public Task StartTimer(Schedule schedule)
    {
        var (due, period, data) = Parts(schedule);
        return schedule.TtlMs > 0
            ? RegisterTimerAsync(schedule.Name, nameof(OnTimer), data, due, period, TimeSpan.FromMilliseconds(schedule.TtlMs))
            : RegisterTimerAsync(schedule.Name, nameof(OnTimer), data, due, period);
    }

    public Task StopTimer(string name) => UnregisterTimerAsync(name);

    public Task OnTimer(byte[]? data)
    {
        inbox.Add(Id.GetId(), "timer", "", data is null ? "" : Encoding.UTF8.GetString(data));
        return Task.CompletedTask;
    }

    public Task StartReminder(Schedule schedule)
    {
        var (due, period, data) = Parts(schedule);
        if (schedule.Repetitions > 0)
            return RegisterReminderAsync(schedule.Name, data, due, period, schedule.Repetitions);
        return schedule.TtlMs > 0
            ? RegisterReminderAsync(schedule.Name, data, due, period, TimeSpan.FromMilliseconds(schedule.TtlMs))
            : RegisterReminderAsync(schedule.Name, data, due, period);
    }

    public Task StopReminder(string name) => UnregisterReminderAsync(name);

    public async Task<ReminderView?> FindReminder(string name) => await GetReminderAsync(name) is { } found
        ? new ReminderView { Name = found.Name, DueMs = found.DueTime.TotalMilliseconds, PeriodMs = found.Period.TotalMilliseconds, Data = found.State is null ? "" : Encoding.UTF8.GetString(found.State) }
        : null;

    public Task ReceiveReminderAsync(string reminderName, byte[] state, TimeSpan dueTime, TimeSpan period)
    {
        inbox.Add(Id.GetId(), "reminder", reminderName, state is null ? "" : Encoding.UTF8.GetString(state));
        return reminderName == "fails-twice" && inbox.Of(Id.GetId(), "reminder", reminderName).Count <= 2
            ? throw new InvalidOperationException("the first two deliveries fail")
            : Task.CompletedTask;
    }

    protected override Task OnActivateAsync()
    {
        inbox.Add(Id.GetId(), "activate", _instance);
        return Task.CompletedTask;
    }

    protected override Task OnDeactivateAsync()
    {
        inbox.Add(Id.GetId(), "deactivate", _instance);
        return Task.CompletedTask;
    }

    private static (TimeSpan Due, TimeSpan Period, byte[] Data) Parts(Schedule schedule) =>
        (TimeSpan.FromMilliseconds(schedule.DueMs), TimeSpan.FromMilliseconds(schedule.PeriodMs), Encoding.UTF8.GetBytes(schedule.Data));
}
