using Danube.Dapr.BrokerClient.Protocol.Client;
using Grpc.Core;

namespace Danube.Dapr.BrokerSimulator;

/// <summary>ConsumerService of one broker, for real clients.</summary>
internal sealed class ConsumerGrpcService(Cluster cluster, BrokerInstance self) : ConsumerService.ConsumerServiceBase
{
    public override Task<ConsumerResponse> Subscribe(ConsumerRequest request, ServerCallContext context)
    {
        lock (cluster.Gate)
        {
            if (!self.Copies.TryGetValue(request.TopicName, out var copy) || copy.Draining)
            {
                self.CountRpc("consumer", "subscribe", ok: false);
                throw new RpcException(new Status(StatusCode.Unavailable, "The topic is not served by this broker, redo the Lookup request"));
            }

            var subscription = copy.Topic.Subscriptions.Find(known => known.Name == request.Subscription);
            if (subscription is null)
            {
                subscription = new SubscriptionState(request.Subscription, 0) { IsReal = true };
                copy.Topic.Subscriptions.Add(subscription);
            }

            var id = (ulong)(cluster.NextDouble() * ulong.MaxValue) | 1;
            subscription.Consumers++;
            copy.Topic.Messages.Subscribe(subscription.Name);
            copy.Series.Touch(copy.Topic);
            self.Consumers[id] = (copy, subscription);
            self.CountRpc("consumer", "subscribe", ok: true);
            return Task.FromResult(new ConsumerResponse { RequestId = request.RequestId, ConsumerId = id, ConsumerName = request.ConsumerName });
        }
    }

    public override async Task ReceiveMessages(ReceiveRequest request, IServerStreamWriter<StreamMessage> responseStream, ServerCallContext context)
    {
        (TopicCopy Copy, SubscriptionState Subscription) consumer;
        lock (cluster.Gate)
        {
            if (!self.Consumers.TryGetValue(request.ConsumerId, out consumer))
                throw new RpcException(new Status(StatusCode.NotFound, $"The consumer with id {request.ConsumerId} does not exist"));
            self.CountRpc("consumer", "receive_messages", ok: true);
        }

        using var stop = CancellationTokenSource.CreateLinkedTokenSource(context.CancellationToken, consumer.Copy.Closed.Token, self.Life.Token);
        ulong next = 0;
        try
        {
            while (!stop.IsCancellationRequested)
            {
                StreamMessage? message;
                Task grown;
                lock (cluster.Gate)
                {
                    var log = consumer.Copy.Topic.Messages;
                    grown = log.Grown;
                    message = consumer.Subscription.Stalled ? null : log.Read(consumer.Subscription.Name, next)?.Clone();
                    if (message is not null)
                        consumer.Copy.Series.Delivered(consumer.Subscription.Name, 1, message.Payload.Length);
                }

                if (message is null)
                {
                    await grown.WaitAsync(stop.Token);
                    continue;
                }

                next = message.MsgId.TopicOffset + 1;
                message.SubscriptionName = consumer.Subscription.Name;
                await responseStream.WriteAsync(message, stop.Token);
            }
        }
        catch (OperationCanceledException)
        {
            // The topic was dropped here, or the client went away: the stream ends.
        }
    }

    public override Task<AckResponse> Ack(AckRequest request, ServerCallContext context)
    {
        lock (cluster.Gate)
        {
            if (!self.Copies.TryGetValue(request.MsgId?.TopicName ?? "", out var copy))
            {
                self.CountRpc("consumer", "ack", ok: false);
                throw new RpcException(new Status(StatusCode.NotFound, $"The topic {request.MsgId?.TopicName} is not served by this broker"));
            }

            copy.Topic.Messages.Acknowledge(request.SubscriptionName, request.MsgId!.TopicOffset);
            if (copy.Topic.Subscriptions.Find(known => known.Name == request.SubscriptionName) is { IsReal: true } subscription)
                subscription.Backlog = Math.Max(0, subscription.Backlog - 1);
            self.CountRpc("consumer", "ack", ok: true);
            return Task.FromResult(new AckResponse { RequestId = request.RequestId });
        }
    }
}
