using Danube.Dapr.Rebalancer.Actors;
using Danube.Dapr.Rebalancer.Options;
using Danube.Dapr.Rebalancer.Topics;
using Danube.Dapr.Rebalancer.Workflows;
using Microsoft.Extensions.Options;

namespace Danube.Dapr.Rebalancer.Execution;

/// <summary>A repair's hold on its topic. The step may be given out again while its first run still goes on: the later run has the topic, and the first one stops before it changes anything more.</summary>
internal sealed class RepairHold(ActorDirectory actors, IOptionsMonitor<RebalancerOptions> monitor, TimeProvider time)
{
    /// <summary>Asks for the topic.</summary>
    public async Task<ReservationResult> ReserveAsync(MoveInput input) => await actors.Topic(input.Move.Topic).ReserveAsync(new Reservation
    {
        MoveId = input.Move.MoveId(input.PlanId),
        Topic = input.Move.Topic,
        From = "",
        To = "",
        LeaseSeconds = monitor.CurrentValue.MoveTimeoutSeconds,
        Force = true,
    });

    /// <summary>Before each step that changes something: a later run of this repair asked for the topic, or it has ended, and this one must not go on beside it.</summary>
    public async Task GoesOnAsync(string topic, Lease held)
    {
        if ((await actors.Topic(topic).GetAsync())?.Lease is not { } now || now.MoveId != held.MoveId || now.Asks != held.Asks)
            throw new OtherRunException(topic);
    }

    /// <summary>Writes down that the topic is about to be unloaded, or deleted. Fails also when that took so long that another run may be about to do it.</summary>
    public async Task BeginUnloadAsync(MoveInput input, Lease held, bool deletes = false)
    {
        await GoesOnAsync(input.Move.Topic, held);
        var written = time.GetTimestamp();
        if (!await actors.Topic(input.Move.Topic).BeginUnloadAsync(new UnloadRequest(held.MoveId, held.Sends, deletes)) || time.GetElapsedTime(written) > TopicMover.Late)
            throw new OtherRunException(input.Move.Topic);
    }

    /// <summary>Writes down that the topic is about to be loaded on a broker: a repair that fails after it leaves the topic loaded there, and the next one must go on there.</summary>
    public async Task BeginLoadAsync(string topic, Lease held, string broker)
    {
        var written = time.GetTimestamp();
        if (!await actors.Topic(topic).BeginLoadAsync(new LoadRequest(held.MoveId, held.Asks, broker)) || time.GetElapsedTime(written) > TopicMover.Late)
            throw new OtherRunException(topic);
    }
}

/// <summary>The step was given out again after a crash, and another run of it goes on with the topic: the workflow tries this one again and finds what became of it.</summary>
internal sealed class OtherRunException(string topic) : Exception($"Another run of this repair goes on with {topic}.");
