using System.Collections.Concurrent;
using System.Diagnostics;
using Danube.Dapr.LocalSidecar.Tracing;
using Dapr.Client.Autogen.Grpc.v1;
using Grpc.Core;

namespace Danube.Dapr.LocalSidecar.PubSub;

/// <summary>Events as messages on a stream that the app opened; its answers come back on the same.</summary>
internal sealed class StreamDelivery(IAsyncStreamWriter<SubscribeTopicEventsResponseAlpha1> stream, Tracer tracer) : IDelivery
{
    private readonly ConcurrentDictionary<string, TaskCompletionSource<DeliveryOutcome>> _waiting = new(StringComparer.Ordinal);

    public Task ReadyAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public async Task<DeliveryOutcome> SendAsync(OutgoingEvent outgoing, CancellationToken cancellationToken)
    {
        using var span = outgoing.Trace.IsValid ? tracer.Start("pubsub/" + outgoing.Subscription.Topic, outgoing.Trace, ActivityKind.Consumer) : default;
        var message = TopicEvents.ToRequest(outgoing);
        var answered = _waiting[message.Id] = new TaskCompletionSource<DeliveryOutcome>(TaskCreationOptions.RunContinuationsAsynchronously);
        try
        {
            await WriteAsync(new SubscribeTopicEventsResponseAlpha1 { EventMessage = message }, cancellationToken);
            return await answered.Task.WaitAsync(cancellationToken);
        }
        finally
        {
            _waiting.TryRemove(message.Id, out _);
        }
    }

    // The request that opens a stream cannot ask for batches.
    public Task<IReadOnlyDictionary<string, DeliveryOutcome>?> SendAsync(OutgoingBatch batch, CancellationToken cancellationToken) => throw new NotSupportedException("A stream takes one event at a time.");

    /// <summary>The app's answer; nothing when no event waits for it.</summary>
    public void Answer(SubscribeTopicEventsRequestProcessedAlpha1 processed)
    {
        if (_waiting.TryGetValue(processed.Id, out var waiting)) waiting.TrySetResult(GrpcDelivery.Outcome(processed.Status?.Status ?? default));
    }

    private async Task WriteAsync(SubscribeTopicEventsResponseAlpha1 message, CancellationToken cancellationToken)
    {
        try
        {
            await stream.WriteAsync(message, cancellationToken);
        }
        catch (Exception e) when (e is IOException or InvalidOperationException)
        {
            // The stream broke: its reader learns it, too, and cancels what is under way.
            await Task.Delay(Timeout.InfiniteTimeSpan, cancellationToken);
        }
    }
}
