using Danube.Dapr.Rebalancer.Control;
using Danube.Dapr.Rebalancer.Topics;
using Dapr.Actors.Runtime;

namespace Danube.Dapr.Rebalancer.Actors;

/// <summary>Keeps one topic's <see cref="TopicState"/>; the rules are <see cref="TopicGate"/>'s. A reminder frees the topic of a holder that died.</summary>
internal sealed partial class TopicActor(ActorHost host, SteadyClock clock, TimeProvider time, ILogger<TopicActor> logger) : FreshActor(host), ITopicActor, IRemindable
{
    private const string StateKey = "topic";
    private const string LeaseReminder = "lease";

    public async Task<ReservationResult> ReserveAsync(Reservation request)
    {
        ArgumentNullException.ThrowIfNull(request);
        var before = await LoadAsync();
        var now = time.GetUtcNow();
        var (state, result) = TopicGate.Reserve(Expired(before, now), request, now);
        if (result.Denial is not null || result.End is not null)
        {
            if (state != before)
                await StoreAsync(state);
            return result;
        }

        // The reminder first: a lease without one would hold the topic for ever when its holder dies.
        var due = TimeSpan.FromSeconds(request.LeaseSeconds);
        await RegisterReminderAsync(LeaseReminder, null, due, due);
        await StoreAsync(state);
        return result;
    }

    public async Task<TopicState?> GetAsync()
    {
        var stored = await StateManager.TryGetStateAsync<TopicState>(StateKey);
        return stored.HasValue ? TopicGate.Follow(stored.Value, clock.Read(), time) : null;
    }

    public async Task<bool> BeginUnloadAsync(UnloadRequest request)
    {
        ArgumentNullException.ThrowIfNull(request);
        if (TopicGate.BeginUnload(await LoadAsync(), request.MoveId, request.Sends, time.GetUtcNow(), request.Deletes) is not { } state)
            return false;
        await StoreAsync(state);
        return true;
    }

    public async Task<bool> BeginLoadAsync(LoadRequest request)
    {
        ArgumentNullException.ThrowIfNull(request);
        if (TopicGate.BeginLoad(await LoadAsync(), request.MoveId, request.Asks, request.BrokerId) is not { } state)
            return false;
        await StoreAsync(state);
        return true;
    }

    public async Task ReleaseAsync(string moveId)
    {
        if (TopicGate.Release(await LoadAsync(), moveId) is { } state)
            await StoreAndForgetReminderAsync(state);
    }

    public async Task EndAsync(TopicEnd end)
    {
        ArgumentNullException.ThrowIfNull(end);
        await StoreAndForgetReminderAsync(TopicGate.End(await LoadAsync(), end.End, end.Owner, end.FailedOn));
    }

    public async Task ForgetLoadedTwiceAsync()
    {
        if (TopicGate.ForgetLoadedTwice(await LoadAsync()) is { } state)
            await StoreAsync(state);
    }

    public async Task PinAsync(TopicPinning pinning)
    {
        ArgumentNullException.ThrowIfNull(pinning);
        await StoreAsync(await LoadAsync() with { Pin = pinning.BrokerId });
    }

    public async Task ReceiveReminderAsync(string reminderName, byte[] state, TimeSpan dueTime, TimeSpan period)
    {
        var before = await LoadAsync();
        var topic = TopicGate.Present(before, time.GetUtcNow());
        if (TopicGate.Expire(topic, time.GetUtcNow()) is { } freed)
        {
            LeaseExpired(topic.Topic, topic.Lease!.MoveId, topic.Lease.Step);
            await StoreAndForgetReminderAsync(freed);
        }
        else if (topic.Lease is null)
        {
            await UnregisterReminderAsync(LeaseReminder);
        }
        else if (topic != before)
        {
            // The clock was set back: the lease ends with the next reminder.
            await StoreAsync(topic);
        }
    }

    private static TopicState Expired(TopicState state, DateTimeOffset now) => TopicGate.Expire(state, now) ?? state;

    private async Task<TopicState> LoadAsync()
    {
        var stored = await StateManager.TryGetStateAsync<TopicState>(StateKey);
        return TopicGate.Follow(stored.HasValue ? stored.Value : new TopicState { Topic = TopicActorId.Decode(Id.GetId()) }, clock.Read(), time);
    }

    private async Task StoreAsync(TopicState state)
    {
        await StateManager.SetStateAsync(StateKey, state);
        await SaveStateAsync();
    }

    private async Task StoreAndForgetReminderAsync(TopicState state)
    {
        await StoreAsync(state);
        if (state.Lease is null)
            await UnregisterReminderAsync(LeaseReminder);
    }

    [LoggerMessage(Level = LogLevel.Warning, Message = "Topic {Topic}: move {MoveId} did not come back in step {Step}; the topic is free again")]
    private partial void LeaseExpired(string topic, string moveId, LeaseStep step);
}
