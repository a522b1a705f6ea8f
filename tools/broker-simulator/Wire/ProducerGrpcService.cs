using Danube.Dapr.BrokerClient.Protocol.Client;
using Grpc.Core;

namespace Danube.Dapr.BrokerSimulator;

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
