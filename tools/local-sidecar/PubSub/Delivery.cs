using Danube.Dapr.LocalSidecar.Tracing;

namespace Danube.Dapr.LocalSidecar.PubSub;

/// <summary>What became of an event. When the app is absent that was no try: the event waits for it.</summary>
internal enum DeliveryOutcome { Done, Retry, Drop, Absent }

/// <summary>An event on its way to the app.</summary>
/// <param name="Body">The envelope, or what was published without one.</param>
/// <param name="Path">Where it goes, as the subscription names it.</param>
/// <param name="Trace">The span that published it.</param>
internal sealed record OutgoingEvent(Subscription Subscription, BrokerMessage Message, byte[] Body, string Path, TraceContext Trace);

/// <summary>Events that go to the app together.</summary>
internal sealed record OutgoingBatch(Subscription Subscription, IReadOnlyList<(string Id, BrokerMessage Message)> Entries, string Path, TraceContext Trace)
{
    /// <summary>Whether an entry goes as the bytes that were published.</summary>
    public bool IsRaw(BrokerMessage message) => Subscription.IsRaw || CloudEvents.IsRaw(message.Metadata);
}

/// <summary>A way to the app. What could not be delivered is a <see cref="Resiliency.CallFailedException"/> or an <see cref="HttpRequestException"/>.</summary>
internal interface IDelivery
{
    /// <summary>Waits for an app that is not there.</summary>
    Task ReadyAsync(CancellationToken cancellationToken);

    Task<DeliveryOutcome> SendAsync(OutgoingEvent outgoing, CancellationToken cancellationToken);

    /// <returns>What became of each entry; one that is missing is to be tried again. Null when the app is absent.</returns>
    Task<IReadOnlyDictionary<string, DeliveryOutcome>?> SendAsync(OutgoingBatch batch, CancellationToken cancellationToken);
}
