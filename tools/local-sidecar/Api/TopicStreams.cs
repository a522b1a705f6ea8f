using Danube.Dapr.LocalSidecar.Hosting;
using Danube.Dapr.LocalSidecar.PubSub;
using Dapr.Client.Autogen.Grpc.v1;
using Grpc.Core;

namespace Danube.Dapr.LocalSidecar.Api;

/// <summary>
/// Subscriptions that an app opens as streams (<c>SubscribeTopicEventsAlpha1</c>). Each stream gets one event at a time and answers it; streams and
/// other subscriptions of one app-id to one topic share its events. What a stream had not answered when it ended goes to another one.
/// </summary>
internal sealed class TopicStreams(Sidecar sidecar)
{
    public async Task SubscribeAsync(GrpcCall call, IAsyncStreamReader<SubscribeTopicEventsRequestAlpha1> requests, IServerStreamWriter<SubscribeTopicEventsResponseAlpha1> responses)
    {
        if (!await requests.MoveNext(call.Cancelled)) throw Refused("EOF");
        var first = requests.Current.InitialRequest ?? throw Refused("initial request is required");
        if (first.PubsubName.Length == 0) throw Refused("pubsubName is required");
        if (first.Topic.Length == 0) throw Refused("topic is required");
        var broker = PublishApi.Broker(call.App, first.PubsubName);
        var subscription = new Subscription(first.PubsubName, first.Topic, [new RoutingRule("", null, "/")], first.DeadLetterTopic, first.Metadata, null, SubscriptionSource.Streaming);
        var delivery = new StreamDelivery(responses, call.App.Tracer);
        var subscriber = sidecar.SubscriberOf(call.App, subscription, delivery, broker);

        // From here on events wait for the stream; they come after the answer that says so.
        using var reader = broker.Join(first.Topic, call.App.AppId);
        using var ended = CancellationTokenSource.CreateLinkedTokenSource(call.Cancelled, reader.Stopping);
        call.App.Streams[delivery] = subscription;
        try
        {
            await responses.WriteAsync(new SubscribeTopicEventsResponseAlpha1 { InitialResponse = new SubscribeTopicEventsResponseInitialAlpha1() }, call.Cancelled);
            var delivering = DeliverAsync(subscriber, reader, ended.Token);
            try
            {
                await ReadAnswersAsync(requests, delivery, ended.Token);
            }
            finally
            {
                await ended.CancelAsync();
                await delivering;
            }
        }
        catch (Exception e) when (e is OperationCanceledException or IOException)
        {
            // The app let go of it, or the sidecar stops.
            if (reader.Stopping.IsCancellationRequested) throw Refused("api server closed");
        }
        finally
        {
            call.App.Streams.TryRemove(delivery, out _);
        }
    }

    private static async Task DeliverAsync(Subscriber subscriber, InMemoryBroker.StreamReader reader, CancellationToken cancellationToken)
    {
        if (await subscriber.RunAsync(reader.Events, cancellationToken) is { } unanswered) reader.Return(unanswered);
    }

    private static async Task ReadAnswersAsync(IAsyncStreamReader<SubscribeTopicEventsRequestAlpha1> requests, StreamDelivery delivery, CancellationToken cancellationToken)
    {
        while (await requests.MoveNext(cancellationToken))
        {
            if (requests.Current.EventProcessed is not { } processed) throw Refused("duplicate initial request received");
            delivery.Answer(processed);
        }
        // The app has no more to say: daprd ends the stream with the error that its reader saw.
        throw Refused("EOF");
    }

    // daprd words these as plain errors, which gRPC makes Unknown.
    private static RpcException Refused(string problem) => new(new Status(StatusCode.Unknown, problem));
}
