using Danube.Dapr.BrokerClient.Protocol.Client;
using Grpc.Core;

namespace Danube.Dapr.BrokerSimulator;

/// <summary>Discovery of one broker.</summary>
internal sealed class DiscoveryService(Cluster cluster, BrokerInstance self) : Discovery.DiscoveryBase
{
    public override Task<TopicLookupResponse> TopicLookup(TopicLookupRequest request, ServerCallContext context)
    {
        lock (cluster.Gate)
        {
            var answer = new TopicLookupResponse { RequestId = request.RequestId };
            if (self.Copies.ContainsKey(request.Topic))
            {
                answer.ResponseType = TopicLookupResponse.Types.LookupType.Connect;
                answer.BrokerUrl = self.Slot.ClientUrl;
            }
            else
            {
                var owner = cluster.ResolveOwner(request.Topic);
                if (owner is null || !cluster.Registered.TryGetValue(owner, out var broker))
                    throw new RpcException(new Status(StatusCode.NotFound, $"Unable to find the requested topic: {request.Topic}"));
                answer.ResponseType = TopicLookupResponse.Types.LookupType.Redirect;
                answer.BrokerUrl = broker.Slot.ClientUrl;
                self.RedirectsByNamespace.AddOrUpdate(request.Topic.Split('/').ElementAtOrDefault(1) ?? "", 1, (_, count) => count + 1);
            }

            answer.ConnectUrl = answer.BrokerUrl;
            return Task.FromResult(answer);
        }
    }

    public override Task<TopicPartitionsResponse> TopicPartitions(TopicLookupRequest request, ServerCallContext context)
    {
        lock (cluster.Gate)
        {
            var answer = new TopicPartitionsResponse { RequestId = request.RequestId };
            answer.Partitions.AddRange(cluster.Topics.Keys.Where(topic => topic.StartsWith(request.Topic + "-part-", StringComparison.Ordinal)));
            if (answer.Partitions.Count == 0 && cluster.Topics.ContainsKey(request.Topic))
                answer.Partitions.Add(request.Topic);
            return Task.FromResult(answer);
        }
    }
}

/// <summary>ProducerService of one broker, for real clients.</summary>
internal sealed class ProducerGrpcService(Cluster cluster, BrokerInstance self) : ProducerService.ProducerServiceBase
{
    public override Task<ProducerResponse> CreateProducer(ProducerRequest request, ServerCallContext context)
    {
        lock (cluster.Gate)
        {
            try
            {
                var copy = cluster.KnockAsProducer(self, request.TopicName, request.DispatchStrategy == DispatchStrategy.Reliable);
                var id = (ulong)(cluster.NextDouble() * ulong.MaxValue) | 1;
                copy.ClientIds.Add(id);
                copy.Series.Touch(copy.Topic);
                self.CountRpc("producer", "create_producer", ok: true);
                return Task.FromResult(new ProducerResponse { RequestId = request.RequestId, ProducerId = id, ProducerName = request.ProducerName });
            }
            catch (RpcException)
            {
                self.CountRpc("producer", "create_producer", ok: false);
                throw;
            }
        }
    }

    public override Task<MessageResponse> SendMessage(StreamMessage request, ServerCallContext context)
    {
        lock (cluster.Gate)
        {
            var id = request.MsgId?.ProducerId ?? 0;
            if (!self.Copies.TryGetValue(request.MsgId?.TopicName ?? "", out var copy) || !copy.ClientIds.Contains(id))
            {
                self.CountRpc("producer", "send_message", ok: false);
                throw new RpcException(new Status(StatusCode.NotFound, $"The producer with id {id} does not exist"));
            }

            if (copy.Draining)
            {
                self.CountRpc("producer", "send_message", ok: false);
                copy.Series.SendsDenied++;
                cluster.Log.Add("publish-refused", copy.Topic.Name, self.Id, "a client");
                throw new RpcException(new Status(
                    StatusCode.PermissionDenied, "Unable to publish the message: topic is draining or closed; retry lookup/moved"));
            }

            var topic = copy.Topic;
            topic.Messages.Add(request.Clone());
            topic.Head++;
            copy.Series.Published(1, request.Payload.Length);
            foreach (var subscription in topic.Subscriptions.Where(subscription => subscription.IsReal))
                subscription.Backlog++;
            self.CountRpc("producer", "send_message", ok: true);
            return Task.FromResult(new MessageResponse { RequestId = request.RequestId });
        }
    }
}

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

/// <summary>HealthCheck of one broker: tells a client whether its producer or consumer still exists here.</summary>
internal sealed class HealthCheckGrpcService(Cluster cluster, BrokerInstance self) : HealthCheck.HealthCheckBase
{
    public override Task<HealthCheckResponse> HealthCheck(HealthCheckRequest request, ServerCallContext context)
    {
        lock (cluster.Gate)
        {
            var known = request.Client == HealthCheckRequest.Types.ClientType.Producer
                ? self.Copies.Values.Any(copy => copy.ClientIds.Contains(request.Id) && !copy.Draining)
                : self.Consumers.TryGetValue(request.Id, out var consumer) && !consumer.Copy.Draining;
            return Task.FromResult(new HealthCheckResponse
            {
                Status = known ? HealthCheckResponse.Types.ClientStatus.Ok : HealthCheckResponse.Types.ClientStatus.Close,
            });
        }
    }
}
