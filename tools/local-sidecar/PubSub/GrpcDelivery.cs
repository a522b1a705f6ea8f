using Danube.Dapr.LocalSidecar.Hosting;
using Danube.Dapr.LocalSidecar.Resiliency;
using Danube.Dapr.LocalSidecar.Tracing;
using Grpc.Core;
using static Dapr.AppCallback.Autogen.Grpc.v1.TopicEventResponse.Types;

namespace Danube.Dapr.LocalSidecar.PubSub;

/// <summary>Events as calls of <c>AppCallback</c>.</summary>
internal static class GrpcDelivery
{
    public static async Task<DeliveryOutcome> SendAsync(GrpcAppChannel app, OutgoingEvent outgoing, TraceContext trace, CancellationToken cancellationToken)
    {
        try
        {
            var response = await app.CallAsync(GrpcAppChannel.OnTopicEvent, TopicEvents.ToRequest(outgoing), app.Headers(trace, outgoing.Message.Metadata), cancellationToken);
            return Outcome(response.Status);
        }
        catch (RpcException e) when (e.StatusCode == StatusCode.Unimplemented)
        {
            // daprd takes it for handled, dead letter topic or not.
            return DeliveryOutcome.Done;
        }
        catch (RpcException e) when (e.StatusCode != StatusCode.Unavailable)
        {
            throw Answered(e);
        }
    }

    public static async Task<IReadOnlyDictionary<string, DeliveryOutcome>> SendAsync(GrpcAppChannel app, OutgoingBatch batch, TraceContext trace, CancellationToken cancellationToken)
    {
        try
        {
            var response = await app.CallAsync(GrpcAppChannel.OnBulkTopicEvent, TopicEvents.ToRequest(batch), app.Headers(trace, new Dictionary<string, string> { ["pubsubName"] = batch.Subscription.PubSubName }), cancellationToken);
            return response.Statuses.GroupBy(static s => s.EntryId, StringComparer.Ordinal).ToDictionary(static s => s.Key, static s => Outcome(s.Last().Status), StringComparer.Ordinal);
        }
        catch (RpcException e) when (e.StatusCode == StatusCode.Unimplemented)
        {
            return batch.Entries.ToDictionary(static e => e.Id, static _ => DeliveryOutcome.Done, StringComparer.Ordinal);
        }
        catch (RpcException e) when (e.StatusCode != StatusCode.Unavailable)
        {
            throw Answered(e);
        }
    }

    /// <summary>A status of the protocol; an unknown one asks for a retry.</summary>
    public static DeliveryOutcome Outcome(TopicEventResponseStatus status) => status switch
    {
        TopicEventResponseStatus.Success => DeliveryOutcome.Done,
        TopicEventResponseStatus.Drop => DeliveryOutcome.Drop,
        _ => DeliveryOutcome.Retry,
    };

    private static CallFailedException Answered(RpcException e) => new($"the app answered {e.StatusCode}: {e.Status.Detail}");
}
