using Danube.Dapr.Rebalancer.Topics;
using Dapr.Actors;

namespace Danube.Dapr.Rebalancer.Actors;

/// <summary>The authority on one topic and the gate in front of its moves. Public because Dapr implements it at run time.</summary>
public interface ITopicActor : IActor
{
    /// <summary>Gives the topic to a move, or says why not.</summary>
    Task<ReservationResult> ReserveAsync(Reservation request);

    /// <summary>What is remembered; null when nothing is.</summary>
    Task<TopicState?> GetAsync();

    /// <summary>Writes down that the unload is about to be sent; false when it must not be.</summary>
    Task<bool> BeginUnloadAsync(UnloadRequest request);

    /// <summary>Writes down that a repair is about to load the topic on a broker; false when it must not.</summary>
    Task<bool> BeginLoadAsync(LoadRequest request);

    /// <summary>Frees the topic of a move that did nothing to it.</summary>
    Task ReleaseAsync(string moveId);

    /// <summary>Writes down how a move ended and frees the topic.</summary>
    Task EndAsync(TopicEnd end);

    /// <summary>The topic that was loaded twice is gone, or the broker that had both its logs.</summary>
    Task ForgetLoadedTwiceAsync();

    /// <summary>Binds the topic to a broker, or frees it when null.</summary>
    Task PinAsync(TopicPinning pinning);
}

/// <summary>How a move of a topic ended.</summary>
/// <param name="End">The end.</param>
/// <param name="Owner">Who owns it now, when known.</param>
/// <param name="FailedOn">The broker on which it went wrong, or null.</param>
public sealed record TopicEnd(MoveEnd End, string? Owner, string? FailedOn);

/// <summary>A run of a move's step is about to send the unload.</summary>
/// <param name="MoveId">The move.</param>
/// <param name="Sends">How often it had been sent when the run decided to send it; it may not when that has changed.</param>
/// <param name="Deletes">True: it deletes the topic, to create it again, instead of unloading it.</param>
public sealed record UnloadRequest(string MoveId, int Sends, bool Deletes = false);

/// <summary>A run of a repair is about to load the topic on a broker.</summary>
/// <param name="MoveId">The repair.</param>
/// <param name="Asks">How often it had asked for the topic when this run got it; it may not when that has changed.</param>
/// <param name="BrokerId">The broker.</param>
public sealed record LoadRequest(string MoveId, int Asks, string BrokerId);

/// <summary>Pin of a topic; null frees it.</summary>
public sealed record TopicPinning(string? BrokerId);
