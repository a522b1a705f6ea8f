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

    /// <summary>Writes down that the unload is about to be sent; false when the move does not hold the topic.</summary>
    Task<bool> BeginUnloadAsync(string moveId);

    /// <summary>Frees the topic of a move that did nothing to it.</summary>
    Task ReleaseAsync(string moveId);

    /// <summary>Writes down how a move ended and frees the topic.</summary>
    Task EndAsync(TopicEnd end);

    /// <summary>Binds the topic to a broker, or frees it when null.</summary>
    Task PinAsync(TopicPinning pinning);
}

/// <summary>How a move of a topic ended.</summary>
/// <param name="End">The end.</param>
/// <param name="Owner">Who owns it now, when known.</param>
/// <param name="FailedOn">The broker on which it went wrong, or null.</param>
public sealed record TopicEnd(MoveEnd End, string? Owner, string? FailedOn);

/// <summary>Pin of a topic; null frees it.</summary>
public sealed record TopicPinning(string? BrokerId);
